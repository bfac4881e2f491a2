"""Models behind one seam, chosen by the prefix of their name."""

from collections.abc import Callable
from typing import Any

from cribsheet.errors import ModelError, UnknownModelError
from cribsheet.models._base import Completer, Completion, Model, Sampling, TellsTokenIds, Usage

__all__ = ["Completer", "Completion", "Model", "Sampling", "TellsTokenIds", "Usage", "open_model"]


def open_model(
    name: str,
    *,
    api_base: str | None = None,
    parallel: int | None = None,
    context_window: int | None = None,
    timeout: float = 120.0,
    progress: Callable[[int, int | None], None] | None = None,
) -> Model:
    """Return the model of a LiteLLM-style name; weights are loaded and servers asked when it is first used.

    `embedded/…` runs in the process, `ollama_chat/…` and `ollama/…` are Ollama's, all else is LiteLLM's.
    `timeout` is in seconds a request, `context_window` in tokens, `parallel` in requests at once (for
    served models); `progress` is told the bytes of weights that are being fetched.

    >>> open_model("ollama_chat/qwen2.5:0.5b", context_window=2048).context_window
    2048

    Raises:
        UnknownModelError: when the name has no provider.
    """
    provider, slash, model = name.partition("/")
    if not (slash and provider and model):
        raise _without_provider(name)
    if provider == "embedded":
        return _embedded(name, api_base, context_window, progress)
    if parallel is not None and parallel < 1:
        raise ModelError(f"parallel must be at least 1 but got {parallel}.")
    options = {"api_base": api_base, "parallel": parallel, "context_window": context_window, "timeout": timeout}
    return _served(name, {key: value for key, value in options.items() if value is not None})


def _without_provider(name: str) -> UnknownModelError:
    bare = name.strip("/") or "NAME"
    return UnknownModelError(
        f"The model name {name!r} does not say who runs it. Use embedded/{bare}, ollama_chat/{bare}, or "
        f"openai/{bare} --api-base URL."
    )


def _embedded(
    name: str,
    api_base: str | None,
    context_window: int | None,
    progress: Callable[[int, int | None], None] | None,
) -> Model:
    if api_base:
        raise ModelError(f"{name} runs in this process, but got the address {api_base}. Leave out --api-base.")
    # Each way is imported only when it is gone: a deployment needs one of them.
    from cribsheet.models.embedded import EmbeddedModel

    return EmbeddedModel(name, context_window=context_window, progress=progress)


def _served(name: str, options: dict[str, Any]) -> Model:
    from cribsheet.models.litellm import LiteLLMModel
    from cribsheet.models.ollama import OllamaModel
    from cribsheet.models.retry import Retrying

    is_ollama = name.startswith(("ollama_chat/", "ollama/"))
    kind: type[OllamaModel] | type[LiteLLMModel] = OllamaModel if is_ollama else LiteLLMModel
    return Retrying(kind(name, **options))
