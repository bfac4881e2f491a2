from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from engines import WrittenEngine
from ollama_server import OllamaServer

from cribsheet.errors import BrokenOffError, ModelError, TimedOutError, TransientError, UnreachableError
from cribsheet.models import Completion, Model, Sampling
from cribsheet.models.litellm import LiteLLMModel
from cribsheet.models.ollama import OllamaModel
from cribsheet.models.retry import LONGEST_WAIT, PATIENCE, Retrying
from cribsheet.models.scripted import ScriptedModel
from cribsheet.models.systemone import SystemOneModel
from cribsheet.prompts import Option, Prompt, Question

BUSY = (503, {"error": "server busy, please try again"})
PROMPT = Prompt(text="Review: lovely\nSentiment:")


def test_faults_that_pass_are_not_seen(written_ollama: OllamaServer) -> None:
    written_ollama.faults.extend([BUSY, (500, {"error": "boom"}), (429, {"error": "slow down"})])
    waits: list[float] = []
    model = Retrying(OllamaModel("ollama/smollm", api_base=written_ollama.url), sleep=waits.append)
    assert model.complete(PROMPT, Sampling()).text == " positive"
    assert len(written_ollama.requests) == 4
    assert len(waits) == 3


def test_a_fault_that_stays_is_raised_with_the_number_of_attempts(written_ollama: OllamaServer) -> None:
    written_ollama.faults.extend([BUSY] * 10)
    served = OllamaModel("ollama/smollm", api_base=written_ollama.url)
    model = Retrying(served, attempts=3, sleep=lambda seconds: None)
    with pytest.raises(TransientError, match=r"server busy.*after 3 attempts"):
        model.complete(PROMPT, Sampling())
    assert len(written_ollama.requests) == 3


def test_a_begun_answer_is_refused_and_not_sent(written_ollama: OllamaServer) -> None:
    model = Retrying(OllamaModel("ollama/smollm", api_base=written_ollama.url))
    with pytest.raises(ModelError, match=r"ollama/smollm cannot go on from .* got \(7,\)"):
        model.complete(PROMPT.followed_by(7), Sampling())
    assert written_ollama.requests == []


def test_other_faults_are_raised_at_once(written_ollama: OllamaServer) -> None:
    written_ollama.faults.extend([(400, {"error": "bad request"})] * 9)
    pauses: list[float] = []
    model = Retrying(OllamaModel("ollama/smollm", api_base=written_ollama.url), sleep=pauses.append)
    with pytest.raises(ModelError, match="bad request"):
        model.complete(PROMPT, Sampling())
    assert pauses == []
    assert len(written_ollama.requests) == 2, "the second time without what may have been refused"


def test_the_digest_is_asked_for_again_too(written_ollama: OllamaServer) -> None:
    written_ollama.faults.append(BUSY)
    served = OllamaModel("ollama/smollm", api_base=written_ollama.url)
    digest = Retrying(served, sleep=lambda seconds: None).digest
    assert digest is not None
    assert digest.startswith("sha256:")


def test_no_pause_is_longer_than_the_longest() -> None:
    def always_busy(prompt: Prompt, sampling: Sampling) -> Completion:
        raise TransientError("busy.")

    waits: list[float] = []
    model = Retrying(ScriptedModel(always_busy), attempts=30, sleep=waits.append)
    with pytest.raises(TransientError, match="after 30 attempts"):
        model.complete(PROMPT, Sampling())
    assert len(waits) == 29
    assert all(0 <= wait <= LONGEST_WAIT for wait in waits)
    assert len(set(waits)) > 1, "the pauses vary, lest all threads come back together"


def failing(*errors: ModelError | None) -> ScriptedModel:
    """Return a model that fails with these errors before it answers; None is an answer in between."""
    left = list(errors)

    def script(prompt: Prompt, sampling: Sampling) -> Completion:
        if left and (error := left.pop(0)):
            raise error
        return Completion(text=" positive")

    return ScriptedModel(script)


def busy(status: int, *, retry_after: float = 0.0) -> TransientError:
    return TransientError(f"failed with status {status}.", status=status, retry_after=retry_after)


def test_a_busy_server_is_waited_for_if_somebody_is_told_so() -> None:
    waits: list[float] = []
    told: list[str] = []
    model = Retrying(failing(*[busy(503)] * 15), sleep=waits.append, notice=told.append)
    assert model.complete(PROMPT, Sampling()).text == " positive"
    assert len(waits) == 15
    assert told == [f"failed with status 503. Waiting up to {PATIENCE:.0f} s for it."]


def test_a_server_that_stays_busy_is_given_up_in_the_end() -> None:
    waits: list[float] = []
    model = Retrying(failing(*[busy(429)] * 10_000), sleep=waits.append, notice=lambda text: None)
    with pytest.raises(TransientError, match=r"429.*Gave up after \d+ attempts and 1\d\d s"):
        model.complete(PROMPT, Sampling())
    assert PATIENCE <= sum(waits) <= PATIENCE + LONGEST_WAIT


def test_a_failure_that_is_no_sign_of_a_busy_server_is_not_waited_for() -> None:
    waits: list[float] = []
    model = Retrying(failing(*[busy(500)] * 10), sleep=waits.append, notice=lambda text: None)
    with pytest.raises(TransientError, match="after 4 attempts"):
        model.complete(PROMPT, Sampling())


DOWN = (BrokenOffError("broke off."), *[UnreachableError("Nothing answers.")] * 12)


def test_a_server_that_goes_down_after_it_has_answered_is_waited_for_each_time() -> None:
    told: list[str] = []
    model = Retrying(failing(None, *DOWN, None, *DOWN), sleep=lambda seconds: None, notice=told.append)
    assert [model.complete(PROMPT, Sampling()).text for _ in range(3)] == [" positive"] * 3
    assert told == [f"Nothing answers. Waiting up to {PATIENCE:.0f} s for it."] * 2


@pytest.mark.parametrize(("notice", "least"), [(print, PATIENCE), (None, 0)])
def test_a_server_that_stays_down_is_given_up_in_the_end(notice: Callable[[str], None] | None, least: float) -> None:
    waits: list[float] = []
    model = Retrying(failing(None, *DOWN, *[DOWN[-1]] * 999), sleep=waits.append, notice=notice)
    model.complete(PROMPT, Sampling())
    with pytest.raises(UnreachableError, match=r"Nothing answers\. Gave up after \d+ attempts.* start it again"):
        model.complete(PROMPT, Sampling())
    assert least <= sum(waits) <= least + LONGEST_WAIT


def test_a_server_that_was_never_there_is_not_waited_for() -> None:
    model = Retrying(failing(*DOWN[1:]), sleep=lambda seconds: None, notice=print)
    with pytest.raises(UnreachableError, match=r"^Nothing answers\.$"):
        model.complete(PROMPT, Sampling())


def test_a_request_that_times_out_is_sent_once_more_and_somebody_is_told_so() -> None:
    told: list[str] = []
    slow = TimedOutError("no answer in time.")
    model = Retrying(failing(slow, None, *[slow] * 9), sleep=lambda seconds: None, notice=told.append)
    assert model.complete(PROMPT, Sampling()).text == " positive"
    with pytest.raises(TimedOutError, match=r"Gave up after 2 attempts .*--timeout"):
        model.complete(PROMPT, Sampling())
    assert told == ["no answer in time. Asking once more."]


def test_a_pause_is_as_long_as_the_server_asks() -> None:
    waits: list[float] = []
    model = Retrying(failing(busy(429, retry_after=20)), sleep=waits.append, notice=lambda text: None)
    model.complete(PROMPT, Sampling())
    assert waits == [20]


@pytest.mark.parametrize("notice", [None, print])
def test_a_server_that_asks_for_a_longer_wait_than_anybody_has_is_given_up_at_once(
    notice: Callable[[str], None] | None,
) -> None:
    model = Retrying(failing(busy(429, retry_after=3600)), sleep=lambda seconds: None, notice=notice)
    with pytest.raises(TransientError, match=r"after 1 attempt .*asks to wait 3600 s"):
        model.complete(PROMPT, Sampling())


def test_no_more_requests_are_in_flight_than_the_model_likes() -> None:
    with OllamaServer(WrittenEngine(), delay=0.05) as server:
        model = Retrying(OllamaModel("ollama/smollm", api_base=server.url, parallel=3))
        with ThreadPoolExecutor(12) as pool:
            answers = list(pool.map(lambda _: model.complete(PROMPT, Sampling()).text, range(12)))
    assert answers == [" positive"] * 12
    assert 1 < server.peak <= 3


def test_a_paused_request_gives_its_place_to_another() -> None:
    states = iter([TransientError("busy."), Completion(text="first"), Completion(text="second")])

    def script(prompt: Prompt, sampling: Sampling) -> Completion:
        state = next(states)
        if isinstance(state, TransientError):
            raise state
        return state

    model = Retrying(ScriptedModel(script), sleep=lambda seconds: seen.append(model.complete(PROMPT, Sampling())))
    seen: list[Completion] = []
    assert model.complete(PROMPT, Sampling()).text == "second"
    assert [completion.text for completion in seen] == ["first"]


def test_it_is_a_model_with_the_traits_of_the_one_inside() -> None:
    inside = ScriptedModel({}, name="scripted/inside", parallel=2, context_window=77)
    model: Model = Retrying(inside)
    assert isinstance(model, Model)
    assert (model.name, model.endpoint, model.parallel) == ("scripted/inside", "", 2)
    assert (model.context_window, model.digest, model.count_tokens("two words")) == (77, None, 2)
    model.close()


@pytest.mark.parametrize("name", ["ollama/smollm", "openai/smollm", "systemone/smollm"])
@pytest.mark.parametrize(
    ("headers", "seconds"),
    [({"Retry-After": "7"}, 7.0), ({"retry-after-ms": "1500"}, 1.5), ({"Retry-After": "?"}, 0.0)],
)
def test_the_pause_that_a_server_asks_for_is_known(
    written_ollama: OllamaServer, name: str, headers: dict[str, str], seconds: float
) -> None:
    written_ollama.headers = headers
    written_ollama.faults.extend([(429, {"error": "slow down"})] * 9)
    question = Question(type="choice", name="mood", instructions="Good?", options=(Option(word="a"), Option(word="b")))
    models: dict[str, tuple[Model, Prompt]] = {
        "ollama": (OllamaModel(name, api_base=written_ollama.url), PROMPT),
        "openai": (LiteLLMModel(name, api_base=f"{written_ollama.url}/v1"), PROMPT),
        "systemone": (SystemOneModel(name, api_base=written_ollama.url), Prompt(text="lovely", question=question)),
    }
    model, prompt = models[name.partition("/")[0]]
    with pytest.raises(TransientError) as caught:
        model.complete(prompt, Sampling())
    assert (caught.value.status, caught.value.retry_after) == (429, seconds)
