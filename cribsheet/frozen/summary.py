"""Tell an answer as JSON."""

from cribsheet.corrections import Outputs
from cribsheet.frozen.running import Run
from cribsheet.layout.parsing import ParseFailure
from cribsheet.models import Usage
from cribsheet.outcomes import to_json


def answer_summary(outputs: Outputs, run: Run) -> dict[str, object]:
    """Return an answer as JSON, with its probability and changes; an output of the same name replaces such a key."""
    answer: dict[str, object] = {name: to_json(value) for name, value in outputs.items()}
    return answer | {name: value for name, value in facts_of(run).items() if name not in answer}


def facts_of(run: Run) -> dict[str, object]:
    """Return how sure an answer is, what decided it, and what changed it, as JSON."""
    return {
        "probability": run.probability,
        "probability_note": run.probability_note or None,
        "unassigned": run.unassigned,
        "decided_by": run.decided_by,
        "model_text": run.text,
        "changes": changes_of(run),
    }


def usage_of(run: Run) -> Usage:
    """Return the tokens of all requests that a run made."""
    told = [completion.usage for call in run.calls for _, completion in call.answer.completions]
    return Usage(
        prompt_tokens=sum(one.prompt_tokens for one in told),
        cached_tokens=sum(one.cached_tokens or 0 for one in told),
        completion_tokens=sum(one.completion_tokens for one in told),
    )


def changes_of(run: Run) -> list[dict[str, object]]:
    """Return the corrections that changed a predictor's answer, each with the outputs before and after it."""
    return [
        {"predictor": call.predictor, "by": change.by, "from": _json(change.before), "to": _json(change.after)}
        for call in run.calls
        for change in call.answer.changes
    ]


def _json(outputs: Outputs | ParseFailure) -> object:
    if isinstance(outputs, ParseFailure):
        return None
    return {name: to_json(value) for name, value in outputs.items()}
