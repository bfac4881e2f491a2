"""The schema of a frozen file."""

from collections.abc import Mapping
from typing import Final, Literal, Self

from pydantic import BaseModel, ConfigDict, JsonValue

from cribsheet.carriage import Carriage
from cribsheet.frozen.prompt import FrozenPrompt
from cribsheet.frozen.provenance import Provenance
from cribsheet.frozen.results import Results

FORMAT: Final = 2
"""The version of the file format; this release reads and writes only this one."""


class ModelIdentity(BaseModel):
    """The model that the prompts were compiled for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    """The LiteLLM name, such as `embedded/smollm2-135m`."""
    digest: str | None
    """The hash of its weights; None if the endpoint does not report it."""
    endpoint: str = ""
    """The address of its server; empty for the embedded engine."""
    context_window: int = 4096
    """The most tokens of prompt and completion together."""


class Wire(BaseModel):
    """The source of one value: a predictor's output, or an input of the program."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str | None
    """The predictor whose output it is; None for an input of the program."""
    field: str
    """The name of that output or input."""


class Wiring(BaseModel):
    """How values flow between predictors, for a program that only passes them on unchanged."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    order: tuple[str, ...]
    """The predictors in the order in which they run."""
    inputs: Mapping[str, Mapping[str, Wire]]
    """The source of each input of each predictor."""
    outputs: Mapping[str, Wire]
    """The source of each output of the program."""


class FrozenProgram(BaseModel):
    """A compiled program: named prompts, with everything needed to run them and to check them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[2] = FORMAT
    """The version of this schema."""
    task: str
    """The name of the task it was compiled from."""
    prompts: Mapping[str, FrozenPrompt]
    """One prompt per predictor, by the predictor's name in the program."""
    wiring: Wiring | None = None
    """How values flow between the prompts; None if that needs the program's own code."""
    model: ModelIdentity
    """The model that the prompts were compiled for."""
    results: Results
    """The scores of the prompts."""
    provenance: Provenance
    """How the prompts were compiled."""
    notes: tuple[str, ...] = ()
    """Notes for readers, such as why decisions are not calibrated."""
    extra: Mapping[str, JsonValue] = {}
    """The user's own data, stored and sealed with the rest."""

    def carried_by(self, carriage: Carriage) -> Self | None:
        """Return the program as a deployment with this carriage runs it; None if the carriage cannot express it."""
        prompts = {name: prompt.carried_by(carriage) for name, prompt in self.prompts.items()}
        return None if None in prompts.values() else self.model_copy(update={"prompts": prompts})
