"""Say what a compile waits for."""

from cribsheet.models.cache import CachedModel


def waited_for(model: CachedModel) -> str:
    """Return a sentence on the answers that are under way, for a user who pressed Ctrl-C."""
    what, ages = "the row under way", model.under_way
    if ages:
        answers = "1 answer" if len(ages) == 1 else f"{len(ages)} answers"
        where = f" at {model.endpoint}" if model.endpoint else ""
        what = f"{answers} of {model.name}{where}, the first asked for {ages[0]:.0f} s ago"
    return f"Stopping: waiting for {what}. Press Ctrl-C again to freeze the best so far without waiting."
