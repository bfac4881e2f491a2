"""What an endpoint of a server is."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

Answer = Callable[[Request], Awaitable[Response]]
"""Answers a request."""


@dataclass(frozen=True)
class Endpoint:
    """A path of a server, with what the OpenAPI document says about it."""

    path: str
    """The path; `{name}` stands for a part that `request.path_params` has."""
    answer: Answer
    about: str = ""
    """A summary for the OpenAPI document; empty if the document does not list the endpoint."""
    tag: str = ""
    """The group in the OpenAPI document."""
    form: type[BaseModel] | None = None
    """The body of a POST; None for a GET."""
    media: tuple[str, ...] = ("application/json",)
    """The types that the reply may have."""

    @property
    def methods(self) -> tuple[str, ...]:
        """The HTTP methods; balancers and Ollama's clients ask with HEAD, too."""
        return ("POST",) if self.form else ("GET", "HEAD")
