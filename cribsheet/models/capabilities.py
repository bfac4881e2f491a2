"""Describe what a model's endpoint can do."""

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from typing import Literal, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict, JsonValue

from cribsheet.models._logprobs import ABOVE_0

_EFFECTS = {
    "seed": "it was left out, which changes nothing at temperature 0",
    "stop": "completions are cut at the stop sequences afterwards, so the model generates more tokens than needed",
    "grammar": "answers were not held to a grammar",
    "response_format": "answers were not held to a JSON Schema",
    "format": "answers were not held to a JSON Schema",
    "temperature": "it was left out, so answers may vary from call to call",
}
"""What happens if the endpoint refuses a parameter."""

Tokenizer = Literal["llama-server", "vllm"]
"""The two kinds of `/tokenize` request, named after the servers that introduced them."""


class Told(BaseModel):
    """What an endpoint reports about itself, without a completion."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    server: str = ""
    """The server software, such as `llama-server`; empty if unknown."""
    models: tuple[str, ...] = ()
    """The names of the models that it serves."""
    digest: str | None = None
    """The hash of the weights; None if it reports none."""
    weights: Mapping[str, JsonValue] = {}
    """Other facts about the weights, such as size or path. Unlike a hash, they may be equal for different weights."""
    context_window: int | None = None
    """The most tokens that a prompt and its completion may have together; None if it does not report it."""


class Endpoint(BaseModel):
    """What one endpoint, for raw completions or for chats, can do."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    works: bool = True
    """Whether it answers at all."""
    reason: str = ""
    """Why it does not answer; empty if it does."""
    granted: Mapping[str, int] = {}
    """The largest size it accepts of each parameter that the probe sent, such as 4 stops; 0 if it refuses it.

    The parameters that hold an answer to a type have size 0 too if it ignores them."""
    logprobs: int = 0
    """How many alternatives it reported for the first token."""

    @property
    def refused(self) -> tuple[str, ...]:
        """The parameters that it refuses."""
        return tuple(name for name, size in self.granted.items() if not size)


class Capabilities(BaseModel):
    """What a served model can do."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    told: Told = Told()
    """What the endpoint reports about itself."""
    chat: Endpoint = Endpoint()
    """What it can do for chats."""
    raw: Endpoint = Endpoint()
    """What it can do for raw completions, which get no chat template."""
    tokenizer: Tokenizer | None = None
    """Which kind of `/tokenize` request it understands; None if it counts no tokens."""
    calls: int = 0
    """How many completions the probe asked for."""
    tokens: int = 0
    """The tokens of these completions and their prompts."""

    @property
    def terms(self) -> Mapping[str, JsonValue]:
        """The refused parameters that can change an answer, by kind of prompt. They are part of the cache key."""
        kinds = {"chat": self.chat.refused, "raw": self.raw.refused}
        asked = {kind: sorted({*names} & {"logprobs", "stop", "temperature"}) for kind, names in kinds.items()}
        return {kind: list(names) for kind, names in asked.items() if names}


@runtime_checkable
class Probed(Protocol):
    """A served model that can find out what its endpoint can do."""

    def told(self) -> Told | None:
        """Return what the endpoint reports about itself; None if it cannot be asked, as with hosted models.

        Raises:
            ModelError: no server answers there, or a server of another kind does.
        """
        ...

    def probe(self, told: Told) -> Capabilities:
        """Find out what the endpoint can do, by asking it for a few short completions.

        Raises:
            ModelError: the endpoint completes neither chats nor raw prompts.
        """
        ...

    def adopt(self, capabilities: Capabilities) -> None:
        """From now on, ask for no more than the probe found to be granted."""
        ...


def fingerprint(told: Told) -> str | None:
    """Return an identifier of the weights: their hash, else a hash of the other facts; None if neither is known."""
    if told.digest:
        return f"sha256:{told.digest.removeprefix('sha256:')}"
    if not told.weights:
        return None
    facts = json.dumps(dict(told.weights), sort_keys=True)
    return f"told:{hashlib.sha256(facts.encode()).hexdigest()[:32]}"


def is_hash(digest: str | None) -> bool:
    """Return whether an identifier is a hash of the weights, so that other weights have another one."""
    return digest is not None and digest.startswith("sha256:")


def refusals_in_words(capabilities: Capabilities | None, refused: Collection[str], name: str) -> Iterator[str]:
    """Yield one sentence for each thing that a compile had to do without.

    `refused` holds the parameters that the server refused during completions.
    """
    known = capabilities or Capabilities()
    if not known.raw.works:
        yield f"{name} completes no raw prompts, so raw layouts were left out: {known.raw.reason}"
    if not known.chat.works:
        yield f"{name} completes no chats, so chat layouts were left out: {known.chat.reason}"
    if ABOVE_0 in refused:
        yield f"{name} reports log-probabilities above 0, which is impossible, so none of them were used."
    for parameter in sorted(set(refused) - {"logprobs", ABOVE_0}):
        effect = _EFFECTS.get(parameter, "it was left out")
        yield f"{name} refuses the parameter `{parameter}`: {effect}."


def described(capabilities: Capabilities) -> Iterator[tuple[str, str]]:
    """Yield each capability's name with a description for users."""
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
    return (
        f"yes; {logprobs}; takes {', '.join(taken) or 'nothing'}; refuses or ignores {', '.join(refused) or 'nothing'}"
    )


def _size(name: str, size: int) -> str:
    return f"{name} of {size} at least" if name == "stop" else name


def _weights(told: Told) -> str:
    if told.digest:
        return told.digest
    facts = ", ".join(f"{name} {value}" for name, value in told.weights.items() if not isinstance(value, dict | list))
    return f"no hash; {facts}" if facts else "not told: a stored answer is compared with a new one instead"
