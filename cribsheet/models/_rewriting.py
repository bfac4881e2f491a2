"""Change the replies of a server before a client library reads them."""

from collections.abc import Callable
from typing import Any

Change = Callable[[str, bytes], bytes]
"""A function from the path of a request and the body of its reply to the body that the client library shall read."""

_MOST = 10**8
"""How many bytes of a reply are read. A reply with very many log-probabilities has about 10**7."""
_MOST_OF_ERROR = 10**5
"""How many bytes of an error reply are read."""


def rewriting(change: Change) -> Callable[[Any], None]:
    """Return a response hook for a client of httpx or httpx2. It changes successful replies; others stay as they are.

    Of a reply without end, the beginning is read. An exception that `change` raises ends the request.
    """

    def rewrite(response: Any) -> None:
        body = whole_body(response)
        response.headers.pop("Content-Encoding", None)  # `whole_body` has decoded it
        body = change(response.request.url.path, body) if response.is_success else body
        response.stream = type(response)(response.status_code, content=body).stream

    return rewrite


def whole_body(response: Any) -> bytes:
    """Return the decoded body of a response that is not read yet, or its beginning if it is too long."""
    most = _MOST if response.is_success else _MOST_OF_ERROR
    reply = type(response)(response.status_code, headers=response.headers, stream=response.stream)
    read = bytearray()
    for chunk in reply.iter_bytes():
        read += chunk
        if len(read) >= most:
            reply.close()
            break
    return bytes(read[:most])
