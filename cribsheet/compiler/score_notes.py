"""Say in sentences what a reader of the scores should know."""

from collections.abc import Iterator, Mapping, Sequence

from cribsheet.evaluation.evaluate import Evaluation, RowResult
from cribsheet.layout.parsing import ParseFailure
from cribsheet.outcomes import is_absent, to_text
from cribsheet.signature import REASONING, Field
from cribsheet.text import counted, shortened

_NAMED = 3
_FEWEST = 8
"""The fewest rows of which equal answers tell something."""


def unpaid(rows: int, *, whole: int, as_text: bool) -> Iterator[str]:
    """Yield a sentence on what the rest of the budget did not pay for; `rows` of the `whole` testset were scored."""
    if rows < whole:
        yield (
            f"The budget paid for {rows} of the {counted(whole, 'test row')}, so the scores are of these. For all, "
            "give a larger --budget."
        )
    if not as_text:
        yield "The budget did not pay for the score as text. Give a larger --budget to learn it."


def unanswered(compiled: Evaluation, baseline: Evaluation, numbers: Mapping[str, int]) -> Iterator[str]:
    """Yield a sentence on the rows that the model could not be asked, which count as 0, and one if none can be read."""
    for evaluation, by in ((compiled, ""), (baseline, " from the zero-shot prompt")):
        failed = [row for row in evaluation.rows if row.error]
        if failed:
            named = ", ".join(f"row {numbers.get(row.example.id, 0)}" for row in failed[:_NAMED])
            more = f" and {len(failed) - _NAMED} more" if len(failed) > _NAMED else ""
            yield (
                f"{len(failed)} of {counted(len(evaluation.rows), 'test row')} got no answer{by} and "
                f"{'counts' if len(failed) == 1 else 'count'} as 0: {named}{more}. "
                f"The first: {failed[0].crash}"
            )
    unread = [row for row in compiled.rows if row.parse_failure is not None]
    if unread and len(unread) == len(compiled.rows):
        yield (
            f"None of the answers to the {counted(len(unread), 'test row')} can be read, so all count as 0. "
            f"The first: {unread[0].parse_failure}"
        )


def unvaried(outputs: Sequence[Field], rows: Sequence[RowResult]) -> Iterator[str]:
    """Yield a sentence on each output that is the same for all rows, although its right values differ."""
    runs = [row.run.outputs for row in rows if row.run and not isinstance(row.run.outputs, ParseFailure)]
    if len(runs) < max(_FEWEST, len(rows)):
        return
    for field in outputs:
        right = {_key(row.example.outputs[field.name][0]) for row in rows}
        given = {_key(run.get(field.name)): run.get(field.name) for run in runs}
        if field.name != REASONING and len(right) > 1 and len(given) == 1:
            (value,) = given.values()
            yield (
                f"{field.name} is the same in all {len(runs)} answers to test rows, although the right ones differ: "
                f"{shortened(to_text(value), 80)}."
            )


def _key(value: object) -> str:
    return "" if is_absent(value) else repr(value)
