"""Report a compile or an evaluation, as tables for people or as JSON for machines."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from rich.table import Table

from cribsheet.evaluation.confusion import Confusion, confusion, macro_f1
from cribsheet.evaluation.evaluate import Evaluation, selective_curve, uncorrected_evaluation
from cribsheet.evaluation.metrics import abstention_precision, abstention_recall, recall
from cribsheet.evaluation.parts import shares_right
from cribsheet.evaluation.risk_coverage import Point, area, balanced_abstention
from cribsheet.frozen import Constant, FrozenProgram, FrozenPrompt, Results, Unread
from cribsheet.frozen.score import Gain, Score
from cribsheet.outcomes import Value, from_json, to_text
from cribsheet.report.confusion import confusion_summary, confusion_table, mistakes_in_words
from cribsheet.report.description import taught_facts
from cribsheet.report.tables import add_score, facts_table, figured, scores_table
from cribsheet.signature import Field
from cribsheet.task import Metric
from cribsheet.text import counted, listed, shortened

if TYPE_CHECKING:  # the compiler imports dspy, which a table does not need
    from cribsheet.compiler.compile import Compiled
    from cribsheet.models.cache import Meter

# A compile


def compiled_summary(compiled: "Compiled", out: Path) -> dict[str, Any]:
    """Return the result and the cost of a compile as JSON."""
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
        "notes": [*program.notes, *without_model_in_words(program.results)],
        **meter_summary(compiled.meter),
        "seconds": round(compiled.seconds, 3),
    }


def compiled_facts(compiled: "Compiled") -> Table:
    """Return a table of the compiled prompts and the cost of the compile."""
    program = compiled.program
    spent = meter_summary(compiled.meter)
    asked = "on rows that the search never saw" if program.results.rows == "testset" else "on validation rows"
    facts = {"model": program.model.name, "metric": f"{program.results.metric}, {asked}"}
    for name, prompt in program.prompts.items():
        facts["prompt" if len(program.prompts) == 1 else name] = _choice(prompt)
    unread = program.results.unread
    facts |= {"unreadable": _unread(unread)} if unread and (unread.rows or unread.asked_again) else {}
    facts |= taught_facts(program.provenance.taught)
    facts["took"] = _took({**spent, "seconds": compiled.seconds})
    return facts_table(facts)


def headline(program: FrozenProgram) -> str:
    """Say what was compiled, for which model and deployment."""
    carriage = program.results.carriage
    deployed = "" if carriage == "runtime" else f", to be deployed as {carriage}"
    return f"{shortened(program.task)}, compiled for {shortened(program.model.name)}{deployed}"


def results_table(results: Results) -> Table:
    """Return a table of the baselines, the compiled score, the gain, and the scores under other carriages."""
    table = scores_table()
    add_score(table, "zero-shot", results.baseline)
    if results.decided:
        add_score(table, "zero-shot, decided", results.decided)
    if results.words_alone:
        add_score(table, "words alone", results.words_alone)
    if results.constant:
        add_score(table, "constant answer", results.constant.score)
    add_score(table, "compiled", results.compiled)
    for carriage, score in results.carriages.items():
        if carriage != results.carriage and score != results.compiled:
            add_score(table, f"as {carriage}", score)
    if results.uncorrected and results.uncorrected != results.carriages.get("text"):
        add_score(table, "uncorrected", results.uncorrected)
    gain = results.gain
    table.add_row("gain", f"{gain.mean:+.3f}", f"{gain.low:+.3f} to {gain.high:+.3f}", str(gain.n))
    return table


def gain_in_words(gain: Gain) -> str:
    """Return a sentence that says what a gain's interval means.

    >>> gain_in_words(Gain(mean=0.1, low=-0.05, high=0.25, n=40))
    'The interval of the gain includes 0: it may be chance. More rows would show.'
    """
    if gain.low > 0:
        return "The interval of the gain excludes 0: the compiled prompt is better than the zero-shot prompt."
    if gain.high < 0:
        return "The interval of the gain excludes 0: the compiled prompt is worse than the zero-shot prompt."
    return "The interval of the gain includes 0: it may be chance. More rows would show."


def without_model_in_words(results: Results) -> Iterator[str]:
    """Yield a sentence for each way to be as good as the compiled prompt without a language model."""
    words, constant, compiled = results.words_alone, results.constant, results.compiled
    if words and words.score >= compiled.score:
        yield (
            "Words alone do as well: a linear model of words and characters, learned from the rows that the search "
            f"saw, scores {words.score:.3f}, the compiled prompt {compiled.score:.3f}. It needs no language model."
        )
    if constant and constant.score.score >= compiled.score:
        yield (
            f"The constant answer does as well: {_answer_in_words(constant)} scores {constant.score.score:.3f}, "
            f"the compiled prompt {compiled.score:.3f}. Try a larger model or a larger budget."
        )
    elif constant and constant.gain and constant.gain.low <= 0:
        yield (
            f"The constant answer, {_answer_in_words(constant)}, may do as well: the compiled prompt is better by "
            f"{constant.gain.mean:.3f}, but the interval of that includes 0 ({constant.gain.low:+.3f} to "
            f"{constant.gain.high:+.3f}). More rows would show."
        )


def _answer_in_words(constant: Constant) -> str:
    texts = {name: to_text(cast(Value, from_json(value))) for name, value in constant.outputs.items()}
    told = [*texts.values()] if len(texts) == 1 else [f"{name} {text}" for name, text in texts.items()]
    return shortened(", ".join(told))


def verdicts(results: Results) -> str:
    """Return what the scores mean, in sentences."""
    return " ".join((gain_in_words(results.gain), *without_model_in_words(results)))


def meter_summary(meter: "Meter") -> dict[str, int | float | None]:
    """Return the calls and tokens as JSON, with how many of them came from caches."""
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
    """Return `meter_summary` and the seconds as a sentence."""
    tokens = spent["prompt_tokens"] + spent["completion_cached_tokens"]
    untold = ", as far as the endpoint reports" if spent["calls"] and spent["prefix_cached_tokens"] is None else ""
    return (
        f"{counted(spent['calls'], 'call')}, {spent['cached_calls']:,} more answered by the cache; "
        f"{100 * (spent['cached_share'] or 0):.0f} % of {counted(tokens, 'prompt token')} came from caches{untold}, "
        f"{spent['evaluated_tokens']:,} were read anew; {spent['completion_tokens']:,} written; "
        f"{spent['seconds']:.0f} s"
    )


def _unread(unread: Unread) -> str:
    """Return how many answers could not be read, as a phrase."""
    again = f"; {unread.rescued} of {unread.asked_again} could be read when asked again" if unread.asked_again else ""
    return f"{counted(unread.rows, 'answer')}{again}"


def _choice(prompt: FrozenPrompt) -> str:
    extras = ["reasoning"] * prompt.reasoning + [correction.label for correction in prompt.corrections]
    return ", ".join([f"layout {prompt.layout.name}", counted(len(prompt.demos), "demo"), *extras])


# An evaluation


def evaluation_summary(
    evaluation: Evaluation, field: Field, metric: Metric, outputs: Sequence[Field]
) -> dict[str, Any]:
    """Return an evaluation as JSON: the score, the failures, and the figures for each output and outcome.

    The outcomes are those of `field`, one of the program's `outputs`.
    """
    pairs = [(gold, predicted or "") for gold, predicted in evaluation.outcomes(field)]
    found, uncorrected = recall(pairs), uncorrected_evaluation(evaluation, metric)
    summary = {
        **evaluation.score.model_dump(mode="json"),
        "parse_failures": evaluation.parse_failures,
        "unread": evaluation.unread.model_dump(),
        "errors": evaluation.errors,
        # With a single outcome, every answer that can be read would count as right.
        "recall": {one: found[one] for one in field.outcomes if one in found and len(field.outcomes) > 1},
        "right": shares_right(evaluation, outputs),
        "uncorrected": uncorrected.score.model_dump(mode="json") if uncorrected else None,
        "risk_coverage": _curve_summary(selective_curve(evaluation, metric)),
    }
    if field.is_finite and field.name in evaluation.rows[0].example.outputs:
        summary |= {"macro_f1": macro_f1(pairs), "confusion": confusion_summary(confusion(pairs, field.outcomes))}
    if field.abstains:
        answerable = evaluation.answerable(field)
        summary |= {
            "abstention_precision": abstention_precision(pairs),
            "abstention_recall": abstention_recall(pairs),
            "abstention_balanced": balanced_abstention(pairs),
            "answerable": answerable.model_dump(mode="json") if answerable else None,
        }
    return summary


def evaluation_tables(evaluation: Evaluation, summary: Mapping[str, Any]) -> Sequence[Table]:
    """Return an evaluation as tables: the scores, the confusion matrix of few labels, the facts.

    `summary` comes from `evaluation_summary` and the meter.
    """
    scores = scores_table()
    add_score(scores, summary["metric"], evaluation.score)
    for part in ("uncorrected", "answerable"):
        if summary.get(part):
            add_score(scores, part, Score.model_validate(summary[part]))
    facts = {"model": summary["model"]}
    if summary["right"]:
        facts["right"] = listed([f"{part} {figure:.3f}" for part, figure in summary["right"].items()])
    if summary["recall"]:
        facts["recall"] = listed([f"{outcome} {figure:.3f}" for outcome, figure in summary["recall"].items()])
    if "confusion" in summary:
        facts["macro-F1"] = f"{summary['macro_f1']:.3f}"
        facts["confused"] = mistakes_in_words(_confusion_of(summary))
    if "abstention_precision" in summary:
        facts["abstention"] = (
            f"precision {figured(summary['abstention_precision'])}, recall {figured(summary['abstention_recall'])}, "
            f"balanced accuracy {figured(summary['abstention_balanced'])}"
        )
    if summary["risk_coverage"]:
        reached = summary["risk_coverage"]["curve"][-1][0]
        facts["risk-coverage"] = f"area {summary['risk_coverage']['area']:.3f}, up to a coverage of {reached:.3f}"
    facts["unreadable"] = _unread(Unread.model_validate(summary["unread"]))
    facts["crashed"] = counted(summary["errors"], "row")
    facts["took"] = _took(summary)
    matrix = confusion_table(_confusion_of(summary)) if "confusion" in summary else None
    return scores, *([matrix] if matrix else []), facts_table(facts)


def _confusion_of(summary: Mapping[str, Any]) -> Confusion:
    found = summary["confusion"]
    return Confusion(tuple(found["outcomes"]), tuple(map(tuple, found["counts"])), tuple(found["unread"]))


def _curve_summary(curve: Sequence[Point]) -> dict[str, Any] | None:
    """Return the area under the curve and its points (coverage, risk); None if the curve is empty."""
    return {"area": area(curve), "curve": [[point.coverage, point.risk] for point in curve]} if curve else None
