"""The file of test rows beside a frozen file, with which `cribsheet check` scores the program again."""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, JsonValue, ValidationError

from cribsheet.carriage import Carriage
from cribsheet.dataset.examples import Row
from cribsheet.errors import FrozenFileError
from cribsheet.frozen.schema import FrozenProgram
from cribsheet.outcomes import to_json
from cribsheet.signature import REASONING, Signature


class TestedRow(BaseModel):
    """One test row, with the compiled program's score on it."""

    __test__ = False  # else pytest takes it for a test, because its name begins with "Test"

    model_config = ConfigDict(frozen=True, extra="forbid")

    inputs: Mapping[str, JsonValue]
    """The input values, by name."""
    outputs: Mapping[str, Annotated[tuple[JsonValue, ...], Field(min_length=1)]]
    """The accepted values of each output, by name."""
    group: str = ""
    """The row's group; rows of a group share something, such as a context. Empty if it shares nothing."""
    scores: Mapping[Carriage, FiniteFloat]
    """The metric's value under each measured carriage."""

    @classmethod
    def of(cls, row: Row, scores: Mapping[Carriage, float]) -> "TestedRow":
        """Return the record of a row."""
        outputs = {name: tuple(map(to_json, values)) for name, values in row.outputs.items()}
        values = {"inputs": dict(row.inputs), "outputs": outputs, "group": row.group, "scores": dict(scores)}
        return cls.model_validate(values)

    def row(self, signature: Signature) -> Row:
        """Return the typed row, which need not have a rationale; ValueError if it does not fit the signature."""
        needed = [field.name for field in (*signature.inputs, *signature.outputs) if field.name != REASONING]
        if missing := [name for name in needed if name not in {**self.inputs, **self.outputs}]:
            raise ValueError(f"it has no {missing[0]!r}")
        inputs = {field.name: field.coerce(self.inputs[field.name]) for field in signature.inputs}
        outputs = {
            field.name: tuple(map(field.coerce, self.outputs[field.name]))
            for field in signature.outputs
            if field.name in self.outputs
        }
        return Row(inputs, outputs, self.group)


def path_beside(path: str | os.PathLike[str]) -> Path:
    """Return the path of the test rows that belong to a frozen file.

    >>> path_beside("topic.prompt.json").name, path_beside("topic.json").name
    ('topic.test.jsonl', 'topic.test.jsonl')
    """
    path = Path(path)
    return path.with_name(f"{path.name.removesuffix('.json').removesuffix('.prompt')}.test.jsonl")


def to_lines(rows: Iterable[TestedRow]) -> str:
    """Return the text of the file, one row per line; the same rows always give the same bytes."""
    return "".join(json.dumps(row.model_dump(mode="json"), ensure_ascii=False, sort_keys=True) + "\n" for row in rows)


def hash_of(text: str) -> str:
    """Return the sha256 that a frozen file records of its test rows."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def read_tested(path: str | os.PathLike[str], program: FrozenProgram) -> Sequence[TestedRow]:
    """Return the test rows that are stored beside a frozen file.

    Raises:
        FrozenFileError: if the file of test rows is missing, belongs to another compile, or holds no rows.
    """
    beside = path_beside(path)
    if program.results.tested is None:
        raise FrozenFileError(f"{path} records no test rows. Compile again, or name other rows with --data.")
    try:
        text = beside.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FrozenFileError(
            f"The test rows of {path} cannot be read from {beside} ({error}). Copy them there, compile again, or name "
            "other rows with --data."
        ) from None
    if hash_of(text) != program.results.tested:
        raise FrozenFileError(
            f"{beside} does not hold the test rows that {path} was scored on: its sha256 is {hash_of(text)[:12]}…, "
            f"not {program.results.tested[:12]}…. Copy the right file there, or name other rows with --data."
        )
    try:
        rows = [TestedRow.model_validate_json(line) for line in text.split("\n") if line]
    except ValidationError as error:
        raise FrozenFileError(
            f"{beside} has a row that cannot be read: {error.errors()[0]['msg']}. Compile again, or name other rows "
            "with --data."
        ) from None
    if not rows:
        raise FrozenFileError(f"{beside} holds no test rows. Compile again, or name other rows with --data.")
    return rows
