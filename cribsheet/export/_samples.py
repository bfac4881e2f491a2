"""Collect the examples that a model can be trained on: labelled rows, demos, traces."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from cribsheet.dataset.examples import Demo, Row, folded_inputs
from cribsheet.dataset.rows import load_rows
from cribsheet.dataset.sampling import ALL, Taken
from cribsheet.dataset.splits import Splits, split
from cribsheet.dataset.traces import read_traces
from cribsheet.errors import ExportError
from cribsheet.export._base import Source
from cribsheet.frozen import FrozenPrompt
from cribsheet.outcomes import Value
from cribsheet.signature import REASONING, Signature


@dataclass(frozen=True)
class Sample:
    """Inputs with the answer that a model is to give, and how it gets there."""

    inputs: Mapping[str, Value]
    """By field name."""
    outputs: Mapping[str, Value]
    """By field name, without a rationale."""
    reasoning: str | None
    """The rationale; None if there is none."""
    origin: str
    """`row`, `demo`, or `trace` with the teacher's name."""
    hinted: bool = False
    """Whether the rationale was written by a teacher that was shown the answer."""
    is_first: bool = True
    """Whether it is the first with its inputs: an answer is shown once, a rationale each time."""

    def demo(self, *, reasons: bool) -> Demo:
        """Return it as a demonstration."""
        rationale: dict[str, Value] = {REASONING: self.reasoning or ""} if reasons else {}
        return Demo(inputs=self.inputs, outputs={**rationale, **self.outputs})


def samples_of(source: Source) -> list[Sample]:
    """Return the distinct examples: the rows of the demo pool, the prompt's demos, the traces.

    Raises:
        ExportError: if there are none, or if some may be of the testset or the valset.
        DataError: if the rows or traces cannot be read.
    """
    splits = _splits(source) if source.training.rows else None
    found = [*_from_rows(source, splits), *_from_demos(source), *_from_traces(source, splits)]
    distinct = {repr((dict(one.inputs), one.outputs, one.reasoning)): one for one in reversed(found)}
    samples, seen = [], set()
    for one in reversed(distinct.values()):
        samples.append(replace(one, is_first=repr(one.inputs) not in seen))
        seen.add(repr(one.inputs))
    if not samples:
        raise ExportError(
            f"{source.name} has no demos, so there is nothing to train on. Give labelled rows with --rows, or a "
            "teacher's traces with --traces."
        )
    return samples


def answer_signature(prompt: FrozenPrompt) -> Signature:
    """Return the signature of a prompt without a rationale."""
    return prompt.signature.without_outputs([REASONING])


def reasoning_signature(prompt: FrozenPrompt) -> Signature:
    """Return the signature of a prompt with a rationale before the outputs."""
    return prompt.signature if REASONING in prompt.signature.output_names else prompt.signature.with_reasoning()


def _compiled_signature(prompt: FrozenPrompt) -> Signature:
    """Return the signature as the task has it: a rationale that the search added is no part of it."""
    return answer_signature(prompt) if prompt.reasoning else prompt.signature


def _splits(source: Source) -> Splits:
    """Return which of the rows the compile chose demos from; all of them with `every_row`."""
    program, training = source.program, source.training
    if len(program.prompts) > 1:
        raise ExportError(
            f"--rows holds rows of the whole program, but {source.name} is one of its prompts "
            f"{', '.join(program.prompts)}, whose own inputs and outputs no row has. Give --traces instead."
        )
    signature, compiled = _compiled_signature(source.prompt), program.provenance
    rows = load_rows(
        str(training.rows),
        signature,
        mapping=training.mapping,
        optional=[REASONING],
        allow_empty=training.allow_empty,
        labels=training.labels,
        taken=ALL if training.every_row else Taken(compiled.limit, compiled.sample, compiled.seed),
    )
    if training.every_row:
        return Splits(tuple(rows), (), ())
    splits = split(rows, signature.labelled_by(rows[0].outputs), seed=compiled.seed)
    if splits.hashes != compiled.splits:
        raise ExportError(
            f"{training.rows} does not split as the rows of the compile did, so some of its rows may be of the testset "
            "or the valset. Give the trainset of the compile, or take all rows with --every-row."
        )
    return splits


def _from_rows(source: Source, splits: Splits | None) -> Iterator[Sample]:
    names = answer_signature(source.prompt).output_names
    for row in splits.train if splits else ():
        values = {name: accepted[0] for name, accepted in row.outputs.items()}
        outputs = {name: value for name, value in values.items() if name in names}
        yield Sample(row.inputs, outputs, _rationale(values), "row")


def _from_demos(source: Source) -> Iterator[Sample]:
    for demo in source.prompt.demos:
        outputs = {name: value for name, value in demo.outputs.items() if name != REASONING}
        yield Sample(demo.inputs, outputs, _rationale(demo.outputs), "demo")


def _from_traces(source: Source, splits: Splits | None) -> Iterator[Sample]:
    if not source.training.traces:
        return
    signatures = {name: _compiled_signature(prompt) for name, prompt in source.program.prompts.items()}
    held_out = _marks(splits.val, splits.test) if splits else set()
    for trace in read_traces(source.training.traces, signatures):
        if trace.predictor == source.name and not held_out & {trace.row, folded_inputs(trace.inputs)}:
            outputs = {name: value for name, value in trace.outputs.items() if name != REASONING}
            yield Sample(trace.inputs, outputs, _rationale(trace.outputs), f"trace of {trace.teacher}", trace.hinted)


def _marks(*parts: tuple[Row, ...]) -> set[object]:
    """Return what tells a trace of these rows: their ids and, since an id changes with a row's label, their inputs."""
    return {mark for part in parts for row in part for mark in (row.id, folded_inputs(row.inputs))}


def _rationale(outputs: Mapping[str, Value]) -> str | None:
    return str(outputs[REASONING]) if REASONING in outputs else None
