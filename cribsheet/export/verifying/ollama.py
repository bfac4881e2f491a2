"""Send the request in a written Modelfile to the model that Ollama has made of it."""

import json
import os
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from cribsheet.errors import ExportError, ModelError, UnknownModelError
from cribsheet.export._modelfile import ALWAYS_OWN
from cribsheet.export.ollama import REQUEST
from cribsheet.export.standalone.replies import read_ollama
from cribsheet.export.standalone.server import Server
from cribsheet.export.verifying._base import Deployment, Inputs
from cribsheet.export.verifying._modelfile import Command, Parts, parts_said, parts_shown, read_modelfile
from cribsheet.export.verifying.request import Api, asked, sent
from cribsheet.frozen.running import Run
from cribsheet.models._api_keys import checked_key
from cribsheet.models._ollama_errors import KEY
from cribsheet.models.ollama import OllamaModel

_WEIGHTS = re.compile(r"[./~]|.*\.gguf$")
"""Matches the value of a FROM command that is a path, not the name of a model."""


def send_to_ollama(deployment: Deployment, rows: Sequence[Inputs]) -> Iterator[Run | str]:
    """Yield the run of each row, as the model answers that `ollama create` has made of the Modelfile.

    Raises:
        ExportError: the file holds no request, or the server's model was not made of this file.
        ModelError: the server does not answer, or has no such model.
    """
    text = deployment.text()
    body = _request(text, deployment)
    # If no address is given, OllamaModel takes it from OLLAMA_HOST, or the usual one.
    compiled_at = deployment.source.model.endpoint if deployment.source.runs_on_ollama else ""
    address = OllamaModel("ollama/", api_base=deployment.api_base or compiled_at).endpoint
    key = checked_key(os.environ.get(KEY), source=KEY)
    server = Server(address, key=key, timeout=deployment.timeout, key_source=KEY)
    name = deployment.served_name or body["model"]
    create = f"ollama create {shlex.quote(name)} -f {shlex.quote(str(deployment.path))}"
    _Created(server, name, create).check(read_modelfile(text))
    yield from sent(deployment, rows, body, Api(server, raw="/api/generate", chat="/api/chat", read=read_ollama))


def _request(text: str, deployment: Deployment) -> dict[str, Any]:
    """Return the request that the `sed` command of the usage takes out of the Modelfile."""
    lines = [line.removeprefix(REQUEST) for line in text.split("\n") if line.startswith(REQUEST)]
    with suppress(ValueError):
        bodies = [json.loads(line) for line in lines]
        if len(bodies) == 1 and isinstance(bodies[0], dict) and "model" in bodies[0]:
            return bodies[0]
    raise ExportError(
        f"{deployment.path} must have one line with a request as JSON after {REQUEST!r}, but {len(lines)} lines "
        f"begin so: {str(lines)[:80]}. Export it again."
    )


@dataclass(frozen=True)
class _Created:
    """The model that `ollama create` should have made from a Modelfile."""

    server: Server
    name: str
    create: str
    """The command that makes it."""

    def check(self, commands: list[Command]) -> None:
        """Raise an error if the server has no such model, or one with other parts than the Modelfile has."""
        where, shown = f"Ollama at {self.server.address}", _shown(self.server, self.name)
        if shown is None:
            raise UnknownModelError(
                f"{where} has no model {self.name!r}. Run `{self.create}`, then export again. If that address is not "
                "Ollama's, give --api-base."
            )
        said, held = parts_said(commands), parts_shown(shown)
        if "TEMPLATE" in said:
            self._check_template(said["TEMPLATE"], held["TEMPLATE"], str(shown.get("modelfile", "")))
        expected = {**self._inherited(commands), **said}
        if str(held["TEMPLATE"][0]).startswith(ALWAYS_OWN):
            expected.setdefault("TEMPLATE", [])  # it is that of another export, whatever the base has
        different = [part for part, values in expected.items() if held.get(part, []) != values]
        if different:
            raise ExportError(
                f"The model {self.name!r} of {where} was not created from this Modelfile. These parts differ: "
                f"{', '.join(different)}. Run `{self.create}`, then export again."
            )

    def _check_template(self, said: list[object], held: list[object], modelfile: str) -> None:
        """Raise ExportError if Ollama has the TEMPLATE, but ignores it."""
        commands = read_modelfile(modelfile)
        ignoring = [name for name, _ in commands if name in ("RENDERER", "PARSER")]
        if ignoring:
            raise ExportError(
                f"Ollama ignores the TEMPLATE of {self.name!r}: `ollama show --modelfile {self.name}` has a line "
                f"{ignoring[0]}. Export it to python, which sends Ollama the whole prompt."
            )
        if held != said and parts_said(commands).get("TEMPLATE") == said:
            raise ExportError(
                f"Ollama ignores the TEMPLATE of {self.name!r} and uses the chat template of the weights. Start "
                "Ollama with OLLAMA_GO_TEMPLATE=1, then export again."
            )

    def _inherited(self, commands: list[Command]) -> Parts:
        """Return the parts that the model inherits from its base; none if the base is unknown."""
        base = next((value for name, value in commands if name == "FROM"), "")
        if _WEIGHTS.match(base):
            return {"SYSTEM": [], "MESSAGE": []}
        shown = _shown(self.server, base)
        parts = {} if shown is None else parts_shown(shown)
        return {name: values for name, values in parts.items() if not name.startswith("PARAMETER")}


def _shown(server: Server, name: str) -> Mapping[str, Any] | None:
    """Return what Ollama shows of a model; None if it has no such model."""
    try:
        shown = asked(server, "/api/show", {"model": name})
    except UnknownModelError:
        return None
    if "template" not in shown and "modelfile" not in shown:
        raise ModelError(f"{server.address} does not answer as Ollama does: {str(shown)[:200]}. Check --api-base.")
    return shown
