"""A typed task as plain data, without dspy."""

from collections.abc import Iterable
from functools import cached_property
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_serializer, model_validator

from cribsheet.errors import SignatureError
from cribsheet.signature.field import Field

RESERVED = frozenset({"demos", "signature", "config", "lm", "new_signature", "prediction"})
"""Field names that `dspy.Predict` uses for its own parameters."""

REASONING = "reasoning"
"""The output that a prompt may ask for before the task's own outputs; it is not returned to the caller."""


class Signature(BaseModel):
    """A typed task: instructions, inputs and outputs. In JSON, the fields are written as JSON Schema."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    """The name of the user's signature class."""
    instructions: str
    """What to do, in the user's words."""
    inputs: tuple[Field, ...]
    """The input fields, in declared order."""
    outputs: tuple[Field, ...]
    """The output fields, in declared order."""

    @model_validator(mode="before")
    @classmethod
    def _from_json(cls, data: Any) -> Any:
        if not (isinstance(data, dict) and isinstance(data.get("inputs"), dict)):
            return data
        try:
            return data | {
                side: tuple(Field.from_json_schema(*item) for item in data[side]["properties"].items())
                for side in ("inputs", "outputs")
            }
        except (KeyError, TypeError, AttributeError, IndexError, ValidationError) as error:
            raise ValueError(f"not a signature's JSON Schema: {error!r}") from error

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        names = [field.name for field in (*self.inputs, *self.outputs)]
        reserved = RESERVED.intersection(names)
        if reserved:
            raise SignatureError(
                f"Signature {self.name} has a field {sorted(reserved)[0]!r}, a name that dspy.Predict uses "
                f"for itself. Rename it; the reserved names are {', '.join(sorted(RESERVED))}."
            )
        if not self.inputs or not self.outputs or len(set(names)) < len(names):
            raise SignatureError(
                f"Signature {self.name} has the fields {names}. Give it at least one input and one "
                "output, each with a different name."
            )
        return self

    @model_serializer
    def _to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "instructions": self.instructions,
            "inputs": _object_schema(self.inputs),
            "outputs": _object_schema(self.outputs),
        }

    @cached_property
    def output_names(self) -> frozenset[str]:
        """The names of the outputs."""
        return frozenset(field.name for field in self.outputs)

    @property
    def may_reason(self) -> bool:
        """Whether `with_reasoning` works: it does not if there already is a `reasoning`, as in dspy.ChainOfThought."""
        return all(field.name != REASONING for field in (*self.inputs, *self.outputs))

    def with_reasoning(self) -> "Signature":
        """Return the signature with a `reasoning` text before its outputs.

        Raises:
            SignatureError: if a field already has that name.
        """
        asked = " and ".join(field.name for field in self.outputs)
        reasoning = Field(name=REASONING, description=f"one short sentence that leads to the {asked}")
        return Signature(
            name=self.name, instructions=self.instructions, inputs=self.inputs, outputs=(reasoning, *self.outputs)
        )

    def without_outputs(self, names: Iterable[str]) -> "Signature":
        """Return the signature without these outputs; the signature itself if none or all outputs would be dropped."""
        dropped = set(names)
        kept = tuple(field for field in self.outputs if field.name not in dropped)
        if len(kept) == len(self.outputs) or not kept:
            return self
        return Signature(name=self.name, instructions=self.instructions, inputs=self.inputs, outputs=kept)

    def labelled_by(self, names: Iterable[str]) -> "Signature":
        """Return the signature with only the outputs that have these names; the signature itself if none has."""
        return self.without_outputs(self.output_names - set(names))

    def with_outputs(self, fields: Iterable[Field]) -> "Signature":
        """Return the signature with further outputs at the end; a name that it already has is not added."""
        further = {field.name: field for field in fields}
        for field in (*self.inputs, *self.outputs):
            further.pop(field.name, None)
        outputs = (*self.outputs, *further.values())
        return Signature(name=self.name, instructions=self.instructions, inputs=self.inputs, outputs=outputs)

    def field(self, name: str) -> Field:
        """Return the field of that name; KeyError if there is none."""
        for field in (*self.inputs, *self.outputs):
            if field.name == name:
                return field
        raise KeyError(name)


def _object_schema(fields: tuple[Field, ...]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {field.name: field.json_schema() for field in fields},
        "required": [field.name for field in fields if not field.has_default],
        "additionalProperties": False,
    }
