"""Progress callbacks for long-running work."""

from typing import Protocol


class Progress(Protocol):
    """Receives reports of what a compile is doing."""

    def stage(self, text: str) -> None:
        """A new part of the work begins."""
        ...

    def notice(self, text: str) -> None:
        """Something happened that the user should read; it must stay visible."""
        ...

    def advance(self, *, spent: float, limit: float, best: float | None) -> None:
        """Some rows were answered.

        `spent` and `limit` are in the budget's unit. `best` is the best validation score so far; None if there is
        none yet, or if the stage runs on rows other than the validation rows.
        """
        ...


class Silent:
    """Shows nothing."""

    def stage(self, text: str) -> None:
        """Show nothing."""

    def notice(self, text: str) -> None:
        """Show nothing."""

    def advance(self, *, spent: float, limit: float, best: float | None) -> None:
        """Show nothing."""
