"""Typed tasks as plain data, without dspy."""

from collections.abc import Iterable
from functools import cached_property
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_serializer, model_validator

from cribsheet.errors import SignatureError
from cribsheet.outcomes import ANSWERED, UNANSWERABLE, Unanswerable, Value, is_unanswerable_json

RESERVED = frozenset({"demos", "signature", "config", "lm", "new_signature", "prediction"})
"""Input names that `dspy.Predict` takes for itself."""

REASONING = "reasoning"
"""The output that a prompt may ask for before the task's own, and that nobody is handed."""

Kind = Literal["text", "label", "boolean", "integer", "number"]

_JSON_TYPES: dict[Kind, str] = {
    "text": "string",
    "boolean": "boolean",
    "integer": "integer",
    "number": "number",
}
_UNANSWERABLE_SCHEMA = {
    "type": "object",
    "properties": {UNANSWERABLE: {"type": ["string", "null"]}},
    "required": [UNANSWERABLE],
    "additionalProperties": False,
}


class Field(BaseModel):
    """One input or output of a signature."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    """The Python name, unique in the signature."""
    kind: Kind = "text"
    """What its values are."""
    labels: tuple[str | int, ...] = ()
    """The allowed values, for kind `label`, in declared order."""
    abstains: bool = False
    """Whether `Unanswerable` is a value too."""
    description: str = ""
    """What the user said about it."""

    @property
    def outcomes(self) -> tuple[str, ...]:
        """The finite outcomes, in declared order; one, `answered`, for free text.

        >>> Field(name="sentiment", kind="label", labels=("negative", "positive")).outcomes
        ('negative', 'positive')
        >>> Field(name="answer", abstains=True).outcomes
        ('answered', 'unanswerable')
        """
        unanswerable = (UNANSWERABLE,) if self.abstains else ()
        return (self.closed_outcomes or (ANSWERED,)) + unanswerable

    @property
    def closed_outcomes(self) -> tuple[str, ...]:
        """The outcomes that are values: the labels, or false / true."""
        if self.kind == "boolean":
            return ("false", "true")
        return tuple(str(label) for label in self.labels)

    @property
    def is_finite(self) -> bool:
        """Whether the outcome is the whole value, so that it can be decided rather than written."""
        return self.kind == "boolean" or bool(self.labels)

    def outcome_of(self, value: Value) -> str:
        """Return the outcome that a value belongs to."""
        if isinstance(value, Unanswerable):
            return UNANSWERABLE
        if self.kind == "boolean":
            return "true" if value else "false"
        return str(value) if self.labels else ANSWERED

    def value_of(self, outcome: str) -> Value:
        """Return the value of a closed outcome, or `Unanswerable()`."""
        if outcome == UNANSWERABLE and self.abstains:
            return Unanswerable()
        if self.kind == "boolean":
            return outcome == "true"
        return next(label for label in self.labels if str(label) == outcome)

    def coerce(self, raw: object) -> Value:
        """Return the typed value of a JSON value, or of the text of a CSV cell.

        Raises:
            ValueError: when the value is not one of this field's.
        """
        if isinstance(raw, Unanswerable) or is_unanswerable_json(raw):
            return self._coerce_unanswerable(raw)
        if self.labels:
            return self._coerce_label(raw)
        if self.kind == "text":
            if not isinstance(raw, str):
                raise ValueError(f"{self.name} must be text but got {raw!r}")
            return raw
        return self._coerce_scalar(raw)

    def _coerce_unanswerable(self, raw: Any) -> Unanswerable:
        if not self.abstains:
            raise ValueError(f"{self.name} cannot be unanswerable; its type has no Unanswerable")
        return raw if isinstance(raw, Unanswerable) else Unanswerable(reason=raw[UNANSWERABLE])

    def _coerce_label(self, raw: object) -> Value:
        for label in self.labels:
            if str(label) == str(raw).strip():
                return label
        known = ", ".join(str(label) for label in self.labels)
        raise ValueError(f"{self.name} must be one of {known} but got {raw!r}")

    def _coerce_scalar(self, raw: object) -> Value:
        text = str(raw).strip().lower()
        if self.kind == "boolean":
            if text not in ("true", "false"):
                raise ValueError(f"{self.name} must be true or false but got {raw!r}")
            return text == "true"
        if isinstance(raw, bool):
            raise ValueError(f"{self.name} must be a number but got {raw!r}")
        try:
            return int(text) if self.kind == "integer" else float(text)
        except ValueError:
            raise ValueError(f"{self.name} must be {self._noun} but got {raw!r}") from None

    @property
    def _noun(self) -> str:
        return "a whole number" if self.kind == "integer" else "a number"

    def json_schema(self) -> dict[str, Any]:
        """Return this field's type as JSON Schema (draft 2020-12)."""
        value: dict[str, Any] = {"enum": list(self.labels)} if self.labels else {"type": _JSON_TYPES[self.kind]}
        schema = {"anyOf": [value, _UNANSWERABLE_SCHEMA]} if self.abstains else value
        return schema | ({"description": self.description} if self.description else {})

    @classmethod
    def from_json_schema(cls, name: str, schema: dict[str, Any]) -> Self:
        """Return the field that `json_schema` described."""
        value = schema["anyOf"][0] if "anyOf" in schema else schema
        kinds = {json_type: kind for kind, json_type in _JSON_TYPES.items()}
        return cls(
            name=name,
            kind="label" if "enum" in value else kinds[value["type"]],
            labels=tuple(value.get("enum", ())),
            abstains="anyOf" in schema,
            description=schema.get("description", ""),
        )


class Signature(BaseModel):
    """A typed task: instructions, inputs, outputs. Its JSON form is JSON Schema."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    """The class name that the user gave."""
    instructions: str
    """What to do, in the user's words."""
    inputs: tuple[Field, ...]
    """What is given, in declared order."""
    outputs: tuple[Field, ...]
    """What is asked for, in declared order."""

    @model_validator(mode="before")
    @classmethod
    def _from_json(cls, data: Any) -> Any:
        if not (isinstance(data, dict) and isinstance(data.get("inputs"), dict)):
            return data
        try:
            return data | {
                side: tuple(Field.from_json_schema(*item) for item in data[side]["properties"].items())
                for side in ("inputs", "outputs")
            }
        except (KeyError, TypeError, AttributeError, IndexError, ValidationError) as error:
            raise ValueError(f"not a signature's JSON Schema: {error!r}") from error

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        names = [field.name for field in (*self.inputs, *self.outputs)]
        reserved = RESERVED.intersection(names)
        if reserved:
            raise SignatureError(
                f"Signature {self.name} names a field {sorted(reserved)[0]!r}, which dspy.Predict takes "
                f"for itself. Rename it; reserved are {', '.join(sorted(RESERVED))}."
            )
        if not self.inputs or not self.outputs or len(set(names)) < len(names):
            raise SignatureError(
                f"Signature {self.name} has the fields {names}. It needs at least one input and one "
                "output, each with a name of its own."
            )
        return self

    @model_serializer
    def _to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "instructions": self.instructions,
            "inputs": _object_schema(self.inputs),
            "outputs": _object_schema(self.outputs),
        }

    @cached_property
    def output_names(self) -> frozenset[str]:
        """The names of the outputs."""
        return frozenset(field.name for field in self.outputs)

    @property
    def may_reason(self) -> bool:
        """Whether `with_reasoning` can be: not where the task has a field of that name, as ChainOfThought gives it."""
        return all(field.name != REASONING for field in (*self.inputs, *self.outputs))

    def with_reasoning(self) -> "Signature":
        """Return the signature that asks for a `reasoning` text before its outputs.

        Raises:
            SignatureError: where a field has that name already.
        """
        asked = " and ".join(field.name for field in self.outputs)
        reasoning = Field(name=REASONING, description=f"one short sentence that leads to the {asked}")
        return Signature(
            name=self.name, instructions=self.instructions, inputs=self.inputs, outputs=(reasoning, *self.outputs)
        )

    def without_outputs(self, names: Iterable[str]) -> "Signature":
        """Return the signature without some outputs; itself if it has none of them."""
        dropped = set(names)
        kept = tuple(field for field in self.outputs if field.name not in dropped)
        if len(kept) == len(self.outputs) or not kept:
            return self
        return Signature(name=self.name, instructions=self.instructions, inputs=self.inputs, outputs=kept)

    def field(self, name: str) -> Field:
        """Return the field of that name; KeyError where there is none."""
        for field in (*self.inputs, *self.outputs):
            if field.name == name:
                return field
        raise KeyError(name)


def _object_schema(fields: tuple[Field, ...]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {field.name: field.json_schema() for field in fields},
        "required": [field.name for field in fields],
        "additionalProperties": False,
    }
