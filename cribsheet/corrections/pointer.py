"""Choose the word of an input at which the answer begins."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import ClassVar, Literal, NamedTuple

from cribsheet.corrections._base import (
    Answer,
    Asked,
    Correction,
    Need,
    unknown_inputs,
    unknown_signals,
    weights_in_words,
)
from cribsheet.corrections.extraction import beginning, written_value
from cribsheet.corrections.spans import Spans
from cribsheet.models import Completer, Sampling
from cribsheet.signature import Signature
from cribsheet.text import CJK, coverage, lead_text, terms

SIGNALS = ("likelihood", "written", "asked", "sentence", "near", "number", "capital", "rarity")
"""The names of the signals of a word; see `Pointer.weights`."""

_FADING = math.exp(-1 / 4)  # the signal `near` decays by this factor with each word
_SENTENCE_END = re.compile(r"[.!?][^\w\s]*\s|[。！？]")
_CHARACTER = re.compile(f"[{CJK}]")


class Place(NamedTuple):
    """A word of the text at which an answer may begin."""

    word: str
    """The word as written in the text, or one Chinese character."""
    signals: Mapping[str, float]
    """The value of each signal in `SIGNALS`."""


class Pointer(Correction):
    """Chooses the word of an input at which the answer begins: the one with the highest weighted sum of signals.

    This is a conditional logit (McFadden 1974, "Conditional logit analysis of qualitative choice behavior") over the
    words; pointer networks choose among their inputs in the same way (Vinyals et al. 2015, arXiv:1506.03134).
    """

    kind: Literal["pointer"] = "pointer"
    source: str
    """The input in which the answer begins."""
    lead: tuple[str, ...] = ()
    """The inputs that ask, such as `question`; if there are none, `asked`, `sentence` and `near` are 0."""
    weights: Mapping[str, float]
    """The weight of each signal of a word. `likelihood`: the natural log-probability of the first token that begins
    it. `written`: 1 if the written answer begins with it. `asked`: its rarity if the lead has it too, else 0.
    `sentence`: how much of the lead its sentence covers. `near`: how much of the lead comes shortly before it.
    `number`: 1 if it has a digit. `capital`: 1 if it is capitalised inside a sentence. `rarity`: how rare it is.
    All but `likelihood` are 0 to 1."""
    idf: Mapping[str, float] = {}
    """The inverse document frequency of each common term."""
    rare: float = 1.0
    """The inverse document frequency of all other terms."""

    label: ClassVar[str] = "pointed"
    needs: ClassVar[frozenset[Need]] = frozenset({"logprobs", "calls"})

    def apply(self, answer: Answer, asked: Asked, model: Completer) -> Answer:
        """Let the model write the answer again from the chosen word; return the answer unchanged if it begins there."""
        value, first_token = written_value(answer, asked), answer.completion.first_token
        if answer.prompt.is_chat or value is None or not first_token:
            return answer
        text, lead = str(asked.inputs[self.source]), lead_text(asked.inputs, self.lead)
        word = self.points_at(text, lead, written=value, first_token=first_token)
        if not word or Spans(text).begun(beginning(answer.text, value)).startswith(word.lower()):
            return answer
        begun = asked.layout.output_mark.gap + word
        prompt = answer.prompt.followed_by(begun)
        rest = model.complete(prompt, Sampling(max_tokens=asked.max_tokens))
        words = begun + rest.text
        outputs = {asked.signature.outputs[0].name: words.strip()}
        return replace(answer, outputs=outputs, text=words, further=(*answer.further, (prompt, rest)))

    def misfits(self, signature: Signature) -> Sequence[str]:
        """Return the texts that are no inputs, and the signals that do not exist."""
        return [
            *unknown_inputs(signature, source=self.source),
            *(misfit for name in self.lead for misfit in unknown_inputs(signature, lead=name)),
            *unknown_signals(self.weights, SIGNALS),
        ]

    def describe(self) -> Mapping[str, str]:
        """Name the weights of the signals."""
        return {"begins at the word with most": weights_in_words(self.weights)}

    def caveat(self, signature: Signature) -> str:
        """Say where the answer begins."""
        return (
            f"The pointer: Cribsheet chooses the word of {self.source} at which {signature.outputs[0].name} begins, "
            "and the model continues from there. In this export the model chooses its own beginning."
        )

    def points_at(self, text: str, lead: str, *, written: str, first_token: Mapping[str, float]) -> str:
        """Return the word of the text at which the answer should begin, as written there; empty if there are no words.

        `lead` is the text of the inputs that ask, `written` is the answer that the model wrote, and `first_token` has
        the natural log-probabilities of the alternatives for its first token.
        """
        places = self.places(text, lead, written=written, first_token=first_token)
        return max(places, key=self._score).word if places else ""

    def places(self, text: str, lead: str, *, written: str, first_token: Mapping[str, float]) -> list[Place]:
        """Return all words of the text with their signals, in order."""
        spans, asked = Spans(text), frozenset(terms(lead))
        begun, begins = spans.begun(written), _Beginnings(first_token)
        weight_of_lead = math.fsum(map(self._rarity, asked)) or 1.0
        places, near = [], 0.0
        for sentence in _sentences(spans):
            covered = coverage(asked, {word.term for word in sentence}, idf=self.idf, rare=self.rare) if asked else 0.0
            for at, word in enumerate(sentence):
                rarity = self._rarity(word.term)
                repeated = rarity if word.term in asked else 0.0
                signals = {
                    "likelihood": begins.logprob(word.rest),
                    "written": float(bool(begun) and word.rest.startswith(begun)),
                    "asked": repeated,
                    "sentence": covered,
                    "near": min(1.0, near),
                    "number": float(any(map(str.isdigit, word.text))),
                    "capital": float(at > 0 and word.text[0].isupper()),
                    "rarity": rarity,
                }
                places.append(Place(word.text, signals))
                near = (near + repeated / weight_of_lead) * _FADING
        return places

    def _rarity(self, term: str) -> float:
        return self.idf.get(term, self.rare) / self.rare

    def _score(self, place: Place) -> float:
        return math.fsum(weight * place.signals[name] for name, weight in self.weights.items())


class _Word(NamedTuple):
    text: str
    term: str
    rest: str
    """The text from this word to the end, in lower case."""


def _sentences(spans: Spans) -> Iterator[list[_Word]]:
    """Yield the words of each sentence."""
    sentence: list[_Word] = []
    end = 0
    for at, word in spans.words():
        if sentence and _SENTENCE_END.search(spans.text, end, at):
            yield sentence
            sentence = []
        end = at + len(word)
        pair = spans.text[at : at + 2] if _CHARACTER.match(word) else word  # a Chinese term is a pair of characters
        sentence.append(_Word(word, next(terms(pair), ""), spans.folded[at:]))
    if sentence:
        yield sentence


class _Beginnings:
    """The reported first tokens, compared without case and surrounding white space."""

    def __init__(self, first_token: Mapping[str, float]):
        self._starts: dict[str, float] = {}
        for token, logprob in first_token.items():
            start = token.strip().lower()
            if start:
                self._starts[start] = max(logprob, self._starts.get(start, logprob))
        self._longest = max(map(len, self._starts), default=0)
        self._untold = min(first_token.values(), default=0.0) - 1.0
        self._space = first_token.get(" ", self._untold)

    def logprob(self, rest: str) -> float:
        """Return the log-probability of the longest token that the text begins with.

        If there is none, return one nat less than the lowest reported log-probability. Many tokenizers write a space
        before a number as a token of its own, which then stands for the number.
        """
        starts = (rest[:length] for length in range(self._longest, 0, -1))
        other = self._space if rest[0].isdigit() else self._untold
        return next((self._starts[start] for start in starts if start in self._starts), other)
