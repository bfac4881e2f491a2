"""A score with its interval, as frozen files hold it."""

from pydantic import BaseModel, ConfigDict


class Score(BaseModel):
    """A mean over rows with its 95 % interval."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    score: float
    """The mean."""
    low: float
    """Where the interval begins."""
    high: float
    """Where it ends."""
    n: int
    """How many rows."""

    def __str__(self) -> str:
        return f"{self.score:.3f} [{self.low:.3f}, {self.high:.3f}], n={self.n}"


class Gain(BaseModel):
    """A mean difference over the same rows with its 95 % interval."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mean: float
    """How much the second is better than the first."""
    low: float
    """Where the interval begins."""
    high: float
    """Where it ends; the difference is significant if both ends have the same sign."""
    n: int
    """How many rows."""

    def __str__(self) -> str:
        return f"{self.mean:+.3f} [{self.low:+.3f}, {self.high:+.3f}], n={self.n}"
