"""Open a model by its name."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cribsheet.errors import AddressError, ModelError, UnknownModelError
from cribsheet.models._base import Completer, Completion, Model, Part, Sampling, TellsTokenIds, Usage

__all__ = [
    "WAYS",
    "Completer",
    "Completion",
    "Model",
    "Options",
    "Part",
    "Sampling",
    "TellsTokenIds",
    "Usage",
    "open_model",
]


_EXAMPLES = {
    "embedded": "embedded/NAME, for example embedded/smollm2-135m",
    "ollama": "ollama/NAME, for example ollama/qwen2.5:0.5b; `ollama list` shows the names",
    "ollama_chat": "ollama_chat/NAME, for example ollama_chat/qwen2.5:0.5b; `ollama list` shows the names",
    "openai": "openai/NAME, where NAME is one of the models that the server lists at /v1/models",
}
"""What to write if nothing follows a prefix."""


@dataclass(frozen=True)
class Options:
    """How to open a model; see `open_model`."""

    api_base: str | None = None
    parallel: int | None = None
    context_window: int | None = None
    timeout: float = 120.0
    progress: Callable[[int, int | None], None] | None = None
    notice: Callable[[str], None] | None = None

    @property
    def served(self) -> dict[str, Any]:
        """The options that were given and that a served model takes, as keyword arguments."""
        names = ("api_base", "parallel", "context_window", "timeout")
        return {name: value for name in names if (value := getattr(self, name)) is not None}


Way = Callable[[str, Options], Model]
"""A function that opens a model, given its whole name and the options."""


def open_model(
    name: str,
    *,
    api_base: str | None = None,
    parallel: int | None = None,
    context_window: int | None = None,
    timeout: float = 120.0,
    progress: Callable[[int, int | None], None] | None = None,
    notice: Callable[[str], None] | None = None,
) -> Model:
    """Return the model with a LiteLLM-style name, such as `ollama_chat/qwen2.5:0.5b`.

    `WAYS` maps a name's prefix to the function that opens the model; LiteLLM opens the models of all other
    prefixes. Weights are loaded, and servers contacted, only when the model is first used.

    `timeout` is in seconds per request and `context_window` in tokens. `parallel` is the number of requests in
    flight and applies to served models only. `progress` is called with the bytes of weights downloaded so far.
    With a `notice`, requests wait for minutes while a server is busy, and the notice is called with a text about it.

    >>> open_model("ollama_chat/qwen2.5:0.5b", context_window=2048).context_window
    2048

    Raises:
        UnknownModelError: if the name has no prefix, or nothing after it.
    """
    prefix, _, _ = name.partition("/")
    _check_name(name)
    if api_base is not None and not api_base.strip():
        raise AddressError(
            f"--api-base is {api_base!r}, which is empty; maybe a variable in it is not set. Give the address of the "
            "server, or leave the option out."
        )
    if parallel is not None and parallel < 1:
        raise ModelError(f"parallel must be at least 1 but got {parallel}. Use 1 to send one request at a time.")
    if context_window is not None and context_window < 1:
        raise ModelError(
            f"context_window must be at least 1 token but got {context_window}. Leave it out to use the window that "
            "the model reports."
        )
    if not timeout > 0:  # true for NaN, too
        raise ModelError(f"timeout must be more than 0 seconds but got {timeout}. Give 120, for example.")
    return WAYS.get(prefix, _litellm)(name, Options(api_base, parallel, context_window, timeout, progress, notice))


def _check_name(name: str) -> None:
    prefix, slash, model = name.partition("/")
    if prefix.strip() and slash and not model.strip(" /"):
        raise UnknownModelError(
            f"The model name {name!r} names no model after the slash. Write {_EXAMPLES.get(prefix, f'{prefix}/NAME')}."
        )
    if not (slash and prefix.strip()):
        bare = name.strip(" /") or "NAME"
        raise UnknownModelError(
            f"The model name {name!r} does not say who runs it: the prefix is missing. Use embedded/{bare}, "
            f"ollama_chat/{bare}, or openai/{bare} --api-base URL."
        )


# Each module is imported only when it is used, because a deployment needs just one of them.


def _embedded(name: str, options: Options) -> Model:
    if options.api_base:
        raise ModelError(
            f"{name} runs in this process, but a server address was given: {options.api_base}. Leave out --api-base."
        )
    from cribsheet.models.embedded import EmbeddedModel

    return EmbeddedModel(name, context_window=options.context_window, progress=options.progress)


def _ollama(name: str, options: Options) -> Model:
    from cribsheet.models.ollama import OllamaModel
    from cribsheet.models.retry import Retrying

    return Retrying(OllamaModel(name, **options.served), notice=options.notice)


def _litellm(name: str, options: Options) -> Model:
    from cribsheet.models.litellm import LiteLLMModel
    from cribsheet.models.retry import Retrying

    return Retrying(LiteLLMModel(name, **options.served), notice=options.notice)


def _systemone(name: str, options: Options) -> Model:
    if not options.api_base:
        from cribsheet.models.embedded_decisions import EmbeddedDecisions

        return EmbeddedDecisions(name, context_window=options.context_window, progress=options.progress)
    from cribsheet.models.retry import Retrying
    from cribsheet.models.systemone import SystemOneModel

    return Retrying(SystemOneModel(name, **options.served), notice=options.notice)


WAYS: dict[str, Way] = {
    "embedded": _embedded,
    "ollama": _ollama,
    "ollama_chat": _ollama,
    "systemone": _systemone,
}
"""Maps a name's prefix to the function that opens its models. LiteLLM opens the models of all other prefixes."""
