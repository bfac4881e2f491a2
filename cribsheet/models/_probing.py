"""Find out what an endpoint can do, by asking it for a few one-token completions."""

from collections.abc import Collection, Mapping
from typing import Any, Protocol

from cribsheet.errors import ModelError, TransientError, UnreachableError
from cribsheet.models._base import Completion, Sampling
from cribsheet.models._refusals import Kind
from cribsheet.models.capabilities import Capabilities, Endpoint, Told
from cribsheet.prompts import Message, Prompt

_STOPS = ("\n\n", "###", "Question:", "Answer:")
_PROMPTS: Mapping[Kind, Prompt] = {
    "chat": Prompt(messages=(Message(role="user", content="Is water wet? Answer yes or no."),), stop=_STOPS),
    "raw": Prompt(text="Question: Is water wet? Answer yes or no.\nAnswer:", stop=_STOPS),
}


class Ask(Protocol):
    """A function that asks for a completion with extra parameters.

    It returns the completion with the size that the server granted for each parameter.
    """

    def __call__(
        self, prompt: Prompt, sampling: Sampling, extra: Mapping[str, Any], *, insists: bool
    ) -> tuple[Completion, Mapping[str, int]]: ...


def probe(
    ask: Ask, told: Told, *, kinds: Collection[Kind], most_logprobs: Mapping[Kind, int], extra: Mapping[str, Any]
) -> Capabilities:
    """Send one request with all parameters for each kind of prompt, and return what the server accepted.

    `extra` holds parameters that only some servers have. Some servers answer every chat with status 500, for example
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
        except UnreachableError:
            raise
        except ModelError as error:
            if isinstance(error, TransientError):
                if error.status != 500:
                    raise
                waiting += [] if kind in errors else [kind]
            errors[kind] = error
            endpoints[kind] = Endpoint(works=False, reason=str(error))
            continue
        endpoints[kind] = Endpoint(granted=granted, logprobs=len(completion.first_token or {}))
        calls += 1
        tokens += completion.usage.prompt_tokens + completion.usage.completion_tokens
    if not calls:
        first, *others = errors.values()
        raise type(first)(" ".join(dict.fromkeys(map(str, (first, *others)))))
    missing = Endpoint(works=False, reason="the provider has no such endpoint")
    chat, raw = endpoints.get("chat", missing), endpoints.get("raw", missing)
    return Capabilities(told=told, chat=chat, raw=raw, calls=calls, tokens=tokens)
