"""One input or output of a signature."""

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, SerializeAsAny, model_validator

from cribsheet.outcomes import ANSWERED, UNANSWERABLE, Unanswerable, Value, is_unanswerable_json
from cribsheet.signature.types import TYPES, Text, ValueType

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
    type: SerializeAsAny[ValueType] = Text()
    """The kind of its values. `Field(kind="label", labels=("a", "b"))` is short for `Field(type=Label(labels=…))`."""
    abstains: bool = False
    """Whether its value may also be `Unanswerable`."""
    description: str = ""
    """The user's description."""

    @model_validator(mode="before")
    @classmethod
    def _by_kind(cls, data: Any) -> Any:
        if not (isinstance(data, dict) and "kind" in data):
            return data
        own = {name: value for name, value in data.items() if name in cls.model_fields}
        further = {name: value for name, value in data.items() if name not in cls.model_fields and name != "kind"}
        return own | {"type": TYPES[data["kind"]](**further)}

    @property
    def outcomes(self) -> tuple[str, ...]:
        """The outcomes, in declared order; all values of a kind that is not finite count as one, `answered`.

        >>> Field(name="sentiment", kind="label", labels=("negative", "positive")).outcomes
        ('negative', 'positive')
        >>> Field(name="answer", abstains=True).outcomes
        ('answered', 'unanswerable')
        """
        unanswerable = (UNANSWERABLE,) if self.abstains else ()
        return (self.closed_outcomes or (ANSWERED,)) + unanswerable

    @property
    def closed_outcomes(self) -> tuple[str, ...]:
        """The outcomes that are whole values: the labels, or false and true; empty if the kind is not finite."""
        return self.type.outcomes

    @property
    def is_finite(self) -> bool:
        """Whether the outcome is the whole value, so that log-probabilities can decide it and no text is needed."""
        return bool(self.type.outcomes)

    def outcome_of(self, value: Value) -> str:
        """Return the outcome that a value belongs to."""
        return UNANSWERABLE if isinstance(value, Unanswerable) else self.type.outcome_of(value)

    def value_of(self, outcome: str) -> Value:
        """Return the value of a closed outcome, or `Unanswerable()`."""
        return Unanswerable() if outcome == UNANSWERABLE and self.abstains else self.type.value_of(outcome)

    def coerce(self, raw: object) -> Value:
        """Convert a JSON value, or the text of a CSV cell, to a typed value.

        Raises:
            ValueError: if the value does not fit this field's type.
        """
        if isinstance(raw, Unanswerable) or is_unanswerable_json(raw):
            return self._coerce_unanswerable(raw)
        try:
            return self.type.coerce(raw)
        except ValueError as error:
            raise ValueError(f"{self.name} {error}") from None
        except RecursionError:
            raise ValueError(f"{self.name} is a {type(raw).__name__} that is nested too deeply") from None

    def accepts(self, raw: object) -> bool:
        """Tell whether `coerce` takes a value."""
        try:
            self.coerce(raw)
        except ValueError:
            return False
        return True

    def _coerce_unanswerable(self, raw: Any) -> Unanswerable:
        if not self.abstains:
            raise ValueError(f"{self.name} cannot be unanswerable, because its type does not include Unanswerable")
        return raw if isinstance(raw, Unanswerable) else Unanswerable(reason=raw[UNANSWERABLE])

    def json_schema(self) -> dict[str, Any]:
        """Return this field's type as JSON Schema (draft 2020-12)."""
        value = dict(self.type.json_schema())
        schema = {"anyOf": [value, _UNANSWERABLE_SCHEMA]} if self.abstains else value
        return schema | ({"description": self.description} if self.description else {})

    @classmethod
    def from_json_schema(cls, name: str, schema: dict[str, Any]) -> Self:
        """Return the field that `json_schema` described."""
        value = schema["anyOf"][0] if "anyOf" in schema else schema
        found = (kind.from_json_schema(value) for kind in TYPES.values())
        own = next((kind for kind in found if kind is not None), None)
        if own is None:
            raise KeyError(f"no kind of value has the JSON Schema {value!r}")
        return cls(name=name, type=own, abstains="anyOf" in schema, description=schema.get("description", ""))
