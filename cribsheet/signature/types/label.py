"""One of a few labels."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

from pydantic import field_validator

from cribsheet.errors import SignatureError
from cribsheet.outcomes import Value
from cribsheet.signature.types._finite import Finite
from cribsheet.text import normal_form


class Label(Finite):
    """One of some words or whole numbers, declared by Literal or Enum."""

    kind: Literal["label"] = "label"
    labels: tuple[str | int, ...]
    """The allowed values, in declared order and in Unicode's normal form."""

    noun: ClassVar[str] = "one of its labels"

    @field_validator("labels")
    @classmethod
    def _check(cls, labels: tuple[str | int, ...]) -> tuple[str | int, ...]:
        if not labels:
            raise SignatureError("A label has no values. Give its Literal or Enum at least one.")
        labels = tuple(normal_form(label) if isinstance(label, str) else label for label in labels)
        texts = [str(label).strip() for label in labels]
        same = next((text for text in texts if texts.count(text) > 1), None)
        if same is not None:
            raise SignatureError(
                f"The labels {labels!r} have {same!r} twice: as text they cannot be told apart. Rename one of them."
            )
        return labels

    @property
    def outcomes(self) -> tuple[str, ...]:
        """The labels as text."""
        return tuple(str(label) for label in self.labels)

    def value_of(self, outcome: str) -> Value:
        """Return the label."""
        return next(label for label in self.labels if str(label) == outcome)

    def coerce(self, raw: object) -> Value:
        """Return the label that the text is."""
        text = None if raw is None else normal_form(str(raw)).strip()  # null stands for no label, not even "None"
        for label in self.labels:
            if str(label).strip() == text:
                return label
        raise ValueError(f"must be one of {', '.join(self.outcomes)} but got {raw!r}")

    def json_schema(self) -> Mapping[str, Any]:
        """Return an enumeration."""
        return {"enum": list(self.labels)}

    @classmethod
    def from_json_schema(cls, schema: Mapping[str, Any]) -> Self | None:
        """Return the labels of an enumeration."""
        return cls(labels=tuple(schema["enum"])) if "enum" in schema else None
