"""Whatever was asked before, a prompt is answered as if none of its tokens had been read alone."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slot_engine import EXACT, ROUNDED, SlotEngine

from cribsheet.models import Sampling
from cribsheet.models.embedded import EmbeddedModel
from cribsheet.prompts import Message, Prompt
from tiny_gguf import tiny_gguf

FIRST = Sampling(max_tokens=1, top_logprobs=1)
WRITTEN = Sampling(max_tokens=6, top_logprobs=1)


class Slotted(EmbeddedModel):
    """A model whose engine is the stand-in."""

    def __init__(self, path: Path, engine: SlotEngine) -> None:
        super().__init__("embedded/tiny", path=path, context_window=64)
        self._slotted = engine

    def _started(self) -> Any:
        return self._slotted


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_gguf("attention", tmp_path_factory.mktemp("weights") / "tiny.gguf")


@pytest.fixture(scope="module")
def engine() -> Iterator[SlotEngine]:
    with SlotEngine(ends="x") as engine:
        yield engine


def logprobs(weights: Path, engine: SlotEngine, asked: Sequence[tuple[Prompt, Sampling]]) -> list[float]:
    """Return the log-probability of the first token after each prompt."""
    model = Slotted(weights, engine)
    engine.forget()
    told = [model.complete(prompt, sampling).first_token or {} for prompt, sampling in asked]
    return [logprob for one in told for logprob in one.values()]


def raw(text: str) -> Prompt:
    return Prompt(text=text)


def chat(text: str, begun: str = "") -> Prompt:
    turns = Prompt(messages=(Message(role="user", content=text),))
    return turns.followed_by(begun) if begun else turns


@pytest.mark.parametrize(
    "asked",
    [
        [(raw("Film:"), WRITTEN), (raw("Film:ab"), FIRST), (raw("Film:babab"), FIRST)],
        [(raw("Film:"), FIRST), (raw("Film:a"), FIRST), (raw("Film:abba"), FIRST), (raw("Film:"), FIRST)],
        [(raw("x"), FIRST), (raw("xabab"), FIRST)],
        [(chat("Film"), FIRST), (chat("Film", "bab"), FIRST)],
        [(chat("Film"), WRITTEN), (chat("Film", "bab"), FIRST), (chat("Film", "babab"), FIRST)],
    ],
)
def test_a_prompt_that_continues_others_is_exact(
    weights: Path, engine: SlotEngine, asked: Sequence[tuple[Prompt, Sampling]]
) -> None:
    assert logprobs(weights, engine, asked)[1:] == [EXACT] * (len(asked) - 1)


def test_a_prompt_that_continues_one_whose_first_token_was_asked_for_again_is_exact(
    weights: Path, engine: SlotEngine
) -> None:
    """To ask for the first token again, the engine reads the last token of the prompt alone."""
    asked = [(raw("Film:x"), FIRST), (raw("Film:xaba"), FIRST)]
    assert logprobs(weights, engine, asked) == [ROUNDED, EXACT]


TEXTS = st.builds(lambda text, length: text[:length], st.sampled_from(["abxababxab", "abxbaxxaba"]), st.integers(2, 10))
PROMPTS = st.one_of(TEXTS.map(raw), st.builds(chat, TEXTS, st.sampled_from(["", "a", "ba", "bab", "ababa"])))


@given(asked=st.lists(st.tuples(PROMPTS, st.sampled_from([FIRST, WRITTEN])), min_size=1, max_size=8))
def test_all_prompts_are_exact_whatever_was_asked_before(
    weights: Path, engine: SlotEngine, asked: list[tuple[Prompt, Sampling]]
) -> None:
    told = zip(asked, logprobs(weights, engine, asked), strict=True)
    assert {one for (prompt, _), one in told if not prompt.full_text.endswith("x")} <= {EXACT}
