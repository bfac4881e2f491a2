"""A decision model inside this process, and the same one behind its own server."""

from collections.abc import Iterator
from typing import Literal

import pytest

from cribsheet.dataset.examples import Demo
from cribsheet.errors import ContextOverflowError, ModelError
from cribsheet.frozen import Decoding, FrozenPrompt
from cribsheet.frozen.running import ask
from cribsheet.layout.catalogue import QUESTIONS, layout_named
from cribsheet.models import Sampling, open_model, weights
from cribsheet.models.embedded import EmbeddedModel
from cribsheet.models.embedded_decisions import EmbeddedDecisions
from cribsheet.models.systemone import SystemOneModel
from cribsheet.prompts import Option, Prompt, Question
from decision_weights import write_decision_weights
from toys import SENTIMENT

SAMPLING = Sampling(max_tokens=1, top_logprobs=20)
KINDS: list[tuple[Literal["choice", "noul", "score"], tuple[str, ...]]] = [
    ("choice", ("negative", "positive", "mixed")),
    ("noul", ("negative", "positive")),
    ("score", ("1", "2", "3")),
]


SHOWN = (("dull", "negative"), ("superb", "positive"))


def asking(kind: Literal["choice", "noul", "score"], words: tuple[str, ...], *, text: str = "A superb film.") -> Prompt:
    options = tuple(Option(word=word) for word in words)
    return Prompt(text=text, question=Question(type=kind, name="mood", instructions="Which mood?", options=options))


@pytest.fixture(scope="session")
def decider(smollm: EmbeddedModel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedDecisions]:
    """SmolLM2 as a decision model."""
    smollm.count_tokens("")  # which fetches the weights
    source = weights.locate("smollm2-135m", directory=weights.models_directory())
    assert source is not None
    target = write_decision_weights(source, tmp_path_factory.mktemp("weights") / "decider.gguf")
    model = open_model(f"systemone/{target}")
    assert isinstance(model, EmbeddedDecisions)
    yield model
    model.close()


@pytest.mark.model
@pytest.mark.parametrize(("kind", "words"), KINDS)
def test_it_gives_the_probability_of_each_option(
    decider: EmbeddedDecisions, kind: Literal["choice", "noul", "score"], words: tuple[str, ...]
) -> None:
    completion = decider.complete(asking(kind, words), SAMPLING)
    told = completion.first_token or {}
    assert set(told) == set(words)
    assert sum(2.718281828**logprob for logprob in told.values()) == pytest.approx(1, abs=1e-3)
    assert completion.text == max(told, key=told.__getitem__)
    assert completion.usage.prompt_tokens > 20


@pytest.mark.model
@pytest.mark.parametrize(("kind", "words"), KINDS)
def test_a_llama_server_gives_the_same(
    decider: EmbeddedDecisions, kind: Literal["choice", "noul", "score"], words: tuple[str, ...]
) -> None:
    served = SystemOneModel("systemone/decider", api_base=decider.address)
    prompt = asking(kind, words)
    there, here = served.complete(prompt, SAMPLING), decider.complete(prompt, SAMPLING)
    assert there.first_token == pytest.approx(here.first_token, abs=0.05)
    assert there.usage.prompt_tokens == here.usage.prompt_tokens
    assert served.digest is not None


@pytest.mark.model
def test_a_state_that_is_too_long_and_too_many_options_are_told_so(decider: EmbeddedDecisions) -> None:
    with pytest.raises(ContextOverflowError, match="Use fewer or shorter demonstrations"):
        decider.complete(asking("noul", ("no", "yes"), text="word " * 6000), SAMPLING)
    many = tuple(f"option {place}" for place in range(80))
    with pytest.raises(ModelError, match="supports at most 52"):
        decider.complete(asking("choice", many), SAMPLING)
    served = SystemOneModel("systemone/decider", api_base=decider.address)
    with pytest.raises(ContextOverflowError, match="Use fewer demos"):
        served.complete(asking("noul", ("no", "yes"), text="word " * 6000), SAMPLING)


@pytest.mark.model
def test_a_model_that_writes_is_no_decision_model(smollm: EmbeddedModel) -> None:
    with pytest.raises(ModelError, match=r"systemone/smollm2-135m is no decision model.*embedded/smollm2-135m"):
        open_model("systemone/smollm2-135m").complete(asking(*KINDS[0]), SAMPLING)
    served = SystemOneModel("systemone/smollm2-135m", api_base=smollm.address)
    with pytest.raises(ModelError, match="is no decision model"):
        served.complete(asking(*KINDS[0]), SAMPLING)


@pytest.mark.model
@pytest.mark.parametrize("name", [layout.name for layout in QUESTIONS if layout.style != "score"])
def test_a_frozen_prompt_with_demos_is_decided_by_it_in_each_layout(decider: EmbeddedDecisions, name: str) -> None:
    demos = [Demo(inputs={"text": f"The film was {word}."}, outputs={"sentiment": mood}) for word, mood in SHOWN]
    prompt = FrozenPrompt(
        signature=SENTIMENT,
        layout=layout_named(name),
        instructions=SENTIMENT.instructions,
        demos=tuple(demos),
        decoding=Decoding(decide_by="logprobs", top_logprobs=8),
    )
    answer = ask(prompt, {"text": "The soup was tasty."}, decider)
    assert answer.prompt.text.startswith(("Text: The film was dull.\nSentiment: negative", "<text>The film was dull."))
    assert answer.prompt.text.endswith("The soup was tasty.") or answer.prompt.text.endswith("</text>")
    assert answer.shares is not None
    assert sum(answer.shares.values()) == pytest.approx(1)
    assert answer.outputs in ({"sentiment": "negative"}, {"sentiment": "positive"})
