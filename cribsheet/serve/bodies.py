"""Read the JSON of a request's body, within limits."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NoReturn, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive

from cribsheet.dataset.jsonl import is_deeper
from cribsheet.serve.refusals import HungUp, Refusal
from cribsheet.text import check_characters, counted

_Body = TypeVar("_Body", bound=BaseModel)

_DEEPEST = 64
"""How many levels of objects and arrays a body may have."""
_SWALLOWED = 64 << 20
"""How many bytes of a body that is refused are read and dropped at most."""
_SWALLOWING = 5.0
"""How many seconds a body that is refused is read and dropped at most."""


class Form(BaseModel):
    """A body, or a part of one, as clients of other servers send it: it may have more keys than are read here."""

    model_config = ConfigDict(extra="allow", strict=True)


class Bodies:
    """Reads the bodies of requests."""

    def __init__(self, *, max_bytes: int, timeout: float) -> None:
        self._max_bytes, self._timeout = max_bytes, timeout

    async def read(self, request: Request, form: type[_Body], *, example: str = "") -> _Body:
        """Return the body as a model of pydantic; a refusal of one that does not fit shows the example, if any.

        Raises:
            Refusal: if the body is too large, too slow, no JSON, or does not fit.
        """
        value = _parsed(await self._bytes(request))
        try:
            return form.model_validate(value)
        except ValidationError as error:
            raise _misfit(error, example) from None

    async def _bytes(self, request: Request) -> bytes:
        _check_type(request.headers)
        _check_encoding(request.headers)
        told = request.headers.get("content-length", "")
        chunks, size = [], 0
        try:
            async with asyncio.timeout(self._timeout):
                async for chunk in request.stream():
                    size += len(chunk)
                    if size <= self._max_bytes:
                        chunks.append(chunk)
                    elif size > _SWALLOWED:
                        break
        except TimeoutError:
            raise Refusal(
                408,
                f"The body did not arrive within {counted(self._timeout, 'second')}. Send it again.",
                kind="timeout",
                headers={"Connection": "close"},
            ) from None
        except ClientDisconnect:
            raise HungUp from None
        if size > self._max_bytes:
            raise self._too_large(int(told) if told.isdecimal() else size, is_cut=size > _SWALLOWED)
        return b"".join(chunks)

    def _too_large(self, size: int, *, is_cut: bool) -> Refusal:
        return Refusal(
            413,
            f"The body has {size} bytes, and at most {self._max_bytes} are allowed. Send less, or serve with a "
            "larger --max-bytes.",
            kind="too_large",
            headers={"Connection": "close"} if is_cut else {},
        )


async def swallow(receive: Receive) -> None:
    """Read a body and drop it, because a client that is cut off while it sends does not see the answer."""
    size = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(_SWALLOWING):
            while size < _SWALLOWED:
                message = await receive()
                size += len(message.get("body", b""))
                if not message.get("more_body"):
                    return


def _check_type(headers: Headers) -> None:
    """Refuse other types than JSON, which a page in a browser could send to this machine without asking first.

    LiteLLM names no type. A browser may do that, too, but it names the page's origin.
    """
    media = headers.get("content-type", "").partition(";")[0].strip().lower()
    if media == "application/json" or not (media or "origin" in headers):
        return
    raise Refusal(
        415,
        f"The body has the type {media or 'unknown'!r}. Send JSON, with the header Content-Type: application/json.",
        kind="unsupported_media_type",
    )


def _check_encoding(headers: Headers) -> None:
    """Refuse a compressed body, which could unpack to more bytes than are allowed."""
    encoding = headers.get("content-encoding", "").strip().lower()
    if encoding in ("", "identity"):
        return
    raise Refusal(
        415,
        f"The body is compressed with {encoding[:40]!r}. Send it uncompressed, without the header Content-Encoding.",
        kind="unsupported_media_type",
        headers={"Accept-Encoding": "identity"},
    )


def _parsed(content: bytes) -> Any:
    try:
        value = json.loads(content.decode().removeprefix("\ufeff"), parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise _no_json(f"it is not UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise _no_json(f"{error.msg}, at line {error.lineno} column {error.colno}") from None
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:  # a number with thousands of digits, or NaN
        raise _no_json(str(error)) from None
    if content.count(b"[") + content.count(b"{") > _DEEPEST and is_deeper(value, _DEEPEST):
        raise _too_deep()
    if b"\\u" in content:
        _check_texts(value)
    return value


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"JSON has no {name}")


def _check_texts(value: Any) -> None:
    """Refuse the characters that an escape can write but no prompt and no answer can hold."""
    try:
        for text in _texts(value):
            check_characters("the body", text)
    except ValueError as error:
        raise Refusal(422, f"{error}. Remove it.", kind="invalid_request") from None


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    if isinstance(value, dict):
        yield from value
    for part in _parts(value):
        yield from _texts(part)


def _parts(value: Any) -> Iterator[Any]:
    return iter(value.values() if isinstance(value, dict) else value if isinstance(value, list) else ())


def _no_json(reason: str) -> Refusal:
    return Refusal(400, f"The body is not JSON: {reason}. Correct it there.", kind="invalid_json")


def _too_deep() -> Refusal:
    return Refusal(
        400,
        f"The body has more than {_DEEPEST} levels of objects and arrays. Send a flatter one.",
        kind="invalid_json",
    )


def _misfit(error: ValidationError, example: str) -> Refusal:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or "the body"
    mend = f"Correct it there, with a body such as {example}." if example else "Correct it there."
    return Refusal(422, f"{where}: {first['msg']}. {mend}", kind="invalid_request")
