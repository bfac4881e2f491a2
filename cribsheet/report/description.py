"""What a frozen file holds: tables for people, summaries for machines."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from rich.table import Table

from cribsheet.corrections.readout import Readout
from cribsheet.frozen import FrozenProgram, FrozenPrompt, Taught
from cribsheet.layout.template import filled
from cribsheet.prompts import Message, Prompt
from cribsheet.report.tables import counted, facts_table

_HASH = 12


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
        "search": f"{made.optimizer}, seed {made.seed}; {counted(made.candidates, 'candidate')} scored, "
        f"{counted(made.evaluations, 'row')} answered{stopped}",
        "winner": made.origin,
        "budget": f"{made.budget}; {made.spent_tokens:,} tokens spent",
        **taught_facts(made.taught),
        "splits": splits,
        "versions": ", ".join(f"{package} {version}" for package, version in made.versions.items()),
    }
    return facts_table({**facts, **{f"note {at}": text for at, text in enumerate(program.notes, 1)}})


def taught_facts(taught: Taught | None) -> dict[str, str]:
    """Return who taught, and how much of it was of use; nothing where nobody did."""
    return {"teacher": f"{taught.teacher}, {counted(taught.traces, 'trace')} passed"} if taught else {}


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
    if prompt.decoding.extract_from:
        facts["extracted from"] = prompt.decoding.extract_from
    if prompt.pointer:
        facts["begins where"] = f"{_weights(prompt.pointer.weights)} sum up highest"
    if prompt.calibration:
        facts["biases"] = _weights(prompt.calibration.biases)
    if prompt.readout and prompt.readout.usual:
        facts["read out"] = f"{counted(len(prompt.readout.usual), 'token')}, such as {_telling(prompt.readout)}"
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
    opened = prompt.template
    marks = {field.name: f"«{field.name}»" for field in prompt.signature.inputs}
    turns = (
        Message.model_validate({"role": turn.role, "content": filled(turn.content, marks)}) for turn in opened.turns
    )
    return Prompt(text=filled(opened.text, marks), messages=tuple(turns), stop=opened.stop)


def _prompt_summary(prompt: FrozenPrompt) -> dict[str, Any]:
    rendered = prompt_with_placeholders(prompt)
    pointer, guard = (
        one.model_dump(mode="json", exclude={"idf", "rare"}) if one else None for one in (prompt.pointer, prompt.guard)
    )
    return {
        "signature": prompt.signature.model_dump(mode="json"),
        "layout": prompt.layout.name,
        "style": prompt.layout.style,
        "demos": len(prompt.demos),
        "decide_by": prompt.decoding.decide_by,
        "extract_from": prompt.decoding.extract_from,
        "biases": dict(prompt.calibration.biases) if prompt.calibration else None,
        "readout": prompt.readout.model_dump(mode="json") if prompt.readout else None,
        "pointer": pointer,
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


def _weights(weights: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {weight:+.3f}" for name, weight in weights.items())


def _telling(readout: Readout) -> str:
    """Return the token that says most for each outcome."""
    best = {
        outcome: max(readout.usual, key=lambda token: readout.weights[token][outcome]) for outcome in readout.biases
    }
    return ", ".join(f"{token.strip()!r} for {outcome}" for outcome, token in best.items())


def _short(digest: str) -> str:
    return digest.removeprefix("sha256:")[:_HASH]
