"""A score with its confidence interval, as a frozen file stores it."""

from pydantic import BaseModel, ConfigDict


class Score(BaseModel):
    """The mean over some rows, with its 95 % confidence interval."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    score: float
    """The mean."""
    low: float
    """The lower end of the interval."""
    high: float
    """The upper end of the interval."""
    n: int
    """The number of rows."""

    def __str__(self) -> str:
        return f"{self.score:.3f} [{self.low:.3f}, {self.high:.3f}], n={self.n}"


class Gain(BaseModel):
    """The mean difference between two scores, with its 95 % confidence interval."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mean: float
    """The second score minus the first."""
    low: float
    """The lower end of the interval."""
    high: float
    """The upper end of the interval; the difference is significant if both ends have the same sign."""
    n: int
    """The number of rows."""

    def __str__(self) -> str:
        return f"{self.mean:+.3f} [{self.low:+.3f}, {self.high:+.3f}], n={self.n}"
