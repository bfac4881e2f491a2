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

    def advance(self, *, spent: float, limit: float, best: float | None, rows: int | None = None) -> None:
        """Some rows were answered.

        `spent` and `limit` are in the budget's unit. `best` is the validation score of the best candidate so far, on
        `rows` rows. It falls if that candidate does worse on further rows, or if another candidate takes its place
        that is surer of its answers. None if there is none yet, or if the stage runs on rows other than the validation
        rows.
        """
        ...


class Silent:
    """Shows nothing."""

    def stage(self, text: str) -> None:
        """Show nothing."""

    def notice(self, text: str) -> None:
        """Show nothing."""

    def advance(self, *, spent: float, limit: float, best: float | None, rows: int | None = None) -> None:
        """Show nothing."""
