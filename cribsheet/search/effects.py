"""Learn which choices make a candidate better."""

import math
import random
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable
from statistics import fmean, pstdev
from typing import Any

_PULL = 1.5  # a choice of effect 1 is drawn more often by e to the power of this
_NOTHING = 1e-9
_DOUBT = 3.0  # each choice counts as if it had been in this many more candidates, without any effect


class Effects:
    """The effects of choices on a candidate's merit, such as of its layout and its number of demos.

    Each candidate makes several choices at once. A choice's effect is how much better the candidates with it did than
    the others on average, in standard deviations. It is shrunk towards 0 if the choice was made only a few times.
    """

    def __init__(self, rng: random.Random, *, pull: float = _PULL):
        self._rng, self._pull = rng, pull
        self._told: list[tuple[tuple[Hashable, ...], str, float]] = []
        self._known: dict[Hashable, float] | None = None

    def learn(self, choices: Iterable[Hashable], merit: float, *, kind: str = "") -> None:
        """Learn from the merit of a candidate that made these choices. It is compared with others of its kind."""
        self._told.append((tuple(choices), kind, merit))
        self._known = None

    def of(self, choice: Hashable) -> float:
        """Return a choice's effect, 0 if it was never made."""
        if self._known is None:
            self._known = self._fit()
        return self._known.get(choice, 0.0)

    def shuffled(self, choices: Iterable[Hashable]) -> list[Any]:
        """Return the choices in random order, with good ones more likely first (Efraimidis & Spirakis 2006)."""
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
