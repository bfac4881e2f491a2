"""Tell as JSON what decided an answer: shares, signals of the guard, corrections, marked words, the prompts."""

from collections.abc import Iterator, Mapping
from typing import Any

from cribsheet.corrections import Answer, Guard, Outputs
from cribsheet.frozen import FrozenProgram, FrozenPrompt
from cribsheet.frozen.running import Call, Run
from cribsheet.frozen.summary import facts_of, usage_of
from cribsheet.layout.parsing import ParseFailure
from cribsheet.models import Completion
from cribsheet.outcomes import Unanswerable, to_json
from cribsheet.prompts import Prompt
from cribsheet.serve.shares import shares_of
from cribsheet.signature import Signature
from cribsheet.text import occurrences, shortened

_SIGNALS = {
    "coverage": "words of the question in the context",
    "grounded": "what the model wrote occurs in the context",
    "abstention": "the model itself says unanswerable",
    "confidence": "the model is sure of its answer",
}
Json = dict[str, Any]


def told(run: Run, frozen: FrozenProgram, signature: Signature, inputs: Mapping[str, Any]) -> Json:
    """Return a run as the page shows it."""
    is_read = not isinstance(run.outputs, ParseFailure)
    outputs: Outputs = {} if isinstance(run.outputs, ParseFailure) else run.outputs
    return {
        "outputs": {name: to_json(value) for name, value in outputs.items()},
        "problem": None if is_read else f"The text cannot be read: {shortened(run.outputs.reason)}.",  # type: ignore[union-attr]
        **facts_of(run),
        "shares": _shares(run, frozen, signature),
        "marks": _marks(outputs, signature, inputs),
        "calls": [_call(call, frozen.prompts[call.predictor]) for call in run.calls],
        "guard": None if run.calls else _off_topic(frozen, inputs),
        "usage": usage_of(run).model_dump(),
        "seconds": sum(completion.seconds for call in run.calls for _, completion in call.answer.completions),
    }


def _shares(run: Run, frozen: FrozenProgram, signature: Signature) -> Json:
    """Return the probability of each outcome of each output that is not written; the guard tells of written ones."""
    if isinstance(run.outputs, ParseFailure):
        return {}
    found = {field.name: shares_of(run, frozen, field) for field in signature.outputs if field.is_finite}
    return {name: dict(shares) for name, shares in found.items() if shares and len(shares) > 1}


def _marks(outputs: Outputs, signature: Signature, inputs: Mapping[str, Any]) -> Json:
    """Return, for each input that holds a written answer, its text in pieces; every second piece is the answer."""
    asked = {field.name: str(inputs[field.name]) for field in signature.inputs if field.type.is_text}
    for field in signature.outputs:
        value = outputs.get(field.name)
        if not field.type.is_text or value is None or isinstance(value, Unanswerable):
            continue
        for name, text in sorted(asked.items(), key=lambda item: -len(item[1])):
            if places := list(occurrences(str(value), text)):
                return {name: list(_pieces(text, places))}
    return {}


def _pieces(text: str, places: list[tuple[int, int]]) -> Iterator[str]:
    at = 0
    for start, end in places:
        yield from (text[at:start], text[start:end])
        at = end
    yield text[at:]


def _call(call: Call, prompt: FrozenPrompt) -> Json:
    answer = call.answer
    return {
        "predictor": call.predictor,
        "raw_shares": _raw_shares(answer),
        "guard": _guard(call, prompt),
        "reasoning": answer.reasoning,
        "steps": [
            {"by": None if step.by is None else step.by.kind, "outputs": _outputs(step.outputs)}
            for step in answer.steps
            if step.by is None or (step.before and step.before.outputs != step.outputs)
        ],
        "requests": [_request(*one) for one in answer.completions],
    }


def _raw_shares(answer: Answer) -> Mapping[str, float] | None:
    """Return the model's own shares, before any correction."""
    return answer.raw.shares


def _guard(call: Call, prompt: FrozenPrompt) -> Json | None:
    guard, evidence = prompt.correction(Guard), call.answer.evidence
    if guard is None or evidence is None or call.answer.standing is None:
        return None
    signals = guard.signals(call.inputs, evidence)
    return {
        "field": guard.field,
        "probability": call.answer.standing,
        "threshold": guard.threshold,
        "intercept": guard.intercept,
        "signals": [
            {"name": name, "about": _SIGNALS.get(name, ""), "value": value, "weight": guard.weights[name]}
            for name, value in signals.items()
        ],
    }


def _off_topic(frozen: FrozenProgram, inputs: Mapping[str, Any]) -> Json | None:
    """Return what the guard saw if the inputs alone decided, so that no model was asked."""
    guards = [guard for prompt in frozen.prompts.values() if (guard := prompt.correction(Guard))]
    if not guards:
        return None
    return {"field": guards[0].field, "coverage": guards[0].coverage_of(inputs), "least": guards[0].least_coverage}


def _outputs(outputs: Outputs | ParseFailure) -> Json | None:
    return None if isinstance(outputs, ParseFailure) else {name: to_json(value) for name, value in outputs.items()}


def _request(prompt: Prompt, completion: Completion) -> Json:
    """Return exactly what was sent, and what came back."""
    messages = [message.model_dump() for message in prompt.messages]
    whole = messages or [{"role": "", "content": prompt.full_text}]
    begun = prompt.full_text[len(prompt.model_copy(update={"begun": ()}).full_text) :] if messages else ""
    return {
        "messages": [*whole, *([{"role": "assistant begins", "content": begun}] if begun else [])],
        "stop": list(prompt.stop),
        "text": completion.text,
        "thought": completion.thought,
        "prompt_tokens": completion.usage.prompt_tokens,
        "completion_tokens": completion.usage.completion_tokens,
        "seconds": completion.seconds,
    }
