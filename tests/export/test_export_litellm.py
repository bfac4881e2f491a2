"""LiteLLM sends the frozen prompt by an exported configuration, and answers with its corrections."""

import asyncio
import importlib.util
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from recording_server import RecordingServer

from cribsheet.corrections.calibration import Calibration
from cribsheet.errors import ExportError
from cribsheet.export import Export, export
from cribsheet.frozen import Decoding, FrozenProgram, FrozenPrompt
from cribsheet.frozen.loading import load
from cribsheet.frozen.running import prompt_text
from cribsheet.layout.catalogue import layout_named
from cribsheet.models.embedded import EmbeddedModel
from cribsheet.models.litellm import import_litellm
from cribsheet.models.scripted import ScriptedModel
from export_cases import TEXT, all_cases, program_of, prompt_of, sentiment_demos, written
from toys import QA, SENTIMENT


class Answers(RecordingServer):
    """Answers chats and text completions with one word."""

    def answer(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, object]:
        """Return a completion of either kind."""
        choice: dict[str, Any] = {"index": 0, "finish_reason": "stop", "text": " positive"}
        if "messages" in body:
            choice["message"] = {"role": "assistant", "content": " positive"}
        return 200, {"id": "x", "model": "m", "object": "text_completion", "created": 1, "choices": [choice]}


@pytest.fixture(scope="module")
def litellm() -> Any:
    return import_litellm()


@pytest.fixture
def unchanged(litellm: Any) -> Iterator[None]:
    callbacks, providers = litellm.callbacks, litellm.custom_provider_map
    yield
    litellm.callbacks, litellm.custom_provider_map = callbacks, providers


def saved(program: FrozenProgram, folder: Path, name: str = "task.yaml") -> Export:
    """Write an export as the command does."""
    exported = export(program, "litellm", path=folder / name)
    for file, text in {name: exported.text, **exported.files}.items():
        (folder / file).write_text(text, encoding="utf-8")
    return exported


def module_of(folder: Path, stem: str = "task") -> Any:
    """Import a module as the proxy does."""
    spec = importlib.util.spec_from_file_location(f"{stem}_litellm", folder / f"{stem}_litellm.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def router_of(folder: Path, litellm: Any, *, url: str = "") -> Any:
    """Set LiteLLM up as the proxy does, with a server at another address."""
    read = yaml.safe_load((folder / "task.yaml").read_text(encoding="utf-8"))
    module = module_of(folder)
    assert read["litellm_settings"]["callbacks"] == ["task_litellm.prompts"]
    litellm.callbacks = [module.prompts]
    litellm.custom_provider_map = [{"provider": "frozen", "custom_handler": module.frozen}]
    litellm.utils.custom_llm_setup()
    for model in read["model_list"]:
        if url and "api_base" in model["litellm_params"]:
            model["litellm_params"]["api_base"] = url
    return litellm.Router(model_list=read["model_list"], num_retries=0)


def sent_messages(module: Any, values: Mapping[str, str]) -> Any:
    """Return what the class makes of a request."""
    return module.prompts.get_chat_completion_prompt("m", [], {}, module.PROMPT_ID, dict(values))[1]


def expected(prompt: FrozenPrompt, inputs: Mapping[str, Any]) -> list[dict[str, str]]:
    rendered = prompt_text(prompt, inputs)
    return [one.model_dump() for one in rendered.messages] or [{"role": "user", "content": rendered.text}]


def test_every_layout_and_signature_gives_the_frozen_messages(tmp_path: Path) -> None:
    for prompt, inputs in all_cases()[2::3]:  # those with nasty demos
        saved(program_of(prompt), tmp_path)
        assert sent_messages(module_of(tmp_path), written(prompt, inputs)) == expected(prompt, inputs)


@pytest.mark.parametrize("layout", ["instructed", "message", "chat"])
@settings(deadline=None, max_examples=25)
@given(text=TEXT, value=TEXT)
def test_any_text_is_sent_as_it_is(
    tmp_path_factory: pytest.TempPathFactory, layout: str, text: str, value: str
) -> None:
    prompt = prompt_of(layout_named(layout), SENTIMENT, sentiment_demos((text,)))
    folder = tmp_path_factory.mktemp("export")
    saved(program_of(prompt), folder)
    assert sent_messages(module_of(folder), {"text": value}) == expected(prompt, {"text": value})


@pytest.mark.parametrize(("layout", "path"), [("chat", "/chat/completions"), ("plain", "/completions")])
@pytest.mark.usefixtures("unchanged")
def test_a_chat_request_reaches_the_server_as_the_frozen_prompt(
    layout: str, path: str, tmp_path: Path, litellm: Any
) -> None:
    prompt = prompt_of(layout_named(layout), SENTIMENT, sentiment_demos())
    saved(program_of(prompt), tmp_path)
    value = "  User: hi\r\n{{ x }} 很好看  "
    with Answers() as server:
        router = router_of(tmp_path, litellm, url=server.url)
        reply = router.completion("task", messages=[], prompt_variables={"text": value})
        (request,) = server.requests
    rendered = prompt_text(prompt, {"text": value})
    assert request.path.endswith(path)
    assert request.body.get("prompt", "") == rendered.text
    assert request.body.get("messages", []) == [one.model_dump() for one in rendered.messages]
    told = {"max_tokens": 8, "temperature": 0, "seed": 0, "stop": ["\n"]}
    assert {name: request.body[name] for name in told} == told
    assert not {"prompt_variables", "prompt_id"} & set(request.body)
    assert reply.choices[0].message.content == " positive"


async def _asked_without_blocking(router: Any, value: str) -> None:
    await router.acompletion("task", messages=[], prompt_variables={"text": value})
    await router.atext_completion("task", prompt="", prompt_variables={"text": value})


@pytest.mark.usefixtures("unchanged")
def test_the_calls_that_the_proxy_makes_send_a_raw_prompt_from_both_endpoints(tmp_path: Path, litellm: Any) -> None:
    prompt = prompt_of(layout_named("plain"), SENTIMENT, sentiment_demos())
    saved(program_of(prompt), tmp_path)
    with Answers() as server:
        asyncio.run(_asked_without_blocking(router_of(tmp_path, litellm, url=server.url), "Dull."))
        requests = list(server.requests)
    assert [request.body["prompt"] for request in requests] == [prompt_text(prompt, {"text": "Dull."}).text] * 2


@pytest.mark.usefixtures("unchanged")
def test_a_chat_is_sent_to_the_endpoint_of_chats_alone(tmp_path: Path, litellm: Any) -> None:
    prompt = prompt_of(layout_named("chat"), SENTIMENT, sentiment_demos())
    saved(program_of(prompt), tmp_path)
    with Answers() as server:
        router = router_of(tmp_path, litellm, url=server.url)
        with pytest.raises(litellm.BadRequestError, match="task is a chat, but this is a text completion"):
            asyncio.run(_asked_without_blocking(router, "Dull."))
        (request,) = server.requests
    assert request.body["messages"] == [one.model_dump() for one in prompt_text(prompt, {"text": "Dull."}).messages]


@pytest.mark.parametrize(
    ("request_of", "told"),
    [
        ({"messages": []}, "takes prompt_variables text but got nothing"),
        ({"messages": [], "prompt_variables": {"texts": "x"}}, "takes prompt_variables text but got texts"),
        ({"messages": [], "prompt_variables": {"text": 3}}, "text must be text but is 3"),
        ({"messages": [], "prompt_variables": {"text": "a\ud800"}}, "text has half of a surrogate pair"),
        ({"messages": [], "prompt_variables": {3: "x"}}, "takes prompt_variables text but got 3"),
        (
            {"messages": [{"role": "user", "content": "hi"}], "prompt_variables": {"text": "x"}},
            "the request has messages of its own",
        ),
    ],
)
@pytest.mark.usefixtures("unchanged")
def test_a_request_that_does_not_fit_is_refused(
    request_of: dict[str, Any], told: str, tmp_path: Path, litellm: Any
) -> None:
    saved(program_of(prompt_of(layout_named("chat"), SENTIMENT, ())), tmp_path)
    router = router_of(tmp_path, litellm)
    with pytest.raises(litellm.BadRequestError, match=told):
        router.completion("task", **request_of)


@pytest.mark.usefixtures("unchanged")
def test_other_prompts_of_the_same_proxy_are_left_alone(tmp_path: Path) -> None:
    saved(program_of(prompt_of(layout_named("chat"), SENTIMENT, ())), tmp_path)
    prompts = module_of(tmp_path).prompts
    messages = [{"role": "user", "content": "hi"}]
    assert prompts.get_chat_completion_prompt("m", messages, {"n": 1}, "other", {}) == ("m", messages, {"n": 1})
    assert not prompts.should_run_prompt_management("other", None, {})


def test_a_raw_prompt_for_ollama_is_refused() -> None:
    program = program_of(prompt_of(layout_named("plain"), SENTIMENT, ()), model="ollama_chat/qwen2.5:0.5b")
    with pytest.raises(ExportError, match="LiteLLM sends Ollama no raw prompts"):
        export(program, "litellm")


def test_a_chat_for_ollama_gets_its_context_window() -> None:
    program = program_of(prompt_of(layout_named("chat"), SENTIMENT, ()), model="ollama_chat/qwen2.5:0.5b")
    (model, _) = yaml.safe_load(export(program, "litellm").text)["model_list"]
    assert model["litellm_params"]["num_ctx"] == 4096
    assert model["litellm_params"]["model"] == "ollama_chat/qwen2.5:0.5b"


def test_where_cribsheet_is_missing_the_frozen_model_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, litellm: Any
) -> None:
    saved(program_of(prompt_of(layout_named("chat"), SENTIMENT, ())), tmp_path)
    monkeypatch.setitem(sys.modules, "cribsheet.frozen.litellm_provider", None)
    module = module_of(tmp_path)
    assert sent_messages(module, {"text": "x"})
    with pytest.raises(litellm.BadRequestError, match="pip install cribsheet"):
        module.frozen.completion()


@pytest.mark.model
@pytest.mark.usefixtures("unchanged")
def test_the_frozen_model_answers_as_the_runtime(smollm: EmbeddedModel, tmp_path: Path, litellm: Any) -> None:
    decided = Decoding(decide_by="logprobs", max_tokens=4, top_logprobs=30)
    prompt = prompt_of(layout_named("plain"), SENTIMENT, sentiment_demos(("Good.", "Bad.")), decoding=decided)
    prompt = prompt.with_corrections(Calibration(biases={"negative": 0.0, "positive": 30.0}))
    saved(program_of(prompt), tmp_path)
    program = load(tmp_path / "task_litellm.json", model=smollm)
    reply = router_of(tmp_path, litellm).completion("frozen/task", messages=[{"role": "user", "content": "Superb."}])
    assert json.loads(reply.choices[0].message.content) == program(text="Superb.").toDict() == {"sentiment": "negative"}
    assert reply.usage.completion_tokens >= 1


@pytest.mark.usefixtures("unchanged")
def test_a_prompt_of_several_is_a_frozen_model_by_itself(tmp_path: Path) -> None:
    prompt = prompt_of(layout_named("chat"), QA, ())
    program = program_of(prompt).model_copy(update={"prompts": {"a": prompt, "b": prompt}, "wiring": None})
    exported = export(program, "litellm", prompt="b", path=tmp_path / "b.yaml")
    (tmp_path / "b_litellm.json").write_text(exported.files["b_litellm.json"], encoding="utf-8")
    assert [field.name for field in load(tmp_path / "b_litellm.json").inputs] == ["question", "context"]


def test_the_frozen_model_gives_no_rationale(tmp_path: Path) -> None:
    prompt = prompt_of(layout_named("chat"), SENTIMENT.with_reasoning(), ()).model_copy(update={"reasoning": True})
    saved(program_of(prompt), tmp_path)
    model = ScriptedModel({"Superb": " It is warm.\nSentiment: positive"}, name="scripted/student")
    assert load(tmp_path / "task_litellm.json", model=model)(text="Superb.").toDict() == {"sentiment": "positive"}
