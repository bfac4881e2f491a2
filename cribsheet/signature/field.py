"""One input or output of a signature."""

from collections.abc import Iterable, Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, SerializeAsAny, model_validator

from cribsheet.outcomes import ANSWERED, UNANSWERABLE, Unanswerable, Value, is_absent, is_unanswerable_json
from cribsheet.signature.types import TYPES, Text, ValueType, is_taken, type_of_schema

_UNANSWERABLE_SCHEMA = {
    "type": "object",
    "properties": {UNANSWERABLE: {"type": ["string", "null"]}},
    "required": [UNANSWERABLE],
    "additionalProperties": False,
}
_NULL_SCHEMA = {"type": "null"}


class Field(BaseModel):
    """One input or output of a signature."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    """The Python name, unique in the signature."""
    type: SerializeAsAny[ValueType] = Text()
    """The kind of its values. `Field(kind="label", labels=("a", "b"))` is short for `Field(type=Label(labels=…))`."""
    abstains: bool = False
    """Whether its value may also be `Unanswerable`, or None if it is optional."""
    optional: bool = False
    """Whether it is declared as `X | None`. It abstains like `X | Unanswerable`, but then its value is None."""
    description: str = ""
    """The user's description."""
    has_default: bool = False
    """Whether it is an input that may be left out."""
    default: Any = None
    """The value of an input that is left out, as JSON."""

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
        return UNANSWERABLE if is_absent(value) and self.abstains else self.type.outcome_of(value)

    def value_of(self, outcome: str) -> Value:
        """Return the value of a closed outcome, or the one for no answer."""
        return self.absent if outcome == UNANSWERABLE and self.abstains else self.type.value_of(outcome)

    @property
    def absent(self) -> Value:
        """The value that stands for no answer."""
        return None if self.optional else Unanswerable()

    def shown(self, value: Value) -> Value:
        """Return the value as programs see it: None for `Unanswerable` if the field is optional."""
        return None if self.optional and is_absent(value) else value

    def coerce(self, raw: object) -> Value:
        """Convert a JSON value, or the text of a CSV cell, to a typed value.

        Raises:
            ValueError: if the value does not fit this field's type.
        """
        if raw is None and self.optional:
            return None
        if isinstance(raw, Unanswerable) or is_unanswerable_json(raw):
            return self.shown(self._coerce_unanswerable(raw))
        try:
            return self.type.coerce(raw)
        except ValueError as error:
            raise ValueError(f"{self.name} {error}") from None
        except RecursionError:
            raise ValueError(f"{self.name} is a {type(raw).__name__} that is nested too deeply") from None

    def accepts(self, raw: object) -> bool:
        """Tell whether `coerce` takes a value."""
        return is_taken(self.coerce, raw)

    def _coerce_unanswerable(self, raw: Any) -> Unanswerable:
        if not self.abstains:
            raise ValueError(f"{self.name} cannot be unanswerable, because its type does not include Unanswerable")
        return raw if isinstance(raw, Unanswerable) else Unanswerable(reason=raw[UNANSWERABLE])

    def json_schema(self) -> dict[str, Any]:
        """Return this field's type as JSON Schema (draft 2020-12)."""
        value = dict(self.type.json_schema())
        absent = _NULL_SCHEMA if self.optional else _UNANSWERABLE_SCHEMA
        schema = {"anyOf": [value, absent]} if self.abstains else value
        schema |= {"description": self.description} if self.description else {}
        return schema | ({"default": self.default} if self.has_default else {})

    @classmethod
    def from_json_schema(cls, name: str, schema: dict[str, Any]) -> Self:
        """Return the field that `json_schema` described."""
        own = {key: value for key, value in schema.items() if key not in ("description", "default")}
        (*options, last) = own.get("anyOf", [None])
        abstains, optional = last in (_UNANSWERABLE_SCHEMA, _NULL_SCHEMA), last == _NULL_SCHEMA
        return cls(
            name=name,
            type=type_of_schema(options[0] if abstains else own),
            abstains=abstains,
            optional=optional,
            description=schema.get("description", ""),
            has_default="default" in schema,
            default=schema.get("default"),
        )


def with_defaults(fields: Iterable[Field], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return inputs with the defaults of those that were left out.

    >>> with_defaults([Field(name="text"), Field(name="limit", kind="integer", has_default=True, default=3)], {})
    {'limit': 3}
    """
    return {**{one.name: one.default for one in fields if one.has_default and one.name not in given}, **given}
