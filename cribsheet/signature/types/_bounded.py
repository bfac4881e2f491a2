"""The base class of kinds whose values may have to be within bounds."""

import decimal
from collections.abc import Mapping
from typing import Any

from cribsheet.signature.types._base import ValueType


class Bounded(ValueType):
    """A kind of number, which may have bounds."""

    minimum: float | None = None
    """The lowest value."""
    maximum: float | None = None
    """The highest value."""
    above: float | None = None
    """What every value is greater than."""
    below: float | None = None
    """What every value is less than."""

    def check_bounds(self, value: float | decimal.Decimal) -> None:
        """Raise ValueError if a number is out of the bounds."""
        bounds = {
            f"at least {self.minimum}": self.minimum is None or value >= _like(value, self.minimum),
            f"at most {self.maximum}": self.maximum is None or value <= _like(value, self.maximum),
            f"greater than {self.above}": self.above is None or value > _like(value, self.above),
            f"less than {self.below}": self.below is None or value < _like(value, self.below),
        }
        broken = next((bound for bound, holds in bounds.items() if not holds), None)
        if broken is not None:
            raise ValueError(f"must be {broken} but got {value}")

    @property
    def bounds_schema(self) -> Mapping[str, Any]:
        """The bounds in the words of JSON Schema."""
        bounds = {
            "minimum": self.minimum,
            "maximum": self.maximum,
            "exclusiveMinimum": self.above,
            "exclusiveMaximum": self.below,
        }
        return {word: bound for word, bound in bounds.items() if bound is not None}


def bounds_in(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the bounds that a JSON Schema has, by the names of the class's fields."""
    return {name: schema.get(word) for name, word in _BOUNDS.items()}


def _like(value: float | decimal.Decimal, bound: float) -> Any:
    """Return a bound as the same type of number: the float 0.01 is a little more than the decimal 0.01."""
    return decimal.Decimal(str(bound)) if isinstance(value, decimal.Decimal) else bound


_BOUNDS = {"minimum": "minimum", "maximum": "maximum", "above": "exclusiveMinimum", "below": "exclusiveMaximum"}
"""The words of JSON Schema for the bounds."""
