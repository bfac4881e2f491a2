"""Show the progress of long-running work."""

import time
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Column

from cribsheet.cli._streams import fitted
from cribsheet.cli._terminal import note, stderr
from cribsheet.text import counted, megabytes

_LINES = 5
"""How many progress lines the whole work gets if lines cannot be overwritten."""


class Display(Protocol):
    """Shows the progress of a compile, or of other work with a known limit; see `cribsheet.progress`."""

    def stage(self, text: str) -> None:
        """A new part of the work begins."""
        ...

    def notice(self, text: str) -> None:
        """Something happened that the user should read; it must stay visible."""
        ...

    def advance(self, *, spent: float, limit: float, best: float | None, rows: int | None = None) -> None:
        """Show how much of the limit is spent, and unless it is None the best score (or the score so far)."""
        ...

    def download(self, done: int, total: int | None) -> None:
        """Show how many bytes of a model's weights are downloaded."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def open_display(unit: str, *, figure: str = "leader") -> Display:
    """Return progress bars if standard error is a terminal, else lines; `unit` is the unit of `advance`."""
    console = stderr()
    return Bars(console, unit, figure=figure) if console.is_terminal else Lines(unit, figure=figure)


class Bars:
    """Shows a progress bar for the work, and one for weights while they are downloaded; both vanish at the end.

    The time left is the wall-clock time until the whole limit is reached, at the rate of the last half minute.
    """

    def __init__(self, console: Console, unit: str, *, figure: str):
        self._unit, self._figure = unit, figure
        self._ids: dict[str, TaskID] = {}
        is_plain = console.options.ascii_only
        self._encoding = console.encoding
        self._bars = Progress(
            SpinnerColumn("line" if is_plain else "dots"),
            TextColumn(
                "{task.description}",
                table_column=Column(ratio=1, no_wrap=True, overflow="crop" if is_plain else "ellipsis"),
            ),
            BarColumn(bar_width=8),
            TextColumn("{task.fields[said]}", table_column=Column(no_wrap=True)),
            TimeRemainingColumn(compact=True),
            TextColumn("left"),
            console=console,
            transient=True,
            expand=True,
        )

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def stage(self, text: str) -> None:
        """Show the name of the new stage, and clear the figures of the last one."""
        self._bars.update(self._bar("work"), description=fitted(text, self._encoding), said="")

    def notice(self, text: str) -> None:
        """Print a line above the bars."""
        self._bars.console.print(text)

    def advance(self, *, spent: float, limit: float, best: float | None, rows: int | None = None) -> None:
        """Move the bar."""
        figure = "" if rows else self._figure  # the line has no room for both
        said = _said(spent, limit, _scored(best, rows, figure), unit=self._unit)
        self._bars.update(self._bar("work"), completed=min(spent, limit), total=limit, said=said)

    def download(self, done: int, total: int | None) -> None:
        """Move the bar of the weights, which is visible until they are complete."""
        bar = self._bar("weights")
        said = f"{megabytes(done)} of {megabytes(total)}" if total else megabytes(done)
        is_whole = total is not None and done >= total
        self._bars.update(
            bar, description="fetching the weights", completed=done, total=total, said=said, visible=not is_whole
        )

    def _bar(self, name: str) -> TaskID:
        if name not in self._ids:
            self._ids[name] = self._bars.add_task("", total=None, said="")
        return self._ids[name]


class Lines:
    """Prints a line for each stage, and a few lines of progress.

    The time left is the wall-clock time until the whole limit is reached, at the rate since the work began.
    """

    def __init__(self, unit: str, *, figure: str, clock: Callable[[], float] = time.monotonic):
        self._unit, self._figure = unit, figure
        self._clock = clock
        self._began: tuple[float, float] | None = None
        """The time of the first `advance`, and what was spent by then."""
        self._step = 0
        self._tells_weights = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Do nothing: there is nothing to close."""

    def stage(self, text: str) -> None:
        """Print the name of the new stage."""
        note(text)

    def notice(self, text: str) -> None:
        """Print a line."""
        note(text)

    def advance(self, *, spent: float, limit: float, best: float | None, rows: int | None = None) -> None:
        """Print a line whenever another fifth of the limit is reached."""
        self._began = self._began or (self._clock(), spent)
        step = int(_LINES * spent / limit)
        if step > self._step:
            self._step = step
            said = _said(spent, limit, _scored(best, rows, self._figure), unit=self._unit)
            note(f"  {said}{self._time_left(spent, limit)}")

    def download(self, done: int, total: int | None) -> None:
        """Print once that weights are being downloaded."""
        if not self._tells_weights:
            self._tells_weights = True
            note("fetching the weights" + (f", {megabytes(total)}" if total else ""))

    def _time_left(self, spent: float, limit: float) -> str:
        """Return the time left in words; empty if nothing is left or the rate is not known yet."""
        since, before = self._began or (0.0, spent)
        passed = self._clock() - since
        if spent >= limit or spent <= before or passed <= 0:
            return ""
        return f", about {_duration((limit - spent) * passed / (spent - before))} left"


def _said(spent: float, limit: float, scored: str, *, unit: str) -> str:
    """Return the progress in words.

    >>> _said(12_340, 40_000, ", leader 0.812 on 24 rows", unit="tokens")
    '12.3k of 40k tokens, leader 0.812 on 24 rows'
    """
    unit_of_limit = unit.removesuffix("s") if limit == 1 else unit
    return f"{_amount(min(spent, limit), unit)} of {_amount(limit, unit)} {unit_of_limit}{scored}"


def _scored(score: float | None, rows: int | None, figure: str) -> str:
    """Return a score in words, with the number of rows that it is of; empty if there is none.

    >>> _scored(0.8125, 24, "leader"), _scored(0.8125, None, "score")
    (', leader 0.812 on 24 rows', ', score 0.812')
    """
    if score is None:
        return ""
    on = "" if rows is None else f" on {counted(rows, 'row')}"
    return f", {figure}{' ' if figure else ''}{score:.3f}{on}"


def _duration(seconds: float) -> str:
    """Return a time in words.

    >>> _duration(42.3), _duration(150), _duration(7300)
    ('42 s', '2 min', '2.0 h')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _amount(value: float, unit: str) -> str:
    if unit == "tokens" and value >= 1000:
        return f"{value / 1000:.3g}k"
    return f"{value:.1f}" if unit == "minutes" else f"{value:.0f}"
