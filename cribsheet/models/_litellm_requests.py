"""Read the requests that LiteLLM passes to a custom handler, which it checks little."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from cribsheet.errors import DataError
from cribsheet.models._base import Sampling
from cribsheet.prompts import Message, Prompt

Kind = TypeVar("Kind", bound=BaseModel)

DEFAULT_MAX_TOKENS = 512
"""The most tokens to generate if the request sets no limit."""


def check_asks_once(request: Mapping[str, Any]) -> None:
    """Raise DataError if a request wants several answers, of which it would get one."""
    wanted = request["optional_params"].get("n")
    if wanted not in (None, 1):
        raise DataError(f"n is {wanted!r}, but this model gives one answer. Leave it out.")
    prompts = len(request["messages"])
    if is_raw(request) and prompts != 1:
        raise DataError(f"This is a text completion of {prompts} prompts. Send each one in a request of its own.")


def is_raw(request: Mapping[str, Any]) -> bool:
    """Tell whether a request is a text completion: LiteLLM passes its prompt as a message, and sets a flag."""
    return bool(request["litellm_params"].get("text_completion"))


def prompt_of(request: Mapping[str, Any]) -> Prompt:
    """Return the prompt of a request.

    Raises:
        DataError: if a message is no text, or something is of a wrong type.
    """
    stop = request["optional_params"].get("stop") or ()
    stop = (stop,) if isinstance(stop, str) else stop
    texts = [text_of(message) for message in request["messages"]]
    if is_raw(request):
        return _checked(Prompt, text=texts[0], stop=stop)
    turns = [
        _checked(Message, role=message.get("role"), content=text)
        for message, text in zip(request["messages"], texts, strict=True)
    ]
    return _checked(Prompt, messages=turns, stop=stop)


def sampling_of(request: Mapping[str, Any]) -> Sampling:
    """Return the sampling parameters of a request; DataError if one is of a wrong type."""
    asked = request["optional_params"]
    return _checked(
        Sampling,
        max_tokens=asked.get("max_tokens") or asked.get("max_completion_tokens") or DEFAULT_MAX_TOKENS,
        temperature=asked.get("temperature") or 0.0,
        seed=asked.get("seed") or 0,
        top_logprobs=_top_logprobs(asked),
    )


def text_of(message: Any) -> str:
    """Return the text of a message, whose content is a text or a list of parts.

    Raises:
        DataError: if it has no text, or a part is an image or something else that is not text.
    """
    content = message.get("content") if isinstance(message, Mapping) else None
    parts = content if isinstance(content, list) else [{"text": content}]
    texts = [part.get("text") if isinstance(part, Mapping) else None for part in parts]
    if not all(isinstance(text, str) for text in texts):
        raise DataError(f"A message must hold text alone but is {str(message)[:80]}. Send its content as text.")
    return "".join(map(str, texts))


def _top_logprobs(asked: Mapping[str, Any]) -> Any:
    logprobs = asked.get("logprobs")  # a number for text completions, a boolean for chats
    if logprobs is True:
        return asked.get("top_logprobs") or 1
    return logprobs or 0


def _checked(kind: type[Kind], **values: Any) -> Kind:
    try:
        return kind(**values)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        raise DataError(f"{name} of the request is {first['input']!r}: {first['msg']}. Correct it.") from None
