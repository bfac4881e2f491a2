"""The code of the module that the target `litellm` writes; its data takes the place of what is above the line."""

from pathlib import Path
from typing import Any

import litellm
from litellm.integrations.custom_prompt_management import CustomPromptManagement

PROMPT_ID = ""
INPUTS: list[str] = []
MESSAGES: list[dict[str, Any]] = []
IS_CHAT = True
REPLACED: list[list[str]] = []

# ---- code ----


class FrozenMessages(CustomPromptManagement):
    """Puts the frozen prompt in place of the messages of a request, to the byte."""

    @property
    def integration_name(self) -> str:
        """The name that LiteLLM logs."""
        return "cribsheet"

    def should_run_prompt_management(self, prompt_id: "str | None", *_args: Any, **_kwargs: Any) -> bool:
        """Tell whether the request asks for this prompt."""
        return prompt_id == PROMPT_ID

    def get_chat_completion_prompt(
        self,
        model: str,
        messages: Any,
        non_default_params: Any,
        prompt_id: "str | None",
        prompt_variables: Any = None,
        *_args: Any,
        **_kwargs: Any,
    ) -> Any:
        """Return the model and the parameters as they are, with the messages of the frozen prompt."""
        if prompt_id != PROMPT_ID:
            return model, messages, non_default_params
        if IS_CHAT and model.startswith("text-completion-"):  # what LiteLLM makes of openai/ for text completions
            raise _refusal(f"{PROMPT_ID} is a chat, but this is a text completion. Ask /v1/chat/completions.", model)
        frozen = _messages(_checked(prompt_variables, model))
        # LiteLLM calls this twice for one request; the second time, it has the frozen messages already.
        if any(message.get("content") for message in messages or []) and messages != frozen:
            raise _refusal(
                f"{PROMPT_ID} is a whole prompt, but the request has messages of its own: {str(messages)[:80]!r}. "
                "Leave their content empty, and send the inputs as prompt_variables.",
                model,
            )
        return model, frozen, non_default_params

    async def async_get_chat_completion_prompt(self, *args: Any, **kwargs: Any) -> Any:
        """Return what `get_chat_completion_prompt` does."""
        return self.get_chat_completion_prompt(*args, **kwargs)


class MissingCribsheet(litellm.CustomLLM):
    """Stands in for the frozen models where Cribsheet is not installed."""

    def completion(self, *_args: Any, **_kwargs: Any) -> Any:
        """Refuse the request."""
        raise _refusal(
            f"frozen/{PROMPT_ID} needs Cribsheet, which is not installed where LiteLLM runs. Run `pip install "
            f"cribsheet` there, or ask {PROMPT_ID}, which has the prompt without its corrections.",
            f"frozen/{PROMPT_ID}",
        )

    async def acompletion(self, *_args: Any, **_kwargs: Any) -> Any:
        """Refuse the request."""
        self.completion()

    def streaming(self, *_args: Any, **_kwargs: Any) -> Any:
        """Refuse the request."""
        self.completion()

    async def astreaming(self, *_args: Any, **_kwargs: Any) -> Any:
        """Refuse the request."""
        self.completion()
        yield  # makes it a generator, as LiteLLM expects


def _checked(values: Any, model: str) -> "dict[str, str]":
    """Return the inputs; LiteLLM's BadRequestError if they are not those of the prompt."""
    if not isinstance(values, dict) or set(values) != set(INPUTS):
        given = ", ".join(map(str, values)) if isinstance(values, dict) and values else "nothing"
        raise _refusal(f"{PROMPT_ID} takes prompt_variables {', '.join(INPUTS)} but got {given}.", model)
    for name, value in values.items():
        if not isinstance(value, str):
            raise _refusal(f"{name} must be text but is {value!r}. Write it in quotes, as in the prompt.", model)
        if any("\ud800" <= char <= "\udfff" for char in value):
            raise _refusal(f"{name} has half of a surrogate pair, which no prompt can hold. Correct this input.", model)
    return values


def _messages(values: "dict[str, str]") -> "list[dict[str, str]]":
    """Return the messages with the inputs in their places: a piece of a content is text, or the name of an input."""
    values = {name: _escaped(value) for name, value in values.items()}
    return [
        {
            "role": message["role"],
            "content": "".join(
                piece if isinstance(piece, str) else values[piece["input"]] for piece in message["content"]
            ),
        }
        for message in MESSAGES
    ]


def _escaped(text: str) -> str:
    """Return an input without marks of the prompt and special tokens: it could pass for a demo or a turn with them."""
    for old, new in REPLACED:
        text = text.replace(old, new)
    return text


def _refusal(message: str, model: str) -> Any:
    return litellm.BadRequestError(message=message, model=model, llm_provider="cribsheet")


def _frozen() -> Any:
    try:
        from cribsheet.frozen.litellm_provider import frozen_handler
    except ImportError:
        return MissingCribsheet()
    return frozen_handler(Path(__file__).parent, ending="_litellm.json")


prompts = FrozenMessages()
frozen = _frozen()
