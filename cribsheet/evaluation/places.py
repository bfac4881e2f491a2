"""Find the line of the user's own code that raised an error."""

import sysconfig
import traceback
from pathlib import Path

_OWN = Path(__file__).resolve().parents[1]
_INSTALLED = tuple(Path(path) for name, path in sysconfig.get_paths().items() if name.endswith(("lib", "stdlib")))
_LINE = 100
"""The most characters of a line of code to show."""


def place_of(error: BaseException) -> str:
    """Return the file, line and code of the innermost frame in the user's own code; empty if there is none.

    >>> try:
    ...     int("seven")
    ... except ValueError as error:
    ...     place_of(error)
    '<doctest cribsheet.evaluation.places.place_of[0]>, line 2: int("seven")'
    """
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if _is_users(Path(frame.filename))]
    if not own:
        return ""
    frame = own[-1]
    code = f": {frame.line[:_LINE]}" if frame.line else ""
    return f"{_shown(Path(frame.filename))}, line {frame.lineno}{code}"


def _is_users(path: Path) -> bool:
    return not path.is_relative_to(_OWN) and not any(path.is_relative_to(folder) for folder in _INSTALLED)


def _shown(path: Path) -> str:
    """Return a path relative to the current folder if it is inside that folder."""
    try:
        return str(path.relative_to(Path.cwd()))
    except (OSError, ValueError):  # it is elsewhere, or the current folder was deleted
        return str(path)
