"""An error of a server that failed amid a compile says how to continue, and stays the same error."""

import pytest

from cribsheet.compiler.outage import saying_what_is_kept
from cribsheet.errors import CompileError, ModelError, TimedOutError, TransientError, UnreachableError


@pytest.mark.parametrize(
    "error", [TransientError("Busy.", status=503, retry_after=9.0), TimedOutError("Slow."), UnreachableError("Down.")]
)
def test_the_error_of_a_server_that_failed_says_how_to_continue(error: ModelError) -> None:
    said = str(error)
    with pytest.raises(type(error)) as told, saying_what_is_kept():
        raise error
    assert told.value is error
    assert str(error) == f"{said} The completions so far are in the cache: the same command goes on from here."


def test_other_errors_are_left_as_they_are() -> None:
    with pytest.raises(CompileError, match=r"^No rows\.$"), saying_what_is_kept():
        raise CompileError("No rows.")
