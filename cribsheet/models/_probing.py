"""Find out what an endpoint can do, by asking it for a few short completions."""

import json
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any, Protocol

from cribsheet.errors import ModelError, TransientError, UnreachableError
from cribsheet.models._base import Completion, Kind, Sampling
from cribsheet.models.capabilities import Capabilities, Endpoint, Told
from cribsheet.prompts import Message, Prompt

_STOPS = ("\n\n", "###", "Question:", "Answer:")
_PROMPTS: Mapping[Kind, Prompt] = {
    "chat": Prompt(messages=(Message(role="user", content="Is water wet? Answer yes or no."),), stop=_STOPS),
    "raw": Prompt(text="Question: Is water wet? Answer yes or no.\nAnswer:", stop=_STOPS),
}
_SCHEMA = {
    "type": "object",
    "properties": {"held": {"type": "boolean"}},
    "required": ["held"],
    "additionalProperties": False,
}
_HELD = {
    "grammar": Sampling(max_tokens=16, grammar=r'root ::= "{\"held\": true}"'),
    "answer_schema": Sampling(max_tokens=16, answer_schema=json.dumps(_SCHEMA)),
}
"""Asks for an object that no model writes unasked, by the setting that holds the answer."""
_ATTEMPTS = 3
_HELD_BEGINS = '{"held"'


Granted = tuple[Completion, Mapping[str, int]]
"""A completion, with the size that the server granted for each parameter."""


class Ask(Protocol):
    """A function that asks for a completion with extra parameters."""

    def __call__(self, prompt: Prompt, sampling: Sampling, extra: Mapping[str, Any], *, insists: bool) -> Granted: ...


def probe(
    ask: Ask,
    told: Told,
    *,
    kinds: Collection[Kind],
    most_logprobs: Mapping[Kind, int],
    extra: Mapping[str, Any],
    holds: Mapping[str, str],
) -> Capabilities:
    """Send one request with all parameters for each kind of prompt, and return what the server accepted.

    `extra` holds parameters that only some servers have. `holds` has the settings of `Sampling` that hold a completion
    to a type, each with the name of its parameter. They are tried one by one until one works, since a server may
    ignore what it does not know. Some servers answer every chat with status 500, for example
    if they cannot read the model's chat template. So that status alone is no reason to wait for better times. But a
    kind of prompt that failed is tried once more after the others.

    Raises:
        ModelError: the server completes no kind of prompt, or fails for another reason.
    """
    endpoints: dict[Kind, Endpoint] = {}
    errors: dict[Kind, ModelError] = {}
    calls = tokens = 0
    waiting = list(kinds)
    while waiting:
        kind = waiting.pop(0)
        try:
            sampling = Sampling(max_tokens=1, top_logprobs=most_logprobs[kind])
            completion, granted = ask(_PROMPTS[kind], sampling, extra, insists=True)
        except ModelError as error:
            _check_is_final(error)
            waiting += [kind] if isinstance(error, TransientError) and kind not in errors else []
            errors[kind] = error
            endpoints[kind] = Endpoint(works=False, reason=str(error))
            continue
        held, asked = _held(ask, kind, holds)
        endpoints[kind] = Endpoint(granted={**granted, **held}, logprobs=len(completion.first_token or {}))
        for one in (completion, *asked):
            calls += 1
            tokens += one.usage.prompt_tokens + one.usage.completion_tokens
    if not calls:
        first, *others = errors.values()
        raise type(first)(" ".join(dict.fromkeys(map(str, (first, *others)))))
    missing = Endpoint(works=False, reason="the provider has no such endpoint")
    chat, raw = endpoints.get("chat", missing), endpoints.get("raw", missing)
    return Capabilities(told=told, chat=chat, raw=raw, calls=calls, tokens=tokens)


def _held(ask: Ask, kind: Kind, holds: Mapping[str, str]) -> tuple[Mapping[str, int], list[Completion]]:
    """Return which ways to hold a completion work, as 1 or 0 by the parameter's name, and the completions asked for.

    Ways after the first one that works are not tried. Nothing is said of a model that thinks first.
    """
    found: dict[str, int] = {}
    asked: list[Completion] = []
    for setting, name in holds.items():
        try:
            completion, granted = _patiently(partial(ask, _PROMPTS[kind], _HELD[setting], {}, insists=True))
        except ModelError as error:
            _check_is_final(error)
            found[name] = 0
            continue
        asked.append(completion)
        if completion.thought is not None:
            break
        is_held = "".join(completion.text.split()).startswith(_HELD_BEGINS)
        found[name] = int(bool(granted.get(name)) and is_held)
        if found[name]:
            break
    return found, asked


def _patiently(ask: Callable[[], Granted]) -> Granted:
    """Ask up to `_ATTEMPTS` times if a request fails with status 500, which may pass."""
    for _ in range(_ATTEMPTS - 1):
        try:
            return ask()
        except TransientError as error:
            _check_is_final(error)
    return ask()


def _check_is_final(error: ModelError) -> None:
    """Raise the error again if the request may succeed later, or no server answers."""
    if isinstance(error, UnreachableError) or (isinstance(error, TransientError) and error.status != 500):
        raise error
