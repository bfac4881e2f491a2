"""Let Ctrl-C end a command even while it waits for a server."""

from collections.abc import Iterator
from contextlib import contextmanager

from cribsheet.errors import AbandonedError
from cribsheet.interrupts import first_ctrl_c
from cribsheet.models import Model
from cribsheet.models.retry import Retrying


@contextmanager
def ended_by_ctrl_c(model: Model) -> Iterator[None]:
    """Make Ctrl-C abandon the answer that is waited for, in any thread, and raise KeyboardInterrupt.

    An embedded model answers soon, so for it Ctrl-C keeps its usual effect.
    """
    if not isinstance(model, Retrying):
        yield
        return
    try:
        with first_ctrl_c(model.abandon):
            yield
    except AbandonedError:
        raise KeyboardInterrupt from None
