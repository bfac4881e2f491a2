"""Run frozen prompts on a model, without dspy."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from cribsheet.corrections import Answer, Asked, Outputs, corrected
from cribsheet.dataset.examples import Prediction
from cribsheet.errors import DataError
from cribsheet.frozen.deciding import decide
from cribsheet.frozen.schema import FrozenPrompt, Wire, Wiring
from cribsheet.layout.parsing import ParseFailure, parse
from cribsheet.models import Completer, Completion, Sampling
from cribsheet.models.thinking import without_thought
from cribsheet.outcomes import Value
from cribsheet.prompts import Prompt
from cribsheet.signature import REASONING, Signature


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

    outputs: Outputs | ParseFailure
    """The program's typed outputs, or why there are none."""
    calls: tuple[Call, ...]
    """Its predictors' calls, in the order in which they were made; none if the inputs alone decided."""

    @property
    def prediction(self) -> Prediction | ParseFailure:
        """The outputs as users and metrics read them."""
        if isinstance(self.outputs, ParseFailure):
            return self.outputs
        return Prediction(self.outputs, text=self.text, probability=self.probability)

    @property
    def text(self) -> str:
        """What the model wrote by itself for the last predictor; empty if it was not asked."""
        return self.calls[-1].answer.completion.text if self.calls else ""

    @property
    def decided_by(self) -> Literal["logprobs", "text", "inputs"]:
        """What the last predictor's raw answer was taken from: `inputs` if the model was not asked.

        Log-probabilities may decide for an outcome other than the text: they add up all that speaks for each.
        """
        if not self.calls:
            return "inputs"
        return "logprobs" if self.calls[-1].answer.raw.logprobs is not None else "text"

    @property
    def probability(self) -> float | None:
        """The probability of the answer, 0 to 1; None if nothing fitted one, or for several predictors."""
        return self.calls[0].answer.probability if len(self.calls) == 1 else None

    @property
    def unassigned(self) -> float | None:
        """The share of the probability that went to no outcome; None if the answer was written, or for several."""
        return self.calls[0].answer.unassigned if len(self.calls) == 1 else None

    @property
    def probability_note(self) -> str:
        """What the probability is of, or why there is none; empty for that of a decided outcome."""
        if not self.calls:
            return "None was fitted: the inputs alone decide that there is no answer, and the model was not asked."
        if len(self.calls) > 1:
            return "None was fitted: the program asks several predictors."
        answer = self.calls[0].answer
        if answer.probability is None:
            return "None was fitted: the answer was written, not decided, and no guard judged it."
        if answer.shares is None:
            return "It is the guard's: that the inputs hold an answer, or that they hold none if it abstains."
        return ""


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
        if isinstance(answer.outputs, ParseFailure):
            return Run(answer.outputs, tuple(calls))
        given[name] = answer.outputs
    return Run({field: _fetch(given, wire) for field, wire in wiring.outputs.items()}, tuple(calls))


def settled(prompts: Mapping[str, FrozenPrompt], wiring: Wiring | None, inputs: Mapping[str, object]) -> Run | None:
    """Return the run of a program if these inputs alone decide its outputs, so that no model need be asked.

    None if a model has to be asked: always, if the program is more than one predictor.
    """
    (name, prompt), *_ = prompts.items()
    if not prompt.corrections or wiring != direct_wiring(name, prompt.signature):
        return None
    outputs = prompt.settle(typed_inputs(prompt, inputs))
    if outputs is None or set(outputs) != prompt.signature.output_names:
        return None
    return Run(outputs, ())


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
    """Return the rendered prompt for some inputs; DataError if they are not the signature's."""
    return prompt.render(typed_inputs(prompt, inputs))


def ask(prompt: FrozenPrompt, inputs: Mapping[str, object], model: Completer) -> Answer:
    """Return the answer of a model to a frozen prompt.

    Raises:
        DataError: if the inputs are not the signature's.
        ModelError: if there is no completion.
    """
    typed = typed_inputs(prompt, inputs)
    rendered = prompt.render(typed)
    raw = None if prompt.decoding.decide_by == "text" else decide(prompt, rendered, model)
    return corrected(prompt.corrections, raw or _write(prompt, rendered, model), _asked(prompt, typed), model)


def asked(prompt: FrozenPrompt, inputs: Mapping[str, object]) -> Asked:
    """Return what a prompt asks for some inputs, as corrections need it."""
    return _asked(prompt, typed_inputs(prompt, inputs))


def _asked(prompt: FrozenPrompt, typed: Outputs) -> Asked:
    return Asked(prompt.signature, prompt.layout, typed, prompt.decoding.max_tokens)


def _write(prompt: FrozenPrompt, rendered: Prompt, model: Completer) -> Answer:
    sampling = Sampling(max_tokens=prompt.decoding.max_tokens, top_logprobs=prompt.decoding.top_logprobs)
    completion = without_thought(model.complete(rendered, sampling), rendered)
    outputs = _read(prompt, completion)
    reasoning = None
    if prompt.reasoning and not isinstance(outputs, ParseFailure):
        reasoning = str(outputs[REASONING])
        outputs = {name: value for name, value in outputs.items() if name != REASONING}
    return Answer(outputs, rendered, completion, text=completion.text, reasoning=reasoning)


def _read(prompt: FrozenPrompt, completion: Completion) -> Outputs | ParseFailure:
    """Return the typed outputs of a completion; a thought is none of them."""
    if completion.thought is not None and not completion.text.strip():
        return ParseFailure(f"there is only a thought, and no answer after it: {completion.thought[:80]!r}")
    return parse(prompt.layout, prompt.signature, completion.text)


def typed_inputs(prompt: FrozenPrompt, inputs: Mapping[str, object]) -> dict[str, Value]:
    """Return the inputs as values of the signature's types; DataError if they are not the signature's."""
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
