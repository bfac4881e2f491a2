"""Race layouts, demonstration sets and orders against each other, in blocks of rows."""

from collections.abc import Iterable, Iterator, Sequence

from cribsheet.examples import Demo
from cribsheet.layout import Layout
from cribsheet.search.candidate import Candidate
from cribsheet.search.demos import answered_only, balanced, short
from cribsheet.search.elimination import ALPHA, is_worse
from cribsheet.search.study import Study
from cribsheet.search.trial import Trial

SCREEN, RACE = 0.2, 0.6
"""The parts of the budget that the layouts and the demo sets may spend; refinement has the rest."""
ENTRY = 0.4
"""The part of a stage's budget that goes into first blocks; the survivors' further rows have the rest."""
FIRST_BLOCK = 16
SCREEN_DEMOS = 4
SIZES = (4, 8, 12, 16)
MOST_TOKENS = 640
"""The longest demo sets, in tokens: a model of this class gets lost in longer prompts, and each is read often."""
_GROWTH = 2
_DOUBT = 0.3  # the level at which a challenger is given up: most are no better, and there are always more
_MOST_SETS = 1000  # a small trainset repeats itself long before
LOOKS = 5
"""How often a candidate is looked at: after 16, 32, 64, 128 and 256 rows."""


def search(study: Study) -> None:
    """Screen the layouts with few demos, race demo sets in the best ones, then refine the winner.

    In each stage all candidates answer the same rows, block by block, and after each block the ones
    that a paired test finds worse than the leader drop out, as does the lower half. What a stage
    may spend decides how many candidates enter it.
    """
    whole = study.ledger.left
    study.progress.stage("screening layouts")
    screen = _Stage(study, SCREEN * whole)
    layouts = [_layout(trial) for trial in screen.run(_layouts(study), keep=2)] or study.layouts[:1]
    study.progress.stage("racing demonstrations")
    race = _Stage(study, RACE * whole, seen=screen.seen)
    race.run(_demo_sets(study, layouts), keep=1)
    study.progress.stage("refining the winner")
    _refine(study, race.seen)


class _Stage:
    """One race, with a budget of its own."""

    def __init__(self, study: Study, allowance: float, *, seen: set[str] | None = None):
        self.study = study
        self.seen = set() if seen is None else seen
        self._start = study.ledger.left
        self._allowance = allowance

    def run(self, candidates: Iterable[Candidate], *, keep: int) -> list[Trial]:
        """Race candidates until `keep` are left or all rows are answered; return them, the best first."""
        rows = min(FIRST_BLOCK, len(self.study.val))
        trials = self._enter(candidates, rows, least=keep)
        while True:
            trials = _survivors(trials, keep=keep)
            rows = min(rows * _GROWTH, len(self.study.val))
            if len(trials) <= keep or trials[0].rows == rows:
                return trials[:keep]
            for trial in trials:
                self.study.extend(trial, rows)

    def _enter(self, candidates: Iterable[Candidate], rows: int, *, least: int) -> list[Trial]:
        """Answer the first block with one candidate after the other, until the entry budget is spent."""
        trials: list[Trial] = []
        for candidate in candidates:
            spent = self._start - self.study.ledger.left
            if spent >= ENTRY * self._allowance and len(trials) >= least:
                break
            if candidate.key not in self.seen and self.study.fits(candidate):
                self.seen.add(candidate.key)
                trials.append(self.study.trial(candidate))
                self.study.extend(trials[-1], rows)
        return trials


def _survivors(trials: Sequence[Trial], *, keep: int) -> list[Trial]:
    """Return the better half, less those that are worse than the leader by a paired test."""
    ranked = sorted(trials, key=lambda trial: -trial.merit)
    half = ranked[: max(keep, -(-len(ranked) // 2))]
    level = ALPHA / (LOOKS * max(1, len(trials) - 1))
    return [
        trial
        for place, trial in enumerate(half)
        if place < keep or not is_worse(ranked[0].merits, trial.merits, level=level)
    ]


def _layouts(study: Study) -> Iterator[Candidate]:
    demos = _demos(study, SCREEN_DEMOS)
    for layout in study.layouts:
        yield study.candidate(layout, demos, origin=f"layout {layout.name}")


def _demo_sets(study: Study, layouts: Sequence[Layout]) -> Iterator[Candidate]:
    """Yield random demo sets of every size; the better layout gets two in three."""
    sizes = _sizes(study)
    for number in range(_MOST_SETS):
        layout = layouts[0] if number % 3 < 2 else layouts[-1]
        size = sizes[number % len(sizes)]
        yield study.candidate(layout, _demos(study, size), origin=f"{size} demos, {layout.name}")


def _sizes(study: Study) -> tuple[int, ...]:
    """Return the demo counts that stay within `MOST_TOKENS`, half and all of `SCREEN_DEMOS` at least."""
    longest = max(
        study.model.count_tokens("\n".join(str(value) for demo in short(pool) for value in demo.inputs.values()))
        / max(1, len(short(pool)))
        for pool in study.pools.values()
    )
    fitting = tuple(size for size in SIZES if size * longest <= MOST_TOKENS)
    return fitting if len(fitting) > 1 else (SCREEN_DEMOS // 2, SCREEN_DEMOS)


def _demos(study: Study, size: int) -> dict[str, tuple[Demo, ...]]:
    """Return a random demo set for each predictor; every other one shows answers alone where a guard decides."""
    chosen = {}
    for name, signature in study.signatures.items():
        pool = short(study.pools[name])
        if study.may_guard and study.rng.random() < 0.5:
            pool = answered_only(signature, pool)
        chosen[name] = balanced(signature, pool, size=size, rng=study.rng)
    return chosen


def _refine(study: Study, seen: set[str]) -> None:
    """Change the best candidate a little, again and again, until the budget ends or nothing new comes up."""
    leader = study.best
    while leader is not None:
        fresh = [one for one in _neighbours(study, leader.candidate) if one.key not in seen and study.fits(one)]
        if not fresh:
            return
        for candidate in fresh:
            seen.add(candidate.key)
            leader = _challenge(study, leader, study.trial(candidate))
        study.extend(leader, min(leader.rows * _GROWTH, len(study.val)))


def _challenge(study: Study, leader: Trial, challenger: Trial) -> Trial:
    """Return the better of the two; the challenger answers ever more of the leader's rows while it keeps up."""
    rows = FIRST_BLOCK
    while rows < leader.rows:
        study.extend(challenger, rows)
        if is_worse(leader.merits[:rows], challenger.merits, level=_DOUBT):
            return leader
        rows *= _GROWTH
    study.extend(challenger, leader.rows)
    return challenger if challenger.merit > leader.merit else leader


def _neighbours(study: Study, candidate: Candidate) -> Iterator[Candidate]:
    """Yield a swap, an order, a larger and a smaller demo set for each predictor in turn."""
    rng = study.rng
    for name, prompt in candidate.prompts.items():
        demos = list(prompt.demos)
        pool = [demo for demo in study.pools[name] if demo not in demos]
        changes: dict[str, list[Demo]] = {}
        if demos and pool:
            place = rng.randrange(len(demos))
            changes["a demo swapped"] = [*demos[:place], rng.choice(pool), *demos[place + 1 :]]
        if len(demos) > 1:
            changes["reordered"] = rng.sample(demos, len(demos))
        if pool:
            changes["grown"] = [*rng.sample(pool, min(2, len(pool))), *demos]
        if len(demos) > 2:
            dropped = rng.randrange(len(demos))
            changes["shrunk"] = demos[:dropped] + demos[dropped + 1 :]
        for how, changed in changes.items():
            update = {"demos": tuple(changed), "calibration": None, "guard": None}
            origin = f"{candidate.origin.split(';')[0]}; {how}"
            yield candidate.with_prompt(name, prompt.model_copy(update=update), origin=origin)


def _layout(trial: Trial) -> Layout:
    return next(iter(trial.candidate.prompts.values())).layout
