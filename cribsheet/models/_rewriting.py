"""Change the replies of a server before a client library reads them."""

from collections.abc import Callable
from typing import Any

Change = Callable[[str, bytes], bytes]
"""A function from the path of a request and the body of its reply to the body that the client library shall read."""


def rewriting(change: Change) -> Callable[[Any], None]:
    """Return a response hook for a client of httpx or httpx2. It changes successful replies; others stay as they are.

    An exception that `change` raises ends the request.
    """

    def rewrite(response: Any) -> None:
        if not response.is_success:
            return
        kind = type(response)
        body = kind(response.status_code, headers=response.headers, stream=response.stream).read()
        response.headers.pop("Content-Encoding", None)  # `read` has decoded it
        response.stream = kind(response.status_code, content=change(response.request.url.path, body)).stream

    return rewrite
