"""Tell a run as the JSON and the text of replies."""

import json
from collections.abc import Mapping
from typing import Any

from cribsheet.frozen.running import Run
from cribsheet.frozen.summary import facts_of, usage_of
from cribsheet.layout.parsing import ParseFailure
from cribsheet.outcomes import Value, to_json, to_text
from cribsheet.serve.programs import Served
from cribsheet.signature import Signature


def outputs_of(run: Run) -> Mapping[str, Value]:
    """Return the outputs of a run that could be read; `Serving.answer` raises for others."""
    return {} if isinstance(run.outputs, ParseFailure) else run.outputs


def reply_of(served: Served, run: Run) -> dict[str, Any]:
    """Return a run as JSON: the outputs, their outcomes, and how sure they are."""
    outputs = outputs_of(run)
    return {
        "program": served.name,
        "outputs": {name: to_json(value) for name, value in outputs.items()},
        "outcomes": outcomes_of(served.signature, outputs),
        **facts_of(run),
        "usage": usage_of(run).model_dump(),
    }


def outcomes_of(signature: Signature, outputs: Mapping[str, Value]) -> dict[str, str]:
    """Return the outcome of each output."""
    return {field.name: field.outcome_of(outputs[field.name]) for field in signature.outputs}


def text_of(run: Run, *, as_json: bool) -> str:
    """Return the outputs as a message: one as it is, several as a JSON object."""
    outputs = outputs_of(run)
    if len(outputs) == 1 and not as_json:
        (value,) = outputs.values()
        return to_text(value)
    return json.dumps({name: to_json(value) for name, value in outputs.items()}, ensure_ascii=False)
