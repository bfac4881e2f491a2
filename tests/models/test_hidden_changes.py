"""A server whose change of weights is hard to see is not answered for from the cache without a word."""

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from configurations import RAW
from decision_server import DecisionServer
from recording_server import RecordingServer

from cribsheet.errors import ModelError
from cribsheet.models import Sampling, open_model
from cribsheet.models.cache import CachedModel, CompletionCache
from cribsheet.models.litellm import LiteLLMModel
from cribsheet.models.retry import Retrying
from cribsheet.prompts import Option, Prompt, Question

GREEDY = Sampling()
Answer = Callable[[dict[str, Any]], dict[str, Any]]


class Weighed(RecordingServer):
    """OpenAI's and Ollama's API in front of `weights`, which may be exchanged; `pages` are what it tells by path."""

    def __init__(self, weights: Answer, pages: Mapping[str, Any] = {}) -> None:
        super().__init__()
        self.weights, self.pages = weights, dict(pages)

    def answer(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, object]:
        if path in self.pages:
            return 200, self.pages[path]
        if path == "/v1/models":
            return 200, {"data": [{"id": "model", "owned_by": "us"}]}
        if path == "/api/generate":
            return 200, {"model": "model", "response": self.weights(body)["text"], "done": True, "done_reason": "stop"}
        if path != "/v1/completions":
            return 404, {"error": {"message": "File Not Found"}}
        return 200, {
            "object": "text_completion",
            "choices": [{"index": 0, "finish_reason": "stop"} | self.weights(body)],
        }


def says(word: str, then: str = "") -> Answer:
    """Return weights that answer with a word, and go on if no stop sequence ends the text there."""
    return lambda body: {"text": word + ("" if body.get("stop") else then)}


def sure(**logprobs: float) -> Answer:
    first = max(logprobs, key=logprobs.__getitem__)
    told = {"tokens": [first], "token_logprobs": [logprobs[first]], "top_logprobs": [logprobs]}
    return lambda body: {"text": first, "logprobs": told}


def asked(
    server: RecordingServer,
    cache: Path,
    *,
    prompts: int = 1,
    sampling: Sampling = GREEDY,
    name: str = "openai/model",
) -> tuple[list[str], list[bool], list[str]]:
    """Ask as a process of its own would; return the texts, whether each came from the cache, and the warnings."""
    base = server.url + ("" if "ollama" in name else "/v1")
    model = CachedModel(open_model(name, api_base=base), CompletionCache(cache))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        done = [model.complete(Prompt(text=f"{RAW.text} {n}", stop=RAW.stop), sampling) for n in range(prompts)]
    model.close()
    told = [str(one.message) for one in caught if one.category is RuntimeWarning]
    return [one.text for one in done], [one.cached for one in done], told


def test_models_that_agree_on_a_word_are_told_apart_by_a_longer_text(tmp_path: Path) -> None:
    with Weighed(says("yes", " and the film was long")) as server:
        asked(server, tmp_path, prompts=12)
        assert all(asked(server, tmp_path, prompts=12)[1])
        server.weights = says("yes", " but the film was short")
        _, cached, told = asked(server, tmp_path, prompts=12)
    assert not any(cached)
    assert "other weights" in told[0]


def test_models_that_are_both_sure_of_a_word_are_told_apart_by_their_doubts(tmp_path: Path) -> None:
    sampling = Sampling(max_tokens=1, top_logprobs=3)
    with Weighed(sure(yes=-0.01, no=-4.8, may=-6.0)) as server:
        asked(server, tmp_path, sampling=sampling)
        assert asked(server, tmp_path, sampling=sampling)[1] == [True]
        server.weights = sure(yes=-0.002, no=-6.8, may=-6.9)
        assert asked(server, tmp_path, sampling=sampling)[1] == [False]


@pytest.mark.parametrize("temperature", [0.7, 1.0])
def test_completions_that_were_all_drawn_at_random_are_checked_too(tmp_path: Path, temperature: float) -> None:
    sampling = Sampling(temperature=temperature, seed=3)
    with Weighed(says("yes", " it is")) as server:
        asked(server, tmp_path, sampling=sampling)
        assert asked(server, tmp_path, sampling=sampling)[1] == [True]
        server.weights = says("no", " it is not")
        texts, cached, told = asked(server, tmp_path, sampling=sampling)
    assert (texts, cached, len(told)) == (["no"], [False], 1)


def test_completions_whose_stored_prompt_is_lost_are_not_used(tmp_path: Path) -> None:
    with Weighed(says("yes")) as server:
        asked(server, tmp_path)
        cache = CompletionCache(tmp_path)
        for key in list(cache._cache):  # as if it was dropped from a full cache
            if "answers" in str(cache.get(key)):
                cache._cache.delete(key)
        server.weights = says("no")
        assert asked(server, tmp_path)[0] == ["no"]


BUILD = {"model_id": "/data/model", "model_sha": None, "sha": "a" * 40, "version": "3.3", "max_concurrent_requests": 9}


@pytest.mark.parametrize("info", [BUILD, {**BUILD, "model_sha": "b" * 40}])
def test_the_build_of_a_server_or_a_revision_is_no_hash_of_its_weights(tmp_path: Path, info: dict[str, Any]) -> None:
    with Weighed(says("yes"), {"/info": info}) as server:
        asked(server, tmp_path)
        server.weights = says("no")
        assert asked(server, tmp_path)[0] == ["no"]


def test_ollamas_hash_of_a_cloud_model_is_no_hash_of_its_weights(tmp_path: Path) -> None:
    tags = {"models": [{"name": "model:latest", "model": "model:latest", "digest": "c" * 64, "size": 384}]}
    shown = {"remote_host": "https://ollama.com:443", "remote_model": "model", "capabilities": ["completion"]}
    with Weighed(says("yes"), {"/api/tags": tags, "/api/show": shown}) as server:
        asked(server, tmp_path, name="ollama/model")
        server.weights = says("no")
        assert asked(server, tmp_path, name="ollama/model")[0] == ["no"]


def test_a_decision_model_that_is_exchanged_is_noticed(tmp_path: Path) -> None:
    def decided() -> tuple[str, bool]:
        options = (Option(word="yes"), Option(word="no"))
        question = Question(type="choice", name="praise", instructions="Is it praise?", options=options)
        model = CachedModel(open_model("systemone/decider", api_base=server.url), CompletionCache(tmp_path))
        completion = model.complete(Prompt(text="superb", question=question), Sampling(top_logprobs=20))
        return completion.text, completion.cached

    with warnings.catch_warnings(), DecisionServer(lambda state, asked, options: [0.9, 0.1]) as server:
        warnings.simplefilter("ignore")
        assert decided() == ("yes", False)
        assert decided() == ("yes", True)
        server.decide = lambda state, asked, options: [0.2, 0.8]
        assert decided() == ("no", False)


def test_a_server_that_does_not_let_the_user_in_is_not_taken_for_other_weights(tmp_path: Path) -> None:
    with Weighed(says("yes")) as server, warnings.catch_warnings():
        asked(server, tmp_path)
        server.faults.extend([(404, {})] * 4 + [(401, {"error": {"message": "Incorrect API key"}})] * 9)
        model = CachedModel(open_model("openai/model", api_base=f"{server.url}/v1"), CompletionCache(tmp_path))
        warnings.simplefilter("error", RuntimeWarning)
        with pytest.raises(ModelError, match="expects a key"):
            model.start()


@pytest.mark.parametrize("fault", [(502, "Bad Gateway"), (0, "")])
def test_other_weights_after_an_outage_end_the_run(tmp_path: Path, fault: tuple[int, object]) -> None:
    with Weighed(says("yes")) as server:
        served = Retrying(LiteLLMModel("openai/model", api_base=f"{server.url}/v1"), sleep=lambda seconds: None)
        model = CachedModel(served, CompletionCache(tmp_path))
        model.complete(RAW, Sampling())
        server.faults.append(fault)
        assert model.complete(Prompt(text="Text: fine"), Sampling()).text == "yes"
        server.weights = says("no")
        server.faults.append(fault)
        with pytest.raises(ModelError, match="now serves other weights"):
            model.complete(Prompt(text="Text: awful"), Sampling())
        server.weights = says("yes")
        again = CachedModel(open_model("openai/model", api_base=f"{server.url}/v1"), CompletionCache(tmp_path))
        assert not again.complete(Prompt(text="Text: awful"), Sampling()).cached


def test_two_servers_that_take_turns_behind_one_address_are_told_about(tmp_path: Path) -> None:
    with Weighed(says("yes")) as server:
        asked(server, tmp_path)
        turns = iter(["no", "may"] * 100)
        server.weights = lambda body: {"text": next(turns)}
        for _ in range(2):
            _, cached, told = asked(server, tmp_path)
            assert cached == [False]
            assert "take turns" in told[0]
        server.weights = says("yes")
        assert asked(server, tmp_path)[1:] == ([True], [])
