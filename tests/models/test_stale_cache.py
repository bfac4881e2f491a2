"""Completions of other weights that a server once served under the same name are not used."""

import warnings
from pathlib import Path

import pytest
from configurations import CHAT, RAW
from stand_in import TELLING, StandIn, Switches

from cribsheet.models import Completion, Sampling, open_model
from cribsheet.models._witness import same_weights
from cribsheet.models.cache import CachedModel, CompletionCache

SAMPLINGS = [Sampling(max_tokens=4), Sampling(max_tokens=1, top_logprobs=3)]


def run(server: StandIn, directory: Path, name: str = "openai/model") -> tuple[list[str], list[str]]:
    """Ask as a process of its own would; return the texts and the warnings."""
    cache = CompletionCache(directory)
    model = CachedModel(open_model(name, api_base=server.url + ("" if "ollama" in name else "/v1")), cache)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        texts = [model.complete(prompt, sampling).text.strip() for prompt in (RAW, CHAT) for sampling in SAMPLINGS]
    model.close()
    cache.close()
    return texts, [str(one.message) for one in caught if one.category is RuntimeWarning]


@pytest.mark.slow
@pytest.mark.parametrize("telling", TELLING)
@pytest.mark.parametrize("logprobs", [True, False])
def test_other_weights_under_the_same_name_are_asked_anew(tmp_path: Path, telling: str, logprobs: bool) -> None:
    ignores = frozenset() if logprobs else frozenset({"logprobs"})
    with StandIn(Switches(telling=telling, ignores=ignores)) as server:
        first, _ = run(server, tmp_path)
        asked = server.completions
        again, warned = run(server, tmp_path)
        assert (again, warned) == (first, [])
        assert server.completions == asked + (telling != "digest"), "one stored prompt is asked anew"
        server.switches = Switches(telling=telling, ignores=ignores, weights="b")
        others, warned = run(server, tmp_path)
        assert others == ["negative"] * 4 != first
        if telling in ("id", "nothing"):
            assert len(warned) == 1
            assert "other weights under the name openai/model" in warned[0]
        asked = server.completions
        assert run(server, tmp_path) == (others, [])
        assert server.completions == asked + (telling != "digest")


def test_weights_that_come_back_find_their_completions(tmp_path: Path) -> None:
    with StandIn() as server:
        first, _ = run(server, tmp_path)
        server.switches = Switches(weights="b")
        run(server, tmp_path)
        asked = server.completions
        server.switches = Switches()
        assert run(server, tmp_path) == (first, [])
        assert server.completions == asked + 1


def test_ollama_tells_a_hash_so_nothing_is_asked_anew(tmp_path: Path) -> None:
    with StandIn() as server:
        run(server, tmp_path, "ollama/model")
        asked = server.completions
        run(server, tmp_path, "ollama/model")
        assert server.completions == asked
        server.switches = Switches(weights="b")
        assert run(server, tmp_path, "ollama/model")[0] == ["negative"] * 4


def test_a_server_that_takes_more_than_before_is_asked_anew(tmp_path: Path) -> None:
    def told(**switches: object) -> Completion:
        server.switches = Switches(**switches)  # type: ignore[arg-type]
        model = CachedModel(open_model("openai/model", api_base=f"{server.url}/v1"), CompletionCache(tmp_path))
        model.start(probes=True, anew=True)
        return model.complete(RAW, SAMPLINGS[1])

    with StandIn() as server:
        assert told(refuses=frozenset({"logprobs"})).first_token is None
        assert told().first_token


def test_a_stored_prompt_that_no_longer_fits_makes_new_completions(tmp_path: Path) -> None:
    with StandIn() as server:
        run(server, tmp_path)
        for warnings in (1, 0):  # the second time, the refusal is known too
            server.faults.append((404, {"error": {"message": "File Not Found"}}))  # /v1/models
            server.faults.extend([(404, {"error": {"message": "File Not Found"}})] * 3)
            server.faults.append((400, {"error": {"message": "This model's maximum context length is 3 tokens."}}))
            texts, warned = run(server, tmp_path)
            assert texts == ["positive"] * 4
            assert len(warned) == warnings


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"a": -0.1, "b": -2.5}, {"a": -0.2, "b": -2.2}, True),
        ({"a": -0.1, "b": -2.5}, {"a": -0.9, "b": -1.0}, False),
        ({"a": -0.1, "b": -9.0}, {"a": -0.1, "c": -9.0}, True),
        ({"a": -0.1}, {"c": -0.1}, False),
    ],
)
def test_log_probabilities_of_the_same_weights_may_differ_by_noise(
    one: dict[str, float], other: dict[str, float], same: bool
) -> None:
    assert same_weights(Completion(text="a", first_token=one), Completion(text="a", first_token=other)) is same


def test_which_of_two_equals_is_drawn_does_not_matter() -> None:
    equals = {"a": -0.7, "b": -0.75, "c": -4.0}
    one, other, third = (Completion(text=text, first_token=equals) for text in ("a x", "b y", "c z"))
    assert same_weights(one, other)
    assert not same_weights(one, third)


def test_long_texts_of_the_same_weights_may_part_late() -> None:
    text = "The town lies on the northern bank of the river, which is crossed by two bridges."
    late = text.replace("crossed by two bridges", "a border")
    early = text.replace("northern bank", "left side")
    one, same, other = (Completion(text=said) for said in (text, late, early))
    assert same_weights(one, same)
    assert not same_weights(one, other)
    assert not same_weights(Completion(text="yes"), Completion(text="yes, it is"))
