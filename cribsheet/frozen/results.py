"""What a compile scored, as a frozen file stores it."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from cribsheet.carriage import Carriage
from cribsheet.frozen.score import Gain, Score


class Unread(BaseModel):
    """How many of the scored answers could not be read."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    asked_again: int
    """Answers that could not be read, so that the model was asked once more."""
    rescued: int
    """Those of them that could be read the second time."""
    rows: int
    """Rows without an answer that can be read. They count as 0."""


class Constant(BaseModel):
    """A program that gives the same answer to every row: the commonest one of the rows that the search saw."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    outputs: Mapping[str, Any]
    """The answer, as JSON has it."""
    score: Score
    """Its score on the rows that `compiled` was scored on."""
    gain: Gain | None = None
    """The compiled score minus this one, paired by row; None in files of earlier releases."""


class Results(BaseModel):
    """Scores on the testset, which no search ever saw; see `rows` for a compile that was stopped early."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    metric: str
    """The metric's name."""
    baseline: Score
    """The score of the zero-shot prompt."""
    decided: Score | None = None
    """The score of the zero-shot prompt if log-probabilities decide its labels; None if there are none to decide, or if
    the deployment or the model has no log-probabilities."""
    words_alone: Score | None = None
    """The score of a linear model of words and characters that was learned from the rows that the search saw; None if
    an output is no label."""
    constant: Constant | None = None
    """The score of the constant answer; None if no answer is common, or in files of earlier releases."""
    compiled: Score
    """The score of this file's prompts."""
    gain: Gain
    """Compiled minus the better one of `baseline` and `decided`, paired by row."""
    uncorrected: Score | None = None
    """The score on the same rows with every correction off; None if there are no corrections."""
    unread: Unread | None = None
    """How many answers of this file's prompts could not be read; None in files of earlier releases."""
    carriage: Carriage = "runtime"
    """The carriage that the prompts were compiled for; `compiled` is the score under it."""
    carriages: Mapping[Carriage, Score] = {}
    """The score on the same rows under each carriage that can express the prompts."""
    tested: str | None = None
    """The sha256 of the file of test rows beside this file; None if there is none."""
    rows: Literal["testset", "valset"] = "testset"
    """The rows that were scored: `valset` if Ctrl-C ended the compile before the testset was scored."""
