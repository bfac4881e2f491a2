"""Keep the calls of a teacher's passing runs as JSON lines."""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cribsheet.dataset.examples import Demo
from cribsheet.dataset.jsonl import json_objects
from cribsheet.errors import DataError
from cribsheet.outcomes import Value
from cribsheet.signature import REASONING, Signature


class Trace(BaseModel):
    """One predictor's call in a run that passed the metric."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    row: str
    """The id of the row that the program ran on."""
    predictor: str
    """The predictor's name in the program."""
    inputs: Mapping[str, Value]
    """The predictor's inputs."""
    outputs: Mapping[str, Value]
    """The predictor's outputs, with `reasoning` if it was asked to reason."""
    score: float = Field(ge=0, le=1)
    """The program's metric on the row."""
    teacher: str
    """The name of the model that answered."""
    sample: int = Field(ge=0)
    """The number of the sample; 0 is the greedy one."""
    hinted: bool = False
    """Whether the teacher was shown the right answer."""


def rationales_of(traces: Iterable[Trace], predictor: str, signature: Signature) -> tuple[Demo, ...]:
    """Return a predictor's distinct demos with rationales; none if the task has a `reasoning` field of its own."""
    if not signature.may_reason:
        return ()
    return _demos([trace for trace in traces if REASONING in trace.outputs], predictor, signature.with_reasoning())


def demos_of_traces(traces: Iterable[Trace], predictor: str, signature: Signature) -> tuple[Demo, ...]:
    """Return a predictor's distinct demos, without rationales."""
    return _demos(traces, predictor, signature)


def write_traces(path: str | os.PathLike[str], traces: Sequence[Trace]) -> None:
    """Write one trace on each line; DataError if the file cannot be written."""
    lines = "".join(trace.model_dump_json(by_alias=True) + "\n" for trace in traces)
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(lines, encoding="utf-8")
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror}. Choose another place with --traces.") from None


def read_traces(path: str | os.PathLike[str], signatures: Mapping[str, Signature]) -> tuple[Trace, ...]:
    """Return the traces of a file, typed by the signatures of the program's predictors.

    Raises:
        DataError: a line is no trace of this program. The message names the line.
    """
    traces = tuple(_trace(where, values, signatures) for where, values in json_objects(_text(Path(path)), str(path)))
    if not traces:
        raise DataError(f"{path} holds no traces. Name another file with --traces.")
    return traces


def _demos(traces: Iterable[Trace], predictor: str, signature: Signature) -> tuple[Demo, ...]:
    demos = [
        Demo(
            inputs={field.name: trace.inputs[field.name] for field in signature.inputs},
            outputs={field.name: trace.outputs[field.name] for field in signature.outputs},
        )
        for trace in traces
        if trace.predictor == predictor
    ]
    return tuple({repr(demo): demo for demo in demos}.values())


def _trace(where: str, values: dict[str, Any], signatures: Mapping[str, Signature]) -> Trace:
    try:
        trace = Trace.model_validate(values)
        signature = signatures.get(trace.predictor)
        if signature is None:
            raise ValueError(f"the program has no predictor {trace.predictor!r}, but {', '.join(signatures)}")
        return _typed(trace, signature)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the line"
        raise DataError(f"{where}: no trace: {place}: {first['msg']}. {_REMEDY}") from None
    except ValueError as error:
        raise DataError(f"{where}: {error}. {_REMEDY}") from None


_REMEDY = "Correct the line, or name another file with --traces."


def _typed(trace: Trace, signature: Signature) -> Trace:
    inputs, outputs = ({field.name: field for field in side} for side in (signature.inputs, signature.outputs))
    if REASONING in trace.outputs and signature.may_reason:
        outputs = {field.name: field for field in signature.with_reasoning().outputs}
    for side, fields, given in (("inputs", inputs, trace.inputs), ("outputs", outputs, trace.outputs)):
        if set(given) != set(fields):
            raise ValueError(
                f"{trace.predictor} has the {side} {', '.join(fields)}, the trace {', '.join(given) or 'none'}"
            )
    return trace.model_copy(
        update={
            "inputs": {name: field.coerce(trace.inputs[name]) for name, field in inputs.items()},
            "outputs": {name: field.coerce(trace.outputs[name]) for name, field in outputs.items()},
        }
    )


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 at offset {error.start}. Save it as UTF-8.") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}. Check the path given with --traces.") from None
