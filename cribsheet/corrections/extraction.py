"""Replace a written answer by a span of an input."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar, Literal

from cribsheet.corrections._base import Answer, Asked, Correction, Need, unknown_inputs
from cribsheet.corrections.spans import extract
from cribsheet.layout.parsing import ParseFailure
from cribsheet.models import Completer, Sampling
from cribsheet.models.next_token import NextTokens
from cribsheet.outcomes import is_absent
from cribsheet.signature import Signature
from cribsheet.text import is_grounded

ALTERNATIVES = 64
"""How many alternatives of each token to request for extraction; some servers report fewer."""


class Extraction(Correction):
    """Replaces a written answer that is not a span of an input by the span that constrained decoding gives.

    Constrained greedy decoding follows De Cao et al. 2021 ("Autoregressive Entity Retrieval", arXiv:2010.00904).
    Answers to chats are not corrected, because not every server accepts the beginning of an answer from the client.
    """

    kind: Literal["extraction"] = "extraction"
    source: str
    """The input of which the answer has to be a span."""

    label: ClassVar[str] = "extractive"
    needs: ClassVar[frozenset[Need]] = frozenset({"logprobs", "calls"})

    def apply(self, answer: Answer, asked: Asked, model: Completer) -> Answer:
        """Return the answer as a span of the source; an abstention stays unchanged."""
        value = written_value(answer, asked)
        if answer.prompt.is_chat or value is None:
            return answer
        source = str(asked.inputs[self.source])
        if is_grounded(value, source):
            return answer
        # Without stop sequences, the token that ends the answer is reported as one of the alternatives.
        unstopped = answer.prompt.model_copy(update={"stop": ()})
        next_token = NextTokens(unstopped, model, Sampling(max_tokens=1, top_logprobs=ALTERNATIVES))
        begun = beginning(answer.text, value)
        span = extract(begun, source, next_token, stops=answer.prompt.stop, tokens=asked.max_tokens)
        further = (*answer.further, *next_token.asked)
        if not span:
            return replace(answer, further=further)
        return replace(answer, outputs={asked.signature.outputs[0].name: span}, further=further)

    def misfits(self, signature: Signature) -> Sequence[str]:
        """Return the source if it is no input."""
        return unknown_inputs(signature, source=self.source)

    def describe(self) -> Mapping[str, str]:
        """Name the input that answers are extracted from."""
        return {"extracted from": self.source}

    def caveat(self, signature: Signature) -> str:
        """Say what happens to an answer that is not a span of the source."""
        field = signature.outputs[0]
        return (
            f"Extraction: if {field.name} is not a span of {self.source}, Cribsheet makes the model write it again, "
            f"using only tokens that continue a span of {self.source}. This export keeps what the model wrote."
        )


def written_value(answer: Answer, asked: Asked) -> str | None:
    """Return the first output as text; empty if it could not be parsed, None if the answer abstains."""
    if isinstance(answer.outputs, ParseFailure):
        return ""
    value = answer.outputs[asked.signature.outputs[0].name]
    return None if is_absent(value) else str(value)


def beginning(text: str, value: str) -> str:
    """Return the text up to the end of the value; empty if the text before the value is not only white space."""
    before, found, _ = text.partition(value) if value else (text, "", "")
    return "" if before.strip() else before + found
