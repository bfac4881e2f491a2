"""What real models answer that have to extract, in this process and behind Ollama's API."""

import pytest
from ollama_server import OllamaServer

from cribsheet.corrections.pointer import Pointer
from cribsheet.dataset.examples import Prediction
from cribsheet.frozen import Decoding, FrozenPrompt
from cribsheet.frozen.running import ask
from cribsheet.layout.catalogue import layout_named
from cribsheet.models.embedded import EmbeddedModel
from cribsheet.models.ollama import OllamaModel
from cribsheet.text import is_grounded
from toys import QA

INPUTS = {
    "question": "What colour was the ship?",
    "context": "The ship left at dawn with two hundred passengers, and reached Bergen after nine days of storms.",
}
PROMPT = FrozenPrompt(
    signature=QA,
    layout=layout_named("plain-lead-last"),
    instructions="",
    decoding=Decoding(max_tokens=12, top_logprobs=1, extract_from="context"),
)


@pytest.mark.model
def test_a_model_that_invents_is_made_to_write_words_of_the_context(
    smollm: EmbeddedModel, ollama_server: OllamaServer
) -> None:
    served = OllamaModel("ollama_chat/smollm", api_base=ollama_server.url)
    for model in (smollm, served):
        answer = ask(PROMPT, INPUTS, model)
        assert isinstance(answer.prediction, Prediction)
        assert answer.plain is not None
        assert not is_grounded(answer.plain.answer, INPUTS["context"])
        assert is_grounded(answer.prediction.answer, INPUTS["context"])
        assert answer.extracted == answer.prediction.answer


@pytest.mark.model
def test_a_model_goes_on_from_the_word_that_a_pointer_says(smollm: EmbeddedModel, ollama_server: OllamaServer) -> None:
    served = OllamaModel("ollama_chat/smollm", api_base=ollama_server.url)
    at_the_name = PROMPT.model_copy(update={"pointer": Pointer(weights={"capital": 1.0})})
    for model in (smollm, served):
        answer = ask(at_the_name, INPUTS, model)
        assert answer.extracted is not None
        assert answer.extracted.startswith("Bergen")
        assert is_grounded(answer.extracted, INPUTS["context"])
