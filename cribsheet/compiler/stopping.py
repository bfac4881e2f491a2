"""The message about what a compile still waits for after Ctrl-C."""

from cribsheet.models.cache import CachedModel
from cribsheet.text import counted


def waited_for(model: CachedModel) -> str:
    """Tell a user who pressed Ctrl-C which answers the compile still waits for."""
    what, ages = "the current row", model.under_way
    if ages:
        answers = counted(len(ages), "answer")
        where = f" at {model.endpoint}" if model.endpoint else ""
        what = f"{answers} of {model.name}{where}, the first requested {ages[0]:.0f} s ago"
    return f"Stopping: waiting for {what}. Press Ctrl-C again to freeze the best so far without waiting."
