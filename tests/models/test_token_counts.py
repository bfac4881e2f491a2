"""Counts that a server's tokenizer gives are stored; estimates are not."""

from pathlib import Path

import pytest
from recording_server import HANG_UP
from stand_in import StandIn, Switches, words

from cribsheet.models import open_model
from cribsheet.models._estimate import estimate_tokens
from cribsheet.models.cache import CachedModel, CompletionCache


@pytest.mark.parametrize("tokenizer", ["llama", "vllm"])
@pytest.mark.parametrize("fault", [(500, "busy"), (200, "<html>"), (200, {"tokens": None}), (HANG_UP, "")])
def test_an_estimate_is_not_stored_as_a_count(tmp_path: Path, tokenizer: str, fault: tuple[int, object]) -> None:
    text = "Water is wet and the sea is made of it."
    with StandIn(Switches(tokenizer=tokenizer)) as server:
        model = CachedModel(open_model("openai/model", api_base=f"{server.url}/v1"), CompletionCache(tmp_path))
        assert model.counts_exactly
        server.faults.append(fault)
        assert model.count_tokens(text) == estimate_tokens(text) != len(words(text))
        assert model.count_tokens(text) == len(words(text))
        asked = len(server.requests)
        assert model.count_tokens(text) == len(words(text))
        assert len(server.requests) == asked
