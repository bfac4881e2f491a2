"""What an endpoint can do, as one probe finds out."""

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from typing import Literal, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict, JsonValue

_EFFECTS = {
    "seed": "it was left out, which changes nothing at temperature 0",
    "stop": "completions are cut at the stop sequences here, after more tokens than were needed",
    "temperature": "it was left out, so that answers may vary from time to time",
}
"""What it means that a parameter is refused."""

Tokenizer = Literal["llama-server", "vllm"]


class Told(BaseModel):
    """What an endpoint says of itself, without a completion."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    server: str = ""
    """What serves there, such as `llama-server`; empty if nothing tells."""
    models: tuple[str, ...] = ()
    """The names that it serves."""
    digest: str | None = None
    """The hash of the weights, if it tells one."""
    weights: Mapping[str, JsonValue] = {}
    """What else it says of the weights, such as their size or path: two servers of other weights may agree in it."""
    context_window: int | None = None
    """Tokens that prompt and completion may have together; None if it does not tell."""


class Endpoint(BaseModel):
    """What the endpoint for raw completions, or that for chats, can do."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    works: bool = True
    """Whether it answers at all."""
    reason: str = ""
    """Why it does not."""
    granted: Mapping[str, int] = {}
    """The size of each parameter that it takes at most, of those that the probe asked for; 0 if it refuses it."""
    logprobs: int = 0
    """How many alternatives it gave for the first token."""

    @property
    def refused(self) -> tuple[str, ...]:
        """The parameters that it refuses."""
        return tuple(name for name, size in self.granted.items() if not size)


class Capabilities(BaseModel):
    """What a served model can do."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    told: Told = Told()
    """What the endpoint says of itself."""
    chat: Endpoint = Endpoint()
    """Chats."""
    raw: Endpoint = Endpoint()
    """Raw completions, to which no template is applied."""
    tokenizer: Tokenizer | None = None
    """Whose way of asking for tokens it understands; None if it has no tokenizer to ask."""
    calls: int = 0
    """Completions that the probe asked for."""
    tokens: int = 0
    """Their tokens, of prompts and completions."""

    @property
    def terms(self) -> Mapping[str, JsonValue]:
        """What it refuses, which can change an answer: part of the key of a stored completion. Empty if nothing."""
        kinds = {"chat": self.chat.refused, "raw": self.raw.refused}
        asked = {kind: sorted({*names} & {"logprobs", "stop", "temperature"}) for kind, names in kinds.items()}
        return {kind: list(names) for kind, names in asked.items() if names}


@runtime_checkable
class Probed(Protocol):
    """A served model that finds out what its endpoint can do."""

    def told(self) -> Told | None:
        """Return what the endpoint says of itself; None if there is nobody to ask, as at a hosted one.

        Raises:
            ModelError: nothing answers there, or something else than such a server.
        """
        ...

    def probe(self, told: Told) -> Capabilities:
        """Ask for a few completions of one token and return what was granted.

        Raises:
            ModelError: neither chats nor raw prompts are completed.
        """
        ...

    def adopt(self, capabilities: Capabilities) -> None:
        """Ask for no more from now on than was granted."""
        ...


def fingerprint(told: Told) -> str | None:
    """Return what stands for the weights: their hash, else the hash of all that is told of them; None if nothing is."""
    if told.digest:
        return f"sha256:{told.digest.removeprefix('sha256:')}"
    if not told.weights:
        return None
    facts = json.dumps(dict(told.weights), sort_keys=True)
    return f"told:{hashlib.sha256(facts.encode()).hexdigest()[:32]}"


def refusals_in_words(capabilities: Capabilities | None, refused: Collection[str], name: str) -> Iterator[str]:
    """Yield a sentence on each thing that a compile had to do without; `refused` are parameters of completions."""
    known = capabilities or Capabilities()
    if not known.raw.works:
        yield f"{name} takes no raw prompts, so raw layouts were left out: {known.raw.reason}"
    if not known.chat.works:
        yield f"{name} takes no chats, so chat layouts were left out: {known.chat.reason}"
    for parameter in sorted(set(refused) - {"logprobs"}):
        effect = _EFFECTS.get(parameter, "it was left out")
        yield f"{name} refuses the parameter `{parameter}`: {effect}."


def described(capabilities: Capabilities) -> Iterator[tuple[str, str]]:
    """Yield what a user wants to know of each capability, in words."""
    told = capabilities.told
    yield "server", told.server or "not told"
    yield "models", ", ".join(told.models) or "not told"
    for name, endpoint in (("chats", capabilities.chat), ("raw completions", capabilities.raw)):
        yield name, _in_words(endpoint)
    yield "tokenizer", f"asked at /tokenize, as {capabilities.tokenizer} has it" if capabilities.tokenizer else "none"
    yield "weights", _weights(told)
    yield "window told", f"{told.context_window:,} tokens" if told.context_window else "not told"


def _in_words(endpoint: Endpoint) -> str:
    if not endpoint.works:
        return f"no: {endpoint.reason}"
    taken = [_size(name, size) for name, size in endpoint.granted.items() if size and name != "logprobs"]
    logprobs = f"{endpoint.logprobs} log-probabilities" if endpoint.logprobs else "no log-probabilities"
    refused = [name for name in endpoint.refused if name != "logprobs"]
    return f"yes; {logprobs}; takes {', '.join(taken) or 'nothing'}; refuses {', '.join(refused) or 'nothing'}"


def _size(name: str, size: int) -> str:
    return f"{name} of {size} at least" if name == "stop" else name


def _weights(told: Told) -> str:
    if told.digest:
        return told.digest
    facts = ", ".join(f"{name} {value}" for name, value in told.weights.items() if not isinstance(value, dict | list))
    return f"no hash; {facts}" if facts else "not told: a stored answer is compared with a new one instead"
