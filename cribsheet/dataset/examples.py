"""Rows of a trainset as plain data."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from pydantic import BaseModel, ConfigDict

from cribsheet.outcomes import Value, to_json


@dataclass(frozen=True)
class Example:
    """One row: inputs, and for each output the accepted values, the demo's first.

    Fields read as attributes, as in a dspy.Example, so that one metric serves both.

    >>> Example({"text": "Superb."}, {"sentiment": ("positive",)}).sentiment
    'positive'
    """

    inputs: Mapping[str, Value]
    outputs: Mapping[str, tuple[Value, ...]]
    group: str = field(default="", compare=False)

    def __getattr__(self, name: str) -> Value:
        if name in ("inputs", "outputs"):  # not set yet: copying and unpickling look before __init__
            raise AttributeError(name)
        if name in self.outputs:
            return self.outputs[name][0]
        if name in self.inputs:
            return self.inputs[name]
        raise AttributeError(f"this row has no field {name!r}; it has {[*self.inputs, *self.outputs]}")

    @property
    def demo(self) -> "Demo":
        """The demonstration that this row makes."""
        outputs = {name: values[0] for name, values in self.outputs.items()}
        return Demo(inputs=dict(self.inputs), outputs=outputs)

    @cached_property
    def id(self) -> str:
        """A short hash of the row's content."""
        outputs = {name: [to_json(value) for value in values] for name, values in self.outputs.items()}
        content = json.dumps([dict(self.inputs), outputs], sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(content.encode()).hexdigest()[:16]


class Demo(BaseModel):
    """One demonstration: inputs, and the outputs that the prompt shows for them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    inputs: Mapping[str, Value]
    """What is given, by field name."""
    outputs: Mapping[str, Value]
    """What the prompt answers, by field name."""


class Prediction:
    """Typed outputs, read as attributes, and the text they were parsed from.

    >>> Prediction({"answer": "Paris"}, text=" Paris").answer
    'Paris'
    """

    def __init__(self, outputs: Mapping[str, Value], *, text: str = "", confidence: float | None = None):
        self.outputs = dict(outputs)
        self.text = text
        """The model's raw text; of the last predictor, where there are several."""
        self.confidence = confidence
        """The probability of the decided outcome, 0 to 1; None where the model gave no log-probabilities."""

    def __getattr__(self, name: str) -> Any:
        outputs = self.__dict__.get("outputs", {})
        if name in outputs:
            return outputs[name]
        raise AttributeError(f"this prediction has no output {name!r}; it has {list(outputs)}")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Prediction) and self.outputs == other.outputs

    __hash__ = None  # type: ignore[assignment]  # predictions are mutable mappings inside

    def __repr__(self) -> str:
        return f"Prediction({', '.join(f'{name}={value!r}' for name, value in self.outputs.items())})"
