"""What real models answer that have to extract, in this process and behind Ollama's API."""

import pytest
from ollama_server import OllamaServer

from cribsheet.corrections import Extraction, Pointer
from cribsheet.frozen import Decoding, FrozenPrompt
from cribsheet.frozen.running import ask
from cribsheet.layout.catalogue import layout_named
from cribsheet.layout.parsing import ParseFailure
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
    decoding=Decoding(max_tokens=12, top_logprobs=1),
    corrections=(Extraction(source="context"),),
)


@pytest.mark.model
def test_a_model_that_invents_is_made_to_write_words_of_the_context(
    smollm: EmbeddedModel, ollama_server: OllamaServer
) -> None:
    served = OllamaModel("ollama_chat/smollm", api_base=ollama_server.url)
    for model in (smollm, served):
        answer = ask(PROMPT, INPUTS, model)
        assert not isinstance(answer.outputs, ParseFailure)
        written = answer.raw.outputs
        assert not isinstance(written, ParseFailure)
        assert not is_grounded(written["answer"], INPUTS["context"])
        assert is_grounded(answer.outputs["answer"], INPUTS["context"])
        assert [change.by for change in answer.changes] == ["extraction"]


@pytest.mark.model
def test_a_model_goes_on_from_the_word_that_a_pointer_says(smollm: EmbeddedModel, ollama_server: OllamaServer) -> None:
    served = OllamaModel("ollama_chat/smollm", api_base=ollama_server.url)
    at_the_name = PROMPT.with_corrections(*PROMPT.corrections, Pointer(source="context", weights={"capital": 1.0}))
    for model in (smollm, served):
        answer = ask(at_the_name, INPUTS, model)
        assert not isinstance(answer.outputs, ParseFailure)
        assert str(answer.outputs["answer"]).startswith("Bergen")
        assert is_grounded(answer.outputs["answer"], INPUTS["context"])
