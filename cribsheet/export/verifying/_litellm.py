"""Ask a model through LiteLLM, with a prompt manager that puts the exported prompt into the request."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from cribsheet.corrections import Answer
from cribsheet.errors import ExportError
from cribsheet.export.standalone.server import patiently
from cribsheet.export.verifying._base import Deployment, Inputs, one_by_one, openai_address
from cribsheet.frozen.running import Run
from cribsheet.frozen.writing import written_answer
from cribsheet.layout.template import Template, Turn, filled
from cribsheet.models import Completion
from cribsheet.models._api_keys import checked_key
from cribsheet.models._litellm_clients import OPENAI_LIKE
from cribsheet.models._litellm_errors import Place, failure_of, first_reason
from cribsheet.models._litellm_replies import completion_text, thought_of
from cribsheet.models._proxies import keep_direct
from cribsheet.models.addresses import read_address
from cribsheet.models.litellm import import_litellm
from cribsheet.prompts import Message, Prompt

_KEY = "OPENAI_API_KEY"
_CALLBACKS = (
    *("callbacks", "input_callback", "success_callback", "failure_callback"),
    *("_async_input_callback", "_async_success_callback", "_async_failure_callback"),
)
"""The lists to which LiteLLM adds a prompt manager."""


def imported_litellm() -> Any:
    """Return the package; ExportError if it is not installed."""
    try:
        return import_litellm()
    except ImportError:
        raise ExportError(
            "--verify needs the package litellm for this export, and it cannot be imported. Run `pip install litellm`."
        ) from None


def directed(deployment: Deployment, usual: Mapping[str, Any], address: str | None) -> dict[str, Any]:
    """Return LiteLLM's arguments, with the model and the address that the user gave in place of the usual ones."""
    asked = dict(usual)
    if deployment.model:
        is_raw, is_embedded = not deployment.source.opened.turns, deployment.model.startswith("embedded/")
        provider = "text-completion-openai/" if is_raw else "openai/" if is_embedded else ""
        asked["model"] = f"{provider}{deployment.served_name}" if provider else deployment.model
    provider = asked["model"].partition("/")[0]
    if address and provider in OPENAI_LIKE:
        asked["api_base"] = openai_address(address)
    elif address:
        dialect: Any = "ollama" if provider.startswith("ollama") else "openai"
        asked["api_base"] = read_address(address, dialect=dialect, source="--api-base")
    if provider.startswith("ollama"):
        return {"num_ctx": deployment.source.model.context_window, **asked}
    asked.pop("num_ctx", None)  # which only Ollama knows
    if "api_base" in asked:
        asked["api_key"] = checked_key(os.environ.get(_KEY), source=_KEY) or asked.get("api_key", "none")
    return asked


def place_of(arguments: Mapping[str, Any]) -> Place:
    """Return the target of a request, for error messages."""
    name, address = arguments["model"], arguments.get("api_base", "")
    provider = name.partition("/")[0]
    return Place(name, address, provider, _KEY if address else f"{provider.upper()}_API_KEY")


def ask_by(
    manager: Any, arguments: Mapping[str, Any], deployment: Deployment, rows: Sequence[Inputs]
) -> Iterator[Run | str]:
    """Yield the run of each row, as LiteLLM answers a request whose messages come from the prompt manager."""
    litellm, source, place = imported_litellm(), deployment.source, place_of(arguments)
    keep_direct(place.endpoint)
    once = {"messages": [], "timeout": deployment.timeout, "num_retries": 0, "max_retries": 0}

    def reply_to(inputs: Mapping[str, str]) -> Any:
        try:
            with _registered(manager, litellm):
                return litellm.completion(**arguments, **once, prompt_variables=dict(inputs))
        except Exception as error:
            if _is_of_the_export(error):
                reason = first_reason(str(error))
                raise ExportError(f"LiteLLM cannot send {deployment.path}: {reason}. Export it again.") from error
            raise failure_of(error, place, "chat", worked=(), lacks_key=False).error from error

    def answer(inputs: Mapping[str, str]) -> Answer:
        reply, prompt = patiently(lambda: reply_to(inputs)), _messages(source.opened, inputs)
        text = completion_text(reply, prompt)
        if text is None:
            raise place.not_openai("its reply holds no completion")
        return written_answer(source.prompt, prompt, Completion(text=text, thought=thought_of(reply)))

    return one_by_one(deployment, rows, answer)


@contextmanager
def _registered(manager: Any, litellm: Any) -> Iterator[None]:
    """Make it the only prompt manager of LiteLLM, whose lists of callbacks are put back afterwards."""
    before = {name: [*getattr(litellm, name)] for name in _CALLBACKS}
    litellm.callbacks = [manager]
    try:
        yield
    finally:
        for name, callbacks in before.items():
            setattr(litellm, name, callbacks)


def _is_of_the_export(error: Exception) -> bool:
    """Tell whether the prompt manager raised an error, and not LiteLLM or a client that it uses."""
    import openai  # imported here because LiteLLM has loaded it by now; its errors are the base of LiteLLM's

    return getattr(error, "llm_provider", "") == "cribsheet" or not isinstance(error, openai.OpenAIError)


def _messages(opened: Template, inputs: Mapping[str, str]) -> Prompt:
    """Return the frozen prompt as LiteLLM takes it: a raw one is the content of the only message."""
    turns = opened.turns or (Turn("user", opened.text),)
    inputs = {name: opened.escaping.apply(text) for name, text in inputs.items()}
    messages = [Message.model_validate({"role": turn.role, "content": filled(turn.content, inputs)}) for turn in turns]
    return Prompt(messages=tuple(messages), stop=opened.stop)
