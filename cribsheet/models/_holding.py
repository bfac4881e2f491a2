"""Ask servers to hold a completion to a grammar or a JSON Schema."""

import json
from collections.abc import Collection, Mapping
from typing import Any

from cribsheet.models._base import Kind
from cribsheet.models.capabilities import Capabilities


def with_holding(request: Mapping[str, Any], *, in_body: bool) -> dict[str, Any]:
    """Return a request whose grammar and JSON Schema are under the names that servers know.

    A grammar has one name in llama-server and another one in vLLM. Each of the two ignores the other's name. A JSON
    Schema is OpenAI's `response_format`. With `in_body`, LiteLLM passes it on unchanged; otherwise LiteLLM may
    translate it for the provider. LiteLLM itself would leave it out for a model called gpt-4, even on another server.

    >>> with_holding({"seed": 0, "grammar": "root ::= line"}, in_body=True)
    {'seed': 0, 'extra_body': {'grammar': 'root ::= line', 'structured_outputs': {'grammar': 'root ::= line'}}}
    """
    rest = {name: value for name, value in request.items() if name not in ("grammar", "response_format")}
    grammar, schema = request.get("grammar"), request.get("response_format")
    if not in_body:
        return {**rest, **holding_parameters("", schema or "")}
    body = holding_parameters(grammar or "", schema or "")
    return joined(rest, {"extra_body": body}) if body else rest


def holding_parameters(grammar: str, schema: str) -> dict[str, Any]:
    """Return the parameters of a request for a grammar and for a JSON Schema; each may be empty."""
    held: dict[str, Any] = {"grammar": grammar, "structured_outputs": {"grammar": grammar}} if grammar else {}
    return held | ({"response_format": response_format(schema)} if schema else {})


def response_format(schema: str) -> dict[str, Any]:
    """Return OpenAI's `response_format` for a JSON Schema, which many other servers take too.

    It is strict if OpenAI's strict mode takes the schema: if each object allows no further members and requires all of
    its own. OpenAI refuses another schema that calls itself strict, and does its best with one that does not. It also
    wants a type beside each enumeration.

    https://platform.openai.com/docs/guides/structured-outputs
    """
    whole = json.loads(schema, object_hook=_with_type)
    return {"type": "json_schema", "json_schema": {"name": "answer", "strict": _is_strict(whole), "schema": whole}}


def kinds_held(name: str, may: Collection[Kind], capabilities: Capabilities | None) -> frozenset[Kind]:
    """Return the kinds of prompts for which a server takes a parameter: those that may, unless a probe found not."""
    known = capabilities or Capabilities()
    granted = {"raw": known.raw.granted, "chat": known.chat.granted}
    return frozenset(kind for kind in may if granted[kind].get(name, 1))


def joined(request: Mapping[str, Any], further: Mapping[str, Any]) -> dict[str, Any]:
    """Return a request with further parameters; what both have in the body is joined."""
    body = {**request.get("extra_body", {}), **further.get("extra_body", {})}
    return {**request, **further, **({"extra_body": body} if body else {})}


def _with_type(part: dict[str, Any]) -> dict[str, Any]:
    is_of_texts = isinstance(part.get("enum"), list) and all(isinstance(one, str) for one in part["enum"])
    return {"type": "string", **part} if is_of_texts else part


def _is_strict(schema: Any) -> bool:
    if isinstance(schema, list):
        return all(map(_is_strict, schema))
    if not isinstance(schema, dict):
        return True
    if schema.get("type") == "object":
        members = schema.get("properties", {})
        if schema.get("additionalProperties") is not False or set(members) - set(schema.get("required", ())):
            return False
    return all(map(_is_strict, schema.values()))
