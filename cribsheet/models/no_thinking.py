"""Ask an OpenAI-compatible endpoint to answer without thinking first."""

import re
from typing import Any

_EFFORTS = ("none", "minimal", "low")
"""Values of `reasoning_effort` that ask for the least thinking. Some endpoints know only the later ones."""
_ABOUT_EFFORT = re.compile(r"effort", re.IGNORECASE)
_ABOUT_TEMPLATE = re.compile(r"chat_template|enable_thinking|extra_body", re.IGNORECASE)
_ABOUT_THINKING = re.compile(r"reasoning|think", re.IGNORECASE)
_ABOUT_OTHERS = re.compile(r"logprobs|context|max_tokens|stop|seed|messages|not found|not exist", re.IGNORECASE)


class NoThinking:
    """The request parameters that turn thinking off, without those that the endpoint has refused.

    `templates` says whether the endpoint may pass arguments to the model's chat template, as llama-server, vLLM and
    SGLang do. `efforts` says whether it may accept `reasoning_effort`.
    """

    def __init__(self, *, templates: bool, efforts: bool) -> None:
        self._templates = templates
        self._efforts = list(_EFFORTS) if efforts else []
        self._is_granted = False

    def parameters(self) -> dict[str, Any]:
        """Return the parameters to send with a chat."""
        asked: dict[str, Any] = {}
        if self._templates:
            asked["extra_body"] = {"chat_template_kwargs": {"enable_thinking": False}}
        if self._efforts:
            asked["reasoning_effort"] = self._efforts[0]
        return asked

    def grant(self) -> None:
        """Record that the endpoint accepted these parameters, so later refusals are about something else."""
        self._is_granted = True

    def refuse(self, status: int, reason: str) -> bool:
        """Drop the parameter that a refusal is about; return False if the refusal is about something else.

        If the first refusal does not say what caused it, all parameters are dropped to see whether that helps.

        >>> ways = NoThinking(templates=True, efforts=True)
        >>> ways.refuse(400, "reasoning_effort must be one of 'low', 'medium', 'high'")
        True
        >>> ways.parameters()["reasoning_effort"]
        'low'
        """
        if self._is_granted or not self.parameters():
            return False
        if self._efforts and _ABOUT_EFFORT.search(reason):
            self._efforts = [effort for effort in self._efforts[1:] if re.search(rf"\b{effort}\b", reason)]
        elif self._templates and _ABOUT_TEMPLATE.search(reason):
            self._templates = False
        elif _ABOUT_THINKING.search(reason) or (status in (400, 422) and not _ABOUT_OTHERS.search(reason)):
            self._templates, self._efforts = False, []
        else:
            return False
        return True
