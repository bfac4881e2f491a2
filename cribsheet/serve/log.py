"""The log of a server."""

import logging
import traceback

LOG = logging.getLogger("cribsheet.serve")
"""Says what the server does, and nothing of an input unless asked."""


def place_of(error: BaseException) -> str:
    """Return the files and lines that led to an error, without its message, which may hold an input."""
    frames = traceback.extract_tb(error.__traceback__)
    return " > ".join(f"{frame.filename}:{frame.lineno}" for frame in frames[-5:])
