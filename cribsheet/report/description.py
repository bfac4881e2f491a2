"""Describe what a frozen file contains, as tables for people or as JSON for machines."""

from collections import Counter
from typing import Any

from rich.table import Table

from cribsheet.frozen import FrozenProgram, FrozenPrompt, Taught
from cribsheet.layout.template import filled
from cribsheet.prompts import Message, Prompt
from cribsheet.report.tables import facts_table
from cribsheet.text import counted

_HASH = 12


def program_summary(program: FrozenProgram) -> dict[str, Any]:
    """Return the content of a frozen file as JSON, with each prompt as its text instead of its parts."""
    return {
        "task": program.task,
        "model": program.model.model_dump(mode="json"),
        "results": program.results.model_dump(mode="json"),
        "provenance": program.provenance.model_dump(mode="json"),
        "notes": list(program.notes),
        "prompts": {name: _prompt_summary(prompt) for name, prompt in program.prompts.items()},
    }


def program_facts(program: FrozenProgram) -> Table:
    """Return a table of how a frozen program was compiled."""
    made = program.provenance
    stopped = ", stopped by hand" if made.interrupted else ""
    splits = ", ".join(f"{part} {_short(digest)}" for part, digest in made.splits.items())
    facts = {
        "model": f"{program.model.name}, window of {program.model.context_window:,} tokens",
        "digest": _short(program.model.digest) if program.model.digest else "not reported by the endpoint",
        "metric": program.results.metric,
        "search": f"{made.optimizer}, seed {made.seed}; {counted(made.candidates, 'candidate')} scored, "
        f"{counted(made.evaluations, 'row')} answered{stopped}",
        "winner": made.origin,
        "budget": f"{made.budget}; {counted(made.spent_tokens, 'token')} spent",
        **taught_facts(made.taught),
        "splits": splits,
        "versions": ", ".join(f"{package} {version}" for package, version in made.versions.items()),
    }
    return facts_table({**facts, **{f"note {at}": text for at, text in enumerate(program.notes, 1)}})


def taught_facts(taught: Taught | None) -> dict[str, str]:
    """Return the teacher and the number of passing traces; empty if there was no teacher."""
    return {"teacher": f"{taught.teacher}, {counted(taught.traces, 'trace')} passed"} if taught else {}


def prompt_facts(prompt: FrozenPrompt) -> Table:
    """Return a table of a frozen prompt's layout, demos, decoding and corrections."""
    signature, layout = prompt.signature, prompt.layout
    inputs, outputs = (", ".join(field.name for field in side) for side in (signature.inputs, signature.outputs))
    facts = {
        "signature": f"{signature.name}: {inputs} -> {outputs}",
        "layout": f"{layout.name} ({layout.style.replace('_', ' ')})",
        "demos": _demos(prompt),
        **_notations(prompt),
        "decides by": prompt.decoding.decide_by,
        **(
            {}
            if prompt.decoding.held_by == "nothing"
            else {"held by": f"a {prompt.decoding.held_by}".replace("json_schema", "JSON Schema")}
        ),
    }
    facts |= prompt.demo_source.describe()
    for correction in prompt.corrections:
        facts |= correction.describe()
    return facts_table(facts)


def prompt_with_placeholders(prompt: FrozenPrompt) -> Prompt:
    """Return the exact prompt with each input replaced by its name in angle quotes, such as «text»."""
    opened = prompt.template
    marks = {field.name: f"«{field.name}»" for field in prompt.signature.inputs}
    turns = (
        Message.model_validate({"role": turn.role, "content": filled(turn.content, marks)}) for turn in opened.turns
    )
    text = filled(opened.text, marks)
    return Prompt(text=text, messages=tuple(turns), stop=opened.stop, question=opened.question)


def _prompt_summary(prompt: FrozenPrompt) -> dict[str, Any]:
    rendered = prompt_with_placeholders(prompt)
    return {
        "signature": prompt.signature.model_dump(mode="json"),
        "layout": prompt.layout.name,
        "style": prompt.layout.style,
        "demos": len(prompt.demos),
        "notations": _notations_by_field(prompt),
        "demo_source": prompt.demo_source.model_dump(mode="json"),
        "decide_by": prompt.decoding.decide_by,
        "held_by": prompt.decoding.held_by,
        "asks_again": prompt.decoding.asks_again,
        "again_held_by": prompt.decoding.again_held_by,
        "corrections": [one.model_dump(mode="json", exclude={"idf", "rare"}) for one in prompt.corrections],
        "text": rendered.text,
        "messages": [message.model_dump() for message in rendered.messages],
        "stop": list(rendered.stop),
        **({"question": rendered.question.model_dump(mode="json")} if rendered.question else {}),
    }


def _notations_by_field(prompt: FrozenPrompt) -> dict[str, str]:
    outputs = prompt.signature.outputs
    return {field.name: prompt.layout.notation(field) for field in outputs if field.type.notations}


def _notations(prompt: FrozenPrompt) -> dict[str, str]:
    """Return how outputs that are made of other values are written."""
    told = ", ".join(f"{name} as {notation}" for name, notation in _notations_by_field(prompt).items())
    return {"written": told} if told else {}


def _demos(prompt: FrozenPrompt) -> str:
    first = prompt.signature.outputs[int(prompt.reasoning)]
    counts = Counter(first.outcome_of(demo.outputs[first.name]) for demo in prompt.demos)
    shares = ", ".join(f"{counts[outcome]} {outcome}" for outcome in first.outcomes if counts[outcome])
    return f"{len(prompt.demos)} ({shares})" if shares and len(first.outcomes) > 1 else str(len(prompt.demos))


def _short(digest: str) -> str:
    return digest.removeprefix("sha256:")[:_HASH]
