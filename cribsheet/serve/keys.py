"""Check the bearer keys of requests."""

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from pathlib import Path

from starlette.types import Scope

from cribsheet.errors import ServeError
from cribsheet.serve.refusals import Refusal

VARIABLE = "CRIBSHEET_SERVE_KEYS"
"""The environment variable that may hold the keys, separated by white space."""
_PREFIX = b"bearer "


class Keys:
    """The keys that may ask; without any, everyone may."""

    def __init__(self, keys: Iterable[str]) -> None:
        self._digests = [_digest(key.encode()) for key in keys]

    @property
    def are_needed(self) -> bool:
        """Whether a request needs a key."""
        return bool(self._digests)

    def check(self, scope: Scope) -> None:
        """Raise a Refusal if a request lacks a key that it needs."""
        if self.are_needed and not self.is_known(scope):
            raise Refusal(
                401,
                "The request has no key that this server knows. Send one with the header Authorization: Bearer KEY.",
                kind="invalid_api_key",
                headers={"WWW-Authenticate": "Bearer"},
            )

    def is_known(self, scope: Scope) -> bool:
        """Tell whether a request has one of the keys.

        Every key is compared, and all in the same time, so that the time of an answer tells nothing about the keys.
        """
        given = _digest(_bearer(scope))
        return sum([hmac.compare_digest(given, digest) for digest in self._digests]) > 0


def _bearer(scope: Scope) -> bytes:
    told = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
    return told[len(_PREFIX) :].strip() if told[: len(_PREFIX)].lower() == _PREFIX else b""


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()


def read_keys(file: Path | None, environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the keys of a file, one on each line, and those of the environment variable.

    Raises:
        ServeError: if the file cannot be read or has no key.
    """
    return (*_keys_of(file), *environment.get(VARIABLE, "").split())


def _keys_of(file: Path | None) -> tuple[str, ...]:
    if file is None:
        return ()
    try:
        lines = [line.strip() for line in file.read_text(encoding="utf-8-sig").splitlines()]
    except (OSError, ValueError) as error:
        raise ServeError(f"The keys in {file} cannot be read: {error}. Write one key on each line.") from None
    keys = tuple(line for line in lines if line and not line.startswith("#"))
    if not keys:
        raise ServeError(f"{file} has no key. Write one key on each line, or leave --key-file out.")
    if any(key.split() != [key] for key in keys):
        raise ServeError(f"A key in {file} has white space in it. Write one key on each line.")
    return keys
