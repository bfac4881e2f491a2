"""How a program was compiled, as a frozen file stores it."""

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict


class Taught(BaseModel):
    """The source of the bootstrapped demonstrations."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    teacher: str
    """The teacher's name; several names, separated by commas, if saved traces come from several teachers."""
    traces: int
    """How many predictor calls of passing runs were available as demonstrations."""


class Provenance(BaseModel):
    """How the prompts were compiled."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    optimizer: str
    """The optimizer's name."""
    seed: int
    """The seed of the splits and the search."""
    limit: int | None = None
    """The most rows that were read from the beginning of the trainset; None for all."""
    sample: int | None = None
    """How many of these rows were drawn by the seed; None for all."""
    budget: str
    """The budget, such as `40k tokens`."""
    spent_tokens: int
    """The tokens spent: prompt tokens that no prefix cache holds if prompts are sent in this order, plus completion
    tokens."""
    origin: str
    """The step of the search that produced the winner."""
    evaluations: int
    """The number of rows answered, summed over all candidates."""
    candidates: int
    """The number of candidates scored."""
    interrupted: bool = False
    """Whether the user stopped the search with Ctrl-C."""
    splits: Mapping[str, str]
    """The sha256 of the row ids of each split."""
    versions: Mapping[str, str]
    """The versions of cribsheet and of the packages that influence its results."""
    curve: tuple[tuple[int, float], ...] = ()
    """Pairs of tokens spent and the best validation score at that point."""
    taught: Taught | None = None
    """The source of bootstrapped demonstrations; None if demonstrations are rows of the trainset only."""
