"""Whatever a server refuses and however it answers, a model goes on without it or says why not."""

import re
from pathlib import Path

import pytest
from configurations import BAD_ADDRESSES, CHAT, GOOD_ADDRESSES, NAMES, PROXIES, RAW, Configuration, outcome
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stand_in import PARAMETERS, TELLING, TOKENIZERS, WORDINGS, StandIn, Switches
from stand_in_shapes import SHAPES, SOUND, shaped

from cribsheet.errors import ContextOverflowError, ModelError, PromptStyleError, TransientError, UnknownModelError
from cribsheet.models import Part, Sampling
from cribsheet.models.cache import CachedModel, CompletionCache
from cribsheet.models.capabilities import refusals_in_words
from cribsheet.models.litellm import LiteLLMModel
from cribsheet.models.ollama import OllamaModel
from cribsheet.models.retry import Retrying
from cribsheet.prompts import Prompt

SAMPLING = Sampling(max_tokens=4, top_logprobs=20)
STATUSES = (400, 422, 500, 501)

switches = st.builds(
    Switches,
    refuses=st.frozensets(st.sampled_from(PARAMETERS), max_size=4),
    status=st.sampled_from(STATUSES),
    wording=st.sampled_from(WORDINGS),
    refuses_after=st.integers(0, 4),
    ignores=st.sampled_from([frozenset(), frozenset({"stop"}), frozenset({"logprobs"})]),
    most_logprobs=st.sampled_from([1000, 20, 8, 5, 1, 0]),
    most_stops=st.sampled_from([1000, 4, 1, 0]),
    raw=st.sampled_from([200, 200, 404, 405, 501]),
    chat=st.sampled_from([200, 200, 404, 405, 501]),
    telling=st.sampled_from(TELLING),
    tokenizer=st.sampled_from(TOKENIZERS),
    shape=st.one_of(st.just("plain"), st.sampled_from(sorted(SHAPES))),
    loads=st.sampled_from([0, 0, 1, 3, 9]),
)
configurations = st.builds(
    Configuration,
    name=st.sampled_from(NAMES),
    address=st.one_of(st.sampled_from(GOOD_ADDRESSES), st.sampled_from(GOOD_ADDRESSES + BAD_ADDRESSES)),
    switches=switches,
    environment=st.dictionaries(st.sampled_from(["HTTP_PROXY", "ALL_PROXY"]), st.sampled_from(PROXIES), max_size=1),
)


def model_at(server: StandIn, name: str = "openai/model") -> LiteLLMModel | OllamaModel:
    if name.startswith("ollama"):
        return OllamaModel(name, api_base=server.url)
    return LiteLLMModel(name, api_base=f"{server.url}/v1")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(configurations)
def test_every_combination_ends_in_answers_or_in_a_cause_and_a_mend(configuration: Configuration) -> None:
    outcome(configuration)


@pytest.mark.parametrize("name", ["openai/model", "hosted_vllm/model", "ollama/model"])
@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("refused", ["logprobs", "top_logprobs", "seed", "stop", "temperature"])
def test_a_parameter_that_is_refused_is_left_out_from_then_on(name: str, status: int, refused: str) -> None:
    with StandIn(Switches(refuses=frozenset({refused}), status=status)) as server:
        model = model_at(server, name)
        answers = [model.complete(RAW, SAMPLING), model.complete(CHAT, SAMPLING)]
        asked = len(server.requests)
        answers.append(model.complete(RAW, SAMPLING))
        assert len(server.requests) == asked + 1, "it is remembered"
    assert [answer.text for answer in answers] == [" positive", "positive", " positive"]
    if refused.endswith("logprobs"):
        # Raw prompts have no parameter `top_logprobs`, but with Ollama.
        assert answers[1].refused == ("logprobs",)
        assert answers[1].first_token is None
    else:
        assert [answer.refused for answer in answers] == [(refused,)] * 3
        assert answers[0].first_token


@pytest.mark.slow
@pytest.mark.parametrize("wording", WORDINGS)
@pytest.mark.parametrize("status", [400, 422, 501])
def test_it_is_found_out_what_was_refused_if_the_server_does_not_say(wording: str, status: int) -> None:
    switches = Switches(refuses=frozenset({"seed", "logprobs"}), status=status, wording=wording)
    with StandIn(switches) as server:
        answer = model_at(server).complete(RAW, SAMPLING)
    assert answer.text == " positive"
    assert sorted(answer.refused) == ["logprobs", "seed"]


def test_a_failure_that_names_nothing_is_looked_into_when_it_comes_again() -> None:
    with StandIn(Switches(refuses=frozenset({"seed"}), status=500, wording="silent")) as server:
        model = model_at(server)
        with pytest.raises(TransientError, match="status 500"):
            model.complete(RAW, SAMPLING)
        assert len(server.requests) == 1
        assert model.complete(RAW, SAMPLING).refused == ("seed",)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["openai/model", "ollama/model"])
@pytest.mark.parametrize("flaky", [1, 2])
def test_a_failure_that_passes_is_not_taken_for_a_refusal(name: str, flaky: int, tmp_path: Path) -> None:
    with StandIn(Switches(flaky=flaky, holds=frozenset({"grammar", "format"}))) as server:
        for first in range(5):  # each of the first requests of a probe fails once
            server.completions = 9 - first
            served = Retrying(model_at(server, name), sleep=lambda seconds: None)
            model = CachedModel(served, CompletionCache(tmp_path))
            model.start(probes=True, anew=True)
            assert model.capabilities
            assert (model.capabilities.chat.refused, model.capabilities.raw.refused) == ((), ())
        answers = [served.complete(prompt, SAMPLING) for prompt in (RAW, CHAT) * 15]
    assert {answer.refused for answer in answers} == {()}
    assert all(answer.first_token for answer in answers)


def test_a_server_that_fails_for_good_is_not_taken_for_one_that_refuses() -> None:
    with StandIn() as server:
        server.faults.extend([(500, {"error": {"message": "out of memory"}})] * 99)
        pauses: list[float] = []
        model = Retrying(model_at(server), sleep=pauses.append)
        with pytest.raises(TransientError, match=r"out of memory.*Gave up after 4 attempts"):
            model.complete(RAW, SAMPLING)
    assert len(pauses) == 3


@pytest.mark.parametrize("refuses_after", [1, 3])
def test_a_refusal_may_come_later(refuses_after: int) -> None:
    switches = Switches(refuses=frozenset({"logprobs", "stop"}), status=422, refuses_after=refuses_after)
    with StandIn(switches) as server:
        model = model_at(server)
        answers = [model.complete(RAW, SAMPLING) for _ in range(5)]
    assert [answer.text for answer in answers] == [" positive"] * 5
    assert [bool(answer.refused) for answer in answers] == [number >= refuses_after for number in range(5)]


@pytest.mark.parametrize(("most", "granted"), [(8, 3), (2, 2), (0, None)])
def test_as_many_log_probabilities_are_asked_for_as_are_granted(most: int, granted: int | None) -> None:
    with StandIn(Switches(most_logprobs=most)) as server:
        for prompt in (RAW, CHAT):
            told = model_at(server).complete(prompt, SAMPLING).first_token
            assert (told and len(told)) == granted


@pytest.mark.parametrize("most_stops", [0, 1])
def test_a_text_is_cut_here_at_stops_that_are_too_many_for_the_server(most_stops: int) -> None:
    many = RAW.model_copy(update={"stop": ("never", "Text:", "\n")})
    with StandIn(Switches(most_stops=most_stops)) as server:
        answer = model_at(server).complete(many, SAMPLING)
    assert (answer.text, answer.refused) == (" positive", ("stop",))


@pytest.mark.parametrize("name", ["openai/model", "ollama/model"])
def test_a_text_is_cut_here_at_stops_that_the_server_does_not_heed(name: str) -> None:
    with StandIn(Switches(ignores=frozenset({"stop"}))) as server:
        answer = model_at(server, name).complete(RAW, Sampling(max_tokens=64, top_logprobs=3))
    assert answer.text == " positive"


@pytest.mark.parametrize("status", [404, 405, 501])
@pytest.mark.parametrize("name", ["openai/model", "hosted_vllm/model", "ollama/model"])
def test_a_server_without_raw_completions_says_so_once_it_has_answered_a_chat(name: str, status: int) -> None:
    with StandIn(Switches(raw=status)) as server:
        model = model_at(server, name)
        model.complete(CHAT, SAMPLING)
        with pytest.raises(PromptStyleError, match=rf"does not serve .*status {status}.* Choose a chat layout"):
            model.complete(RAW, SAMPLING)


def test_a_name_that_leads_nowhere_is_not_taken_for_a_missing_endpoint() -> None:
    with StandIn(Switches(raw=404, chat=404)) as server, pytest.raises(UnknownModelError, match="Check the name"):
        model_at(server).complete(RAW, SAMPLING)


@pytest.mark.parametrize("shape", SOUND)
@pytest.mark.parametrize("name", ["openai/model", "hosted_vllm/model", "ollama/model"])
def test_a_sound_answer_is_read_in_every_shape(shape: str, name: str) -> None:
    with StandIn(Switches(shape=shape)) as server:
        model = model_at(server, name)
        for prompt in (RAW, CHAT):
            answer = model.complete(prompt, SAMPLING)
            assert answer.text.strip() == "positive"
            assert answer.usage.prompt_tokens > 0, "budgets need a figure, if need be an estimate"


@pytest.mark.parametrize(
    "message",
    [
        "This model's maximum context length is 64 tokens. However, you requested 99 tokens.",
        "request (5001 tokens) exceeds the available context size (4096 tokens), try increasing it",
        "The input (99 tokens) is longer than the model's context length (64 tokens).",
        "prompt is too long: 99 tokens > 64 maximum",
        "Trying to keep the first 99 tokens when context the overflows. However, the model is loaded with context "
        "length of only 64 tokens",
    ],
)
def test_a_prompt_that_is_too_long_is_known_in_the_words_of_many_servers(message: str) -> None:
    with StandIn() as server:
        server.faults.append((400, {"error": {"message": message}}))
        with pytest.raises(ContextOverflowError, match="shorter rows"):
            model_at(server).complete(RAW, SAMPLING)
        assert len(server.requests) == 1


def test_the_newer_name_of_max_tokens_is_tried() -> None:
    with StandIn(Switches(refuses=frozenset({"max_tokens"}))) as server:
        assert model_at(server).complete(CHAT, SAMPLING).refused == ()
        assert server.requests[-1].body["max_completion_tokens"] == 4


@pytest.mark.parametrize(("name", "path"), [("openai/model", "/v1/completions"), ("ollama/model", "/api/generate")])
@pytest.mark.parametrize("shape", ["html", "empty-choices", "error-text-200", "cut", "words", "null"])
def test_a_reply_without_a_completion_may_pass_once_the_server_has_answered(name: str, path: str, shape: str) -> None:
    fault = shaped(shape, path, " positive", None)
    with StandIn() as server:
        model = Retrying(model_at(server, name), sleep=lambda seconds: None)
        answers = [model.complete(RAW, SAMPLING)]
        server.faults.extend([fault] * 2)
        answers.append(model.complete(RAW, SAMPLING))
        assert [(answer.text, answer.refused) for answer in answers] == [(" positive", ())] * 2
        server.faults.extend([fault] * 99)
        with pytest.raises(TransientError, match="Gave up after 4 attempts"):
            model.complete(RAW, SAMPLING)


@pytest.mark.parametrize("name", ["openai/model", "ollama/model"])
@pytest.mark.parametrize("prompt", [RAW, CHAT], ids=["raw", "chat"])
def test_a_reply_that_is_streamed_is_put_together(name: str, prompt: Prompt) -> None:
    answers = []
    for shape in ("plain", "stream"):
        with StandIn(Switches(shape=shape)) as server:
            answers.append(model_at(server, name).complete(prompt, SAMPLING).model_copy(update={"seconds": 0.0}))
    assert answers[0] == answers[1]
    assert answers[0].first_token


@pytest.mark.parametrize("name", ["openai/model", "hosted_vllm/model", "ollama/model"])
def test_half_a_character_in_a_reply_is_replaced(name: str) -> None:
    with StandIn(Switches(shape="surrogates")) as server:
        model = model_at(server, name)
        answers = [model.complete(prompt, SAMPLING) for prompt in (RAW, CHAT)]
    assert [answer.text.replace(" ", "") for answer in answers] == ["\ufffdpositive"] * 2
    for answer in answers:
        answer.model_dump_json()
        assert answer.first_token
        assert all(token.startswith("\ufffd") for token in answer.first_token)


@pytest.mark.parametrize("telling", ["deep", "odd"])
@pytest.mark.parametrize("name", ["openai/model", "ollama/model"])
def test_whatever_a_server_reports_about_itself_ends_no_run(telling: str, name: str, tmp_path: Path) -> None:
    with StandIn(Switches(telling=telling)) as server:
        model = CachedModel(model_at(server, name), CompletionCache(tmp_path))
        model.start(probes=True)
        assert model.complete(RAW, SAMPLING).text == " positive"


@pytest.mark.parametrize("shape", ["chat-parts", "listed-reasoning"])
def test_a_thought_in_parts_is_told_from_the_answer(shape: str) -> None:
    with StandIn(Switches(shape=shape)) as server:
        answer = model_at(server).complete(CHAT, SAMPLING)
    assert (answer.text, answer.thought) == ("positive", "Hm.")


@pytest.mark.parametrize("shape", ["error-200", "error-text-200", "detail-200"])
@pytest.mark.parametrize("name", ["openai/model", "hosted_vllm/model"])
def test_an_error_with_status_200_is_shown_in_the_servers_words(shape: str, name: str) -> None:
    with StandIn(Switches(shape=shape)) as server:
        for prompt in (RAW, CHAT):
            with pytest.raises(ModelError, match=r"an error instead of a completion: The upstream model is gone\."):
                model_at(server, name).complete(prompt, SAMPLING)


@pytest.mark.parametrize(
    "shape", ["no-choices", "empty", "html", "cut", "words", "list", "number", "null", "cut-stream"]
)
@pytest.mark.parametrize("prompt", [RAW, CHAT], ids=["raw", "chat"])
def test_a_reply_without_a_completion_is_described_without_a_librarys_internals(shape: str, prompt: Prompt) -> None:
    with (
        StandIn(Switches(shape=shape)) as server,
        pytest.raises(ModelError, match=r"(its reply|it streams).*--api-base") as caught,
    ):
        model_at(server).complete(prompt, SAMPLING)
    assert not re.search(r"Traceback|has no attribute|validation error|Invalid response", str(caught.value))


@pytest.mark.parametrize("name", ["openai/model", "ollama/model"])
def test_half_a_character_among_the_alternatives_keeps_its_bytes(name: str) -> None:
    with StandIn(Switches(shape="half-characters")) as server:
        completion = model_at(server, name).complete(RAW, SAMPLING)
    assert completion.parts == (Part(hex="e5a5", logprob=-2.0),)


@pytest.mark.parametrize("name", ["openai/model", "ollama/model"])
def test_log_probabilities_above_0_are_not_used(name: str) -> None:
    with StandIn(Switches(shape="positive-logprobs")) as server:
        answer = model_at(server, name).complete(RAW, SAMPLING)
    assert (answer.text, answer.first_token, answer.logprobs) == (" positive", None, None)
    (note,) = refusals_in_words(None, answer.refused, "model")
    assert "log-probabilities above 0" in note
