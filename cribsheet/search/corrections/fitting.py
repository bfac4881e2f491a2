"""Fit what corrects a candidate's decisions: biases of each kind, a guard."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

from cribsheet.corrections.calibration import Calibration, batch_calibration, contextual_calibration, shares
from cribsheet.corrections.readout import Readout
from cribsheet.evaluation.evaluate import RowResult
from cribsheet.frozen import FrozenPrompt
from cribsheet.layout.decisions import decided_field
from cribsheet.search.candidate import Candidate
from cribsheet.search.corrections.guard import GuardFitter
from cribsheet.search.corrections.pointer import PointerFitter
from cribsheet.search.corrections.readout import Told, fit_readout

FOLDS, FOLDS_OF_FEW = 4, 8
"""Parts that rows fall in, each judged with what was fitted on the others: more where rows are few."""
FEW = 32
"""Up to how many rows are few."""
MIN_BATCH = 6
"""The fewest rows that biases are fitted on."""

READ_FROM = 64
"""The rows from which on a readout is fitted: fewer tell little of so many tokens."""

Kind = Literal["uncalibrated", "batch", "contextual", "free", "readout", "pointed"]


@dataclass(frozen=True)
class Fitter:
    """Fits corrections to one candidate."""

    uncorrected: Candidate
    fit_guard: GuardFitter | None
    """None where nothing is to be guarded."""
    content_free: Mapping[str, Sequence[Mapping[str, float]]]
    """By predictor, the outcomes' log-probabilities for inputs without content; empty where not asked."""
    reads_out: bool = False
    """Whether a readout may be fitted; see `Study.may_read_out`."""
    fit_pointer: PointerFitter | None = None
    """None where extracted answers begin as the model writes them."""

    def kinds(self, results: Sequence[RowResult]) -> tuple[Kind, ...]:
        """Return how these results can be corrected, the plainest way first; `free` lets extracted answers be."""
        decides = any(call.answer.logprobs is not None for row in results for call in row.calls)
        batch: tuple[Kind, ...] = ("batch",) if decides else ()
        contextual: tuple[Kind, ...] = ("contextual",) if decides and self.content_free else ()
        extracts = any(call.answer.extracted is not None for row in results for call in row.calls)
        free: tuple[Kind, ...] = ("free",) if extracts else ()
        reads_out = self.reads_out and decides and len(results) >= READ_FROM
        readout: tuple[Kind, ...] = ("readout",) if reads_out else ()
        pointed: tuple[Kind, ...] = ("pointed",) if self.fit_pointer is not None else ()
        return ("uncalibrated", *batch, *contextual, *free, *readout, *pointed)

    def fit(self, results: Sequence[RowResult], kind: Kind) -> Candidate:
        """Return the candidate with biases and guard, fitted on what it answered uncorrected."""
        prompts = {}
        for name, prompt in self.uncorrected.prompts.items():
            calibration = self._calibration(name, results, kind)
            guard = None
            if self.fit_guard is not None and self.fit_guard.guards(name):
                guard = self.fit_guard(results, calibration)
            decoding = prompt.decoding.model_copy(update={"extract_from": None}) if kind == "free" else prompt.decoding
            readout = _readout(prompt, results, calibration) if kind == "readout" else None
            pointer = self.fit_pointer(results) if self.fit_pointer is not None and kind == "pointed" else None
            corrected = {"calibration": calibration, "readout": readout, "pointer": pointer, "guard": guard}
            prompts[name] = prompt.model_copy(update={**corrected, "decoding": decoding})
        return replace(self.uncorrected, prompts=prompts)

    def _calibration(self, name: str, results: Sequence[RowResult], kind: Kind) -> Calibration | None:
        if kind == "contextual" and name in self.content_free:
            return contextual_calibration(self.content_free[name])
        calls = [call for row in results for call in row.calls if call.predictor == name]
        logprobs = [call.answer.logprobs for call in calls if call.answer.logprobs is not None]
        return batch_calibration(logprobs) if kind in ("batch", "readout") and len(logprobs) >= MIN_BATCH else None


def _readout(prompt: FrozenPrompt, results: Sequence[RowResult], calibration: Calibration | None) -> Readout | None:
    """Return what tells a prompt's outcomes apart in these rows; None where they know of none."""
    field = decided_field(prompt.signature)
    told = [
        Told(field.outcome_of(row.example.outputs[field.name][0]), shares(answer.logprobs, calibration), first_token)
        for row in results
        for answer in (call.answer for call in row.calls)
        if field and field.name in row.example.outputs
        if answer.logprobs is not None and (first_token := answer.completion.first_token)
    ]
    return fit_readout(told) if told else None


def folds(results: Sequence[RowResult]) -> list[tuple[list[RowResult], list[RowResult]]]:
    """Return the results in parts, each beside all the others.

    Each part is rows that follow each other: validation rows come with their outcomes mixed, and so do these.

    >>> [(len(others), len(part)) for others, part in folds([RowResult(None, 0.0, None)] * 42)]
    [(32, 10), (31, 11), (32, 10), (31, 11)]
    """
    parts, listed = FOLDS if len(results) > FEW else FOLDS_OF_FEW, list(results)
    edges = [part * len(listed) // parts for part in range(parts + 1)]
    return [(listed[:start] + listed[end:], listed[start:end]) for start, end in pairwise(edges)]
