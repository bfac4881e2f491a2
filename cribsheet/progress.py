"""How long work tells of itself."""

from typing import Protocol


class Progress(Protocol):
    """Hears what a compile is doing."""

    def stage(self, text: str) -> None:
        """A new part of the work begins."""
        ...

    def advance(self, *, spent: float, limit: float, best: float | None) -> None:
        """Some rows were answered: what is spent of the budget, and the best validation score so far."""
        ...


class Silent:
    """Tells nothing."""

    def stage(self, text: str) -> None:
        """Say nothing."""

    def advance(self, *, spent: float, limit: float, best: float | None) -> None:
        """Say nothing."""
