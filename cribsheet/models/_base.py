"""The one seam to the world: a prompt in, a completion out."""

from collections.abc import Sequence
from typing import Literal, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict

from cribsheet.prompts import Prompt


class Sampling(BaseModel):
    """How to sample; every field is part of the cache key."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_tokens: int = 64
    """The most tokens to generate."""
    temperature: float = 0.0
    """0 is greedy."""
    seed: int = 0
    """Seeds the sampler if temperature is above 0."""
    top_logprobs: int = 0
    """How many alternatives to report for the first token; 0 asks for no log-probabilities."""


class Usage(BaseModel):
    """Tokens of one completion."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prompt_tokens: int = 0
    """All tokens of the prompt."""
    cached_tokens: int | None = None
    """Those of the prompt that the engine had read before; None if the endpoint does not tell."""
    completion_tokens: int = 0
    """Tokens generated."""

    @property
    def evaluated_tokens(self) -> int:
        """Prompt tokens that the engine had to read anew."""
        return self.prompt_tokens - (self.cached_tokens or 0)


class Part(BaseModel):
    """A token that is no text by itself: it begins or ends inside a character."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hex: str
    """Its bytes, in hexadecimal."""
    logprob: float
    """Its natural log-probability."""
    id: int | None = None
    """The engine's number for it; None if it is not told."""


class Completion(BaseModel):
    """What a model answered."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str
    """The text, without the stop sequence that ended it."""
    thought: str | None = None
    """What the model thought before the text, as far as it is told; None if it did not think."""
    finish_reason: Literal["stop", "length"] = "stop"
    """Why it ended."""
    first_token: dict[str, float] | None = None
    """Natural log-probability of each reported alternative for the first token; None if not told."""
    parts: tuple[Part, ...] = ()
    """Of these alternatives, those that `first_token` cannot tell apart, if the endpoint tells their bytes."""
    may_go_on: bool = False
    """Whether the model can go on from what a prompt has `begun`."""
    logprobs: tuple[float, ...] | None = None
    """Natural log-probability of each token of the text; None if not told."""
    usage: Usage = Usage()
    """Tokens read and written."""
    seconds: float = 0.0
    """Wall-clock time of the call."""
    cached: bool = False
    """Whether it came from the completion cache."""


class Completer(Protocol):
    """The part of a model that answers."""

    def complete(self, prompt: Prompt, sampling: Sampling) -> Completion:
        """Return the completion of a prompt.

        Raises:
            ModelError: the one of its kinds that says what went wrong and what mends it.
        """
        ...


@runtime_checkable
class Model(Completer, Protocol):
    """What every model can do. Implementations are safe to call from several threads."""

    name: str
    """The LiteLLM-style name, such as `embedded/smollm2-135m`."""
    endpoint: str
    """Where it is served: part of the cache key, empty for the embedded engine."""
    parallel: int
    """How many requests it likes to have in flight."""
    context_window: int
    """Tokens that prompt and completion may have together."""

    @property
    def digest(self) -> str | None:
        """What identifies the weights, such as `sha256:…`; None if the endpoint does not tell."""
        ...

    def count_tokens(self, text: str) -> int:
        """Return how many tokens the text has; an estimate from above if there is no tokenizer."""
        ...

    def close(self) -> None:
        """Free what the model holds."""
        ...


@runtime_checkable
class TellsTokenIds(Protocol):
    """A model whose tokenizer can be asked."""

    def token_ids(self, text: str) -> Sequence[int] | None:
        """Return the tokens of a text, without what a prompt starts with; None if they are not told."""
        ...
