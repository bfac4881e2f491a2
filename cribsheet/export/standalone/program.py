"""Answer a row with the prompts that a module holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cribsheet.corrections import Outputs
from cribsheet.frozen.prompt import FrozenPrompt
from cribsheet.frozen.running import Run, unreadable
from cribsheet.frozen.schema import Wiring
from cribsheet.frozen.summary import answer_summary, changes_of
from cribsheet.frozen.wired import answer as run_of
from cribsheet.frozen.wired import inputs_of, named_inputs, outputs_of
from cribsheet.layout.parsing import ParseFailure
from cribsheet.models import Completer
from cribsheet.signature import Field


@dataclass(frozen=True)
class Program:
    """What was compiled."""

    task: str
    """The name of the task."""
    prompts: Mapping[str, FrozenPrompt]
    """The prompt of each predictor."""
    wiring: Wiring
    """How the predictors follow each other."""
    model: str
    """The model that it was compiled for, such as `embedded/smollm2-135m`."""
    endpoint: str
    """Where that was served; empty if it ran in the process."""
    context_window: int
    """Tokens that prompt and completion may have together."""

    def __hash__(self) -> int:
        return id(self)  # it holds mappings

    @property
    def inputs(self) -> tuple[Field, ...]:
        """What it takes."""
        return inputs_of(self.prompts, self.wiring)

    @property
    def outputs(self) -> tuple[Field, ...]:
        """What it gives."""
        return outputs_of(self.prompts, self.wiring)

    def run(self, inputs: Mapping[str, object], model: Completer) -> Run:
        """Return the run for one row; DataError if the inputs are not those of the program."""
        return run_of(self.prompts, self.wiring, named_inputs(self.task, self.inputs, inputs), model)


@dataclass(frozen=True)
class Result:
    """What a program gave for one row."""

    outputs: Outputs
    """The typed value of each output."""
    run: Run
    """How it came to be."""

    @property
    def probability(self) -> float | None:
        """The probability of the answer, 0 to 1; None if nothing fitted one."""
        return self.run.probability

    @property
    def decided_by(self) -> str:
        """What the raw answer was taken from: `logprobs`, `text`, or `inputs` if no model was asked."""
        return self.run.decided_by

    @property
    def model_text(self) -> str:
        """What the model wrote by itself."""
        return self.run.text

    @property
    def changes(self) -> list[dict[str, object]]:
        """The corrections that changed the answer, each with the outputs before and after it."""
        return changes_of(self.run)

    def summary(self) -> dict[str, object]:
        """Return all of it as JSON, as `cribsheet ask --json` prints it."""
        return answer_summary(self.outputs, self.run)


def result_of(run: Run) -> Result:
    """Return the result of a run; UnreadableCompletionError if the completion holds no value."""
    if isinstance(run.outputs, ParseFailure):
        raise unreadable(run.outputs, run.text)
    return Result(run.outputs, run)
