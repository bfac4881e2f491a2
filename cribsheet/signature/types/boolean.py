"""The kind of value that is true or false."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

from cribsheet.outcomes import Value
from cribsheet.signature.types._base import SchemaReader, Verbalizer
from cribsheet.signature.types._finite import Finite
from cribsheet.text import mentions_word, shortened, starts_with_word


class Boolean(Finite):
    """True or false; prompts write yes or no, unless the layout says otherwise."""

    kind: Literal["boolean"] = "boolean"

    noun: ClassVar[str] = "true or false"
    python: ClassVar[type | None] = bool

    @property
    def outcomes(self) -> tuple[str, ...]:
        """False, then true."""
        return ("false", "true")

    @property
    def no_and_yes(self) -> tuple[str, ...]:
        """False, then true."""
        return self.outcomes

    def outcome_of(self, value: Value) -> str:
        """Return `true` or `false`."""
        return "true" if value else "false"

    def value_of(self, outcome: str) -> Value:
        """Return the value of `true` or `false`."""
        return outcome == "true"

    def coerce(self, raw: object) -> Value:
        """Convert `true` or `false`, in upper or lower case."""
        text = str(raw).strip().lower()
        if text not in ("true", "false"):
            raise ValueError(f"must be {self.noun} but got {shortened(repr(raw))}")
        return text == "true"

    def read(self, text: str, word: Verbalizer) -> Value:
        """Return the value of the word in the text; true or false at its start counts if it has no word."""
        try:
            return super().read(text, word)
        except ValueError:
            named = [outcome for outcome in self.outcomes if starts_with_word(text, outcome)]
            if not named or any(mentions_word(text, word(outcome)) for outcome in self.outcomes):
                raise
            return self.value_of(named[0])

    def json_schema(self) -> Mapping[str, Any]:
        """Return the schema of a boolean."""
        return {"type": "boolean"}

    @classmethod
    def from_json_schema(cls, schema: Mapping[str, Any], inner: SchemaReader) -> Self | None:
        """Return the kind if the schema is a boolean's."""
        return cls() if schema.get("type") == "boolean" else None
