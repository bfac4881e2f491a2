from concurrent.futures import ThreadPoolExecutor

import pytest
from engines import WrittenEngine
from ollama_server import OllamaServer

from cribsheet.errors import ModelError, TransientError
from cribsheet.models import Completion, Model, Sampling
from cribsheet.models.ollama import OllamaModel
from cribsheet.models.retry import LONGEST_WAIT, Retrying
from cribsheet.models.scripted import ScriptedModel
from cribsheet.prompts import Prompt

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
