import pytest
from openai_server import OpenAIServer

from cribsheet.errors import (
    ContextOverflowError,
    ModelError,
    TransientError,
    UnknownModelError,
    UnreachableError,
)
from cribsheet.models import Sampling
from cribsheet.models.embedded import EmbeddedModel
from cribsheet.models.litellm import LiteLLMModel
from cribsheet.prompts import Message, Prompt
from nearness import NATS, tells_the_same

RAW = Prompt(
    text=" Review: a lovely film\nSentiment: positive\n\nReview: awful, boring 电影 \nSentiment:", stop=("\n",)
)
CHAT = Prompt(messages=(Message(role="system", content="Be brief."), Message(role="user", content="Say hello.")))
SAMPLING = Sampling(max_tokens=4, top_logprobs=8)


def model_at(server: OpenAIServer, name: str = "openai/smollm", **options: object) -> LiteLLMModel:
    return LiteLLMModel(name, api_base=server.url + "/v1", **options)  # type: ignore[arg-type]


@pytest.mark.model
@pytest.mark.parametrize("name", ["openai/smollm", "openai/gpt-4", "hosted_vllm/smollm"])
def test_a_raw_prompt_goes_to_the_completion_endpoint_to_the_byte(
    openai_server: OpenAIServer, smollm: EmbeddedModel, name: str
) -> None:
    served, embedded = model_at(openai_server, name).complete(RAW, SAMPLING), smollm.complete(RAW, SAMPLING)
    (request,) = openai_server.requests
    assert request.path == "/v1/completions"
    assert request.body == {
        "model": name.partition("/")[2],
        "prompt": RAW.text,
        "stop": ["\n"],
        "max_tokens": 4,
        "temperature": 0.0,
        "seed": 0,
        "logprobs": 8,
    }
    assert tells_the_same(served, embedded)
    assert served.logprobs == pytest.approx(embedded.logprobs, abs=NATS)


@pytest.mark.model
@pytest.mark.parametrize("name", ["openai/smollm", "hosted_vllm/smollm"])
def test_a_chat_goes_to_the_chat_endpoint_as_it_is(
    openai_server: OpenAIServer, smollm: EmbeddedModel, name: str
) -> None:
    served, embedded = model_at(openai_server, name).complete(CHAT, SAMPLING), smollm.complete(CHAT, SAMPLING)
    (request,) = openai_server.requests
    assert request.path == "/v1/chat/completions"
    assert request.body["messages"] == [message.model_dump() for message in CHAT.messages]
    assert served.finish_reason == embedded.finish_reason == "length"
    assert tells_the_same(served, embedded)


@pytest.mark.model
def test_cached_tokens_come_through(openai_server: OpenAIServer) -> None:
    model = model_at(openai_server)
    model.complete(RAW, SAMPLING)
    usage = model.complete(RAW, SAMPLING).usage
    assert usage.cached_tokens is not None
    assert 0 < usage.cached_tokens < usage.prompt_tokens


@pytest.mark.parametrize("prompt", [RAW, CHAT])
@pytest.mark.parametrize("cached", [5, 0, None])
def test_cached_tokens_are_told_where_the_server_tells_them(prompt: Prompt, cached: int | None) -> None:
    with OpenAIServer(cached_tokens=cached) as server:
        usage = model_at(server).complete(prompt, Sampling()).usage
    assert (usage.prompt_tokens, usage.cached_tokens) == (7, cached)
    assert usage.evaluated_tokens == 7 - (cached or 0)


@pytest.mark.model
def test_the_classic_shape_of_log_probabilities_is_read_too(smollm: EmbeddedModel) -> None:
    with OpenAIServer(smollm.address, columns=True) as server:
        completion = model_at(server).complete(RAW, SAMPLING)
    assert completion.first_token is not None
    assert len(completion.first_token) == 8
    assert max(completion.first_token, key=completion.first_token.__getitem__) == completion.text


@pytest.mark.model
@pytest.mark.parametrize("prompt", [RAW, CHAT])
def test_fewer_log_probabilities_are_asked_for_where_the_server_refuses(smollm: EmbeddedModel, prompt: Prompt) -> None:
    with OpenAIServer(smollm.address, most_logprobs=5) as server:
        model = model_at(server)
        first = model.complete(prompt, SAMPLING).first_token
        assert len(server.requests) == 2
        model.complete(prompt, SAMPLING)
        assert len(server.requests) == 3, "the limit is remembered"
    assert first is not None
    assert len(first) == 5


@pytest.mark.model
def test_a_prompt_beyond_the_window_is_a_context_overflow(openai_server: OpenAIServer) -> None:
    model = model_at(openai_server)
    for prompt in (
        Prompt(text=RAW.text * 600),
        Prompt(messages=(Message(role="user", content=RAW.text * 600),)),
    ):
        with pytest.raises(ContextOverflowError, match="fewer demos"):
            model.complete(prompt, SAMPLING)


@pytest.mark.parametrize("prompt", [RAW, CHAT])
def test_a_server_without_log_probabilities_still_answers(prompt: Prompt) -> None:
    with OpenAIServer(most_logprobs=0) as server:
        completion = model_at(server).complete(prompt, SAMPLING)
    assert completion.text == " positive"
    assert completion.first_token is None
    assert completion.logprobs is None
    assert completion.usage.prompt_tokens == 7
    assert completion.usage.cached_tokens is None


def test_no_log_probabilities_are_asked_for_where_none_are_wanted(written_openai: OpenAIServer) -> None:
    model_at(written_openai).complete(RAW, Sampling())
    model_at(written_openai).complete(CHAT, Sampling())
    assert not any("logprobs" in request.body for request in written_openai.requests)


@pytest.mark.parametrize("prompt", [RAW, CHAT])
@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_fault_that_may_pass_is_asked_once_here(written_openai: OpenAIServer, prompt: Prompt, status: int) -> None:
    written_openai.faults.append((status, {"error": {"message": "busy"}}))
    with pytest.raises(TransientError, match=f"status {status}.*busy"):
        model_at(written_openai).complete(prompt, SAMPLING)
    assert len(written_openai.requests) == 1, "neither LiteLLM nor the OpenAI client may retry"


@pytest.mark.parametrize("prompt", [RAW, CHAT])
def test_a_slow_server_is_a_fault_that_may_pass(prompt: Prompt) -> None:
    with OpenAIServer(delay=0.5) as server, pytest.raises(TransientError, match="timed out"):
        model_at(server, timeout=0.05).complete(prompt, SAMPLING)


@pytest.mark.parametrize("prompt", [RAW, CHAT])
@pytest.mark.parametrize("name", ["openai/smollm", "hosted_vllm/smollm"])
@pytest.mark.parametrize("address", ["http://127.0.0.1:9/v1", "127.0.0.1:9"])
def test_an_unreachable_server_is_named(prompt: Prompt, name: str, address: str) -> None:
    model = LiteLLMModel(name, api_base=address)
    with pytest.raises(UnreachableError, match=r"127\.0\.0\.1:9.*Start the server"):
        model.complete(prompt, SAMPLING)


@pytest.mark.parametrize("prompt", [RAW, CHAT])
def test_an_address_without_its_path_is_explained(written_openai: OpenAIServer, prompt: Prompt) -> None:
    model = LiteLLMModel("openai/smollm", api_base=written_openai.url)
    with pytest.raises(UnknownModelError, match=r"--api-base ends .* /v1"):
        model.complete(prompt, SAMPLING)


@pytest.mark.parametrize("prompt", [RAW, CHAT])
@pytest.mark.parametrize("reply", ["<html>a router</html>", {"content": "llama-server's own"}, {"choices": []}])
def test_another_server_at_that_address_is_called_so(
    written_openai: OpenAIServer, prompt: Prompt, reply: object
) -> None:
    written_openai.faults.append((200, reply))
    with pytest.raises(ModelError, match="does not answer as an OpenAI-compatible server") as caught:
        model_at(written_openai).complete(prompt, SAMPLING)
    assert type(caught.value) is ModelError


@pytest.mark.parametrize(
    "reason",
    ["This model's maximum context length is 2048 tokens.", "the request exceeds the available context size"],
)
def test_a_400_that_speaks_of_the_context_is_a_context_overflow(written_openai: OpenAIServer, reason: str) -> None:
    written_openai.faults.append((400, {"error": {"message": reason}}))
    with pytest.raises(ContextOverflowError, match="fewer demos"):
        model_at(written_openai).complete(CHAT, SAMPLING)


def test_a_key_that_is_refused_is_named(written_openai: OpenAIServer) -> None:
    written_openai.faults.append((401, {"error": {"message": "invalid key"}}))
    with pytest.raises(ModelError, match=r"invalid key.*Set OPENAI_API_KEY"):
        model_at(written_openai).complete(CHAT, SAMPLING)


def test_a_key_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(ModelError, match="Set ANTHROPIC_API_KEY"):
        LiteLLMModel("anthropic/claude-3-haiku-20240307").complete(CHAT, SAMPLING)
    with pytest.raises(ModelError, match="Set OPENAI_API_KEY"):
        LiteLLMModel("openai/gpt-3.5-turbo-instruct").complete(RAW, SAMPLING)


def test_a_provider_without_raw_completions_asks_for_a_chat_layout() -> None:
    model = LiteLLMModel("anthropic/claude-3-haiku-20240307")
    assert not model.supports_raw
    with pytest.raises(ModelError, match="Choose a chat layout"):
        model.complete(RAW, SAMPLING)


@pytest.mark.parametrize(
    ("name", "api_base", "supports_raw"),
    [
        ("openai/gpt-4o", None, False),
        ("openai/gpt-4o", "http://127.0.0.1:9/v1", True),
        ("openai/gpt-3.5-turbo-instruct", None, True),
        ("together_ai/some/model", None, True),
        ("gemini/gemini-2.0-flash", None, False),
    ],
)
def test_whether_raw_prompts_can_be_completed_is_known(name: str, api_base: str | None, supports_raw: bool) -> None:
    assert LiteLLMModel(name, api_base=api_base).supports_raw is supports_raw


def test_the_context_window_is_looked_up_where_litellm_knows_it() -> None:
    assert LiteLLMModel("openai/gpt-4o").context_window == 128_000
    assert LiteLLMModel("openai/gpt-4o", context_window=999).context_window == 999
    assert LiteLLMModel("openai/smollm", api_base="http://127.0.0.1:9/v1").context_window == 4096


def test_an_unknown_provider_is_refused_with_the_names_that_work() -> None:
    with pytest.raises(UnknownModelError, match=r"no provider 'nowhere'.*ollama_chat/NAME"):
        LiteLLMModel("nowhere/smollm")


def test_it_can_be_closed_before_and_after_use(written_openai: OpenAIServer) -> None:
    model = model_at(written_openai)
    model.close()
    assert model.complete(RAW, SAMPLING).text == " positive"
    model.close()
    model.close()
    assert model.complete(CHAT, SAMPLING).text == " positive"
