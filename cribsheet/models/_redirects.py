"""Say where a server sends its clients, instead of following it there."""

from typing import Any
from urllib.parse import urljoin, urlsplit

from cribsheet.errors import ModelError
from cribsheet.models._proxies import through_proxy

_LONGEST = 200  # characters of an address that are shown


class Redirected(Exception):
    """Raised in place of a reply that names another address.

    A client library would send the request there, often without its body, and the user would not know of it.
    """

    def __init__(self, status: int, asked: str, location: str) -> None:
        super().__init__(f"status {status}, {location}")
        self.status, self.asked, self.location = status, asked, location


def refuse_redirects(response: Any) -> None:
    """Response hook of a client of httpx or httpx2; it raises `Redirected`."""
    if response.has_redirect_location:
        raise Redirected(response.status_code, str(response.request.url), response.headers["Location"])


def redirected(endpoint: str, error: Redirected) -> ModelError:
    """Return the error for a request to a server at this address that was sent elsewhere.

    >>> print(redirected("http://box/v1", Redirected(301, "http://box/v1/completions", "https://box/v1/completions")))
    http://box/v1 sends its clients elsewhere, with status 301: to https://box/v1. Give that address with --api-base.
    """
    path = error.asked.removeprefix(endpoint) if error.asked.startswith(endpoint) else urlsplit(error.asked).path
    try:
        location = _without_user(urljoin(error.asked, error.location))
    except ValueError:  # it is not a valid address
        location = error.location
    base = location[: len(location) - len(path)] if path and location.endswith(path) else location
    shown = "".join(character for character in base if character.isprintable())[:_LONGEST]
    mend = "Give that address with --api-base" if base != location else "Check --api-base"
    said = f"{endpoint} sends its clients elsewhere, with status {error.status}: to {shown}. {mend}."
    return ModelError(said + through_proxy(endpoint))


def _without_user(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
