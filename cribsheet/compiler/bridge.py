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
import enum
import inspect
import sys
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal, get_args, get_origin

import dspy

from cribsheet.errors import CompileError, CribsheetError, ProgramError, SignatureError, deed
from cribsheet.evaluation.places import place_of
from cribsheet.frozen import FrozenPrompt
from cribsheet.frozen.running import Call, Run, ask
from cribsheet.layout.parsing import ParseFailure
from cribsheet.models import Completer
from cribsheet.outcomes import Unanswerable, Value
from cribsheet.signature import Field, Signature
from cribsheet.signature.types import TYPES, Label, ValueType
from cribsheet.text import normal_form

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
        inputs=tuple(_field(name, info) for name, info in signature.input_fields.items()),
        outputs=tuple(_field(name, info) for name, info in signature.output_fields.items()),
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
        adapter = _PromptAdapter(prompts, model)
        try:
            with dspy.context(adapter=adapter, lm=_NameTag(""), trace=None):
                result = self._module(**inputs)
        except _UnreadableError as stop:
            return Run(stop.failure, tuple(adapter.calls))
        except SystemExit as error:
            place = place_of(error)
            raise ProgramError(
                f"The program {type(self._module).__name__} {deed(error)}{f' ({place})' if place else ''}. Return a "
                "dspy.Prediction instead, or raise an exception, which counts as a score of 0 on that row."
            ) from error
        outputs = {name: _plain(value) for name, value in dict(result).items()}
        return Run(outputs, tuple(adapter.calls))

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
            f"__init__, which must work without arguments.{_UNKNOWN_NAME if 'ForwardRef(' in deed(error) else ''}"
        ) from error


def _complete(signature: type[dspy.Signature]) -> None:
    """Resolve string annotations again: they may name something that was defined after the signature."""
    signature.model_rebuild(raise_errors=False)


_UNKNOWN_NAME = (
    " A type that is written as a string is looked up in the signature's module: import or define it at the top of "
    "that module, not in a function and not under TYPE_CHECKING."
)


def _signature_in_words(text: str) -> Any:
    try:
        return dspy.Signature(text)
    except (ValueError, SyntaxError, NameError, AttributeError) as error:
        raise CompileError(
            f"The program {text!r} of a task cannot be read as a signature: {error}. Write inputs and outputs, such as "
            "'question, context -> answer: str'."
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

    def __init__(self, prompts: Mapping[str, FrozenPrompt], model: Completer):
        super().__init__()
        self.calls: list[Call] = []
        self._prompts = prompts
        self._model = model

    def __call__(
        self, lm: Any, lm_kwargs: dict[str, Any], signature: Any, demos: Any, inputs: dict[str, Any]
    ) -> list[dict[str, Any]]:
        """Return the typed outputs in the form that dspy.Predict expects."""
        given = {name: _plain(value) for name, value in inputs.items() if name in signature.input_fields}
        answer = ask(self._prompts[lm.predictor], given, self._model)
        self.calls.append(Call(lm.predictor, given, answer))
        if isinstance(answer.outputs, ParseFailure):
            raise _UnreadableError(answer.outputs)
        outputs = answer.outputs
        return [{name: _typed(value, signature.output_fields[name].annotation) for name, value in outputs.items()}]


def _typed(value: Value, annotation: Any) -> Any:
    """Return the Enum member of a label; return other values unchanged."""
    members = [member for part in (annotation, *get_args(annotation)) if _is_enum(part) for member in part]
    return next((member for member in members if _plain(member) == value), value)


def _plain(value: Any) -> Any:
    """Return the label of an Enum member; return other values unchanged."""
    if not isinstance(value, enum.Enum):
        return value
    return normal_form(value.value) if isinstance(value.value, str) else value.value


def _field(name: str, info: Any) -> Field:
    parts = [info.annotation]
    if get_origin(info.annotation) in (typing.Union, types.UnionType):
        parts = list(get_args(info.annotation))
    abstains = Unanswerable in parts
    others = [part for part in parts if part is not Unanswerable]
    description = (info.json_schema_extra or {}).get("desc", "")
    return Field(
        name=name,
        type=_type(name, info.annotation, others),
        abstains=abstains,
        description="" if description == f"${{{name}}}" else description,
    )


def _type(name: str, annotation: Any, parts: list[Any]) -> ValueType:
    if len(parts) == 1:
        (part,) = parts
        labels = _labels(part)
        if labels and all(type(label) in (str, int) for label in labels):
            return Label(labels=labels)
        own = next((kind for kind in TYPES.values() if kind.python is part), None)
        if own is not None:
            return own()  # type: ignore[call-arg]  # its kind has a default
    if isinstance(annotation, str | typing.ForwardRef):
        raise SignatureError(
            f"The field {name!r} has the type {_as_text(annotation)}, which cannot be found.{_UNKNOWN_NAME}"
        )
    hint = " Use Unanswerable instead of None." if type(None) in parts else ""
    raise SignatureError(
        f"The field {name!r} has the type {annotation!r}, which is not supported. Use str, int, float, bool, or a "
        f"Literal or Enum of str or int, each alone or as `X | Unanswerable`.{hint}"
    )


def _as_text(annotation: str | typing.ForwardRef) -> str:
    return repr(annotation if isinstance(annotation, str) else annotation.__forward_arg__)


def _labels(part: Any) -> tuple[Any, ...]:
    if get_origin(part) is Literal:
        return get_args(part)
    return tuple(member.value for member in part) if _is_enum(part) else ()


def _is_enum(part: Any) -> bool:
    return isinstance(part, type) and issubclass(part, enum.Enum)
