"""Describe a server's endpoints as OpenAPI, with the signatures of its programs."""

from collections.abc import Iterable, Sequence
from typing import Any

import cribsheet
from cribsheet.serve.endpoints import Endpoint
from cribsheet.serve.programs import Programs, Served

Schema = dict[str, Any]

MOST_ROWS = 1000
"""The most rows of a batch."""
_ERROR = "Error"
_KEY = "key"
_ABOUT = "Compiled programs as typed endpoints, decision endpoints, and models of chat clients."
_NO_NUL = "^[^\\u0000]*$"
_REFUSED = {
    "400": "The body is not JSON.",
    "401": "The key is missing or unknown.",
    "404": "There is no such program.",
    "408": "The body or the answer took too long.",
    "413": "The body is too large.",
    "415": "The body is of another type than JSON.",
    "422": "The body does not fit.",
    "429": "Too many requests wait.",
    "500": "The program failed.",
    "502": "The model's text cannot be read.",
    "503": "The model cannot be reached, or the server is stopping.",
}


def openapi_of(endpoints: Iterable[Endpoint], programs: Programs) -> Schema:
    """Return the OpenAPI document; the programs are those that answer now."""
    names = {"type": "string", "enum": [served.name for served in programs]}
    paths = {endpoint.path: _listed(endpoint, names) for endpoint in endpoints if endpoint.about}
    paths["/v1/programs"] = {"get": _operation("List the programs", "programs")}
    for served in programs:
        address = f"/v1/programs/{served.name}"
        paths[address] = {"post": _answers(served)}
        paths[f"{address}:batch"] = {"post": _answers_many(served)}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Cribsheet", "version": cribsheet.__version__, "description": _ABOUT},
        "paths": paths,
        "components": {
            "schemas": {_ERROR: _error()},
            "securitySchemes": {_KEY: {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {_KEY: []}],
    }


def _listed(endpoint: Endpoint, names: Schema) -> Schema:
    """Return the part of the document about an endpoint that asks any program by its name."""
    body = _inlined(endpoint.form.model_json_schema()) if endpoint.form else None
    if body:
        body["properties"]["model"] = names
    operation = _operation(endpoint.about, endpoint.tag, body=body, media=endpoint.media)
    if "{name}" in endpoint.path:
        name = {"name": "name", "in": "path", "required": True, "schema": names}
        operation["parameters"] = [name]
    return {"post" if endpoint.form else "get": operation}


def _answers(served: Served) -> Schema:
    body = _object({"inputs": _inputs(served)})
    return _operation(f"Answer with {served.name}", "programs", body=body, reply=_reply(served))


def _answers_many(served: Served) -> Schema:
    rows = {"type": "array", "minItems": 1, "maxItems": MOST_ROWS, "items": _inputs(served)}
    failed = {"type": "object", "required": ["error"]}
    answers = {"type": "array", "items": {"anyOf": [_reply(served), failed]}}
    body, reply = _object({"inputs": rows}), _object({"answers": answers})
    return _operation(f"Answer many rows with {served.name}", "programs", body=body, reply=reply)


def _operation(
    about: str,
    tag: str,
    *,
    body: Schema | None = None,
    reply: Schema | None = None,
    media: Sequence[str] = ("application/json",),
) -> Schema:
    content = {one: {"schema": _schema_for(one, reply)} for one in media}
    found = {"200": {"description": "The answer.", "content": content}}
    operation = {"summary": about, "tags": [tag], "responses": found | _refused()}
    return operation | ({"requestBody": _json_body(body)} if body else {})


def _schema_for(media: str, reply: Schema | None) -> Schema:
    return (reply or {"type": "object"}) if media == "application/json" else {"type": "string"}


def _inputs(served: Served) -> Schema:
    schema: Schema = _without_nul(served.signature.model_dump()["inputs"])
    return schema


def _reply(served: Served) -> Schema:
    outputs = served.signature.model_dump()["outputs"]
    words = {"type": "object", "additionalProperties": {"type": "string"}}
    number = {"type": ["number", "null"]}
    return {
        "type": "object",
        "required": ["program", "outputs", "outcomes", "probability", "changes", "usage"],
        "properties": {
            "program": {"type": "string"},
            "outputs": outputs,
            "outcomes": words,
            "probability": number | {"description": "The probability of the answer, 0 to 1."},
            "probability_note": {"type": ["string", "null"]},
            "unassigned": number,
            "decided_by": {"enum": ["logprobs", "text", "inputs"]},
            "model_text": {"type": "string"},
            "changes": {"type": "array", "items": {"type": "object"}},
            "usage": {"type": "object", "additionalProperties": {"type": ["integer", "null"]}},
        },
    }


def _object(properties: Schema) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _without_nul(schema: Any) -> Any:
    """Say of each string that it has no NUL, which no prompt can hold."""
    if isinstance(schema, list):
        return [_without_nul(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {key: _without_nul(part) for key, part in schema.items()}
    return inner | {"pattern": _NO_NUL} if schema.get("type") == "string" else inner


def _json_body(schema: Schema) -> Schema:
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def _inlined(schema: Schema) -> Schema:
    """Return a schema of pydantic with its definitions put where they are used."""
    definitions = schema.pop("$defs", {})

    def inline(part: Any) -> Any:
        if isinstance(part, list):
            return [inline(one) for one in part]
        if not isinstance(part, dict):
            return part
        if "$ref" in part:
            return inline(definitions[part["$ref"].rpartition("/")[2]])
        return {key: inline(one) for key, one in part.items() if key != "discriminator"}

    found: Schema = inline(schema)
    return found


def _refused() -> Schema:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{_ERROR}"}}}
    return {status: {"description": told, "content": content} for status, told in _REFUSED.items()}


def _error() -> Schema:
    inner = _object({"message": {"type": "string"}, "type": {"type": "string"}, "code": {}, "param": {}})
    told = {"error": {"anyOf": [inner, {"type": "string"}]}}
    return {"type": "object", "properties": told, "required": ["error"]}
