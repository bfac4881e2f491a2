"""Check the API keys that are sent to servers, and say what is wrong with one."""

from __future__ import annotations

from cribsheet.errors import ModelError

_SHORTEST = 8  # characters; a shorter key may be a usual word


def checked_key(key: str | None, *, source: str) -> str | None:
    """Return a key that is given by an option or a variable, or None if it is empty.

    Raises:
        ModelError: no HTTP header takes the key. The message does not show the key, because it may be in a log.

    >>> checked_key("sk-1", source="OPENAI_API_KEY")
    'sk-1'
    """
    if not key:
        return None
    place = next((at for at, character in enumerate(key, start=1) if not "!" <= character <= "~"), 0)
    if not place:
        return key
    what = {"\n": "a line break", "\r": "a line break", " ": "a space", "\t": "a tab"}.get(key[place - 1], "not ASCII")
    raise ModelError(
        f"The key in {source} cannot be sent, because no HTTP header takes its character {place} of {len(key)}: it is "
        f"{what}. Give {source} the key alone."
    )


def key_refused(where: str, reason: str, *, status: int, source: str, is_given: bool, via: str = "") -> ModelError:
    """Return the error for a server that lets no one in without a key, or not with the key that was sent.

    `via` is a sentence about the proxy of the request; empty if there is none.
    """
    if is_given:
        return ModelError(f"{where} does not accept the key: {reason}. Set {source} to a key that it accepts.{via}")
    if status == 403:
        return ModelError(
            f"{where} refused access with status 403: {reason}. If it expects a key, set {source}. Otherwise look at "
            f"the server's log.{via}"
        )
    return ModelError(f"{where} expects a key, but none was sent: {reason}. Set {source} to its key.{via}")


def without_key(text: str, key: str | None) -> str:
    """Return a text of a server in which a key that it repeats is not shown.

    >>> without_key("Wrong key: sk-123456", "sk-123456")
    'Wrong key: …'
    """
    return text.replace(key, "…") if key and len(key) >= _SHORTEST else text
