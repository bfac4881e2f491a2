"""Frozen files answer LiteLLM's requests."""

import json
from pathlib import Path
from typing import Any

import pytest

from cribsheet.frozen.litellm_provider import frozen_handler
from cribsheet.frozen.loading import Program
from cribsheet.frozen.sealing import save
from cribsheet.layout.catalogue import layout_named
from cribsheet.models.litellm import import_litellm
from cribsheet.models.scripted import ScriptedModel
from cribsheet.outcomes import UNANSWERABLE
from frozen_toys import toy_program, toy_prompt
from toys import QA

VALUES = {"question": "Who?", "context": "Anne wrote it."}


@pytest.fixture
def litellm() -> Any:
    return import_litellm()


def answered(folder: Path, messages: list[dict[str, Any]], variables: Any = None, *, text: str = " Anne") -> Any:
    """Return the handler's reply to a request, with a scripted model."""
    save(toy_program(toy_prompt(QA)), folder / "qa.prompt.json")
    handler = frozen_handler(folder)
    model = ScriptedModel(lambda prompt, sampling: text)
    handler._programs["qa", None] = Program(toy_program(toy_prompt(QA)), model=model)
    response = import_litellm().ModelResponse(choices=[{"message": {"content": ""}}])
    request = {"messages": messages, "litellm_params": {"prompt_variables": variables}, "model_response": response}
    return handler.completion(model="qa", optional_params={}, **request)


@pytest.mark.parametrize(
    ("messages", "variables"),
    [
        ([{"role": "user", "content": json.dumps(VALUES)}], None),
        ([{"role": "user", "content": [{"type": "text", "text": json.dumps(VALUES)}]}], None),
        ([{"role": "user", "content": json.dumps(VALUES)}, {"role": "assistant", "content": "?"}], None),
        ([], VALUES),
    ],
)
def test_the_inputs_are_a_json_message_or_variables(messages: Any, variables: Any, tmp_path: Path) -> None:
    reply = answered(tmp_path, messages, variables)
    assert json.loads(reply.choices[0].message.content) == {"answer": "Anne"}
    assert reply.model == "frozen/qa"
    assert reply.usage.prompt_tokens > 0


def test_unanswerable_is_told_as_in_every_json(tmp_path: Path) -> None:
    reply = answered(tmp_path, [], VALUES, text=f" {layout_named('plain').verbalizer(UNANSWERABLE)}")
    assert json.loads(reply.choices[0].message.content) == {"answer": {"unanswerable": None}}


@pytest.mark.parametrize(
    ("messages", "variables", "told"),
    [
        ([{"role": "user", "content": "Who?"}], None, "should be a JSON object with question, context but is 'Who"),
        ([{"role": "user", "content": "[" * 100_000}], None, "should be a JSON object"),
        ([], None, "There are no inputs: no message has the role 'user'"),
        ([{"role": "assistant", "content": json.dumps(VALUES)}], None, "There are no inputs"),
        ([{"role": "user"}], None, "A message must hold text alone"),
        ([], {"question": "Who?"}, "takes context, question but got question"),
        ([], ["Who?"], "prompt_variables must be an object with question, context but is"),
        ([], "Who?", "prompt_variables must be an object"),
    ],
)
def test_inputs_that_do_not_fit_are_a_bad_request(
    messages: Any, variables: Any, told: str, tmp_path: Path, litellm: Any
) -> None:
    with pytest.raises(litellm.BadRequestError, match=told):
        answered(tmp_path, messages, variables)


@pytest.mark.parametrize("name", ["other", "../qa", "sub/qa"])
def test_a_name_without_a_file_in_the_folder_is_not_found(name: str, tmp_path: Path, litellm: Any) -> None:
    folder = tmp_path / "frozen"
    folder.mkdir()
    for path in (tmp_path, folder):
        save(toy_program(), path / "qa.prompt.json")
    with pytest.raises(litellm.NotFoundError, match=r"Names of frozen files there: qa\."):
        frozen_handler(folder).completion(model=name, messages=[], litellm_params={}, optional_params={})
