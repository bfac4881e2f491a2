"""Make Cribsheet's models usable from LiteLLM."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import Any

from cribsheet.errors import (
    ContextOverflowError,
    CribsheetError,
    DataError,
    PromptError,
    TransientError,
    UnknownModelError,
    UnreachableError,
)
from cribsheet.models import forks, open_model
from cribsheet.models._base import Completion, Model
from cribsheet.models._litellm_requests import check_asks_once, prompt_of, sampling_of
from cribsheet.models.litellm import import_litellm

Opener = Callable[[str], Model]
"""A function that opens a model, given its whole name, such as `embedded/smollm2-135m`."""


def register(openers: Mapping[str, Opener] | None = None) -> Any:
    """Make model names with certain prefixes usable in `litellm.completion` and `litellm.text_completion`.

    It returns the package `litellm`, imported without the list of prices, which LiteLLM would download.

    `openers` maps each prefix to the function that opens its models; without it, the prefix is `embedded`.
    Registering a prefix again replaces its opener. A chat gets the model's chat template; a text completion is sent
    unchanged. Log-probabilities are returned for the first token only.

    ```python
    litellm = register()
    litellm.completion("embedded/smollm2-135m", messages=[{"role": "user", "content": "Hi"}])
    ```
    """
    litellm = import_litellm()
    for prefix, opener in (openers or {"embedded": open_model}).items():
        others = [entry for entry in litellm.custom_provider_map if entry["provider"] != prefix]
        handler = custom_llm(_ModelHandler)(prefix, opener)
        litellm.custom_provider_map = [*others, {"provider": prefix, "custom_handler": handler}]
    litellm.utils.custom_llm_setup()
    return litellm


def custom_llm(kind: "type[Handler]") -> Any:
    """Return the class as a subclass of LiteLLM's `CustomLLM`, which exists only once LiteLLM is imported."""
    return type(kind.__name__, (kind, import_litellm().CustomLLM), {})


class Handler:
    """The methods of LiteLLM's `CustomLLM`, which LiteLLM calls; a subclass has `answer`."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix

    def answer(self, request: dict[str, Any]) -> Completion:
        """Return the completion of a request in LiteLLM's form.

        Raises:
            CribsheetError: if there is none. LiteLLM's corresponding error is raised in its place.
        """
        raise NotImplementedError

    def completion(self, **request: Any) -> Any:
        """Answer with one response."""
        completion = self._complete(request)
        response = request["model_response"]
        response.model = f"{self.prefix}/{request['model']}"
        choice = response.choices[0]
        choice.message.content = completion.text
        choice.finish_reason = completion.finish_reason
        if completion.first_token:
            choice.logprobs = _logprobs(completion.first_token)
        response.usage = _usage(completion)
        return response

    async def acompletion(self, **request: Any) -> Any:
        """Answer with one response, computed in a thread."""
        return await asyncio.to_thread(self.completion, **request)

    def streaming(self, **request: Any) -> Iterator[dict[str, Any]]:
        """Answer with a stream of one chunk."""
        yield _chunk(self._complete(request))

    async def astreaming(self, **request: Any) -> AsyncIterator[dict[str, Any]]:
        """Answer with a stream of one chunk, computed in a thread."""
        yield _chunk(await asyncio.to_thread(self._complete, request))

    def _complete(self, request: dict[str, Any]) -> Completion:
        try:
            check_asks_once(request)
            return self.answer(request)
        except CribsheetError as error:
            raise self._as_litellm(error, request["model"]) from error

    def _as_litellm(self, error: CribsheetError, model: str) -> Exception:
        """Return LiteLLM's corresponding error, because LiteLLM rewords every error that is not its own.

        Only what the client can mend is a bad request: LiteLLM's router tries no other model after one.
        """
        litellm = import_litellm()
        kinds: Sequence[tuple[type[CribsheetError], Callable[..., Exception]]] = (
            (ContextOverflowError, litellm.ContextWindowExceededError),
            (UnknownModelError, litellm.NotFoundError),
            (TransientError, litellm.ServiceUnavailableError),
            (UnreachableError, litellm.ServiceUnavailableError),
            (DataError, litellm.BadRequestError),
            (PromptError, litellm.BadRequestError),
            (CribsheetError, litellm.InternalServerError),
        )
        kind = next(theirs for ours, theirs in kinds if isinstance(error, ours))
        return kind(message=str(error), model=model, llm_provider=self.prefix)


class _ModelHandler(Handler):
    """Passes each request to a model."""

    def __init__(self, prefix: str, opener: Opener) -> None:
        super().__init__(prefix)
        self._opener = opener
        self._models: dict[str, Model] = {}
        self._opening = threading.Lock()
        forks.renew_in_child(self, "_opening", threading.Lock)

    def answer(self, request: dict[str, Any]) -> Completion:
        """Return the model's completion; the model is opened at the first request."""
        model = self._open(f"{self.prefix}/{request['model']}")
        return model.complete(prompt_of(request), sampling_of(request))

    def _open(self, name: str) -> Model:
        with self._opening:
            if name not in self._models:
                self._models[name] = self._opener(name)
            return self._models[name]


def _logprobs(first_token: dict[str, float]) -> Any:
    choice_logprobs = import_litellm().types.utils.ChoiceLogprobs
    top = [{"token": token, "logprob": logprob, "bytes": None} for token, logprob in first_token.items()]
    likeliest = max(top, key=lambda entry: entry["logprob"])  # type: ignore[arg-type,return-value]
    return choice_logprobs(content=[likeliest | {"top_logprobs": top}])


def _usage(completion: Completion) -> Any:
    told = completion.usage
    return import_litellm().Usage(
        prompt_tokens=told.prompt_tokens,
        completion_tokens=told.completion_tokens,
        total_tokens=told.prompt_tokens + told.completion_tokens,
        prompt_tokens_details={"cached_tokens": told.cached_tokens},
    )


def _chunk(completion: Completion) -> dict[str, Any]:
    told = completion.usage
    return {
        "text": completion.text,
        "is_finished": True,
        "finish_reason": completion.finish_reason,
        "index": 0,
        "tool_use": None,
        "usage": {
            "prompt_tokens": told.prompt_tokens,
            "completion_tokens": told.completion_tokens,
            "total_tokens": told.prompt_tokens + told.completion_tokens,
        },
    }
