"""Progress callbacks for long-running work."""

from typing import Protocol


class Progress(Protocol):
    """Is told what a compile is doing."""

    def stage(self, text: str) -> None:
        """A new part of the work begins."""
        ...

    def notice(self, text: str) -> None:
        """Something that the user should read, whatever is shown next."""
        ...

    def advance(self, *, spent: float, limit: float, best: float | None) -> None:
        """Some rows were answered.

        `spent` and `limit` are in the budget's unit. `best` is the best validation score so far; None while
        there is none, or the stage asks other rows than the validation rows.
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
