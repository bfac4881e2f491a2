"""A probe finds out what an endpoint can do."""

from pathlib import Path

import pytest
from configurations import RAW
from stand_in import StandIn, Switches, words

from cribsheet.errors import ModelError, TransientError, UnreachableError
from cribsheet.models import Model, Sampling, open_model
from cribsheet.models.cache import CachedModel, CompletionCache
from cribsheet.models.capabilities import Capabilities, Told, described, refusals_in_words
from cribsheet.models.embedded import EmbeddedModel
from cribsheet.models.litellm import LiteLLMModel

ENGLISH = "It was a bright cold day in April, and the clocks were striking thirteen."
CODE = "def f(xs):\n    return {x: [y for y in xs if y > x] for x in xs}  # O(n²)\n"
CHINESE = "这部电影非常精彩，演员的表演令人难忘。"


def opened(server: StandIn, name: str = "openai/model", **options: int) -> Model:
    return open_model(name, api_base=server.url + ("" if name.startswith("ollama") else "/v1"), **options)


def probed(server: StandIn, tmp_path: Path, name: str = "openai/model") -> Capabilities:
    model = CachedModel(opened(server, name), CompletionCache(tmp_path))
    model.start(probes=True)
    assert model.capabilities
    return model.capabilities


@pytest.mark.slow
@pytest.mark.parametrize("wording", ["named", "silent", "echo"])
@pytest.mark.parametrize("status", [400, 422, 500, 501])
def test_what_is_refused_is_found_out_in_one_go(tmp_path: Path, status: int, wording: str) -> None:
    refused = frozenset({"seed", "n", "logit_bias", "stop"})
    with StandIn(Switches(refuses=refused, status=status, wording=wording, most_logprobs=5)) as server:
        found = probed(server, tmp_path)
    assert set(found.chat.refused) == set(found.raw.refused) == refused | {"grammar", "response_format"}
    assert (found.chat.logprobs, found.raw.logprobs) == (3, 3)
    assert found.chat.granted["logprobs"] == found.raw.granted["logprobs"] == 5


@pytest.mark.parametrize("status", [404, 405, 501])
@pytest.mark.parametrize("name", ["openai/model", "ollama/model"])
def test_an_endpoint_that_is_not_served_is_found_out(tmp_path: Path, status: int, name: str) -> None:
    with StandIn(Switches(raw=status)) as server:
        found = probed(server, tmp_path / "raw", name)
        assert (found.chat.works, found.raw.works) == (True, False)
        assert f"status {status}" in found.raw.reason
        server.switches = Switches(chat=status)
        found = probed(server, tmp_path / "chat", name)
        assert (found.chat.works, found.raw.works) == (False, True)


def test_a_server_that_does_neither_is_an_error_with_both_reasons(tmp_path: Path) -> None:
    with StandIn(Switches(raw=501, chat=404)) as server, pytest.raises(ModelError, match=r"status 404.*status 501"):
        probed(server, tmp_path)


def test_the_probe_is_kept_until_the_server_tells_otherwise(tmp_path: Path) -> None:
    with StandIn(Switches(telling="vllm")) as server:
        first = probed(server, tmp_path)
        assert server.completions == 6 == first.calls, "each endpoint, then with a grammar, then with a JSON Schema"
        assert probed(server, tmp_path) == first
        assert server.completions == 6
        server.switches = Switches(telling="vllm", window=2048)
        assert probed(server, tmp_path).told.context_window == 2048
        assert server.completions == 12


def test_a_model_asks_for_no_more_than_the_probe_was_granted(tmp_path: Path) -> None:
    with StandIn(Switches(refuses=frozenset({"seed"}))) as server:
        model = CachedModel(opened(server), CompletionCache(tmp_path))
        model.start(probes=True)
        before = server.completions
        assert model.complete(RAW, Sampling()).refused == ("seed",)
        assert server.completions == before + 1
        assert "seed" not in server.requests[-1].body


@pytest.mark.parametrize(("telling", "window"), [("llama", 2048), ("vllm", 2048), ("id", 4096), ("nothing", 4096)])
def test_the_context_window_is_the_one_that_is_told(tmp_path: Path, telling: str, window: int) -> None:
    with StandIn(Switches(telling=telling, window=2048)) as server:
        assert CachedModel(opened(server), CompletionCache(tmp_path)).context_window == window
        given = CachedModel(opened(server, context_window=512), CompletionCache(tmp_path))
        assert given.context_window == 512


def test_ollama_is_asked_for_no_larger_window_than_the_model_has(tmp_path: Path) -> None:
    with StandIn(Switches(window=2048)) as server:
        model = CachedModel(opened(server, "ollama/model"), CompletionCache(tmp_path))
        model.complete(RAW, Sampling())
        assert server.requests[-1].body["options"]["num_ctx"] == model.context_window == 2048


@pytest.mark.parametrize("tokenizer", ["llama", "vllm"])
@pytest.mark.parametrize("text", [ENGLISH, CODE, CHINESE])
def test_a_server_that_has_a_tokenizer_counts(tokenizer: str, text: str) -> None:
    with StandIn(Switches(tokenizer=tokenizer)) as server:
        assert opened(server).count_tokens(text) == len(words(text))


@pytest.mark.parametrize("tokenizer", ["broken", "none"])
def test_without_a_tokenizer_tokens_are_estimated_from_above(tokenizer: str) -> None:
    with StandIn(Switches(tokenizer=tokenizer)) as server:
        model = LiteLLMModel("openai/model", api_base=f"{server.url}/v1")
        assert not model.counts_exactly
        assert model.count_tokens(ENGLISH) >= len(words(ENGLISH)) / 2


@pytest.mark.model
@pytest.mark.parametrize("text", [ENGLISH, CODE, CHINESE])
def test_llama_server_counts_as_the_model_does(smollm: EmbeddedModel, text: str) -> None:
    served = open_model("openai/smollm", api_base=smollm.address)
    assert served.count_tokens(text) == smollm.count_tokens(text)


@pytest.mark.model
def test_a_real_llama_server_is_found_out(smollm: EmbeddedModel, tmp_path: Path) -> None:
    model = CachedModel(open_model("openai/smollm", api_base=smollm.address), CompletionCache(tmp_path))
    model.start(probes=True)
    found = model.capabilities
    assert found
    assert (found.told.server, found.told.context_window) == ("llama-server", smollm.context_window)
    assert found.tokenizer == "llama-server"
    assert (found.chat.refused, found.raw.refused) == (("n",), ("n",)), "it has one slot"
    assert (found.chat.logprobs, found.raw.logprobs) == (20, 64)
    assert found.told.weights["n_params"] == 134515008
    assert model.digest
    assert model.digest.startswith("told:")


def test_nobody_there_is_said_as_ever(tmp_path: Path) -> None:
    model = CachedModel(open_model("openai/model", api_base="http://127.0.0.1:9/v1"), CompletionCache(tmp_path))
    with pytest.raises(UnreachableError, match="Start the server"):
        model.start(probes=True)


def test_what_is_lacking_is_said_in_words(tmp_path: Path) -> None:
    with StandIn(Switches(raw=404, refuses=frozenset({"stop"}), telling="nothing")) as server:
        found = probed(server, tmp_path)
    facts = dict(described(found))
    assert facts["raw completions"].startswith("no: ")
    assert "refuses or ignores stop" in facts["chats"]
    notes = list(refusals_in_words(found, {"stop"}, "openai/model"))
    assert "raw layouts were left out" in notes[0]
    assert "cut at the stop sequences afterwards" in notes[1]


@pytest.mark.parametrize("name", ["openai/model", "ollama/model"])
@pytest.mark.parametrize(("broken", "works"), [("chat", "raw"), ("raw", "chat")])
def test_a_kind_of_prompt_that_always_fails_is_left_out_with_a_note(
    tmp_path: Path, name: str, broken: str, works: str
) -> None:
    with StandIn(Switches(**{broken: 500})) as server:
        found = probed(server, tmp_path, name)
    assert getattr(found, works).works
    assert not getattr(found, broken).works
    (note,) = refusals_in_words(found, (), "model")
    assert "were left out" in note
    assert "is not served here" in note


@pytest.mark.slow
@pytest.mark.parametrize("status", [429, 503])
def test_a_server_that_is_busy_loses_no_kind_of_prompt(tmp_path: Path, status: int) -> None:
    with StandIn(Switches(chat=status)) as server, pytest.raises(TransientError):
        opened(server).probe(Told())
