"""Have Ctrl-C end a command even if a server lets it wait."""

from collections.abc import Iterator
from contextlib import contextmanager

from cribsheet.errors import AbandonedError
from cribsheet.interrupts import first_ctrl_c
from cribsheet.models import Model
from cribsheet.models.retry import Retrying


@contextmanager
def ended_by_ctrl_c(model: Model) -> Iterator[None]:
    """Have Ctrl-C come up as a KeyboardInterrupt at the answer that is waited for, in whatever thread that is.

    A model in this process answers soon: there, Ctrl-C does what it always does.
    """
    if not isinstance(model, Retrying):
        yield
        return
    try:
        with first_ctrl_c(model.abandon):
            yield
    except AbandonedError:
        raise KeyboardInterrupt from None
