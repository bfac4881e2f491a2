"""Draw demonstration sets, those demos more often that were in sets that did well."""

import math
import random
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from statistics import fmean, pstdev
from typing import Any

from cribsheet.dataset.examples import Demo
from cribsheet.search.demos import answered_only, by_outcome, in_turn
from cribsheet.signature import Signature
from cribsheet.text import terms

POOL = 32
"""Demos that are drawn from: few enough that each is seen in several sets."""
CONSIDERED = 160
"""The most demos that a pool is chosen from, and the most that it is to cover: more would be slow to compare."""
_PULL, _PULL_OF_DEMOS = 1.5, 5.0  # a choice of effect 1 is made more often by e to this; a demo's effect is small
_NOTHING = 1e-9
_DOUBT = 3.0  # the candidates without effect that each choice is taken to have been in


class Effects:
    """What choices do for a candidate's merit, learnt from candidates that made several at once.

    A choice's effect is the mean of how much better than usual the candidates with it did, in standard
    deviations, shrunk towards nothing as if it had been in some more candidates without effect.
    """

    def __init__(self, rng: random.Random, *, pull: float = _PULL):
        self._rng, self._pull = rng, pull
        self._told: list[tuple[tuple[Hashable, ...], str, float]] = []
        self._known: dict[Hashable, float] | None = None

    def learn(self, choices: Iterable[Hashable], merit: float, *, kind: str = "") -> None:
        """Take in what came of some choices; candidates are compared with those of their kind."""
        self._told.append((tuple(choices), kind, merit))
        self._known = None

    def of(self, choice: Hashable) -> float:
        """Return a choice's effect, 0 if it was never made."""
        if self._known is None:
            self._known = self._fit()
        return self._known.get(choice, 0.0)

    def shuffled(self, choices: Iterable[Hashable]) -> list[Any]:
        """Return choices in random order, good ones likely first (Efraimidis & Spirakis 2006)."""
        keys = {choice: self._rng.expovariate(math.exp(self._pull * self.of(choice))) for choice in choices}
        return sorted(keys, key=keys.__getitem__)

    def _fit(self) -> dict[Hashable, float]:
        usual = defaultdict(list)
        for _, kind, merit in self._told:
            usual[kind].append(merit)
        means = {kind: fmean(merits) for kind, merits in usual.items()}
        rests = [merit - means[kind] for _, kind, merit in self._told]
        spread = pstdev(rests) if rests else 0.0
        if spread < _NOTHING:
            return {}
        sums: dict[Hashable, float] = defaultdict(float)
        counts: Counter[Hashable] = Counter()
        for (choices, _, _), rest in zip(self._told, rests, strict=True):
            for choice in choices:
                sums[choice] += rest / spread
                counts[choice] += 1
        return {choice: sums[choice] / (counts[choice] + _DOUBT) for choice in sums}


class DemoSampler:
    """Draws demo sets for one predictor, and learns from what came of them."""

    def __init__(self, signature: Signature, pool: Sequence[Demo], *, rng: random.Random):
        self.pool = tuple(pool)
        """What is drawn from."""
        self.effects = Effects(rng, pull=_PULL_OF_DEMOS)
        """Of each demo, by its place in the pool."""
        self.signature, self._rng = signature, rng
        self._places = {id(demo): place for place, demo in enumerate(self.pool)}

    def learn(self, demos: Sequence[Demo], merit: float, *, kind: str) -> None:
        """Take in what came of a set; sets are compared with those of their kind, such as a layout's."""
        self.effects.learn([self._places[id(demo)] for demo in demos if id(demo) in self._places], merit, kind=kind)

    def effect(self, demo: Demo) -> float:
        """Return a demo's effect, 0 if it is not in the pool."""
        return self.effects.of(self._places.get(id(demo)))

    def draw(self, size: int, *, without: Sequence[Demo] = (), answered: bool = False) -> tuple[Demo, ...]:
        """Return up to `size` demos, as many of each outcome as can be, in random order.

        With `answered`, none that abstains.
        """
        shown = {id(demo) for demo in without}
        left = tuple(demo for demo in self.pool if id(demo) not in shown)
        groups = by_outcome(self.signature, answered_only(self.signature, left) if answered else left)
        queues = [self.effects.shuffled(self._places[id(demo)] for demo in group) for group in groups]
        return tuple(self.pool[place] for place in in_turn(queues, size=size, rng=self._rng))


def covering(signature: Signature, demos: Sequence[Demo], *, size: int, rng: random.Random) -> tuple[Demo, ...]:
    """Return up to `size` demos that resemble as much of the inputs as can be, as many of each outcome as can be.

    Greedy facility location (Nemhauser et al. 1978) on the share of terms that two inputs have in common,
    rare terms counting more.
    """
    considered = demos if len(demos) <= CONSIDERED else rng.sample(list(demos), CONSIDERED)
    groups = sorted(by_outcome(signature, considered), key=len)  # what few leave goes to those that follow
    chosen: list[Demo] = []
    for number, group in enumerate(groups):
        chosen += _spread(group, (size - len(chosen)) // (len(groups) - number))
    return tuple(chosen)


def _spread(demos: Sequence[Demo], size: int) -> list[Demo]:
    bags = [frozenset(term for value in demo.inputs.values() for term in terms(str(value))) for demo in demos]
    seen = Counter(term for bag in bags for term in bag)
    weight = {term: math.log(1 + len(bags) / count) for term, count in seen.items()}
    totals = [math.fsum(weight[term] for term in bag) or 1.0 for bag in bags]

    def likeness(one: int, other: int) -> float:
        common = math.fsum(weight[term] for term in bags[one] & bags[other])
        return common / (totals[one] + totals[other] - common)

    table = [[likeness(one, other) for other in range(len(bags))] for one in range(len(bags))]
    covered = [0.0] * len(bags)
    left, chosen = list(range(len(bags))), list[int]()
    while left and len(chosen) < size:
        best = max(left, key=lambda one: sum(max(a, b) for a, b in zip(table[one], covered, strict=True)))
        left.remove(best)
        chosen.append(best)
        covered = [max(a, b) for a, b in zip(table[best], covered, strict=True)]
    return [demos[place] for place in chosen]
