"""Make frozen files usable from LiteLLM."""

import json
import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cribsheet.errors import DataError, UnknownModelError
from cribsheet.frozen.loading import Program, load
from cribsheet.frozen.running import unreadable
from cribsheet.frozen.sealing import ENDING
from cribsheet.frozen.summary import usage_of
from cribsheet.layout.parsing import ParseFailure
from cribsheet.models import Completion, forks
from cribsheet.models._litellm_requests import text_of
from cribsheet.models.litellm_provider import Handler, custom_llm
from cribsheet.outcomes import to_json


def frozen_handler(folder: str | os.PathLike[str], *, ending: str = ENDING) -> Any:
    """Return a `CustomLLM` of LiteLLM for which `frozen/NAME` is the file NAME with that ending in the folder.

    The inputs are the request's `prompt_variables`. If it has none, the user's last message holds them: the text itself
    if the program takes one input, else a JSON object. The answer is a JSON object of the outputs, with every
    correction applied. How it is decoded is up to the frozen file, whatever the request says of temperature, stops or
    tokens.
    """
    return custom_llm(_FrozenHandler)(Path(folder), ending)


class _FrozenHandler(Handler):
    """Answers each request with a frozen program."""

    def __init__(self, folder: Path, ending: str) -> None:
        super().__init__("frozen")
        self._folder, self._ending = folder, ending
        self._programs: dict[tuple[str, str | None], Program] = {}
        self._opening = threading.Lock()
        forks.renew_in_child(self, "_opening", threading.Lock)

    def answer(self, request: dict[str, Any]) -> Completion:
        """Return the program's outputs as a completion."""
        program = self._open(request["model"], request.get("api_base"))
        run = program.answer(_inputs(request, program), program.model)
        if isinstance(run.outputs, ParseFailure):
            raise unreadable(run.outputs, run.text)
        outputs = {name: to_json(value) for name, value in run.outputs.items()}
        return Completion(text=json.dumps(outputs, ensure_ascii=False), usage=usage_of(run))

    def _open(self, name: str, api_base: str | None) -> Program:
        with self._opening:
            if (name, api_base) not in self._programs:
                self._programs[name, api_base] = load(self._file(name), api_base=api_base)
            return self._programs[name, api_base]

    def _file(self, name: str) -> Path:
        names = sorted(path.name.removesuffix(self._ending) for path in self._folder.glob(f"*{self._ending}"))
        if name not in names:
            raise UnknownModelError(
                f"There is no {name + self._ending!r} in {self._folder}. Names of frozen files there: "
                f"{', '.join(names) or 'none'}."
            )
        return self._folder / (name + self._ending)


def _inputs(request: Mapping[str, Any], program: Program) -> dict[str, object]:
    """Return the inputs by name; DataError if the request holds none."""
    names = [field.name for field in program.inputs]
    if given := request["litellm_params"].get("prompt_variables"):
        if not isinstance(given, Mapping):
            raise DataError(f"prompt_variables must be an object with {', '.join(names)} but is {str(given)[:80]!r}.")
        return dict(given)
    own = [message for message in request["messages"] if isinstance(message, Mapping) and message.get("role") == "user"]
    if not own:
        raise DataError(
            f"There are no inputs: no message has the role 'user', and there are no prompt_variables. Send "
            f"prompt_variables with {', '.join(names)}."
        )
    text = text_of(own[-1])
    return {names[0]: text} if len(names) == 1 else _object(text, names)


def _object(text: str, names: Sequence[str]) -> dict[str, object]:
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        raise DataError(
            f"The message should be a JSON object with {', '.join(names)} but is {text[:80]!r}. Send one, or send the "
            "inputs as prompt_variables."
        )
    return values
