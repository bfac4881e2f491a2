"""Describe a program as the page needs it: the fields of its form, its model, its scores."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cribsheet.frozen import FrozenProgram
from cribsheet.frozen.score import Score
from cribsheet.serve.play.examples import Examples
from cribsheet.serve.play.ways import Way
from cribsheet.serve.programs import Served
from cribsheet.signature import Field

_CONTROLS = {"string": "text", "integer": "number", "number": "number"}
"""The control for a JSON type; a value of another type is written as JSON."""


def description_of(served: Served, ways: Mapping[str, Way], *, examples: Examples, rows: Path) -> dict[str, Any]:
    """Return a program as JSON."""
    frozen = served.runnable.frozen
    return {
        "name": served.name,
        "task": frozen.task,
        "instructions": _instructions(frozen),
        "model": served.engine.model.name,
        "compiled_for": frozen.model.name,
        "metric": frozen.results.metric,
        "gain": frozen.results.gain.model_dump(),
        "rows_scored": frozen.results.rows,
        "inputs": [_field(field) for field in served.signature.inputs],
        "outputs": [_field(field) for field in served.signature.outputs],
        "ways": [
            {"name": name, "title": way.title, "about": way.about, "score": _score(way.score(frozen))}
            for name, way in ways.items()
        ],
        "examples": {"count": len(examples.rows), "problem": examples.problem},
        "rows": str(rows),
    }


def _instructions(frozen: FrozenProgram) -> str:
    """Return the task in words; of several predictors, one line for each."""
    told = {name: prompt.signature.instructions for name, prompt in frozen.prompts.items()}
    if len(told) == 1:
        return next(iter(told.values()))
    return "\n".join(f"{name}: {text}" for name, text in told.items())


def _field(field: Field) -> dict[str, Any]:
    return {
        "name": field.name,
        "label": field.name.replace("_", " "),
        "description": field.description,
        "control": "choice" if field.is_finite else _CONTROLS.get(field.type.json_schema().get("type", ""), "json"),
        "is_whole": field.type.kind == "integer",
        "choices": list(field.closed_outcomes),
        "abstains": field.abstains,
        "has_default": field.has_default,
        "default": field.default,
    }


def _score(score: Score | None) -> dict[str, Any] | None:
    return score.model_dump() if score else None
