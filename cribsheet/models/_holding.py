"""Ask OpenAI-compatible servers to hold a completion to a grammar."""

from collections.abc import Mapping
from typing import Any


def with_grammar(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return a request whose grammar is in the body, under the name of llama-server and under that of vLLM.

    Each of the two ignores the other's name.

    >>> with_grammar({"seed": 0, "grammar": "root ::= line"})
    {'seed': 0, 'extra_body': {'grammar': 'root ::= line', 'structured_outputs': {'grammar': 'root ::= line'}}}
    """
    grammar = request.get("grammar")
    rest = {name: value for name, value in request.items() if name != "grammar"}
    if not grammar:
        return rest
    return joined(rest, {"extra_body": {"grammar": grammar, "structured_outputs": {"grammar": grammar}}})


def joined(request: Mapping[str, Any], further: Mapping[str, Any]) -> dict[str, Any]:
    """Return a request with further parameters; what both have in the body is joined."""
    body = {**request.get("extra_body", {}), **further.get("extra_body", {})}
    return {**request, **further, **({"extra_body": body} if body else {})}
