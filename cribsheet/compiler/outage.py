"""Say what is kept if a server fails in the middle of a compile."""

from collections.abc import Iterator
from contextlib import contextmanager

from cribsheet.errors import TransientError, UnreachableError


@contextmanager
def kept_in_words() -> Iterator[None]:
    """Add to the error of a server that failed that the same command continues from here."""
    try:
        yield
    except (TransientError, UnreachableError) as error:
        raise type(error)(
            f"{error} The completions so far are in the cache: the same command goes on from here."
        ) from error
