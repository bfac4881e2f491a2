"""Say what is kept if a server fails in the middle of a compile."""

from collections.abc import Iterator
from contextlib import contextmanager

from cribsheet.errors import TransientError, UnreachableError


@contextmanager
def saying_what_is_kept() -> Iterator[None]:
    """Add to the error of a server that failed that the same command continues the compile."""
    try:
        yield
    except (TransientError, UnreachableError) as error:
        # Changed in place, so that it stays the same error, with its status and its `retry_after`.
        error.args = (f"{error} The completions so far are in the cache: the same command goes on from here.",)
        raise
