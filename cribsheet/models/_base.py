"""The interface of every model: a prompt goes in, a completion comes out."""

from collections.abc import Sequence
from typing import Literal, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict

from cribsheet.prompts import Prompt

DEFAULT_CONTEXT_WINDOW = 4096
"""The tokens of a context window if neither the user nor the server gives one. An engine that reserves memory for its
whole window gets no more than this unasked, because prompts for small models are shorter."""


Kind = Literal["raw", "chat"]
"""The kinds of prompts that a server completes, each at an endpoint of its own."""
KINDS: frozenset[Kind] = frozenset({"raw", "chat"})

HOLDS = ("grammar", "answer_schema")
"""The settings of `Sampling` that hold a completion to a type."""


class Sampling(BaseModel):
    """How to sample a completion. Every field is part of the cache key."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_tokens: int = 64
    """The most tokens to generate."""
    temperature: float = 0.0
    """0 means greedy decoding."""
    seed: int = 0
    """The sampler's seed, used if the temperature is above 0."""
    top_logprobs: int = 0
    """How many alternatives to report for the first token; 0 asks for no log-probabilities."""
    grammar: str = ""
    """The grammar, as GBNF, to which the text is held; empty for free text. Models that take no grammar ignore it."""
    answer_schema: str = ""
    """The JSON Schema, as JSON, to which the text is held; empty for free text. Models that take none ignore it."""


class Usage(BaseModel):
    """Token counts of one completion."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prompt_tokens: int = 0
    """Number of tokens in the prompt."""
    cached_tokens: int | None = None
    """Number of prompt tokens that came from the engine's prefix cache; None if the endpoint does not report it."""
    completion_tokens: int = 0
    """Number of generated tokens."""

    @property
    def evaluated_tokens(self) -> int:
        """Number of prompt tokens that the engine had to evaluate, because its prefix cache did not hold them."""
        return self.prompt_tokens - (self.cached_tokens or 0)


class Part(BaseModel):
    """A token that is not valid text on its own, because it begins or ends inside a UTF-8 character."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hex: str
    """The token's bytes, in hexadecimal."""
    logprob: float
    """The token's natural log-probability."""
    id: int | None = None
    """The token's id in the engine's vocabulary; None if it is not reported."""


class Completion(BaseModel):
    """A model's answer to one prompt."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str
    """The generated text, without the stop sequence that ended it."""
    thought: str | None = None
    """The model's reasoning before the text; "" if the endpoint hides it, None if the model did not think."""
    finish_reason: Literal["stop", "length"] = "stop"
    """Why the generation ended: the model stopped, or `max_tokens` was reached."""
    first_token: dict[str, float] | None = None
    """Natural log-probability of each reported alternative for the first token; None if not reported."""
    parts: tuple[Part, ...] = ()
    """The first token's alternatives that are parts of characters; empty if the endpoint reports no bytes."""
    may_go_on: bool = False
    """Whether the model can continue an answer whose beginning is given in `Prompt.begun`."""
    logprobs: tuple[float, ...] | None = None
    """Natural log-probability of each token of the text; None if not reported."""
    usage: Usage = Usage()
    """Number of tokens read and generated."""
    seconds: float = 0.0
    """Wall-clock time of the call."""
    cached: bool = False
    """Whether the completion came from the completion cache."""
    refused: tuple[str, ...] = ()
    """Parameters that the server refused, so that they were left out of the request, or whose result is unusable."""


class Completer(Protocol):
    """Anything that completes prompts: a model, or a wrapper around one."""

    def complete(self, prompt: Prompt, sampling: Sampling) -> Completion:
        """Return the completion of a prompt.

        Raises:
            ModelError: the model gave no completion; the subclass says why.
        """
        ...


@runtime_checkable
class Model(Completer, Protocol):
    """The methods that every model has. Implementations are safe to call from several threads."""

    name: str
    """The LiteLLM-style name, such as `embedded/smollm2-135m`."""
    endpoint: str
    """The address of the server, which is part of the cache key; empty for the embedded engine."""
    parallel: int
    """The best number of requests to have in flight."""

    @property
    def context_window(self) -> int:
        """The most tokens that a prompt and its completion may have together."""
        ...

    @property
    def digest(self) -> str | None:
        """The hash that identifies the weights, such as `sha256:…`; None if the endpoint does not report one."""
        ...

    def count_tokens(self, text: str) -> int:
        """Return the number of tokens in a text; without a tokenizer, an estimate that errs on the high side."""
        ...

    def close(self) -> None:
        """Release the model's resources, such as the engine or open connections."""
        ...


@runtime_checkable
class TellsTokenIds(Protocol):
    """A model that can turn text into token ids."""

    def token_ids(self, text: str) -> Sequence[int] | None:
        """Return the token ids of a text, without the tokens that start every prompt; None if not available."""
        ...


@runtime_checkable
class MayCount(Protocol):
    """A served model whose `count_tokens` is an estimate if its server does not count."""

    def exact_count(self, text: str) -> int | None:
        """Return the number of tokens in a text; None if it can only be estimated at the moment."""
        ...
