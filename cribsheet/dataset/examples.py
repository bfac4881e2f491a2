"""The data types of a row, from the trainset to what a metric sees."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from pydantic import BaseModel, ConfigDict, field_validator

from cribsheet.outcomes import Value, from_json, to_json
from cribsheet.text import folded


@dataclass(frozen=True)
class Row:
    """One row: its inputs, and the accepted values of each output. A demo shows the first accepted value."""

    inputs: Mapping[str, Value]
    outputs: Mapping[str, tuple[Value, ...]]
    group: str = field(default="", compare=False)
    """Rows of the same group stay in the same part of a split; for example, questions about the same context."""
    where: str = field(default="", compare=False)
    """Where it was read from, such as `trainsets/urgency.jsonl, line 12`."""

    @property
    def values(self) -> dict[str, Value]:
        """The value of every field; for an output, the first accepted value."""
        return {**self.inputs, **{name: accepted[0] for name, accepted in self.outputs.items()}}

    @property
    def demo(self) -> "Demo":
        """This row as a demonstration."""
        outputs = {name: values[0] for name, values in self.outputs.items()}
        return Demo(inputs=dict(self.inputs), outputs=outputs)

    @cached_property
    def id(self) -> str:
        """A short hash of the row's content."""
        outputs = {name: [to_json(value) for value in values] for name, values in self.outputs.items()}
        content = json.dumps([dict(self.inputs), outputs], sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(content.encode()).hexdigest()[:16]


def folded_inputs(inputs: Mapping[str, object]) -> tuple[str, ...]:
    """Return the inputs with case, spacing and Unicode form normalized, so that trivial copies count as equal.

    >>> folded_inputs({"text": "Not  ONE bad view. "})
    ('not one bad view.',)
    """
    return tuple(folded(str(inputs[name])) for name in sorted(inputs))


class Demo(BaseModel):
    """One demonstration: inputs, and the outputs that the prompt shows for them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    inputs: Mapping[str, Any]
    """Input values by field name."""
    outputs: Mapping[str, Any]
    """Output values by field name."""

    @field_validator("inputs", "outputs", mode="before")
    @classmethod
    def _from_json(cls, values: Any) -> Any:
        return {name: from_json(value) for name, value in values.items()} if isinstance(values, Mapping) else values


class _View:
    """Values by field name, with the access of dspy.Example: `view.field`, `view["field"]`, `view.get("field")`.

    A field hides a method of the same name. The class's own attributes begin with an underscore, because no field of
    a dspy.Signature does.
    """

    def __init__(self, values: Mapping[str, Any]):
        self._values = dict(values)

    def __getattribute__(self, name: str) -> Any:
        if not name.startswith("_"):
            values = object.__getattribute__(self, "_values")
            if name in values:
                return values[name]
        return object.__getattribute__(self, name)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # copy and pickle look up attributes before __init__ has run
            raise AttributeError(name)
        raise AttributeError(f"there is no field {name!r}; there are {list(self._values)}")

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __contains__(self, name: object) -> bool:
        return name in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self.__dict__ == other.__dict__

    __hash__ = None  # type: ignore[assignment]  # values may be lists

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={value!r}" for name, value in self._values.items())
        return f"{type(self).__name__}({values})"

    def get(self, name: str, default: Any = None) -> Any:
        """Return a field's value; the default if there is no such field."""
        return self._values.get(name, default)

    def keys(self) -> list[str]:
        """Return the fields' names."""
        return list(self._values)

    def values(self) -> list[Any]:
        """Return the fields' values."""
        return list(self._values.values())

    def items(self) -> list[tuple[str, Any]]:
        """Return the fields' names and values."""
        return list(self._values.items())

    def toDict(self) -> dict[str, Any]:
        """Return the values by name."""
        return dict(self._values)


class Example(_View):
    """One row as a metric sees it; an output's value is the first accepted one.

    >>> example = Example({"text": "Superb."}, {"sentiment": ("positive",)})
    >>> example.sentiment, example["text"], example.labels().toDict()
    ('positive', 'Superb.', {'sentiment': 'positive'})
    """

    def __init__(self, inputs: Mapping[str, Value], outputs: Mapping[str, tuple[Value, ...]]):
        super().__init__({**inputs, **{name: accepted[0] for name, accepted in outputs.items()}})
        self._inputs, self._accepted = dict(inputs), dict(outputs)

    def inputs(self) -> "Example":
        """Return an example with only the inputs."""
        return Example(self._inputs, {})

    def labels(self) -> "Example":
        """Return an example with only the outputs."""
        return Example({}, self._accepted)

    @property
    def outputs(self) -> Mapping[str, tuple[Value, ...]]:
        """The accepted values of each output."""
        return self._accepted

    def _converted(self, convert: Callable[[str, Any], Any]) -> "Example":
        """Return the example with each value as a function of the field's name and the value gives it."""
        inputs = {name: convert(name, value) for name, value in self._inputs.items()}
        accepted = {name: tuple(convert(name, value) for value in values) for name, values in self._accepted.items()}
        return Example(inputs, accepted)

    def without(self, *names: str) -> "Example":
        """Return the example without some fields."""
        inputs = {name: value for name, value in self._inputs.items() if name not in names}
        return Example(inputs, {name: value for name, value in self._accepted.items() if name not in names})


class Prediction(_View):
    """Typed outputs as a metric or a caller sees them, with the raw text and the probability.

    >>> prediction = Prediction({"answer": "Paris"}, text=" Paris")
    >>> prediction.answer, prediction["answer"], prediction.text
    ('Paris', 'Paris', ' Paris')
    """

    def __init__(self, outputs: Mapping[str, Value], *, text: str = "", probability: float | None = None):
        super().__init__(outputs)
        self._text, self._probability = text, probability

    def _converted(self, convert: Callable[[str, Any], Any]) -> "Prediction":
        """Return the prediction with each value as a function of the field's name and the value gives it."""
        outputs = {name: convert(name, value) for name, value in self._values.items()}
        return Prediction(outputs, text=self._text, probability=self._probability)

    @property
    def text(self) -> str:
        """The raw text of the model; if there are several predictors, of the last one."""
        return self._text

    @property
    def probability(self) -> float | None:
        """The probability of the answer, 0 to 1; None if it was not estimated."""
        return self._probability

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Prediction) and self._values == other._values

    __hash__ = None
