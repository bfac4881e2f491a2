"""Race layouts, demonstration sets and orders against each other, in blocks of rows."""

from collections.abc import Iterator, Sequence

from cribsheet.examples import Demo
from cribsheet.layout import Layout
from cribsheet.search.candidate import Candidate
from cribsheet.search.demos import answered_only, balanced, short
from cribsheet.search.elimination import ALPHA, is_worse
from cribsheet.search.study import Study
from cribsheet.search.trial import Trial

SHARES = {"layouts": 0.3, "demos": 0.45}
"""What part of the budget each stage may spend; refinement has the rest."""
FIRST_BLOCK = 16
SCREEN_DEMOS = 4
SIZES = (4, 8, 12, 16)
_GROWTH = 2


def search(study: Study) -> None:
    """Screen the layouts with few demos, race demo sets in the best ones, then refine the winner.

    In each stage all candidates answer the same rows, block by block, and after each block the ones
    that a paired test finds worse than the leader drop out, as does the lower half. The next stages
    go on for as long as the budget lasts.
    """
    race = _Race(study)
    layouts = race.layouts()
    trials = race.demo_sets(layouts)
    race.refine(trials[0])


class _Race:
    def __init__(self, study: Study):
        self.study = study
        self.seen: set[str] = set()
        self.start = study.ledger.left

    def layouts(self) -> list[Layout]:
        """Return the two best layouts, screened with one small demo set."""
        study = self.study
        study.progress.stage("screening layouts")
        demos = self._demos(SCREEN_DEMOS)
        count = self._affordable(SHARES["layouts"], demos=SCREEN_DEMOS)
        candidates = [
            study.candidate(layout, demos, origin=f"layout {layout.name}") for layout in study.layouts[:count]
        ]
        trials = self._run(candidates, keep=2)
        return [next(iter(trial.candidate.prompts.values())).layout for trial in trials]

    def demo_sets(self, layouts: Sequence[Layout]) -> list[Trial]:
        """Return the best trials of random demo sets in the surviving layouts, the best first."""
        study = self.study
        study.progress.stage("racing demonstrations")
        count = self._affordable(SHARES["demos"], demos=SIZES[1])
        candidates = []
        for number in range(count):
            layout = layouts[0] if number % 3 < 2 else layouts[-1]
            size = SIZES[number % len(SIZES)]
            candidates.append(study.candidate(layout, self._demos(size), origin=f"{size} demos, {layout.name}"))
        trials = self._run(candidates, keep=1)
        best = study.best
        return [best] if best else trials

    def refine(self, leader: Trial) -> None:
        """Change the leader a little, again and again, until the budget ends or nothing new comes up."""
        study = self.study
        study.progress.stage("refining the winner")
        while True:
            fresh = [candidate for candidate in self._neighbours(leader.candidate) if self._is_new(candidate)]
            if not fresh:
                return
            for candidate in fresh:
                leader = self._challenge(leader, study.trial(candidate))
            study.extend(leader, min(leader.rows * _GROWTH, len(study.val)))

    def _run(self, candidates: Sequence[Candidate], *, keep: int) -> list[Trial]:
        """Race candidates until `keep` are left or all rows are answered; return them, the best first."""
        study = self.study
        trials = [study.trial(candidate) for candidate in candidates if self._is_new(candidate)]
        rows = FIRST_BLOCK
        while trials:
            rows = min(rows, len(study.val))
            for trial in trials:
                study.extend(trial, rows)
            trials = self._survivors(trials, keep=keep)
            if len(trials) <= keep or rows == len(study.val):
                break
            rows *= _GROWTH
        return trials[:keep]

    def _survivors(self, trials: Sequence[Trial], *, keep: int) -> list[Trial]:
        ranked = sorted(trials, key=lambda trial: -trial.mean)
        half = ranked[: max(keep, -(-len(ranked) // 2))]
        level = ALPHA / max(1, len(trials) - 1)
        leader = ranked[0].evaluation.scores
        return [
            trial
            for place, trial in enumerate(half)
            if place < keep or not is_worse(leader, trial.evaluation.scores, level=level)
        ]

    def _challenge(self, leader: Trial, challenger: Trial) -> Trial:
        """Return the better of the two: the challenger must keep up on ever more of the leader's rows."""
        rows = FIRST_BLOCK
        while rows < leader.rows:
            self.study.extend(challenger, rows)
            if challenger.mean < _mean(leader.evaluation.scores[:rows]):
                return leader
            rows *= _GROWTH
        self.study.extend(challenger, leader.rows)
        return challenger if challenger.mean > leader.mean else leader

    def _neighbours(self, candidate: Candidate) -> Iterator[Candidate]:
        """Yield a swap, an order, a larger and a smaller set for each predictor in turn."""
        rng = self.study.rng
        for name, prompt in candidate.prompts.items():
            demos = list(prompt.demos)
            pool = [demo for demo in self.study.pools[name] if demo not in demos]
            if demos and pool:
                place = rng.randrange(len(demos))
                swapped = [*demos[:place], rng.choice(pool), *demos[place + 1 :]]
                yield self._changed(candidate, name, swapped, "a demo swapped")
            if len(demos) > 1:
                yield self._changed(candidate, name, rng.sample(demos, len(demos)), "reordered")
            if pool:
                yield self._changed(candidate, name, [*rng.sample(pool, min(2, len(pool))), *demos], "grown")
            if len(demos) > 2:
                shrunk = [demo for place, demo in enumerate(demos) if place != rng.randrange(len(demos))]
                yield self._changed(candidate, name, shrunk, "shrunk")

    def _changed(self, candidate: Candidate, name: str, demos: Sequence[Demo], how: str) -> Candidate:
        prompt = candidate.prompts[name].model_copy(update={"demos": tuple(demos), "calibration": None, "guard": None})
        return candidate.with_prompt(name, prompt, origin=f"{candidate.origin.split(';')[0]}; {how}")

    def _demos(self, size: int) -> dict[str, tuple[Demo, ...]]:
        """Return a random demo set for each predictor; every other one shows answers alone where a guard decides."""
        study, chosen = self.study, {}
        for name, signature in study.signatures.items():
            pool = short(study.pools[name])
            if study.guard is not None and study.rng.random() < 0.5:
                pool = answered_only(signature, pool)
            chosen[name] = balanced(signature, pool, size=size, rng=study.rng)
        return chosen

    def _is_new(self, candidate: Candidate) -> bool:
        if candidate.key in self.seen or not self.study.fits(candidate):
            return False
        self.seen.add(candidate.key)
        return True

    def _affordable(self, share: float, *, demos: int) -> int:
        """Return how many candidates a share of the budget can race, at least two."""
        baseline = self.study.trials[0]
        row = baseline.cost / baseline.rows
        # A row of a demo costs about as much as a row to answer, once a block; calls have no prefix.
        prefix = 0 if self.study.ledger.budget.unit == "calls" else demos
        # Halving after each doubled block costs each candidate about twice its first block.
        return max(2, int(share * self.start / (row * (FIRST_BLOCK + prefix) * 2)))


def _mean(scores: Sequence[float]) -> float:
    return sum(scores) / len(scores)
