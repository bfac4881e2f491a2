"""Run frozen prompts on a model, without dspy."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from cribsheet.corrections import Answer, Asked, Outputs, corrected
from cribsheet.dataset.examples import Prediction
from cribsheet.errors import DataError, UnreadableCompletionError
from cribsheet.frozen.deciding import decide
from cribsheet.frozen.prompt import FrozenPrompt
from cribsheet.frozen.schema import Wire, Wiring
from cribsheet.frozen.writing import write
from cribsheet.layout.parsing import ParseFailure
from cribsheet.models import Completer
from cribsheet.outcomes import Value
from cribsheet.prompts import Prompt
from cribsheet.signature import Signature, with_defaults
from cribsheet.text import shortened


@dataclass(frozen=True)
class Call:
    """One call of a predictor in a run."""

    predictor: str
    """The predictor's name in the program."""
    inputs: Mapping[str, object]
    """Its inputs, by name."""
    answer: Answer
    """Its answer."""


@dataclass(frozen=True)
class Run:
    """One run of a program on one row."""

    outputs: Outputs | ParseFailure
    """The program's typed outputs, or why there are none."""
    calls: tuple[Call, ...]
    """The calls of its predictors, in order; empty if the inputs alone decided the outputs."""

    @property
    def prediction(self) -> Prediction | ParseFailure:
        """The outputs as users and metrics see them."""
        if isinstance(self.outputs, ParseFailure):
            return self.outputs
        return Prediction(self.outputs, text=self.text, probability=self.probability)

    @property
    def text(self) -> str:
        """The model's raw text for the last predictor; empty if the model was not asked."""
        return self.calls[-1].answer.completion.text if self.calls else ""

    @property
    def decided_by(self) -> Literal["logprobs", "text", "inputs"]:
        """What decided the last predictor's raw answer; `inputs` if the model was not asked.

        Log-probabilities can decide for another outcome than the text, because they add up all spellings of a word.
        """
        if not self.calls:
            return "inputs"
        return "logprobs" if self.calls[-1].answer.raw.logprobs is not None else "text"

    @property
    def probability(self) -> float | None:
        """The probability of the answer, 0 to 1; None if it was not estimated, or for several predictors."""
        return self.calls[0].answer.probability if len(self.calls) == 1 else None

    @property
    def unassigned(self) -> float | None:
        """The share of the probability that belongs to no outcome; None for a written answer or several predictors."""
        return self.calls[0].answer.unassigned if len(self.calls) == 1 else None

    @property
    def probability_note(self) -> str:
        """What the probability means, or why there is none; empty for the usual case, a decided outcome."""
        if not self.calls:
            return "There is none: the inputs alone show that there is no answer, so the model was not asked."
        if len(self.calls) > 1:
            return "There is none: the program asks several predictors."
        answer = self.calls[0].answer
        if answer.probability is None:
            return "There is none: the answer was written as text, and no guard judged it."
        if answer.shares is None:
            return (
                "It is the guard's probability that the inputs contain an answer, or, if the outcome is unanswerable, "
                "that they contain none."
            )
        return ""


def run_wired(
    prompts: Mapping[str, FrozenPrompt], wiring: Wiring, inputs: Mapping[str, object], model: Completer
) -> Run:
    """Run a program that only passes values from predictor to predictor."""
    return follow(wiring, inputs, lambda name, own: ask(prompts[name], own, model))


def follow(
    wiring: Wiring, inputs: Mapping[str, object], answer_of: Callable[[str, Mapping[str, object]], Answer]
) -> Run:
    """Run a program whose predictors are asked by a function of the predictor's name and its inputs."""
    calls: list[Call] = []
    given: dict[str | None, Mapping[str, object]] = {None: inputs}
    for name in wiring.order:
        own = {field: _fetch(given, wire) for field, wire in wiring.inputs[name].items()}
        answer = answer_of(name, own)
        calls.append(Call(name, own, answer))
        if isinstance(answer.outputs, ParseFailure):
            return Run(answer.outputs, tuple(calls))
        given[name] = answer.outputs
    return Run({field: _fetch(given, wire) for field, wire in wiring.outputs.items()}, tuple(calls))


def settled(prompts: Mapping[str, FrozenPrompt], wiring: Wiring | None, inputs: Mapping[str, object]) -> Run | None:
    """Return the run of a program whose outputs these inputs alone decide, without asking a model.

    Return None if a model has to be asked, which is always the case for a program of several predictors.
    """
    (name, prompt), *_ = prompts.items()
    if not prompt.corrections or wiring != direct_wiring(name, prompt.signature):
        return None
    outputs = prompt.settle(typed_inputs(prompt, inputs))
    if outputs is None or set(outputs) != prompt.signature.output_names:
        return None
    return Run(outputs, ())


def direct_wiring(name: str, prompt_signature: Signature) -> Wiring:
    """Return the wiring of a program of one predictor."""
    return Wiring(
        order=(name,),
        inputs={name: {field.name: Wire(source=None, field=field.name) for field in prompt_signature.inputs}},
        outputs={field.name: Wire(source=name, field=field.name) for field in prompt_signature.outputs},
    )


def _fetch(given: Mapping[str | None, Mapping[str, Any]], wire: Wire) -> Any:
    if wire.field not in given[wire.source]:
        raise DataError(
            f"The input {wire.field!r} is missing; got {', '.join(given[wire.source]) or 'nothing'}. "
            "Give each input by name."
        )
    return given[wire.source][wire.field]


def unreadable(failure: ParseFailure, text: str) -> UnreadableCompletionError:
    """Return the error for a model's text that holds no values."""
    return UnreadableCompletionError(
        f"The completion cannot be read: {failure.reason}. The model wrote {text[:200]!r}. Use the model that the "
        "prompt was compiled for, or compile the task for this one. If the value is right, let the output's type have "
        "it, and compile again."
    )


def prompt_text(prompt: FrozenPrompt, inputs: Mapping[str, object]) -> Prompt:
    """Return the rendered prompt for these inputs; DataError if they do not fit the signature."""
    return prompt.render(typed_inputs(prompt, inputs))


def ask(prompt: FrozenPrompt, inputs: Mapping[str, object], model: Completer) -> Answer:
    """Return a model's answer to a frozen prompt, after all corrections.

    Raises:
        DataError: if the inputs do not fit the signature.
        ModelError: if the model gives no completion.
    """
    typed = typed_inputs(prompt, inputs)
    rendered = prompt.render(typed)
    raw = None if prompt.decoding.decide_by == "text" else decide(prompt, rendered, model)
    return corrected(prompt.corrections, raw or write(prompt, rendered, model), _asked(prompt, typed), model)


def asked(prompt: FrozenPrompt, inputs: Mapping[str, object]) -> Asked:
    """Return the request of a prompt with these inputs, as corrections need it."""
    return _asked(prompt, typed_inputs(prompt, inputs))


def _asked(prompt: FrozenPrompt, typed: Outputs) -> Asked:
    return Asked(prompt.signature, prompt.layout, typed, prompt.decoding.max_tokens)


def typed_inputs(prompt: FrozenPrompt, inputs: Mapping[str, object]) -> dict[str, Value]:
    """Convert the inputs to the signature's types; DataError if they do not fit the signature."""
    names = [field.name for field in prompt.signature.inputs]
    inputs = with_defaults(prompt.signature.inputs, inputs)
    if set(inputs) != set(names):
        raise DataError(
            f"{prompt.signature.name} takes {', '.join(names)} but got {shortened(', '.join(inputs)) or 'nothing'}. "
            "Give each input by name."
        )
    try:
        return {field.name: field.coerce(inputs[field.name]) for field in prompt.signature.inputs}
    except ValueError as error:
        raise DataError(f"{error}. Correct this input of {prompt.signature.name}.") from None
