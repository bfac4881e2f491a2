"""Score a frozen program on rows."""

from collections.abc import Iterable, Mapping, Sequence

from cribsheet.cli._display import Display
from cribsheet.cli._programs import Runnable
from cribsheet.cli._terminal import note
from cribsheet.dataset.examples import Row, folded_inputs
from cribsheet.errors import MetricError
from cribsheet.evaluation import metrics, numeric, structured_metrics, texts
from cribsheet.evaluation.by_value import ByValue
from cribsheet.evaluation.evaluate import Evaluation, RowResult, evaluate, summarize
from cribsheet.executor import Threads
from cribsheet.frozen import FrozenProgram
from cribsheet.frozen.running import Call, Run
from cribsheet.models import Model
from cribsheet.outcomes import Value
from cribsheet.task import Metric
from cribsheet.workspace import Workspace

METRICS: Mapping[str, Metric] = {
    metric.__name__: metric
    for metric in (
        metrics.exact_match,
        metrics.label_accuracy,
        metrics.answer_exact,
        metrics.answer_f1,
        structured_metrics.record_accuracy,
        structured_metrics.set_f1,
        structured_metrics.json_valid,
        numeric.numeric_match,
        texts.chrf,
        texts.rouge_l,
    )
}
"""The metrics that ship with Cribsheet, by name; those that take arguments, such as `numeric_within`, have none."""


def metric_of(program: Runnable, workspace: Workspace) -> Metric:
    """Return the metric that a file was compiled with: that of its task, or else the shipped metric of that name."""
    frozen, wanted = program.frozen, program.frozen.results.metric
    if frozen.task in workspace.tasks():
        _, task = workspace.task(frozen.task)
        if name_of(task.metric) == wanted:
            # Imported only here, because they import dspy, which a task's own file has imported already.
            from cribsheet.compiler.bridge import DspyProgram, as_module
            from cribsheet.compiler.own_types import metric_of as typed_metric

            return typed_metric(task, DspyProgram(as_module(task.program)).own_types)
    if wanted in METRICS:
        return shipped_metric(wanted, program)
    raise MetricError(
        f"The file was compiled with the metric {wanted!r}. It is defined in its task's module, and {workspace.root} "
        f"has no task {frozen.task!r} with it. Run this in the task's workspace, or score rows with `cribsheet "
        f"evaluate` and one of these as --metric: {', '.join(METRICS)}."
    )


def shipped_metric(name: str, program: Runnable) -> Metric:
    """Return a metric that ships with Cribsheet, for the outputs of a program."""
    return ByValue(METRICS[name], {field.name: field.type for field in program.signature.outputs})


def name_of(metric: Metric) -> str:
    """Return the metric's name, as frozen files record it."""
    return getattr(metric, "__name__", type(metric).__name__)


def score_rows(program: Runnable, rows: Sequence[Row], metric: Metric, model: Model, display: Display) -> Evaluation:
    """Score the program on the rows, showing the progress."""

    def runner(inputs: Mapping[str, Value]) -> Run:
        return program.run(inputs, model)

    return collected(evaluate(runner, rows, metric, executor=Threads(model.parallel)), len(rows), display)


def collected(results: Iterable[RowResult], total: int, display: Display) -> Evaluation:
    """Collect the results of `total` rows as they come, showing the progress."""
    done: list[RowResult] = []
    score = 0.0
    for result in results:
        done.append(result)
        score += result.score
        display.advance(spent=len(done), limit=total, best=score / len(done))
    return summarize(done)


def tell_of_failures(evaluation: Evaluation, frozen: FrozenProgram) -> None:
    """Print a note if rows crashed, completions could not be parsed, or the model told no log-probabilities."""
    crashed = [row.crash for row in evaluation.rows if row.error]
    unread = [row.parse_failure for row in evaluation.rows if row.parse_failure]
    untold = [row for row in evaluation.rows if any(_is_untold(frozen, call) for call in row.calls)]
    if crashed:
        note(f"Note: rows that crashed: {len(crashed)}, the first with {crashed[0]}")
    if unread:
        note(f"Note: completions that could not be read: {len(unread)}, the first: {unread[0]}")
    if untold:
        note(
            f"Note: rows for which the model told no log-probabilities: {len(untold)}. Their answers were read from "
            "the text, without the corrections that need log-probabilities. `cribsheet doctor` says what a server has."
        )


def tell_of_demos(rows: Sequence[Row], frozen: FrozenProgram) -> None:
    """Print a note if rows are demos of a prompt: then the search probably saw the others too."""
    shown = {folded_inputs(demo.inputs) for prompt in frozen.prompts.values() for demo in prompt.demos}
    found = sum(folded_inputs(row.inputs) in shown for row in rows)
    if found:
        note(
            f"Note: rows that are demonstrations in the prompt: {found} of {len(rows)}. The search may have seen the "
            "others too, so the score is too high. Score rows that are not in the trainset."
        )


def _is_untold(frozen: FrozenProgram, call: Call) -> bool:
    """Tell whether a prompt needs log-probabilities, and the model told none."""
    prompt = frozen.prompts[call.predictor]
    needs = prompt.decoding.decide_by != "text" or any("logprobs" in one.needs for one in prompt.corrections)
    return needs and call.answer.raw.completion.first_token is None


def has_other_weights(frozen: FrozenProgram, model: Model) -> bool:
    """Tell whether the model has the name in the file, but is known to have other weights."""
    same_name = model.name == frozen.model.name
    # Files of earlier releases call the facts that a decision endpoint reports `sha256:…` instead of `told:…`.
    known, now = (digest.rpartition(":")[2] if digest else "" for digest in (frozen.model.digest, model.digest))
    return bool(same_name and known and now and known != now)
