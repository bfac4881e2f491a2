"""Read the calls that a server kept, the least sure first."""

import json
import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from cribsheet.dataset.asked import check_inputs
from cribsheet.dataset.decoding import decoded
from cribsheet.dataset.examples import folded_inputs
from cribsheet.dataset.jsonl import json_objects
from cribsheet.errors import DataError
from cribsheet.outcomes import Value
from cribsheet.signature import Field as SignatureField
from cribsheet.signature import Signature
from cribsheet.text import shortened

_REMEDY = "Name a file that `cribsheet serve --keep` wrote, or correct the line."
_UNFIT = "Remove the line, or name the version of the file that answered it with --program."


class KeptCall(BaseModel):
    """One call as `cribsheet serve --keep` writes it. A redaction hook may leave out all but the first three keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    program: str
    """The name of the program that answered."""
    inputs: dict[str, JsonValue]
    """What was asked, by input."""
    outputs: dict[str, JsonValue]
    """The answer after all corrections, by output."""
    time: str = ""
    """When it was answered, as ISO 8601 writes it."""
    sha256: str = ""
    """The hash of the program's file."""
    outcomes: dict[str, str] = {}
    """The outcome of each output."""
    probability: float | None = Field(default=None, ge=0, le=1.001)
    """The probability of the answer; None if it was not estimated."""
    decided_by: str = ""
    """What decided the raw answer: `logprobs`, `text`, or `inputs` if the model was not asked."""
    model_text: str = ""
    """What the model wrote, before any correction."""
    changes: list[JsonValue] = []
    """The corrections that changed the answer."""


class Placed(NamedTuple):
    """A kept call and where it was read from."""

    where: str
    call: KeptCall


@dataclass(frozen=True)
class Call:
    """A call with typed values. It stands for all calls with the same inputs; its answer is the latest."""

    inputs: Mapping[str, Value]
    outputs: Mapping[str, Value]
    kept: KeptCall
    times: int = 1
    """How often these inputs were asked."""

    @property
    def order(self) -> tuple[int, float]:
        """The less sure an answer is, the lower its place; inputs that alone decided it come last."""
        if self.kept.probability is not None:
            return 0, self.kept.probability
        return (2 if self.kept.decided_by == "inputs" else 1), 0.0


def kept_calls(paths: Iterable[str | os.PathLike[str]]) -> list[Placed]:
    """Return the calls of all files, in order.

    Raises:
        DataError: if a file cannot be read, or a line is no call; the message names the line.
    """
    return [
        Placed(where, _kept(where, values))
        for path in paths
        for where, values in json_objects(_text(Path(path)), os.fspath(path))
    ]


def calls_to_review(placed: Sequence[Placed], signature: Signature) -> list[Call]:
    """Return one call for each different inputs, the least sure first.

    Raises:
        DataError: if a value does not fit the signature; the message names the line.
    """
    found: dict[tuple[str, ...], Call] = {}
    for where, kept in placed:
        call = Call(_typed(where, kept.inputs, signature.inputs), _typed(where, kept.outputs, signature.outputs), kept)
        key = folded_inputs(call.inputs)
        former = found.get(key)
        latest = former if former and former.kept.time > kept.time else call
        found[key] = replace(latest, times=former.times + 1 if former else 1)
    return sorted(found.values(), key=lambda call: call.order)


def check_call(values: object, signature: Signature) -> None:
    """Raise DataError if a call that is to be kept could not be read again."""
    where = "the call"
    if not isinstance(values, dict):
        raise DataError(f"{where} is a {type(values).__name__}, not a dict. Return a dict, or None to drop the call.")
    calls_to_review([Placed(where, _kept(where, values))], signature)


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise DataError(
            f"There is no file {path}. Name the file that `cribsheet serve --keep` writes to, or let it write one."
        ) from None
    except (OSError, ValueError) as error:  # a folder, or a path with a NUL character
        raise DataError(f"{path} cannot be read: {error}. Check its name and its permissions.") from None
    text = decoded(_without_cut_line(data, path), str(path))
    if not text.strip():
        raise DataError(f"{path} is empty. Calls are written to it as they are answered, so ask the server first.")
    return text


def _without_cut_line(data: bytes, path: Path) -> bytes:
    """Leave out a last line that is not whole, because the server writes it just now, or was killed while it did."""
    whole, end, last = data.rpartition(b"\n")
    if not last.startswith(b"{") or _is_json(last):
        return data
    number = whole.count(b"\n") + bool(end) + 1
    warnings.warn(f"{path}, line {number}: left out, because the line is cut off.", stacklevel=2)
    return whole + end


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    except RecursionError:  # it is named like any other line that cannot be read
        return True
    return True


def _kept(where: str, values: dict[str, object]) -> KeptCall:
    try:
        return KeptCall.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        place = shortened(".".join(map(str, first["loc"])), 60)
        known = f" A kept call has {', '.join(KeptCall.model_fields)}." if first["type"] == "extra_forbidden" else ""
        raise DataError(f"{where}: not a kept call: {place}: {first['msg']}.{known} {_REMEDY}") from None


def _typed(where: str, given: Mapping[str, object], fields: Sequence[SignatureField]) -> dict[str, Value]:
    """Return typed values for exactly these fields."""
    names = [field.name for field in fields]
    missing = next((name for name in names if name not in given), None)
    unknown = next((name for name in given if name not in names), None)
    if missing or unknown:
        problem = f"no value for {missing!r}" if missing else f"the unknown field {shortened(str(unknown), 60)!r}"
        raise DataError(f"{where}: {problem}; the program has {', '.join(names)}. {_UNFIT}")
    try:
        values = {field.name: field.coerce(given[field.name]) for field in fields}
    except ValueError as error:
        raise DataError(f"{where}: {error}. {_UNFIT}") from None
    check_inputs(where, values, fields)
    return values
