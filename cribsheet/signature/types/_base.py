"""The contract of a kind of value."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict

from cribsheet.outcomes import ANSWERED, Value

Verbalizer = Callable[[str], str]
"""Returns the word that stands for an outcome in a prompt."""


class ValueType(BaseModel):
    """One kind of value: how it is declared, coerced, written into a prompt and read back."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    """The name under which `TYPES` lists the class."""

    noun: ClassVar[str]
    """What a value is called in messages, such as `a whole number`."""
    python: ClassVar[type | None] = None
    """The Python type that a signature declares it with; None if it takes more than a type."""
    is_text: ClassVar[bool] = False
    """Whether a value is free text: it may stand in quotes, and other texts may be compared with it."""

    @property
    def outcomes(self) -> tuple[str, ...]:
        """The finite outcomes, in declared order; empty if a value has to be written."""
        return ()

    @property
    def metavar(self) -> str:
        """What stands for a value in the help of a command."""
        return "|".join(self.outcomes) or self.kind.upper()

    def outcome_of(self, value: Value) -> str:
        """Return the outcome that a value belongs to."""
        return str(value) if self.outcomes else ANSWERED

    def value_of(self, outcome: str) -> Value:
        """Return the value of one of the finite outcomes."""
        raise NotImplementedError

    def coerce(self, raw: object) -> Value:
        """Return the value of a JSON value, or of the text of a CSV cell.

        Raises:
            ValueError: if it is no value of this kind; the message goes on from the field's name.
        """
        raise NotImplementedError

    def write(self, value: Value, word: Verbalizer) -> str:
        """Return the text of a value in a prompt."""
        return word(self.outcome_of(value)) if self.outcomes else str(value)

    def read(self, text: str, word: Verbalizer) -> Value:
        """Return the value in the text of a completion, without the white space around it.

        Raises:
            ValueError: if there is none; the message goes on from the field's name.
        """
        raise NotImplementedError

    def form(self, word: Verbalizer) -> str:
        """Return how a value is written, for people who fill in a prompt by hand; empty for free text."""
        raise NotImplementedError

    def reading(self, word: Verbalizer) -> str:
        """Return how a value is read from a completion, for people who do so by hand."""
        raise NotImplementedError

    def json_schema(self) -> Mapping[str, Any]:
        """Return the kind as JSON Schema (draft 2020-12)."""
        raise NotImplementedError

    @classmethod
    def from_json_schema(cls, schema: Mapping[str, Any]) -> Self | None:
        """Return what `json_schema` described; None if it is another kind's."""
        raise NotImplementedError
