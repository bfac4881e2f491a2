"""Where in the user's own code an error came up."""

import sysconfig
import traceback
from pathlib import Path

_OWN = Path(__file__).resolve().parents[1]
_INSTALLED = tuple(Path(path) for name, path in sysconfig.get_paths().items() if name.endswith(("lib", "stdlib")))
_LINE = 100
"""Characters of a line of code that are shown at most."""


def place_of(error: BaseException) -> str:
    """Return file, line and code of the innermost line that is neither ours nor installed; empty if none is.

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
    """Return a path from the current folder on, if it is in there."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
