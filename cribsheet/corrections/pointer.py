"""Choose the word of a text with which an answer begins."""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import ClassVar, Literal, NamedTuple

from cribsheet.corrections._base import Answer, Asked, Correction, Need, weights_in_words
from cribsheet.corrections.extraction import beginning, written_value
from cribsheet.corrections.spans import Spans
from cribsheet.models import Completer, Sampling
from cribsheet.signature import Signature
from cribsheet.text import CJK, coverage, lead_text, terms

SIGNALS = ("likelihood", "written", "asked", "sentence", "near", "number", "capital", "rarity")
"""What is known of each word; see `Pointer.weights`."""

_FADING = math.exp(-1 / 4)  # what one word more leaves of the nearness of what is asked
_SENTENCE_END = re.compile(r"[.!?][^\w\s]*\s|[。！？]")
_CHARACTER = re.compile(f"[{CJK}]")


class Place(NamedTuple):
    """Where an answer may begin."""

    word: str
    """What starts there: a word as it stands in the text, or a Chinese character."""
    signals: Mapping[str, float]
    """By the names in `SIGNALS`."""


class Pointer(Correction):
    """Chooses the word with which an extracted answer begins, by a weighted sum of signals.

    The answer begins at the word whose weighted signals sum up highest: a conditional logit (McFadden 1974,
    "Conditional logit analysis of qualitative choice behavior") over the words, as pointer networks choose
    among their inputs (Vinyals et al. 2015, arXiv:1506.03134).
    """

    kind: Literal["pointer"] = "pointer"
    source: str
    """The input in which the answer begins."""
    lead: tuple[str, ...] = ()
    """The inputs that ask; without any, `asked`, `sentence` and `near` are 0."""
    weights: Mapping[str, float]
    """By signal of a word: `likelihood`, the natural log-probability of the first token that begins it;
    `written`, 1 at the word with which the written answer begins; `asked`, how rare it is, where the lead has it too;
    `sentence`, how much of the lead its sentence covers; `near`, how much of the lead comes shortly before it;
    `number`, 1 where it has a digit; `capital`, 1 where it is capitalised inside a sentence; `rarity`, how rare
    it is. All but `likelihood` are 0 to 1."""
    idf: Mapping[str, float] = {}
    """How much each common term counts; rarer terms count `rare`."""
    rare: float = 1.0
    """How much a term counts that is not in `idf`."""

    label: ClassVar[str] = "pointed"
    needs: ClassVar[frozenset[Need]] = frozenset({"logprobs", "calls"})

    def apply(self, answer: Answer, asked: Asked, model: Completer) -> Answer:
        """Return what the model writes from the word on at which the answer should begin."""
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

    def describe(self) -> Mapping[str, str]:
        """Return the weights of the signals."""
        return {"begins at the word with most": weights_in_words(self.weights)}

    def caveat(self, signature: Signature) -> str:
        """Return where the answer begins."""
        return (
            f"The pointer: {signature.outputs[0].name} begins at the word of {self.source} that the pointer's weights "
            "favour, and the model goes on from there. Here it begins as the model writes it."
        )

    def points_at(self, text: str, lead: str, *, written: str, first_token: Mapping[str, float]) -> str:
        """Return the word of a text with which the answer begins, as it stands there; empty if it has no words.

        `lead` is what is asked, `written` the answer as the model wrote it, and `first_token` has the natural
        log-probabilities of what it might have begun with.
        """
        places = self.places(text, lead, written=written, first_token=first_token)
        return max(places, key=self._score).word if places else ""

    def places(self, text: str, lead: str, *, written: str, first_token: Mapping[str, float]) -> list[Place]:
        """Return all words of a text with their signals, in order."""
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
    """The text from there on, in lower case."""


def _sentences(spans: Spans) -> Iterator[list[_Word]]:
    """Yield the words of each sentence."""
    sentence: list[_Word] = []
    end = 0
    for at, word in spans.words():
        if sentence and _SENTENCE_END.search(spans.text, end, at):
            yield sentence
            sentence = []
        end = at + len(word)
        pair = spans.text[at : at + 2] if _CHARACTER.match(word) else word  # terms are pairs of such characters
        sentence.append(_Word(word, next(terms(pair), ""), spans.folded[at:]))
    if sentence:
        yield sentence


class _Beginnings:
    """The first tokens that the model told, compared without case and leading white space."""

    def __init__(self, first_token: Mapping[str, float]):
        self._starts: dict[str, float] = {}
        for token, logprob in first_token.items():
            start = token.strip().lower()
            if start:
                self._starts[start] = max(logprob, self._starts.get(start, logprob))
        self._longest = max(map(len, self._starts), default=0)
        self._untold = min(first_token.values(), default=0.0) - 1.0

    def logprob(self, rest: str) -> float:
        """Return that of the longest token that a text begins with; one nat below the lowest if there is none."""
        starts = (rest[:length] for length in range(self._longest, 0, -1))
        return next((self._starts[start] for start in starts if start in self._starts), self._untold)
