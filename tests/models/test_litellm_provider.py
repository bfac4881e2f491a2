import asyncio
from typing import Any

import pytest

from cribsheet.errors import (
    ContextOverflowError,
    FrozenFileError,
    RefusedError,
    TransientError,
    UnknownModelError,
    UnreachableError,
)
from cribsheet.models import Completion, Sampling, Usage
from cribsheet.models.embedded import EmbeddedModel
from cribsheet.models.litellm import import_litellm
from cribsheet.models.litellm_provider import register
from cribsheet.models.scripted import ScriptedModel
from cribsheet.prompts import Message, Prompt

MESSAGES = [{"role": "user", "content": "Say hello."}]
ANSWER = Completion(
    text=" yes",
    first_token={" no": -2.5, " yes": -0.1},
    usage=Usage(prompt_tokens=9, cached_tokens=4, completion_tokens=1),
)


@pytest.fixture(scope="module")
def litellm() -> Any:
    return import_litellm()


@pytest.fixture
def scripted(litellm: Any) -> ScriptedModel:
    model = ScriptedModel(lambda prompt, sampling: ANSWER)
    register({"scripted": lambda name: model})
    return model


@pytest.mark.model
def test_litellm_completes_chats_and_texts_with_the_embedded_model(smollm: EmbeddedModel, litellm: Any) -> None:
    register({"embedded": lambda name: smollm})
    chat = litellm.completion(smollm.name, messages=MESSAGES, max_tokens=4, temperature=0)
    expected = smollm.complete(Prompt(messages=(Message(**MESSAGES[0]),)), Sampling(max_tokens=4))
    assert chat.choices[0].message.content == expected.text
    raw = litellm.text_completion("One, two, three,", model=smollm.name, max_tokens=4, temperature=0)
    assert raw.choices[0].text == smollm.complete(Prompt(text="One, two, three,"), Sampling(max_tokens=4)).text


def test_what_litellm_is_asked_reaches_the_model(scripted: ScriptedModel, litellm: Any) -> None:
    options = {"max_tokens": 3, "temperature": 0.5, "seed": 7, "stop": ["\n"]}
    litellm.completion("scripted/x", messages=MESSAGES, logprobs=True, top_logprobs=4, **options)
    prompt, sampling = scripted.calls[0]
    assert prompt == Prompt(messages=(Message(**MESSAGES[0]),), stop=("\n",))
    assert sampling == Sampling(max_tokens=3, temperature=0.5, seed=7, top_logprobs=4)


def test_a_text_completion_is_a_raw_prompt(scripted: ScriptedModel, litellm: Any) -> None:
    litellm.text_completion(" Review:", model="scripted/x", stop="\n", logprobs=2)
    prompt, sampling = scripted.calls[0]
    assert prompt == Prompt(text=" Review:", stop=("\n",))
    assert sampling.top_logprobs == 2


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"messages": [{"role": "user"}]}, "A message must hold text alone but is {'role': 'user'}"),
        ({"messages": [{"role": "user", "content": {"text": "Hi"}}]}, "A message must hold text alone"),
        ({"messages": [{"role": "user", "content": ["Hi"]}]}, "A message must hold text alone"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": None}]}]}, "A message must hold text"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]}, "image_url"),
        ({"messages": [{"role": "tool", "tool_call_id": "x", "content": "Hi"}]}, "role of the request is 'tool'"),
        ({"messages": MESSAGES, "stop": 5}, "stop of the request is 5"),
        ({"messages": MESSAGES, "stop": ["x", 5]}, "stop.1 of the request is 5"),
        ({"messages": MESSAGES, "temperature": "hot"}, "temperature of the request is 'hot'"),
        ({"messages": MESSAGES, "n": 2}, "n is 2, but this model gives one answer"),
    ],
)
def test_a_chat_that_cannot_be_answered_as_asked_is_a_bad_request(
    asked: dict[str, Any], told: str, scripted: ScriptedModel, litellm: Any
) -> None:
    with pytest.raises(litellm.BadRequestError, match=told):
        litellm.completion("scripted/x", **asked)
    with pytest.raises(litellm.BadRequestError, match=told):
        list(litellm.completion("scripted/x", **asked, stream=True))
    assert not scripted.calls


def test_a_text_completion_of_several_prompts_is_a_bad_request(scripted: ScriptedModel, litellm: Any) -> None:
    with pytest.raises(litellm.BadRequestError, match="a text completion of 2 prompts"):
        litellm.text_completion(["One", "Two"], model="scripted/x")
    assert not scripted.calls


def test_usage_and_log_probabilities_come_through(scripted: ScriptedModel, litellm: Any) -> None:
    response = litellm.completion("scripted/x", messages=MESSAGES)
    assert (response.usage.prompt_tokens, response.usage.completion_tokens) == (9, 1)
    assert response.usage.prompt_tokens_details.cached_tokens == 4
    (entry,) = response.choices[0].logprobs.content
    assert entry.token == " yes"
    assert {other.token: other.logprob for other in entry.top_logprobs} == ANSWER.first_token


def test_async_calls_and_streams_work(scripted: ScriptedModel, litellm: Any) -> None:
    response = asyncio.run(litellm.acompletion("scripted/x", messages=MESSAGES))
    assert response.choices[0].message.content == " yes"
    chunks = litellm.completion("scripted/x", messages=MESSAGES, stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == " yes"


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ContextOverflowError("too long"), "ContextWindowExceededError"),
        (UnknownModelError("no such model"), "NotFoundError"),
        (TransientError("busy"), "ServiceUnavailableError"),
        (UnreachableError("no server answers"), "ServiceUnavailableError"),
        (RefusedError("a content filter"), "BadRequestError"),
        (FrozenFileError("it was edited"), "InternalServerError"),
    ],
)
def test_errors_become_those_of_litellm(litellm: Any, error: Exception, kind: str) -> None:
    def fail(prompt: Prompt, sampling: Sampling) -> str:
        raise error

    register({"scripted": lambda name: ScriptedModel(fail)})
    with pytest.raises(getattr(litellm, kind), match=str(error)):
        litellm.completion("scripted/x", messages=MESSAGES, num_retries=0)


def test_a_model_is_opened_once(litellm: Any) -> None:
    opened: list[str] = []

    def open_scripted(name: str) -> ScriptedModel:
        opened.append(name)
        return ScriptedModel({"hello": "yes"})

    register({"scripted": open_scripted})
    for _ in range(2):
        litellm.completion("scripted/x", messages=MESSAGES)
    assert opened == ["scripted/x"]
