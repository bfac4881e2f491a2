"""Try the combinations of corrections on a candidate's rows."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise, product

from cribsheet.corrections import CORRECTIONS
from cribsheet.evaluation.evaluate import RowResult
from cribsheet.search.candidate import Candidate
from cribsheet.search.corrections import Fitter

FOLDS, FOLDS_OF_FEW = 4, 8
"""The number of folds for cross-fitting. There are more if there are few rows."""
FEW = 32
"""Up to this many rows, `FOLDS_OF_FEW` folds are used."""

Replay = Callable[[Candidate, Sequence[RowResult]], list[RowResult]]
"""Returns the results of the same rows with another candidate's corrections."""


def combinations(fitters: Sequence[Fitter], results: Sequence[RowResult]) -> Iterator[tuple[Fitter, ...]]:
    """Yield each combination with at most one fitter of each kind, the smaller combinations first.

    The fitters of a combination are in the order in which their corrections are applied.
    """
    by_kind: dict[str, list[Fitter]] = {kind: [] for kind in CORRECTIONS}
    for fitter in fitters:
        if fitter.suits(results):
            by_kind[fitter.kind].append(fitter)
    chosen = product(*([None, *some] for some in by_kind.values()))
    found = [tuple(fitter for fitter in choice if fitter is not None) for choice in chosen]
    yield from sorted(filter(None, found), key=len)


def fitted(base: Candidate, results: Sequence[RowResult], fitters: Sequence[Fitter], *, replay: Replay) -> Candidate:
    """Return the candidate with corrections that are fitted one after the other.

    Each one is fitted on the results with the corrections before it. `results` are those of `base`.
    """
    candidate = base
    for number, fitter in enumerate(fitters):
        if number:
            results = replay(candidate, results)
        prompts = {}
        for name, prompt in candidate.prompts.items():
            others = [one for one in prompt.corrections if one.kind != fitter.kind]
            correction = fitter.fit(name, candidate, results)
            prompts[name] = prompt.with_corrections(*others, *([correction] if correction else []))
        candidate = replace(candidate, prompts=prompts)
    return candidate


def cross_fitted(
    base: Candidate, results: Sequence[RowResult], fitters: Sequence[Fitter], *, replay: Replay
) -> list[RowResult]:
    """Return the results of the rows in their order, each with corrections that were fitted on the other folds."""
    return [
        row
        for others, part in folds(results)
        if part
        for row in replay(fitted(base, others, fitters, replay=replay), part)
    ]


def folds(results: Sequence[RowResult]) -> list[tuple[list[RowResult], list[RowResult]]]:
    """Return for each fold the results outside of it and the results in it.

    The rows of a fold follow each other. Validation rows come with their outcomes mixed, so each fold has all of them.

    >>> [(len(others), len(part)) for others, part in folds([RowResult(None, 0.0, None)] * 42)]
    [(32, 10), (31, 11), (32, 10), (31, 11)]
    """
    parts, listed = FOLDS if len(results) > FEW else FOLDS_OF_FEW, list(results)
    edges = [part * len(listed) // parts for part in range(parts + 1)]
    return [(listed[:start] + listed[end:], listed[start:end]) for start, end in pairwise(edges)]
