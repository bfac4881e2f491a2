"""Name the command line option of an input."""

from __future__ import annotations

OWN_OPTIONS = frozenset({"model", "api", "api-base", "api-key", "timeout", "jsonl", "out", "json", "help"})
"""The options of `cribsheet ask` and of an exported module that are not inputs."""


def option_name(field: str) -> str:
    """Return the option of an input: `--input-NAME` if the input has the name of one of `OWN_OPTIONS`.

    >>> option_name("due_date"), option_name("model"), option_name("input_model")
    ('--due-date', '--input-model', '--input-input-model')
    """
    plain = field.replace("_", "-")
    bare = plain
    while bare.startswith("input-"):  # otherwise the inputs `model` and `input_model` would have the same option
        bare = bare[len("input-") :]
    return f"--input-{plain}" if bare in OWN_OPTIONS else f"--{plain}"
