"""Cribsheet compiles typed tasks into frozen few-shot prompts for small local models."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cribsheet.compiling import compile_task
    from cribsheet.errors import CribsheetError
    from cribsheet.loading import Program, load
    from cribsheet.metrics import answer_exact, answer_f1, exact_match, label_accuracy
    from cribsheet.models import open_model
    from cribsheet.outcomes import Unanswerable
    from cribsheet.task import Task

__version__ = "0.1.0"

# Each name is imported when it is first used: the deployment runtime never pays for the compiler.
_HOMES = {
    "CribsheetError": "cribsheet.errors",
    "Program": "cribsheet.loading",
    "Task": "cribsheet.task",
    "Unanswerable": "cribsheet.outcomes",
    "answer_exact": "cribsheet.metrics",
    "answer_f1": "cribsheet.metrics",
    "compile_task": "cribsheet.compiling",
    "exact_match": "cribsheet.metrics",
    "label_accuracy": "cribsheet.metrics",
    "load": "cribsheet.loading",
    "open_model": "cribsheet.models",
}

__all__ = [
    "CribsheetError",
    "Program",
    "Task",
    "Unanswerable",
    "answer_exact",
    "answer_f1",
    "compile_task",
    "exact_match",
    "label_accuracy",
    "load",
    "open_model",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'cribsheet' has no attribute {name!r}")
