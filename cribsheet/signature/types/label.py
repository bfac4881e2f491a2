"""The kind of value that is one of a few labels."""

from collections import Counter
from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar, Literal, Self

from pydantic import field_validator

from cribsheet.errors import SignatureError
from cribsheet.outcomes import Value
from cribsheet.signature.types._base import SchemaReader
from cribsheet.signature.types._finite import Finite
from cribsheet.text import listed, normal_form, shortened


class Label(Finite):
    """One of a few words or whole numbers, declared as a Literal or an Enum."""

    kind: Literal["label"] = "label"
    labels: tuple[str | int, ...]
    """The allowed values, in declared order, in Unicode's normal form NFC."""

    noun: ClassVar[str] = "one of its labels"

    @field_validator("labels")
    @classmethod
    def _check(cls, labels: tuple[str | int, ...]) -> tuple[str | int, ...]:
        if not labels:
            raise SignatureError("A label has no values. Give its Literal or Enum at least one.")
        labels = tuple(normal_form(label) if isinstance(label, str) else label for label in labels)
        texts = [str(label).strip() for label in labels]
        if "" in texts:
            raise SignatureError(
                f"The labels {labels!r} contain a blank text, which no prompt can show. Give it a word, such as "
                "'none', or declare the field as `X | None`."
            )
        same = next((text for text, times in Counter(texts).items() if times > 1), None)
        if same is not None:
            raise SignatureError(
                f"The labels {labels!r} contain {same!r} twice once they are written as text. Rename one of them."
            )
        return labels

    @cached_property
    def outcomes(self) -> tuple[str, ...]:
        """The labels as text."""
        return tuple(self._by_outcome)

    @cached_property
    def _by_outcome(self) -> Mapping[str, str | int]:
        return {str(label): label for label in self.labels}

    @cached_property
    def _by_text(self) -> Mapping[str, str | int]:
        return {outcome.strip(): label for outcome, label in self._by_outcome.items()}

    def value_of(self, outcome: str) -> Value:
        """Return the label."""
        return self._by_outcome[outcome]

    def coerce(self, raw: object) -> Value:
        """Return the label that equals the value as text; 2.0 is the label 2, as in JSON Schema."""
        text = normal_form(str(raw)).strip()
        if isinstance(raw, float) and raw.is_integer() and text not in self._by_text:
            text = str(int(raw))
        if raw is not None and text in self._by_text:  # null is no label, not even a label "None"
            return self._by_text[text]
        raise ValueError(f"must be one of {listed(self.outcomes)} but got {shortened(repr(raw))}")

    @property
    def annotation(self) -> Any:
        """The Python type of the JSON form of a value."""
        return Literal[self.labels]

    def json_schema(self) -> Mapping[str, Any]:
        """Return the schema of an enumeration."""
        return {"enum": list(self.labels)}

    @classmethod
    def from_json_schema(cls, schema: Mapping[str, Any], inner: SchemaReader) -> Self | None:
        """Return the kind if the schema is an enumeration."""
        return cls(labels=tuple(schema["enum"])) if "enum" in schema else None
