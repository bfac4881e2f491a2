"""Read the keys that servers ask for."""

import os

from cribsheet.errors import ModelError


def key_from(*variables: str) -> str | None:
    """Return the key in the first of these environment variables that is set; None if none is.

    Raises:
        ModelError: it has a character that no HTTP header takes.
    """
    name = next((name for name in variables if os.environ.get(name, "").strip()), None)
    return None if name is None else usable_key(os.environ[name], source=name)


def usable_key(key: str, *, source: str) -> str:
    """Return a key without the white space around it; `source` is the option or the variable that has it.

    >>> usable_key(" sk-1\\n", source="OPENAI_API_KEY")
    'sk-1'

    Raises:
        ModelError: it has a character that no HTTP header takes. The message does not show the key.
    """
    stripped = key.strip()
    at = next((at for at, char in enumerate(stripped, 1) if not "!" <= char <= "~"), None)
    if at is not None:
        raise ModelError(
            f"The key in {source} has a blank, a line break or another character at position {at} that no HTTP header "
            "takes. Copy the key again."
        )
    return stripped
