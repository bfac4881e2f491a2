"""Score outcomes by the probability of the whole words that stand for them."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from cribsheet.layout.spelling import Spelling, is_whole
from cribsheet.prompts import Piece

SHARE = 0.98
"""Of the probability that could still change the decision, the share that has to be assigned to outcomes."""
MOST_CALLS = 12
"""The most further calls for one decision. Each reads few tokens: the prompt is in the engine's prefix cache."""
MANY = 12
"""If there are more outcomes, many of them share beginnings of several tokens. Then only those beginnings are continued
that could still change the decision, and not those that only make the probabilities more exact."""
MOST_CALLS_OF_MANY = 24
"""The most further calls for a decision between many outcomes."""

_SURE = 0.9  # if the model continues a word with this probability, it is assumed to complete the word
_LONG, _LIKELY = 4, 0.5  # a beginning of at least _LONG letters is assumed to be continued with probability _LIKELY
_LEAST = 1e-12
_LESS = 1e-9  # an outcome without any evidence is scored this many nats below all others


class Alternative(NamedTuple):
    """One alternative for the next token."""

    text: bytes
    """The token's bytes; empty if it ends the answer."""
    logprob: float
    """Its natural log-probability."""
    piece: Piece | None
    """The token as a prefill, to continue the answer from there; None if the model does not support that."""


NextAlternatives = Callable[[tuple[Piece, ...]], Sequence[Alternative] | None]
"""Returns the alternatives for the next token after a beginning of an answer; None if the model does not report any."""


class Scores(NamedTuple):
    """How likely each outcome is."""

    logprobs: dict[str, float]
    """The normalised natural log-probability of each outcome."""
    unassigned: float
    """The share of the probability that belongs to no outcome, 0 to 1."""


class _Open(NamedTuple):
    """A beginning of an answer whose outcome is not known yet."""

    said: bytes
    logprob: float
    may: frozenset[str]
    """The outcomes that it can become."""
    begun: tuple[Piece, ...] | None
    """The prefill with which the model continues from here; None if it does not support that."""
    is_greedy: bool
    """Whether greedy decoding starts with this beginning."""
    goes_on: float
    """The assumed probability that the model completes the only word that this begins; 0 if not known yet."""

    @property
    def mass(self) -> float:
        return math.exp(self.logprob)

    @property
    def doubt(self) -> float:
        """How much of its probability may still go to something other than the outcome it is counted for."""
        return self.mass * (1 - self.goes_on)

    @property
    def is_vague(self) -> bool:
        """Whether it says little about how the answer continues: several words begin so, or it ends in a character."""
        return len(self.may) > 1 or not (self.goes_on or is_whole(self.said))


class Scoring:
    """The probability of each outcome's word, as far as it is known.

    A token may be only the beginning of a word: a space, part of a character, or a few letters. Such beginnings stay
    open until `go_on` asks the model how it continues from them.

    >>> scoring = Scoring(Spelling({"a": "yes", "b": "no"}), [Alternative(b" yes", math.log(0.9), " yes")])
    >>> round(scoring.scores().unassigned, 3)
    0.1
    """

    def __init__(self, spelling: Spelling, told: Sequence[Alternative], *, calls: int = 0):
        self.calls = calls
        """The number of further calls so far."""
        self._spelling = spelling
        self._spoken: dict[str, list[float]] = {outcome: [] for outcome in spelling.words}
        self._open: list[_Open] = []
        self._has_many = len(spelling.words) > MANY
        self._logprobs = [one.logprob for one in told]
        self._take(told, _Open(b"", 0.0, frozenset(self._spoken), (), is_greedy=True, goes_on=0.0))

    def go_on(self, next_alternatives: NextAlternatives) -> None:
        """Ask the model to continue from the most doubtful beginning, until little is in doubt.

        `next_alternatives` makes the calls, at most `MOST_CALLS` or `MOST_CALLS_OF_MANY` of them.
        """
        most = MOST_CALLS_OF_MANY if self._has_many else MOST_CALLS
        while self.calls < most and (live := [one for one in self._live() if one.begun]):
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
        """Whether no alternative supports any outcome."""
        return not any(self._sums().values())

    @property
    def needs_text(self) -> bool:
        """Whether the greedy text could tell more: it starts with an open beginning, or no outcome has support."""
        return self.is_silent or any(one.is_greedy for one in self._live())

    def hear(self, outcome: str | None, logprob: float | None = None) -> None:
        """Use the outcome that the model writes by greedy decoding; None if its text names no outcome.

        `logprob` is the log-probability of the whole text, if it is known. Of what its beginning has beyond that, the
        other outcomes that begin so get a part, each less than the one that the model writes.
        """
        if self.is_silent and outcome is not None:
            self._spoken[outcome].append(max(self._logprobs, default=0.0))
            return
        for one in [one for one in self._open if one.is_greedy]:
            self._open.remove(one)
            if outcome not in one.may:
                continue
            written = one.logprob if logprob is None else min(logprob, one.logprob)
            self._spoken[outcome].append(written)
            others = one.may - {outcome}
            rest = min(one.mass - math.exp(written), len(others) * math.exp(written) / 2)
            if rest > _LEAST:
                self._open.append(one._replace(logprob=math.log(rest), may=others, begun=None, is_greedy=False))

    def scores(self) -> Scores:
        """Return the probabilities; they are equal if no alternative supports any outcome.

        An outcome without support gets an upper bound of its probability: that of the least likely alternative, or
        the probability that the alternatives leave over, whichever is lower.
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
        """Add the alternatives that follow a beginning."""
        best = max((one.logprob for one in told), default=0.0)
        for one in told:
            said, logprob = before.said + one.text, before.logprob + one.logprob
            got, may = self._spelling.read(said, ended=not one.text)
            if may:
                begun = None if before.begun is None or one.piece is None else (*before.begun, one.piece)
                is_greedy = before.is_greedy and one.logprob == best
                self._open.append(_Open(said, logprob, may, begun, is_greedy, self._goes_on(before, may, one)))
            for outcome in got:
                self._spoken[outcome].append(logprob - math.log(len(got)))

    def _goes_on(self, before: _Open, may: frozenset[str], told: Alternative) -> float:
        """Return the assumed probability that the model completes a word after one more token of it; 0 if not known."""
        said, share = before.said + told.text, math.exp(told.logprob)
        if len(may) > 1:
            return 0.0
        if not is_whole(said):  # half a character says little of the next half: many characters begin alike
            return before.goes_on if share >= _SURE else 0.0
        letters = self._spelling.begun(said, *may)
        if not letters:  # "very" says little of what follows: "very good", or another word
            return 0.0
        # The last byte of a character tells which character it is, not which word.
        seen = share**2 if share >= _SURE and len(before.may) == 1 and is_whole(before.said) else 0.0
        is_long = len(letters) >= _LONG and not any(map(str.isdigit, letters))
        return max(seen, _LIKELY if is_long else 0.0)

    def _live(self) -> list[_Open]:
        """Return the open beginnings that matter, because they leave more probability in doubt than `SHARE` allows.

        A vague beginning matters if it alone exceeds that limit. Beginnings of the leading outcome, or of one that
        could still overtake it, matter if they exceed the limit together.
        """
        contested = self._contested()
        mass = math.fsum(one.mass for one in self._open) + math.fsum(map(self._mass, self._spoken))
        allowed = (1 - SHARE) * mass
        decisive = contested if math.fsum(one.doubt for one in contested) > allowed else []
        if self._has_many:
            return decisive
        return [one for one in self._open if one in decisive or (one.is_vague and one.mass > allowed)]

    def _contested(self) -> list[_Open]:
        """Return the open beginnings that can change which outcome leads."""
        least = {outcome: self._least(outcome) for outcome in self._spoken}
        most = {outcome: self._mass(outcome) + _sum(self._open, outcome) for outcome in self._spoken}
        leader = max(least, key=least.__getitem__)
        contenders = {outcome for outcome in least if outcome != leader and most[outcome] > least[leader]}
        return [one for one in self._open if contenders and one.may & (contenders | {leader})]

    def _least(self, outcome: str) -> float:
        """Return the least probability of an outcome if the model completes the words that it has begun."""
        return self._mass(outcome) + math.fsum(one.mass * one.goes_on for one in self._open if outcome in one.may)

    def _mass(self, outcome: str) -> float:
        return math.fsum(map(math.exp, self._spoken[outcome]))

    def _sums(self) -> Mapping[str, list[float]]:
        """Return the log-probabilities that support each outcome, open beginnings included.

        A beginning of one word counts for its outcome. A beginning of several words counts for none if it can become
        every outcome. Otherwise it is divided among them if it matters (see `_live`), or if there are many outcomes.
        """
        spoken = {outcome: [*logprobs] for outcome, logprobs in self._spoken.items()}
        divided = self._open if self._has_many else self._live()
        for one in self._open:
            if len(one.may) == 1 or (one in divided and len(one.may) < len(spoken)):
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


def _sum(beginnings: Iterable[_Open], outcome: str) -> float:
    return math.fsum(one.mass for one in beginnings if outcome in one.may)
