"""The interface of a kind of value."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict

from cribsheet.outcomes import ANSWERED, Value
from cribsheet.signature.types._grammar import LINE, STRING
from cribsheet.text import MOST_LISTED

Verbalizer = Callable[[str], str]
"""Returns the word that stands for an outcome in a prompt."""


SchemaReader = Callable[[Mapping[str, Any]], "ValueType"]
"""Returns the kind of value that a JSON Schema describes."""


class ValueType(BaseModel):
    """One kind of value: how it is declared, coerced, written into a prompt and read back."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    """The name under which `TYPES` lists the class."""

    noun: ClassVar[str]
    """How messages call a value, such as `a whole number`."""
    python: ClassVar[type | None] = None
    """The Python type that declares it in a signature; None if a bare type is not enough, as for a Literal."""
    is_text: ClassVar[bool] = False
    """Whether a value is free text. Then a completion may quote it, and it can be compared with other texts."""

    is_structured: ClassVar[bool] = False
    """Whether a value is made of other values. Then it can be written in several notations."""

    @property
    def may_be_text(self) -> bool:
        """Whether some of the values are free text. Then a JSON string in a completion stands for the text in it."""
        return self.is_text

    @property
    def notations(self) -> tuple[str, ...]:
        """The notations in which a value can be written; empty if there is only one way."""
        return ()

    @property
    def outcomes(self) -> tuple[str, ...]:
        """The outcomes, in declared order, if there are finitely many; else empty."""
        return ()

    @property
    def labelled(self) -> "ValueType | None":
        """The kind of the labels in a value, which is this one or that of a list's items; None if it has none."""
        return self if self.outcomes else None

    @property
    def no_and_yes(self) -> tuple[str, ...]:
        """The outcomes that mean no and yes; empty if a value answers no such question."""
        return ()

    @property
    def told(self) -> str:
        """How instructions name a value; finitely many are listed."""
        return f"one of {', '.join(self.outcomes)}" if self.outcomes else self.noun

    @property
    def metavar(self) -> str:
        """The placeholder for a value in a command's help text."""
        return "|".join(self.outcomes) if 0 < len(self.outcomes) <= MOST_LISTED else self.kind.upper()

    @property
    def blank(self) -> Value:
        """Some value of this kind, for a prompt that only tries out a model."""
        return self.value_of(self.outcomes[0]) if self.outcomes else "0"

    def outcome_of(self, value: Value) -> str:
        """Return the outcome that a value belongs to."""
        return str(value) if self.outcomes else ANSWERED

    def value_of(self, outcome: str) -> Value:
        """Return the value of an outcome, if there are finitely many."""
        raise NotImplementedError

    def coerce(self, raw: object) -> Value:
        """Convert a JSON value, or the text of a CSV cell, to a value of this kind.

        Raises:
            ValueError: if it is not a value of this kind; the caller puts the field's name before the message.
        """
        raise NotImplementedError

    def python_value(self, value: Value) -> Any:
        """Return a value as Python compares it: decimals, dates and times, which JSON has as texts, as such."""
        return value

    def accepts(self, raw: object) -> bool:
        """Tell whether `coerce` takes a value."""
        return is_taken(self.coerce, raw)

    def write(self, value: Value, word: Verbalizer) -> str:
        """Return a value as a prompt writes it."""
        return word(self.outcome_of(value)) if self.outcomes else str(value)

    def read(self, text: str, word: Verbalizer) -> Value:
        """Return the value that a completion's text (without surrounding white space) says.

        Raises:
            ValueError: if it says none; the caller puts the field's name before the message.
        """
        raise NotImplementedError

    def write_as(self, value: Value, word: Verbalizer, notation: str) -> str:
        """Return a value in one of its notations."""
        return self.write(value, word)

    def read_as(self, text: str, word: Verbalizer, notation: str) -> Value:
        """Return the value that a text in one of its notations says."""
        return self.read(text, word)

    def form(self, word: Verbalizer) -> str:
        """Tell people who fill in a prompt template how to write a value; empty for free text."""
        raise NotImplementedError

    def reading(self, word: Verbalizer) -> str:
        """Tell people who parse a completion themselves how to read the value."""
        raise NotImplementedError

    def form_as(self, word: Verbalizer, notation: str) -> str:
        """Tell how to write a value in one of its notations."""
        return self.form(word)

    def reading_as(self, word: Verbalizer, notation: str) -> str:
        """Tell how to read a value in one of its notations."""
        return self.reading(word)

    @property
    def annotation(self) -> Any:
        """The Python type of the JSON form of a value; by default that of the class, or else text."""
        return self.python or str

    def grammar(self) -> str:
        """Return the grammar of a value's JSON, as an expression of GBNF over the rules `RULES`; here any string."""
        return STRING

    def written_grammar(self, word: Verbalizer) -> str:
        """Return the grammar of a value as `write` writes it; here any text on one line."""
        return LINE

    def json_schema(self) -> Mapping[str, Any]:
        """Return the JSON Schema of this kind (draft 2020-12)."""
        raise NotImplementedError

    @classmethod
    def from_json_schema(cls, schema: Mapping[str, Any], inner: SchemaReader) -> Self | None:
        """Return the kind that a JSON Schema describes; None if it describes another kind.

        `inner` returns the kind of a schema inside this one, such as that of a list's items.
        """
        raise NotImplementedError


def is_taken(coerce: Callable[[object], object], raw: object) -> bool:
    """Tell whether a function that converts values takes this one; it raises ValueError if not."""
    try:
        coerce(raw)
    except ValueError:
        return False
    return True
