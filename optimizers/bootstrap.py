"""Demonstrations out of a teacher's runs, mixed with labelled ones, compared in blocks of rows."""

from collections.abc import Iterator, Sequence

from cribsheet.examples import Demo
from cribsheet.search.candidate import Candidate
from cribsheet.search.demos import balanced
from cribsheet.search.elimination import is_worse
from cribsheet.search.harvest import bootstrapped, harvest
from cribsheet.search.reasoning import reasoning_variant
from cribsheet.search.study import Study
from cribsheet.search.trial import Trial

SETS = 16
"""Demo sets that are compared at most, without those that reason."""
SIZES = (8, 4, 6, 2)
FIRST_BLOCK = 16
ENTRY = 0.5
"""The part of the budget that goes into first blocks."""
LEVEL = 0.05
"""Of each comparison's test: a few sets are looked at a few times, and the leader is kept anyway."""


def search(study: Study) -> None:
    """Harvest, then compare demo sets on the same rows, block by block, dropping those worse than the leader.

    Every other set is asked in words too: to reason before it answers, where rationales were harvested.
    """
    harvest(study)
    study.progress.stage("comparing demonstrations")
    trials = _entered(study)
    rows = FIRST_BLOCK
    while trials and rows < len(study.val):
        trials = _survivors(trials)
        rows *= 2
        for trial in trials:
            study.extend(trial, rows)


def _entered(study: Study) -> list[Trial]:
    """Answer the first block with one demo set after the other, while the budget's part for that lasts."""
    whole, seen = study.ledger.left, set[str]()
    trials: list[Trial] = []
    for candidate in _candidates(study):
        if trials and whole - study.ledger.left >= ENTRY * whole:
            break
        if candidate.key not in seen and study.fits(candidate):
            seen.add(candidate.key)
            trials.append(study.trial(candidate))
            study.extend(trials[-1], FIRST_BLOCK)
    return trials


def _survivors(trials: Sequence[Trial]) -> list[Trial]:
    leader = max(trials, key=lambda trial: trial.merit)
    return [one for one in trials if one is leader or not is_worse(leader.merits, one.merits, level=LEVEL)]


def _candidates(study: Study) -> Iterator[Candidate]:
    """Yield demo sets, from bootstrapped demos alone to labelled ones alone, and what reasons beside every other."""
    layout = study.layouts[0]
    for number in range(SETS):
        size = SIZES[number % len(SIZES)]
        made = (size, size // 2, 0)[number % 3]
        demos = {name: _mixed(study, name, size=size, made=made) for name in study.signatures}
        candidate = study.candidate(layout, demos, origin=f"{size} demos, {made} bootstrapped")
        yield candidate
        reasons = reasoning_variant(study, candidate, size=size) if number % 2 == 0 else None
        if reasons is not None:
            yield reasons
    yield study.bare()


def _mixed(study: Study, name: str, *, size: int, made: int) -> tuple[Demo, ...]:
    """Return up to `made` bootstrapped demos and as many labelled ones as are missing, in random order."""
    signature, own = study.signatures[name], bootstrapped(study, name)
    chosen = balanced(signature, own, size=made, rng=study.rng)
    asked = [demo.inputs for demo in chosen]
    others = [demo for demo in study.pools[name] if demo.inputs not in asked]
    labelled = [demo for demo in others if demo not in own] or others
    both = (*chosen, *balanced(signature, labelled, size=size - len(chosen), rng=study.rng))
    return tuple(study.rng.sample(both, len(both)))
