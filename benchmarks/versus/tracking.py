"""Track the best program that an optimizer has tried, so that there is a result if it is cut off."""

import math
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

import dspy
from dspy.utils.callback import BaseCallback

MIN_ROWS = 32
"""The fewest rows that a program must have answered: the smallest batch on which an optimizer compares programs."""
_CAUTION = 0.5

RowKey = tuple[str, ...]


@dataclass
class _Tried:
    """A program, as the instructions and demos of each predictor, with its score on each row."""

    parts: dict[str, tuple[Any, list[Any]]]
    scores: dict[RowKey, float] = field(default_factory=dict)

    @property
    def merit(self) -> float:
        """The mean score minus a penalty for few rows."""
        return fmean(self.scores.values()) - _CAUTION / math.sqrt(len(self.scores))


class Tracker(BaseCallback):
    """A DSPy callback that records each run of a program, and its score, for any optimizer."""

    def __init__(self, kind: type[dspy.Module]):
        self._kind = kind
        self._here = threading.local()
        self._lock = threading.Lock()
        self._started: dict[str, tuple[_Tried, RowKey]] = {}
        self._tried: dict[str, _Tried] = {}

    def on_module_start(self, call_id: str, instance: Any, inputs: dict[str, Any]) -> None:
        """Remember which program runs in this thread."""
        if isinstance(instance, self._kind):
            with self._lock:
                key, parts = _parts(instance)
                tried = self._tried.setdefault(key, _Tried(parts))
                self._started[call_id] = tried, row_key(inputs.get("kwargs", inputs))
            self._here.tried = tried

    def on_module_end(self, call_id: str, outputs: Any, exception: BaseException | None = None) -> None:
        """Count a run that raised an exception as score 0."""
        with self._lock:
            tried, row = self._started.pop(call_id, (None, ()))
            if tried is not None and isinstance(exception, Exception):
                tried.scores[row] = 0.0

    def note(self, inputs: Mapping[str, Any], score: float) -> None:
        """Record the score of the run that has just ended in this thread."""
        tried: _Tried | None = getattr(self._here, "tried", None)
        if tried is not None:
            with self._lock:
                tried.scores[row_key(inputs)] = score

    def best(self, student: dspy.Module, *, min_rows: int = MIN_ROWS) -> tuple[dspy.Module, int] | None:
        """Return the program that stands best and how many rows it answered; None if none answered enough."""
        with self._lock:
            enough = [tried for tried in self._tried.values() if len(tried.scores) >= min_rows]
        if not enough:
            return None
        found = max(enough, key=lambda tried: tried.merit)
        program = student.deepcopy()
        for name, predictor in program.named_predictors():
            predictor.signature, predictor.demos = found.parts[name][0], list(found.parts[name][1])
        return program, len(found.scores)


def row_key(inputs: Mapping[str, Any]) -> RowKey:
    """Return a key that identifies a row by its inputs."""
    return tuple(str(inputs[name]) for name in sorted(inputs))


def _parts(program: dspy.Module) -> tuple[str, dict[str, tuple[Any, list[Any]]]]:
    parts = {name: (one.signature, list(one.demos)) for name, one in program.named_predictors()}
    return repr([(name, said.instructions, shown) for name, (said, shown) in parts.items()]), parts
