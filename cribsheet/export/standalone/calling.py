"""Call a program as a function, through one client for all calls."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from cribsheet.export.standalone.client import Client, connect
from cribsheet.export.standalone.program import Program, Result, result_of


def call(program: Program, inputs: Mapping[str, object], client: Client | None) -> Result:
    """Return what a program gives for one row; without a client, the environment says which server is asked.

    Raises:
        DataError: the inputs are not those of the program.
        UnreadableCompletionError: the completion holds no value.
        ModelError: there is no completion.
    """
    return result_of(program.run(inputs, client or _usual_client(program)))


@cache
def _usual_client(program: Program) -> Client:
    return connect(program)
