"""Tables for people, summaries for machines."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from cribsheet.evaluate import Evaluation, selective_curve, without_guard
from cribsheet.frozen import FrozenProgram, FrozenPrompt, Results, Taught
from cribsheet.metrics import Metric, abstention_precision, abstention_recall, recall
from cribsheet.prompts import Message, Prompt
from cribsheet.scores import Gain, Score
from cribsheet.selective import Point, area, balanced_abstention
from cribsheet.signature import Field
from cribsheet.slots import filled, open_prompt

if TYPE_CHECKING:  # the compiler imports dspy, which a table does without
    from cribsheet.compiling import Compiled
    from cribsheet.models.cache import Meter

_HASH = 12


# A compile


def compiled_summary(compiled: "Compiled", out: Path) -> dict[str, Any]:
    """Return what a compile gave and took."""
    program = compiled.program
    return {
        "out": str(out),
        "task": compiled.name,
        "model": program.model.name,
        "optimizer": program.provenance.optimizer,
        **program.results.model_dump(mode="json"),
        "prompts": {
            name: {"layout": prompt.layout.name, "demos": len(prompt.demos)} for name, prompt in program.prompts.items()
        },
        "interrupted": program.provenance.interrupted,
        "taught": program.provenance.taught.model_dump() if program.provenance.taught else None,
        "notes": list(program.notes),
        **meter_summary(compiled.meter),
        "seconds": round(compiled.seconds, 3),
    }


def compiled_facts(compiled: "Compiled") -> Table:
    """Return what was chosen and what it took."""
    program = compiled.program
    spent = meter_summary(compiled.meter)
    facts = {"model": program.model.name, "metric": f"{program.results.metric}, on rows that the search never saw"}
    for name, prompt in program.prompts.items():
        facts["prompt" if len(program.prompts) == 1 else name] = _choice(prompt)
    facts |= _taught(program.provenance.taught)
    facts["took"] = _took({**spent, "seconds": compiled.seconds})
    return facts_table(facts)


def results_table(results: Results) -> Table:
    """Return baseline, compiled and gain with their intervals."""
    table = _scores_table()
    _add_score(table, "zero-shot", results.baseline)
    _add_score(table, "compiled", results.compiled)
    if results.unguarded:
        _add_score(table, "unguarded", results.unguarded)
    gain = results.gain
    table.add_row("gain", f"{gain.mean:+.3f}", f"{gain.low:+.3f} to {gain.high:+.3f}", str(gain.n))
    return table


def verdict(gain: Gain) -> str:
    """Return in words what a gain's interval says.

    >>> verdict(Gain(mean=0.1, low=-0.05, high=0.25, n=40))
    'The interval of the gain includes 0: it may be chance. More rows would tell.'
    """
    if gain.low > 0:
        return "The interval of the gain excludes 0: the compiled prompt is better."
    if gain.high < 0:
        return "The interval of the gain excludes 0: the compiled prompt is worse."
    return "The interval of the gain includes 0: it may be chance. More rows would tell."


def meter_summary(meter: "Meter") -> dict[str, int | float | None]:
    """Return what was asked of a model, and what its caches made unnecessary."""
    return {
        "calls": meter.calls,
        "cached_calls": meter.cached_calls,
        "prompt_tokens": meter.prompt_tokens,
        "evaluated_tokens": meter.evaluated_tokens,
        "prefix_cached_tokens": meter.prefix_cached_tokens,
        "completion_cached_tokens": meter.completion_cached_tokens,
        "cached_share": None if meter.cached_share is None else round(meter.cached_share, 4),
        "completion_tokens": meter.completion_tokens,
    }


def _took(spent: Mapping[str, Any]) -> str:
    """Return in words what `meter_summary` and the seconds say."""
    tokens = spent["prompt_tokens"] + spent["completion_cached_tokens"]
    untold = ", as far as the endpoint tells" if spent["calls"] and spent["prefix_cached_tokens"] is None else ""
    return (
        f"{spent['calls']:,} calls, {spent['cached_calls']:,} more answered by the cache; "
        f"{100 * (spent['cached_share'] or 0):.0f} % of {tokens:,} prompt tokens came from caches{untold}, "
        f"{spent['evaluated_tokens']:,} were read anew; {spent['completion_tokens']:,} written; "
        f"{spent['seconds']:.0f} s"
    )


def _choice(prompt: FrozenPrompt) -> str:
    extras = ["reasoning"] * prompt.reasoning + ["calibrated"] * (prompt.calibration is not None)
    extras += ["guarded"] * (prompt.guard is not None)
    return ", ".join([f"layout {prompt.layout.name}", _count(len(prompt.demos), "demo"), *extras])


# An evaluation


def evaluation_summary(evaluation: Evaluation, field: Field, metric: Metric) -> dict[str, Any]:
    """Return the score, what went wrong, and the figures of each outcome of a field."""
    pairs = [(gold, predicted or "") for gold, predicted in evaluation.outcomes(field)]
    found = recall(pairs)
    summary = {
        **evaluation.score.model_dump(mode="json"),
        "parse_failures": evaluation.parse_failures,
        "errors": evaluation.errors,
        "recall": {outcome: found[outcome] for outcome in field.outcomes if outcome in found},
        "risk_coverage": _curve_summary(selective_curve(evaluation, metric)),
    }
    if field.abstains:
        unguarded, answerable = without_guard(evaluation, metric), evaluation.answerable(field)
        summary |= {
            "abstention_precision": abstention_precision(pairs),
            "abstention_recall": abstention_recall(pairs),
            "abstention_balanced": balanced_abstention(pairs),
            "answerable": answerable.model_dump(mode="json") if answerable else None,
            "unguarded": unguarded.score.model_dump(mode="json") if unguarded else None,
        }
    return summary


def evaluation_tables(evaluation: Evaluation, summary: Mapping[str, Any]) -> Sequence[Table]:
    """Return an evaluation's score and its further figures; `summary` is the whole one, for machines."""
    scores = _scores_table()
    _add_score(scores, summary["metric"], evaluation.score)
    for part in ("unguarded", "answerable"):
        if summary.get(part):
            _add_score(scores, part, Score.model_validate(summary[part]))
    facts = {"model": summary["model"]}
    facts["recall"] = ", ".join(f"{outcome} {figure:.3f}" for outcome, figure in summary["recall"].items())
    if "abstention_precision" in summary:
        facts["abstention"] = (
            f"precision {_figure(summary['abstention_precision'])}, recall {_figure(summary['abstention_recall'])}, "
            f"balanced accuracy {_figure(summary['abstention_balanced'])}"
        )
    if summary["risk_coverage"]:
        reached = summary["risk_coverage"]["curve"][-1][0]
        facts["risk-coverage"] = f"area {summary['risk_coverage']['area']:.3f}, up to a coverage of {reached:.3f}"
    facts["unreadable"] = _count(summary["parse_failures"], "completion")
    facts["crashed"] = _count(summary["errors"], "row")
    facts["took"] = _took(summary)
    return scores, facts_table(facts)


def _curve_summary(curve: Sequence[Point]) -> dict[str, Any] | None:
    """Return the area and the points, coverage and risk; None where nothing tells how sure the program is."""
    return {"area": area(curve), "curve": [[point.coverage, point.risk] for point in curve]} if curve else None


# A frozen program


def program_summary(program: FrozenProgram) -> dict[str, Any]:
    """Return what a frozen file holds, with the text of each prompt in place of its parts."""
    return {
        "task": program.task,
        "model": program.model.model_dump(mode="json"),
        "results": program.results.model_dump(mode="json"),
        "provenance": program.provenance.model_dump(mode="json"),
        "notes": list(program.notes),
        "prompts": {name: _prompt_summary(prompt) for name, prompt in program.prompts.items()},
    }


def program_facts(program: FrozenProgram) -> Table:
    """Return where a frozen program comes from."""
    made = program.provenance
    stopped = ", stopped by hand" if made.interrupted else ""
    splits = ", ".join(f"{part} {_short(digest)}" for part, digest in made.splits.items())
    facts = {
        "model": f"{program.model.name}, window of {program.model.context_window:,} tokens",
        "digest": _short(program.model.digest) if program.model.digest else "not told by the endpoint",
        "metric": program.results.metric,
        "search": f"{made.optimizer}, seed {made.seed}; {_count(made.candidates, 'candidate')} scored, "
        f"{_count(made.evaluations, 'row')} answered{stopped}",
        "winner": made.origin,
        "budget": f"{made.budget}; {made.spent_tokens:,} tokens spent",
        **_taught(made.taught),
        "splits": splits,
        "versions": ", ".join(f"{package} {version}" for package, version in made.versions.items()),
    }
    return facts_table({**facts, **{f"note {at}": text for at, text in enumerate(program.notes, 1)}})


def _taught(taught: Taught | None) -> dict[str, str]:
    return {"teacher": f"{taught.teacher}, {_count(taught.traces, 'trace')} passed"} if taught else {}


def prompt_facts(prompt: FrozenPrompt) -> Table:
    """Return how a frozen prompt asks and decides."""
    signature, layout = prompt.signature, prompt.layout
    inputs, outputs = (", ".join(field.name for field in side) for side in (signature.inputs, signature.outputs))
    facts = {
        "signature": f"{signature.name}: {inputs} -> {outputs}",
        "layout": f"{layout.name} ({layout.style.replace('_', ' ')})",
        "demos": _demos(prompt),
        "decides by": prompt.decoding.decide_by,
    }
    if prompt.calibration:
        facts["biases"] = _weights(prompt.calibration.biases)
    if prompt.guard:
        guard = prompt.guard
        if guard.least_coverage:
            facts["asked from"] = f"coverage {guard.least_coverage:.3f}; under it unanswerable, without the model"
        if guard.weights:
            facts["guard"] = (
                f"{_weights(guard.weights)}, intercept {guard.intercept:+.3f}, threshold {guard.threshold:.3f}"
            )
        facts["guarded"] = f"{guard.field}, from {', '.join((*guard.lead, guard.context))}"
    return facts_table(facts)


def prompt_with_placeholders(prompt: FrozenPrompt) -> Prompt:
    """Return the exact prompt, each input shown as its name in angle quotes."""
    opened = open_prompt(prompt)
    marks = {field.name: f"«{field.name}»" for field in prompt.signature.inputs}
    turns = (
        Message.model_validate({"role": turn.role, "content": filled(turn.content, marks)}) for turn in opened.turns
    )
    return Prompt(text=filled(opened.text, marks), messages=tuple(turns), stop=opened.stop)


def _prompt_summary(prompt: FrozenPrompt) -> dict[str, Any]:
    rendered = prompt_with_placeholders(prompt)
    guard = prompt.guard.model_dump(mode="json", exclude={"idf", "rare"}) if prompt.guard else None
    return {
        "signature": prompt.signature.model_dump(mode="json"),
        "layout": prompt.layout.name,
        "style": prompt.layout.style,
        "demos": len(prompt.demos),
        "decide_by": prompt.decoding.decide_by,
        "biases": dict(prompt.calibration.biases) if prompt.calibration else None,
        "guard": guard,
        "text": rendered.text,
        "messages": [message.model_dump() for message in rendered.messages],
        "stop": list(rendered.stop),
    }


def _demos(prompt: FrozenPrompt) -> str:
    first = prompt.signature.outputs[int(prompt.reasoning)]
    counts = Counter(first.outcome_of(demo.outputs[first.name]) for demo in prompt.demos)
    shares = ", ".join(f"{counts[outcome]} {outcome}" for outcome in first.outcomes if counts[outcome])
    return f"{len(prompt.demos)} ({shares})" if shares and len(first.outcomes) > 1 else str(len(prompt.demos))


# Tables


def facts_table(facts: Mapping[str, str]) -> Table:
    """Return a table of names and what is to be said about each."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, fact in facts.items():
        table.add_row(name, fact)
    return table


def _scores_table() -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2), header_style="dim")
    table.add_column("", no_wrap=True)
    table.add_column("score", justify="right", no_wrap=True)
    table.add_column("95 % interval", no_wrap=True)
    table.add_column("rows", justify="right", no_wrap=True)
    return table


def _add_score(table: Table, name: str, score: Score) -> None:
    table.add_row(name, f"{score.score:.3f}", f"{score.low:.3f} to {score.high:.3f}", str(score.n))


def _weights(weights: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {weight:+.3f}" for name, weight in weights.items())


def _short(digest: str) -> str:
    return digest.removeprefix("sha256:")[:_HASH]


def _figure(figure: float | None) -> str:
    return "undefined" if figure is None else f"{figure:.3f}"


def _count(number: int, noun: str) -> str:
    """Return a number with its noun.

    >>> _count(1, "row"), _count(2_000, "row")
    ('1 row', '2,000 rows')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
