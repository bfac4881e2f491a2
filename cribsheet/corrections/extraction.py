"""Make a written answer a span of an input."""

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar, Literal

from cribsheet.corrections._base import Answer, Asked, Correction, Need
from cribsheet.corrections.spans import extract
from cribsheet.layout.parsing import ParseFailure
from cribsheet.models import Completer, Sampling
from cribsheet.models.next_token import NextTokens
from cribsheet.outcomes import Unanswerable
from cribsheet.signature import Signature
from cribsheet.text import is_grounded

ALTERNATIVES = 64
"""How many tokens to ask for if an answer may be extracted; some servers tell fewer."""


class Extraction(Correction):
    """Replaces a written answer that is not a span of an input with the span that constrained decoding gives.

    Greedy decoding under a constraint, as De Cao et al. 2021 ("Autoregressive Entity Retrieval",
    arXiv:2010.00904). Chats are not corrected: not every server lets a client write the first words of the answer.
    """

    kind: Literal["extraction"] = "extraction"
    source: str
    """The input that the answer has to be a span of."""

    label: ClassVar[str] = "extractive"
    needs: ClassVar[frozenset[Need]] = frozenset({"logprobs", "calls"})

    def apply(self, answer: Answer, asked: Asked, model: Completer) -> Answer:
        """Return the answer as a span of the source; an answer that abstains stays as it is."""
        value = written_value(answer, asked)
        if answer.prompt.is_chat or value is None:
            return answer
        source = str(asked.inputs[self.source])
        if is_grounded(value, source):
            return answer
        # What ends the answer is an alternative, too.
        unstopped = answer.prompt.model_copy(update={"stop": ()})
        next_token = NextTokens(unstopped, model, Sampling(max_tokens=1, top_logprobs=ALTERNATIVES))
        begun = beginning(answer.text, value)
        span = extract(begun, source, next_token, stops=answer.prompt.stop, tokens=asked.max_tokens)
        further = (*answer.further, *next_token.asked)
        if not span:
            return replace(answer, further=further)
        return replace(answer, outputs={asked.signature.outputs[0].name: span}, further=further)

    def describe(self) -> Mapping[str, str]:
        """Return where answers are extracted from."""
        return {"extracted from": self.source}

    def caveat(self, signature: Signature) -> str:
        """Return what happens to an answer that is no span of the source."""
        field = signature.outputs[0]
        return (
            f"Extraction: if {field.name} is not a span of {self.source}, Cribsheet has the model write it again, "
            f"from tokens alone with which some span of {self.source} goes on. Here it stays as it was written."
        )


def written_value(answer: Answer, asked: Asked) -> str | None:
    """Return the text of the first output, empty if it could not be read; None if the answer abstains."""
    if isinstance(answer.outputs, ParseFailure):
        return ""
    value = answer.outputs[asked.signature.outputs[0].name]
    return None if isinstance(value, Unanswerable) else str(value)


def beginning(text: str, value: str) -> str:
    """Return the text up to the end of the value; empty if anything but white space comes before the value."""
    before, found, _ = text.partition(value) if value else (text, "", "")
    return "" if before.strip() else before + found
