"""Cribsheet compiles typed tasks into frozen few-shot prompts for small local models."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cribsheet.compiler.compile import Compiled, compile_task
    from cribsheet.dataset.columns import parse_mapping
    from cribsheet.dataset.examples import Example, Prediction
    from cribsheet.dataset.rows import load_rows
    from cribsheet.dataset.splits import split
    from cribsheet.errors import CribsheetError
    from cribsheet.evaluation.metrics import answer_exact, answer_f1, exact_match, label_accuracy
    from cribsheet.evaluation.numeric import numeric_match, numeric_within
    from cribsheet.evaluation.structured_metrics import json_valid, record_accuracy, set_f1
    from cribsheet.evaluation.texts import chrf, length_kept, rouge_l
    from cribsheet.frozen.loading import Program, load
    from cribsheet.models import open_model
    from cribsheet.outcomes import Unanswerable
    from cribsheet.settings import Settings
    from cribsheet.task import Task

__version__ = "0.1.0"

# Each name is imported when it is first used: the deployment runtime never pays for the compiler.
_HOMES = {
    "Compiled": "cribsheet.compiler.compile",
    "CribsheetError": "cribsheet.errors",
    "Example": "cribsheet.dataset.examples",
    "Prediction": "cribsheet.dataset.examples",
    "Program": "cribsheet.frozen.loading",
    "Settings": "cribsheet.settings",
    "Task": "cribsheet.task",
    "Unanswerable": "cribsheet.outcomes",
    "answer_exact": "cribsheet.evaluation.metrics",
    "answer_f1": "cribsheet.evaluation.metrics",
    "chrf": "cribsheet.evaluation.texts",
    "compile_task": "cribsheet.compiler.compile",
    "exact_match": "cribsheet.evaluation.metrics",
    "json_valid": "cribsheet.evaluation.structured_metrics",
    "label_accuracy": "cribsheet.evaluation.metrics",
    "length_kept": "cribsheet.evaluation.texts",
    "load": "cribsheet.frozen.loading",
    "load_rows": "cribsheet.dataset.rows",
    "numeric_match": "cribsheet.evaluation.numeric",
    "numeric_within": "cribsheet.evaluation.numeric",
    "open_model": "cribsheet.models",
    "parse_mapping": "cribsheet.dataset.columns",
    "record_accuracy": "cribsheet.evaluation.structured_metrics",
    "set_f1": "cribsheet.evaluation.structured_metrics",
    "rouge_l": "cribsheet.evaluation.texts",
    "split": "cribsheet.dataset.splits",
}

__all__ = [
    "Compiled",
    "CribsheetError",
    "Example",
    "Prediction",
    "Program",
    "Settings",
    "Task",
    "Unanswerable",
    "answer_exact",
    "answer_f1",
    "chrf",
    "compile_task",
    "exact_match",
    "json_valid",
    "label_accuracy",
    "length_kept",
    "load",
    "load_rows",
    "numeric_match",
    "numeric_within",
    "open_model",
    "parse_mapping",
    "record_accuracy",
    "rouge_l",
    "set_f1",
    "split",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'cribsheet' has no attribute {name!r}")
