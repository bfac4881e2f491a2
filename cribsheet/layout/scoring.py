"""Score outcomes by the probability of the whole words that stand for them."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from cribsheet.layout.spelling import Spelling, is_whole
from cribsheet.prompts import Piece

SHARE = 0.98
"""The part to account for of the probability that could still change the decision."""
MOST_CALLS = 12
"""The most further calls for one decision. Each reads a few tokens: the prompt is in the engine's prefix cache."""

_SURE = 0.9  # how likely the model has to go on with a word, to be taken to go on with the rest of it
_LONG, _LIKELY = 4, 0.5  # letters from which on a beginning is taken to be gone on with, at least so likely
_LEAST = 1e-12
_LESS = 1e-9  # nats that an outcome of which nothing is told stands below all others


class Alternative(NamedTuple):
    """What a model might say next."""

    text: bytes
    """The token's bytes; none if it ends the answer."""
    logprob: float
    """Its natural log-probability."""
    piece: Piece | None
    """What to begin the answer with in order to go on from there; None if the model cannot."""


NextAlternatives = Callable[[tuple[Piece, ...]], Sequence[Alternative] | None]
"""Tells what may come after the beginning of an answer; None if the model does not tell."""


class Scores(NamedTuple):
    """How likely each outcome is."""

    logprobs: dict[str, float]
    """By outcome, natural log-probabilities that are normalised."""
    unassigned: float
    """The share of the probability that went to no outcome, 0 to 1."""


class _Open(NamedTuple):
    """A beginning of an answer that is not decided yet."""

    said: bytes
    logprob: float
    may: frozenset[str]
    """The outcomes that it may become."""
    begun: tuple[Piece, ...] | None
    """What the model has to be given to go on from there; None if it cannot."""
    is_greedy: bool
    """Whether greedy decoding begins with it."""
    goes_on: float
    """How likely the only word that it begins is taken to be gone on with; 0 if that was not seen yet."""

    @property
    def mass(self) -> float:
        return math.exp(self.logprob)

    @property
    def doubt(self) -> float:
        """How much of its probability may yet go elsewhere than to the outcome that it is taken for."""
        return self.mass * (1 - self.goes_on)

    @property
    def is_vague(self) -> bool:
        """Whether it says little of what may come: several words share it, or it ends inside a character."""
        return len(self.may) > 1 or not (self.goes_on or is_whole(self.said))


class Scoring:
    """The probability of each outcome's word, as far as it is known.

    What may begin a word (a blank, part of a character, letters that several words begin with, or some of one
    word) stays open until `go_on` has the model go on from it.

    >>> scoring = Scoring(Spelling({"a": "yes", "b": "no"}), [Alternative(b" yes", math.log(0.9), " yes")])
    >>> round(scoring.scores().unassigned, 3)
    0.1
    """

    def __init__(self, spelling: Spelling, told: Sequence[Alternative], *, calls: int = 0):
        self.calls = calls
        """The further calls so far."""
        self._spelling = spelling
        self._spoken: dict[str, list[float]] = {outcome: [] for outcome in spelling.words}
        self._open: list[_Open] = []
        self._logprobs = [one.logprob for one in told]
        self._take(told, _Open(b"", 0.0, frozenset(self._spoken), (), is_greedy=True, goes_on=0.0))

    def go_on(self, next_alternatives: NextAlternatives) -> None:
        """Have the model go on from what leaves most in doubt, until little is or `MOST_CALLS` are made."""
        while self.calls < MOST_CALLS and (live := [one for one in self._live() if one.begun]):
            one = max(live, key=lambda beginning: beginning.doubt)
            told = next_alternatives(one.begun or ())
            self.calls += 1
            self._open.remove(one)
            if told is None:
                self._open.append(one._replace(begun=None))
            else:
                self._take(told, one)

    @property
    def is_silent(self) -> bool:
        """Whether nothing that was told speaks for any outcome."""
        return not any(self._sums().values())

    @property
    def needs_text(self) -> bool:
        """Whether the text that the model writes could tell more: what is still open begins it, or nothing speaks."""
        return self.is_silent or any(one.is_greedy for one in self._live())

    def hear(self, outcome: str | None) -> None:
        """Take in which outcome the model writes by greedy decoding; None if it is none of them."""
        if self.is_silent and outcome is not None:
            self._spoken[outcome].append(max(self._logprobs, default=0.0))
            return
        for one in [one for one in self._open if one.is_greedy]:
            self._open.remove(one)
            if outcome in one.may:
                self._spoken[outcome].append(one.logprob)

    def scores(self) -> Scores:
        """Return the probabilities; all outcomes have the same one if nothing speaks for any.

        An outcome that nothing speaks for gets the most that it can have: as much as the least likely of what was
        told, or all that was not told.
        """
        sums = {outcome: logsumexp(spoken) for outcome, spoken in self._sums().items() if spoken}
        untold = 1 - math.fsum(map(math.exp, self._logprobs))
        floor = min([math.log(max(untold, _LEAST)), *self._logprobs, *(one - _LESS for one in sums.values())])
        known = {outcome: sums.get(outcome, floor) for outcome in self._spoken}
        total = logsumexp(known.values())
        unassigned = 1 - math.fsum(map(math.exp, sums.values()))
        logprobs = {outcome: logprob - total for outcome, logprob in known.items()}
        return Scores(logprobs, min(1.0, max(0.0, unassigned)))

    def _take(self, told: Sequence[Alternative], before: _Open) -> None:
        """Take in what may come after a beginning."""
        best = max((one.logprob for one in told), default=0.0)
        for one in told:
            said, logprob = before.said + one.text, before.logprob + one.logprob
            got, may = self._spelling.read(said, ended=not one.text)
            if may:
                begun = None if before.begun is None or one.piece is None else (*before.begun, one.piece)
                is_greedy = before.is_greedy and one.logprob == best
                self._open.append(_Open(said, logprob, may, begun, is_greedy, _goes_on(before, may, one)))
            for outcome in got:
                self._spoken[outcome].append(logprob - math.log(len(got)))

    def _live(self) -> list[_Open]:
        """Return the open beginnings that could still matter: they leave more than `SHARE` allows in doubt.

        By themselves, those that several outcomes share, or that end inside a character; together, those that may
        become the outcome that leads, or one that could still overtake it.
        """
        contested = self._contested()
        mass = math.fsum(one.mass for one in self._open) + math.fsum(map(self._mass, self._spoken))
        allowed = (1 - SHARE) * mass
        decisive = contested if math.fsum(one.doubt for one in contested) > allowed else []
        return [one for one in self._open if one in decisive or (one.is_vague and one.mass > allowed)]

    def _contested(self) -> list[_Open]:
        """Return the open beginnings that could change which outcome leads."""
        least = {outcome: self._least(outcome) for outcome in self._spoken}
        most = {outcome: self._mass(outcome) + _sum(self._open, outcome) for outcome in self._spoken}
        leader = max(least, key=least.__getitem__)
        contenders = {outcome for outcome in least if outcome != leader and most[outcome] > least[leader]}
        return [one for one in self._open if contenders and one.may & (contenders | {leader})]

    def _least(self, outcome: str) -> float:
        """Return what an outcome has at least, if the model goes on with a word as it went on with it before."""
        return self._mass(outcome) + math.fsum(one.mass * one.goes_on for one in self._open if outcome in one.may)

    def _mass(self, outcome: str) -> float:
        return math.fsum(map(math.exp, self._spoken[outcome]))

    def _sums(self) -> Mapping[str, list[float]]:
        """Return the log-probabilities that speak for each outcome, with what is still open.

        What begins one word counts for it. What begins several is shared out if it matters, unless it may become
        any of them; if it does not matter it counts for none.
        """
        spoken = {outcome: [*logprobs] for outcome, logprobs in self._spoken.items()}
        live = self._live()
        for one in self._open:
            if len(one.may) == 1 or (one in live and len(one.may) < len(spoken)):
                for outcome in one.may:
                    spoken[outcome].append(one.logprob - math.log(len(one.may)))
        return spoken


def logsumexp(values: Iterable[float]) -> float:
    """Return the logarithm of the sum of exponentials, without overflow."""
    listed = list(values)
    top = max(listed)
    if math.isinf(top):
        return top
    return top + math.log(math.fsum(math.exp(value - top) for value in listed))


def _goes_on(before: _Open, may: frozenset[str], told: Alternative) -> float:
    """Return how likely a word is taken to be gone on with, after one more of its tokens; 0 if that is not known."""
    said, share = before.said + told.text, math.exp(told.logprob)
    if len(may) > 1:
        return 0.0
    if not is_whole(said):  # half a character says little of the next half: many characters begin alike
        return before.goes_on if share >= _SURE else 0.0
    # The last byte of a character tells which character it is, not which word.
    seen = share**2 if share >= _SURE and len(before.may) == 1 and is_whole(before.said) else 0.0
    letters = said.decode().strip()
    is_long = len(letters) >= _LONG and not any(map(str.isdigit, letters))
    return max(seen, _LIKELY if is_long else 0.0)


def _sum(beginnings: Iterable[_Open], outcome: str) -> float:
    return math.fsum(one.mass for one in beginnings if outcome in one.may)
