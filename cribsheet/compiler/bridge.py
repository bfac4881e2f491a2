"""The bridge between dspy and the search.

It depends only on these parts of dspy:

- a Signature class has `input_fields` and `output_fields` with the annotations, `instructions`, and each field's
  description as `json_schema_extra["desc"]`; `dspy.Signature("a -> b")` makes one;
- a Module can be copied (`deepcopy`), can be called, and lists its predictors (`named_predictors`); the parameters of
  its `forward` are the program's inputs;
- a Predict has the attributes `lm` and `demos`, accepts a BaseLM for `lm`, and calls the adapter of the settings with
  `(lm, lm_kwargs=, signature=, demos=, inputs=)`, which returns a list of one dict of outputs;
- `dspy.context` sets adapter, lm and trace for a thread; a Prediction can be converted to a dict.

So it does not depend on dspy's default adapter, on how its language models send requests (BaseLM.forward, engines), or
on whether LiteLLM is installed.
"""

import builtins
import inspect
import sys
from collections.abc import Mapping
from typing import Any

import dspy

from cribsheet.compiler.annotations import UNKNOWN_NAME, field_of
from cribsheet.compiler.own_types import OwnTypes, accepted_or_failure, plain
from cribsheet.errors import CompileError, CribsheetError, ProgramError, deed
from cribsheet.evaluation.places import place_of
from cribsheet.frozen import FrozenPrompt
from cribsheet.frozen.running import Call, Run, ask
from cribsheet.layout.parsing import ParseFailure
from cribsheet.models import Completer
from cribsheet.outcomes import Value
from cribsheet.signature import Field, Signature

BARE = "predict"
"""The predictor's name in a task that is only a signature."""


def signature_of(signature: type[dspy.Signature]) -> Signature:
    """Convert a dspy signature to plain data.

    Raises:
        SignatureError: if a field's name is reserved or its type is not supported.
    """
    _complete(signature)
    return Signature(
        name=signature.__name__,
        instructions=signature.instructions,
        inputs=tuple(field_of(name, info) for name, info in signature.input_fields.items()),
        outputs=tuple(field_of(name, info) for name, info in signature.output_fields.items()),
    )


class DspyProgram:
    """A dspy.Module whose predictors answer with frozen prompts instead of dspy's own prompts."""

    def __init__(self, module: dspy.Module):
        self._module = module.deepcopy()
        bare = isinstance(module, dspy.Predict)
        self._predictors = {BARE: self._module} if bare else dict(self._module.named_predictors())
        if not self._predictors:
            raise CompileError(f"{type(module).__name__} has no predictor. Set a dspy.Predict as its attribute.")
        for name, predictor in self._predictors.items():
            predictor.lm = _NameTag(name)
            predictor.demos = []
        self.signatures = {name: signature_of(p.signature) for name, p in self._predictors.items()}
        self.own_types = OwnTypes(self._fields())
        """Converts the program's inputs and outputs to the types that its signatures declare."""
        self._answers = {name: OwnTypes(p.signature.output_fields) for name, p in self._predictors.items()}

    @property
    def is_one_predictor(self) -> bool:
        """Whether the module is a single predictor without any code of the user around it."""
        return isinstance(self._module, dspy.Predict)

    @property
    def signature(self) -> Signature:
        """The signature of the whole program: the parameters of its `forward`, and its last predictor's outputs."""
        known = {field.name: field for one in self.signatures.values() for field in one.inputs}
        last = list(self.signatures.values())[-1]
        if self.is_one_predictor:
            return last
        return Signature(
            name=type(self._module).__name__,
            instructions=last.instructions,
            inputs=tuple(known.get(name, Field(name=name)) for name in self._parameters()),
            outputs=last.outputs,
        )

    def run(self, prompts: Mapping[str, FrozenPrompt], inputs: Mapping[str, Value], model: Completer) -> Run:
        """Run the program's own code on one row, each predictor answering with its frozen prompt.

        Raises:
            ProgramError: if that code calls `sys.exit`; whatever else it raises comes up as it is.
        """
        adapter = _PromptAdapter(prompts, model, self._answers)
        given = self.own_types.all_typed(inputs)
        try:
            with dspy.context(adapter=adapter, lm=_NameTag(""), trace=None):
                result = self._module(**given)
        except _UnreadableError as stop:
            return Run(stop.failure, tuple(adapter.calls))
        except SystemExit as error:
            place = place_of(error)
            raise ProgramError(
                f"The program {type(self._module).__name__} {deed(error)}{f' ({place})' if place else ''}. Return a "
                "dspy.Prediction instead, or raise an exception, which counts as a score of 0 on that row."
            ) from error
        fields = {field.name: field for field in self.signature.outputs}
        outputs = {name: plain(value, fields.get(name)) for name, value in dict(result).items()}
        return Run(outputs, tuple(adapter.calls))

    def _fields(self) -> dict[str, Any]:
        """Return dspy's fields of the program's inputs and outputs; of inputs with the same name, the first."""
        found: dict[str, Any] = {}
        for predictor in self._predictors.values():
            found = {**predictor.signature.input_fields, **found}
        return {**found, **list(self._predictors.values())[-1].signature.output_fields}

    def _parameters(self) -> list[str]:
        _, *parameters = inspect.signature(type(self._module).forward).parameters.values()
        if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
            return [field.name for field in next(iter(self.signatures.values())).inputs]
        return [parameter.name for parameter in parameters]


def as_module(program: Any) -> dspy.Module:
    """Return a task's program as a module.

    The program is a dspy.Module, a class of it, a dspy.Signature, or a string such as `question -> answer`.

    Raises:
        CompileError: if it is none of these.
    """
    if isinstance(program, str):
        return dspy.Predict(_signature_in_words(program))
    if isinstance(program, type) and issubclass(program, dspy.Signature):
        return dspy.Predict(program)
    if isinstance(program, type) and issubclass(program, dspy.Module):
        return _made(program)
    if isinstance(program, dspy.Module):
        return program
    raise CompileError(
        f"A task cannot have {program!r} as its program. Give a dspy.Signature, a string such as 'question -> answer', "
        "a dspy.Module class or an instance of one."
    )


def _made(program: type[dspy.Module]) -> dspy.Module:
    """Make an instance of the user's module class."""
    for value in vars(sys.modules.get(program.__module__, builtins)).values():
        if isinstance(value, type) and issubclass(value, dspy.Signature):
            _complete(value)
    try:
        return program()
    except (CribsheetError, KeyboardInterrupt):
        raise
    except BaseException as error:  # the user's code may raise anything
        place = place_of(error)
        raise CompileError(
            f"{program.__name__}() {deed(error)}{f' ({place})' if place else ''}. Correct its "
            f"__init__, which must work without arguments.{UNKNOWN_NAME if 'ForwardRef(' in deed(error) else ''}"
        ) from error


def _complete(signature: type[dspy.Signature]) -> None:
    """Resolve string annotations again: they may name something that was defined after the signature."""
    signature.model_rebuild(raise_errors=False)


def _signature_in_words(text: str) -> Any:
    try:
        return dspy.Signature(text)
    except (ValueError, SyntaxError, NameError, AttributeError) as error:
        reason = str(error).rstrip(".")
        raise CompileError(
            f"The program {text!r} of a task cannot be read as a signature: {reason}. Write inputs and outputs, such "
            "as 'question, context -> answer: str'."
        ) from None


class _UnreadableError(Exception):
    """Raised through the user's program if a completion cannot be parsed."""

    def __init__(self, failure: ParseFailure):
        super().__init__(failure.reason)
        self.failure = failure


class _NameTag(dspy.BaseLM):
    """Stands in for a language model, and tells the adapter which predictor calls it."""

    def __init__(self, predictor: str):
        super().__init__(model=f"cribsheet/{predictor}")
        self.predictor = predictor

    def __call__(self, *_args: Any, **_kwargs: Any) -> Any:
        """Refuse to be called as a model."""
        raise CompileError(
            "The program called its language model directly, so this call cannot be compiled. Use a dspy.Predict."
        )


class _PromptAdapter(dspy.Adapter):
    """Answers the calls of predictors with their frozen prompts, for one row."""

    def __init__(self, prompts: Mapping[str, FrozenPrompt], model: Completer, answers: Mapping[str, OwnTypes]):
        super().__init__()
        self.calls: list[Call] = []
        self._answers = answers
        self._prompts = prompts
        self._model = model

    def __call__(
        self, lm: Any, lm_kwargs: dict[str, Any], signature: Any, demos: Any, inputs: dict[str, Any]
    ) -> list[dict[str, Any]]:
        """Return the typed outputs in the form that dspy.Predict expects."""
        prompt = self._prompts[lm.predictor]
        fields = {field.name: field for field in prompt.signature.inputs}
        given = {name: plain(value, fields[name]) for name, value in inputs.items() if name in fields}
        answer = ask(prompt, given, self._model)
        self.calls.append(Call(lm.predictor, given, answer))
        outputs = answer.outputs
        if not isinstance(outputs, ParseFailure):
            outputs = accepted_or_failure(self._answers[lm.predictor], outputs)
        if isinstance(outputs, ParseFailure):
            raise _UnreadableError(outputs)
        return [outputs]
