import pytest
from engines import Engine, Generated, LlamaEngine, WrittenEngine
from ollama_server import DIGEST, OllamaServer

from cribsheet.errors import (
    ContextOverflowError,
    ModelError,
    TransientError,
    UnknownModelError,
    UnreachableError,
)
from cribsheet.models import Model, Sampling
from cribsheet.models.embedded import EmbeddedModel
from cribsheet.models.ollama import OllamaModel
from cribsheet.prompts import Message, Prompt
from nearness import tells_the_same

RAW = Prompt(text="Review: a lovely film\nSentiment: positive\n\nReview: awful, boring 电影 \nSentiment:", stop=("\n",))
CHAT = Prompt(messages=(Message(role="user", content="Say hello."),))
SAMPLING = Sampling(max_tokens=4, top_logprobs=5)


def model_at(server: OllamaServer, name: str = "ollama_chat/smollm", **options: object) -> OllamaModel:
    return OllamaModel(name, api_base=server.url, **options)  # type: ignore[arg-type]


@pytest.mark.model
def test_a_raw_prompt_reaches_the_model_to_the_byte(ollama_server: OllamaServer) -> None:
    model_at(ollama_server).complete(RAW, SAMPLING)
    (request,) = ollama_server.requests
    assert request.path == "/api/generate"
    assert request.body["raw"] is True
    assert request.body["prompt"] == RAW.text
    assert ollama_server.prompts == [RAW.text]


@pytest.mark.model
def test_a_raw_prompt_is_answered_as_by_the_embedded_model(ollama_server: OllamaServer, smollm: EmbeddedModel) -> None:
    served, embedded = model_at(ollama_server).complete(RAW, SAMPLING), smollm.complete(RAW, SAMPLING)
    assert tells_the_same(served, embedded)


@pytest.mark.model
def test_a_chat_goes_through_the_template_once(
    ollama_server: OllamaServer, llama_engine: LlamaEngine, smollm: EmbeddedModel
) -> None:
    served, embedded = model_at(ollama_server).complete(CHAT, SAMPLING), smollm.complete(CHAT, SAMPLING)
    assert ollama_server.requests[0].path == "/api/chat"
    (prompt,) = ollama_server.prompts
    assert prompt == llama_engine.apply_template([{"role": "user", "content": "Say hello."}])
    assert prompt.count("Say hello.") == 1
    assert tells_the_same(served, embedded)


@pytest.mark.model
def test_a_prompt_beyond_the_window_is_refused_by_the_server(ollama_server: OllamaServer) -> None:
    model = model_at(ollama_server, context_window=64)
    with pytest.raises(ContextOverflowError, match="context window of 64"):
        model.complete(Prompt(text=RAW.text * 10), SAMPLING)
    assert ollama_server.prompts == []


def test_a_server_that_cuts_long_prompts_silently_is_found_out() -> None:
    with OllamaServer(WrittenEngine(), refuses_long=False) as server:
        model = model_at(server, context_window=64)
        with pytest.raises(ContextOverflowError, match="65 tokens or more"):
            model.complete(Prompt(text="word " * 100), SAMPLING)
        assert len(server.prompts) == 1


def test_a_completion_that_runs_into_the_end_of_the_window_is_no_answer(written_ollama: OllamaServer) -> None:
    model = model_at(written_ollama, context_window=64)
    assert model.complete(Prompt(text="word " * 62), SAMPLING).text == " positive"
    with pytest.raises(ContextOverflowError, match="fewer demos"):
        model.complete(Prompt(text="word " * 63), SAMPLING)


def test_sampling_becomes_options(written_ollama: OllamaServer) -> None:
    model = model_at(written_ollama, context_window=512)
    model.complete(RAW, Sampling(max_tokens=7, temperature=0.5, seed=3))
    body = written_ollama.requests[0].body
    assert body["options"] == {
        "num_ctx": 512,
        "num_predict": 7,
        "temperature": 0.5,
        "seed": 3,
        "stop": ["\n"],
        "repeat_penalty": 1.0,
        "presence_penalty": 0.0,
        "frequency_penalty": 0.0,
    }
    assert body["stream"] is False
    assert body["truncate"] is False
    assert "logprobs" not in body


def test_without_stop_sequences_those_of_the_model_hold(written_ollama: OllamaServer) -> None:
    model_at(written_ollama).complete(CHAT, SAMPLING)
    assert "stop" not in written_ollama.requests[0].body["options"]


def test_no_more_log_probabilities_are_asked_for_than_ollama_grants(written_ollama: OllamaServer) -> None:
    completion = model_at(written_ollama).complete(RAW, Sampling(top_logprobs=50))
    assert written_ollama.requests[0].body["top_logprobs"] == 20
    assert completion.first_token == {" positive": -0.5, " other": -2.0}
    assert completion.logprobs == (-0.5,)


def test_an_older_server_tells_no_log_probabilities() -> None:
    with OllamaServer(WrittenEngine(), tells_logprobs=False) as server:
        completion = model_at(server).complete(RAW, SAMPLING)
    assert completion.text == " positive"
    assert completion.first_token is None
    assert completion.logprobs is None


class WithheldEngine(WrittenEngine):
    """Tells no log-probabilities of its first token, as Ollama does when it held back the text of that."""

    def generate(self, prompt: str, options: dict[str, object], top_logprobs: int) -> Generated:
        return super().generate(prompt, options, top_logprobs)._replace(text="\n positive")


def test_log_probabilities_of_a_later_token_are_not_taken_for_the_first() -> None:
    with OllamaServer(WithheldEngine()) as server:
        assert model_at(server).complete(RAW, SAMPLING).first_token is None


class CutEngine(WrittenEngine):
    """Runs into `num_predict`."""

    def generate(self, prompt: str, options: dict[str, object], top_logprobs: int) -> Generated:
        return super().generate(prompt, options, top_logprobs)._replace(is_cut=True)


@pytest.mark.parametrize(("engine", "reason"), [(CutEngine(), "length"), (WrittenEngine(), "stop")])
def test_the_finish_reason_is_told(engine: Engine, reason: str) -> None:
    with OllamaServer(engine) as server:
        assert model_at(server).complete(RAW, SAMPLING).finish_reason == reason


@pytest.mark.parametrize("cached", [2, 0, None])
def test_usage_is_told_with_cached_tokens_where_the_server_tells_them(cached: int | None) -> None:
    with OllamaServer(WrittenEngine(), cached_tokens=cached) as server:
        model = model_at(server)
        usage = model.complete(Prompt(text="one two three"), SAMPLING).usage
        assert (usage.prompt_tokens, usage.cached_tokens, usage.completion_tokens) == (3, cached, 1)
        assert model.complete(CHAT, SAMPLING).usage.cached_tokens == cached


def test_what_was_cached_of_another_prompt_is_not_told_of_this_one() -> None:
    with OllamaServer(WrittenEngine(), cached_tokens=2) as server:
        model = model_at(server)
        model.complete(RAW, SAMPLING)
        server.cached_tokens = None
        assert model.complete(RAW, SAMPLING).usage.cached_tokens is None


@pytest.mark.parametrize("name", ["ollama_chat/smollm", "ollama/smollm:latest"])
def test_the_digest_is_looked_up_once(written_ollama: OllamaServer, name: str) -> None:
    model = model_at(written_ollama, name)
    assert model.digest == model.digest == f"sha256:{DIGEST}"
    assert [request.path for request in written_ollama.requests] == ["/api/tags"]


def test_a_model_that_is_not_pulled_has_no_digest(written_ollama: OllamaServer) -> None:
    assert model_at(written_ollama, "ollama/qwen2.5:0.5b").digest is None


@pytest.mark.parametrize("prompt", [RAW, CHAT])
def test_a_model_that_is_not_pulled_is_named_with_the_command_that_pulls_it(
    written_ollama: OllamaServer, prompt: Prompt
) -> None:
    with pytest.raises(UnknownModelError, match=r"`ollama pull qwen2\.5:0\.5b`"):
        model_at(written_ollama, "ollama_chat/qwen2.5:0.5b").complete(prompt, SAMPLING)


def test_an_unreachable_server_is_named_with_the_command_that_starts_it() -> None:
    model = OllamaModel("ollama_chat/smollm", api_base="http://127.0.0.1:9")
    with pytest.raises(UnreachableError, match=r"http://127\.0\.0\.1:9.*`ollama serve`"):
        model.complete(RAW, SAMPLING)
    with pytest.raises(UnreachableError, match="ollama serve"):
        _ = model.digest


@pytest.mark.parametrize(
    ("status", "kind"), [(503, TransientError), (500, TransientError), (429, TransientError), (400, ModelError)]
)
def test_faults_that_may_pass_are_told_from_those_that_do_not(
    written_ollama: OllamaServer, status: int, kind: type[ModelError]
) -> None:
    written_ollama.faults.extend([(status, {"error": "server busy, please try again"})] * 9)
    with pytest.raises(ModelError, match=f"status {status}: server busy") as caught:
        model_at(written_ollama).complete(RAW, SAMPLING)
    assert type(caught.value) is kind


def test_a_slow_server_is_a_fault_that_may_pass() -> None:
    with (
        OllamaServer(WrittenEngine(), delay=0.5) as server,
        pytest.raises(TransientError, match="ReadTimeout"),
    ):
        model_at(server, timeout=0.05).complete(RAW, SAMPLING)


@pytest.mark.parametrize("fault", [(200, "<html>a router</html>"), (200, {"models": 3})])
def test_another_server_at_that_address_is_called_so(written_ollama: OllamaServer, fault: tuple[int, object]) -> None:
    written_ollama.faults.append(fault)
    with pytest.raises(ModelError, match="does not answer as Ollama does"):
        _ = model_at(written_ollama).digest


@pytest.mark.parametrize("prompt", [RAW, CHAT], ids=["raw", "chat"])
def test_an_error_that_is_sent_as_a_success_is_told_in_the_servers_words(
    written_ollama: OllamaServer, prompt: Prompt
) -> None:
    written_ollama.faults.append((200, {"error": "model runner has stopped"}))
    with pytest.raises(ModelError, match=r"answered with an error: model runner has stopped\. Correct"):
        model_at(written_ollama).complete(prompt, SAMPLING)


def test_an_address_with_a_path_is_explained(written_ollama: OllamaServer) -> None:
    model = OllamaModel("ollama/smollm", api_base=written_ollama.url + "/v1")
    with pytest.raises(ModelError, match="without a path"):
        model.complete(RAW, SAMPLING)


def test_tokens_are_estimated_from_above(written_ollama: OllamaServer) -> None:
    assert model_at(written_ollama).count_tokens("The film was lovely from start to end.") >= 9


def test_it_is_a_model_that_can_be_closed_before_and_after_use(written_ollama: OllamaServer) -> None:
    model: Model = model_at(written_ollama)
    assert isinstance(model, Model)
    model.close()
    model.complete(RAW, SAMPLING)
    model.close()
