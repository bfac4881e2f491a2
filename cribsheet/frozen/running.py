"""Run frozen prompts on a model, without dspy."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from cribsheet.corrections.calibration import shares
from cribsheet.corrections.extraction import Writing, extraction
from cribsheet.corrections.guard import Evidence, decided_evidence, guarded_field, written_evidence
from cribsheet.dataset.examples import Prediction
from cribsheet.errors import DataError
from cribsheet.frozen import FrozenPrompt, Wire, Wiring
from cribsheet.layout.decisions import decided_field, outcome_logprobs
from cribsheet.layout.parsing import ParseFailure, parse
from cribsheet.layout.rendering import render
from cribsheet.models import Completer, Completion, Sampling
from cribsheet.models.next_token import NextTokens
from cribsheet.outcomes import Unanswerable, Value
from cribsheet.prompts import Prompt
from cribsheet.signature import REASONING, Field, Signature


@dataclass(frozen=True)
class Answer:
    """What one prompt gave for one row."""

    prediction: Prediction | ParseFailure
    """The typed outputs, or why there are none."""
    prompt: Prompt
    """What the model was asked."""
    completion: Completion
    """What the model said."""
    logprobs: Mapping[str, float] | None = None
    """Normalised, by outcome, before calibration; None where the answer was read from the text."""
    shares: Mapping[str, float] | None = None
    """The calibrated probability of each outcome, read out where the prompt has a readout; None where the answer
    was read from the text."""
    reasoning: str | None = None
    """What the model wrote before the outputs; None where the prompt does not ask for it."""
    evidence: Evidence | None = None
    """What the model tells of the answer that may be withheld; None where no output abstains."""
    standing: float | None = None
    """The probability that this answer may stand; None where nothing guards, or there is none to withhold."""
    plain: Prediction | ParseFailure | None = None
    """The prediction as the model wrote it, or its calibrated words alone decide it; None where nothing guards it,
    and it was neither extracted anew nor read out."""
    extracted: str | None = None
    """The span of an input in place of what the model wrote; None where that is one, or need not be."""
    further: tuple[tuple[Prompt, Completion], ...] = ()
    """What else was asked, and said: to tell outcomes apart whose verbalizers begin alike, or to extract a span."""

    @property
    def written(self) -> Prediction | ParseFailure:
        """The prediction before anything took its place; see `plain`."""
        return self.prediction if self.plain is None else self.plain

    @property
    def completions(self) -> tuple[tuple[Prompt, Completion], ...]:
        """All that was asked for this answer, with what was said."""
        return ((self.prompt, self.completion), *self.further)


@dataclass(frozen=True)
class Call:
    """One predictor's part in a run."""

    predictor: str
    """The predictor's name in the program."""
    inputs: Mapping[str, object]
    """What it was given."""
    answer: Answer
    """What it gave."""


@dataclass(frozen=True)
class Run:
    """What a program gave for one row."""

    prediction: Prediction | ParseFailure
    """The program's typed outputs, or why there are none."""
    calls: tuple[Call, ...]
    """Its predictors' calls, in the order in which they were made."""


def run_wired(
    prompts: Mapping[str, FrozenPrompt], wiring: Wiring, inputs: Mapping[str, object], model: Completer
) -> Run:
    """Run a program that only hands values from predictor to predictor."""
    calls: list[Call] = []
    given: dict[str | None, Mapping[str, object]] = {None: inputs}
    for name in wiring.order:
        own = {field: _fetch(given, wire) for field, wire in wiring.inputs[name].items()}
        answer = ask(prompts[name], own, model)
        calls.append(Call(name, own, answer))
        if isinstance(answer.prediction, ParseFailure):
            return Run(answer.prediction, tuple(calls))
        given[name] = answer.prediction.outputs
    outputs = {field: _fetch(given, wire) for field, wire in wiring.outputs.items()}
    last = calls[-1].answer.prediction
    confidence = last.confidence if isinstance(last, Prediction) and len(calls) == 1 else None
    prediction = Prediction(outputs, text=calls[-1].answer.completion.text, confidence=confidence)
    return Run(prediction, tuple(calls))


def withheld(prompts: Mapping[str, FrozenPrompt], wiring: Wiring | None, inputs: Mapping[str, object]) -> Run | None:
    """Return the run of a program whose guard lets no answer to these inputs stand: no model need be asked.

    None where it has to be: always, where the program is more than one predictor, or has other outputs.
    """
    (name, prompt), *_ = prompts.items()
    if prompt.guard is None or len(prompt.signature.outputs) > 1 or wiring != direct_wiring(name, prompt.signature):
        return None
    if not prompt.guard.is_off_topic(_typed(prompt, inputs)):
        return None
    return Run(Prediction({prompt.guard.field: Unanswerable()}), ())


def direct_wiring(name: str, prompt_signature: Signature) -> Wiring:
    """Return the wiring of a program that is one predictor."""
    return Wiring(
        order=(name,),
        inputs={name: {field.name: Wire(source=None, field=field.name) for field in prompt_signature.inputs}},
        outputs={field.name: Wire(source=name, field=field.name) for field in prompt_signature.outputs},
    )


def _fetch(given: Mapping[str | None, Mapping[str, Any]], wire: Wire) -> Any:
    if wire.field not in given[wire.source]:
        raise DataError(
            f"The input {wire.field!r} is missing; got {', '.join(given[wire.source]) or 'nothing'}. "
            "Give each input once, by name."
        )
    return given[wire.source][wire.field]


def prompt_text(prompt: FrozenPrompt, inputs: Mapping[str, object]) -> Prompt:
    """Return the rendered prompt for some inputs; DataError where they are not the signature's."""
    return render(
        prompt.layout,
        prompt.signature,
        instructions=prompt.instructions,
        demos=prompt.demos,
        inputs=_typed(prompt, inputs),
    )


def ask(prompt: FrozenPrompt, inputs: Mapping[str, object], model: Completer) -> Answer:
    """Return the answer of a model to a frozen prompt.

    Raises:
        DataError: where the inputs are not the signature's.
        ModelError: where there is no completion.
    """
    rendered = prompt_text(prompt, inputs)
    if prompt.decoding.decide_by == "logprobs":
        decided = _decide(prompt, rendered, model)
        if decided is not None:
            return _guarded(prompt, inputs, decided)
    sampling = Sampling(max_tokens=prompt.decoding.max_tokens, top_logprobs=prompt.decoding.top_logprobs)
    written = _read(prompt, rendered, model.complete(rendered, sampling))
    return _guarded(prompt, inputs, _extracted(prompt, inputs, written, model))


def reread(prompt: FrozenPrompt, inputs: Mapping[str, object], answer: Answer) -> Answer:
    """Return what an answer comes to where the same prompt has another calibration or guard; no model is asked."""
    if answer.logprobs is not None:
        return _guarded(prompt, inputs, _decided(prompt, answer, answer.logprobs))
    if isinstance(answer.prediction, ParseFailure):
        return answer
    written = _read(prompt, answer.prompt, answer.completion)
    extracted = answer.extracted if prompt.decoding.extract_from else None
    return _guarded(prompt, inputs, replace(written, extracted=extracted, further=answer.further))


def _decide(prompt: FrozenPrompt, rendered: Prompt, model: Completer) -> Answer | None:
    """Return the outcome that the first token's log-probabilities speak for, None where none is told."""
    field = decided_field(prompt.signature)
    if field is None:
        return None
    sampling = Sampling(max_tokens=1, top_logprobs=prompt.decoding.top_logprobs)
    completion = model.complete(rendered, sampling)
    if completion.first_token is None:
        return None
    going_on = NextTokens(rendered, model, sampling)
    # A chat's answer cannot be begun for the model everywhere.
    logprobs = outcome_logprobs(
        prompt.layout, field, completion.first_token, next_token=None if rendered.is_chat else going_on
    )
    if logprobs is None:
        failure = ParseFailure(f"no outcome of {field.name} among the first tokens: {completion.text!r}")
        return Answer(failure, rendered, completion, further=tuple(going_on.asked))
    return _decided(prompt, Answer(_UNDECIDED, rendered, completion, further=tuple(going_on.asked)), logprobs)


_UNDECIDED = ParseFailure("not decided yet")


def _decided(prompt: FrozenPrompt, answer: Answer, logprobs: Mapping[str, float]) -> Answer:
    (field,) = prompt.signature.outputs
    probabilities, unread = shares(logprobs, prompt.calibration), None
    if prompt.readout is not None and answer.completion.first_token:
        unread = _likeliest(field, probabilities, answer.completion)
        probabilities = prompt.readout.shares(probabilities, answer.completion.first_token)
    return Answer(
        _likeliest(field, probabilities, answer.completion),
        answer.prompt,
        answer.completion,
        logprobs,
        probabilities,
        plain=unread,
        further=answer.further,
    )


def _likeliest(field: Field, probabilities: Mapping[str, float], completion: Completion) -> Prediction:
    best = max(probabilities, key=probabilities.__getitem__)
    return Prediction({field.name: field.value_of(best)}, text=completion.text, confidence=probabilities[best])


def _read(prompt: FrozenPrompt, rendered: Prompt, completion: Completion) -> Answer:
    outputs = parse(prompt.layout, prompt.signature, completion.text)
    if isinstance(outputs, ParseFailure):
        return Answer(outputs, rendered, completion)
    reasoning = None
    if prompt.reasoning:
        reasoning = str(outputs[REASONING])
        outputs = {name: value for name, value in outputs.items() if name != REASONING}
    prediction = Prediction(outputs, text=completion.text)
    return Answer(prediction, rendered, completion, reasoning=reasoning)


def _extracted(prompt: FrozenPrompt, inputs: Mapping[str, object], answer: Answer, model: Completer) -> Answer:
    """Return the answer with the span to take its place, where it has to be one and is not, or is nothing."""
    # A chat's answer cannot be begun for the model everywhere.
    if prompt.decoding.extract_from is None or answer.prompt.is_chat:
        return answer
    value = _value(answer.prediction, prompt.signature.outputs[0])
    if isinstance(value, Unanswerable):
        return answer
    writing = Writing(prompt.layout, prompt.decoding.extract_from, prompt.pointer, prompt.decoding.max_tokens)
    found = extraction(writing, inputs, str(value), asked=answer.prompt, said=answer.completion, model=model)
    return replace(answer, extracted=found.span, further=found.asked)


def _value(prediction: Prediction | ParseFailure, field: Field) -> Value:
    """Return what was written, nothing where that cannot be read."""
    return "" if isinstance(prediction, ParseFailure) else prediction.outputs[field.name]


def _guarded(prompt: FrozenPrompt, inputs: Mapping[str, object], answer: Answer) -> Answer:
    """Return the answer, extracted where it was, with its evidence; withheld where the guard lets none stand."""
    written, field = answer.prediction, guarded_field(prompt.signature)
    if answer.extracted is not None:
        span = Prediction({prompt.signature.outputs[0].name: answer.extracted}, text=answer.completion.text)
        answer = replace(answer, prediction=span, plain=written)
    if field is None or isinstance(answer.prediction, ParseFailure):
        return answer
    evidence = _evidence(prompt, field, answer, written)
    told = replace(answer, evidence=evidence)
    if prompt.guard is None:
        return told
    told = replace(told, plain=written)
    if isinstance(evidence.answer, Unanswerable):
        return told
    standing = prompt.guard.standing(inputs, evidence)
    if standing and not prompt.guard.weights:
        return told
    stands = standing > 0 and standing >= prompt.guard.threshold
    outputs = {**answer.prediction.outputs, evidence.field: evidence.answer if stands else Unanswerable()}
    sure = None
    if answer.shares is not None:
        sure = standing * evidence.confidence if stands else 1 - standing
    prediction = Prediction(outputs, text=answer.completion.text, confidence=sure)
    return replace(told, prediction=prediction, standing=standing)


def _evidence(prompt: FrozenPrompt, field: Field, answer: Answer, written: Prediction | ParseFailure) -> Evidence:
    if answer.shares is not None:
        return decided_evidence(field, answer.shares)
    value = _value(written, field)
    evidence = written_evidence(prompt.layout, prompt.signature, field, value, answer.completion)
    return evidence if answer.extracted is None else replace(evidence, answer=answer.extracted, written=value)


def _typed(prompt: FrozenPrompt, inputs: Mapping[str, object]) -> dict[str, Value]:
    names = [field.name for field in prompt.signature.inputs]
    if set(inputs) != set(names):
        raise DataError(
            f"{prompt.signature.name} takes {', '.join(names)} but got {', '.join(inputs) or 'nothing'}. "
            "Give each input once, by name."
        )
    try:
        return {field.name: field.coerce(inputs[field.name]) for field in prompt.signature.inputs}
    except ValueError as error:
        raise DataError(f"{error}. It is an input of {prompt.signature.name}.") from None
