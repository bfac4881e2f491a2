"""What real models decide, in this process and behind a server, is what they would write."""

import pytest
from ollama_server import OllamaServer
from openai_server import OpenAIServer

from cribsheet.corrections import Answer
from cribsheet.dataset.examples import Demo
from cribsheet.frozen import Decoding, FrozenPrompt
from cribsheet.frozen.running import ask
from cribsheet.layout.catalogue import layout_named
from cribsheet.layout.parsing import ParseFailure
from cribsheet.models import Completer
from cribsheet.models.embedded import EmbeddedModel
from cribsheet.models.litellm import LiteLLMModel
from cribsheet.models.ollama import OllamaModel
from cribsheet.signature import Field, Signature

pytestmark = pytest.mark.model

REVIEWS = {
    "Superb in every way, we loved it.": 1,
    "Awful. Broken on the first day.": 0,
    "A lovely evening, thank you!": 1,
    "Rude staff and cold soup.": 0,
    "Never again, a waste of money.": 0,
    "The best thing that I ever bought.": 1,
}
"""By text, whether it is good."""
KINDS = {
    "digits": (1, 5),
    "emoji": ("🙁", "🙂"),
    "Hindi": ("नकारात्मक", "सकारात्मक"),
    "Chinese": ("差", "好"),
    "beginnings": ("not good", "not bad"),
    "cases": ("bad", "BAD"),
}
TEXT = "A wonderful place, clean and friendly."


def prompt_of(labels: tuple[str | int, ...], *, layout: str = "plain", decide_by: str = "logprobs") -> FrozenPrompt:
    field = Field(name="label", kind="label", labels=labels)
    demos = tuple(Demo(inputs={"text": text}, outputs={"label": labels[good]}) for text, good in REVIEWS.items())
    return FrozenPrompt(
        signature=Signature(name="Any", instructions="", inputs=(Field(name="text"),), outputs=(field,)),
        layout=layout_named(layout),
        instructions="",
        demos=demos,
        decoding=Decoding.model_validate({"decide_by": decide_by, "max_tokens": 24, "top_logprobs": 20}),
    )


def decided(model: Completer, labels: tuple[str | int, ...], *, layout: str = "plain") -> Answer:
    answer = ask(prompt_of(labels, layout=layout), {"text": TEXT}, model)
    assert not isinstance(answer.outputs, ParseFailure)
    assert answer.unassigned is None or answer.unassigned < 0.9
    return answer


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("layout", ["plain", "chat"])
def test_the_label_is_decided_that_the_model_writes(smollm: EmbeddedModel, kind: str, layout: str) -> None:
    labels = KINDS[kind]
    written = ask(prompt_of(labels, layout=layout, decide_by="text"), {"text": TEXT}, smollm)
    answer = decided(smollm, labels, layout=layout)
    assert answer.logprobs is not None
    assert answer.outputs == written.outputs


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("layout", ["plain", "chat"])
def test_a_server_decides_as_the_embedded_model_does(
    smollm: EmbeddedModel, openai_server: OpenAIServer, kind: str, layout: str
) -> None:
    served = LiteLLMModel("openai/smollm", api_base=f"{openai_server.url}/v1")
    assert decided(served, KINDS[kind], layout=layout).outputs == decided(smollm, KINDS[kind], layout=layout).outputs


@pytest.mark.parametrize("kind", ["digits", "emoji", "beginnings"])
def test_so_does_ollama(smollm: EmbeddedModel, ollama_server: OllamaServer, kind: str) -> None:
    served = OllamaModel("ollama/smollm", api_base=ollama_server.url)
    assert decided(served, KINDS[kind]).outputs == decided(smollm, KINDS[kind]).outputs
