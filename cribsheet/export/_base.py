"""The interface of an export target, which turns a source into an export."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from pydantic import BaseModel, ConfigDict

from cribsheet.carriage import Carriage
from cribsheet.errors import ExportError
from cribsheet.export._training import Training
from cribsheet.frozen import FrozenProgram, FrozenPrompt, ModelIdentity
from cribsheet.layout.holding import Holding, holding
from cribsheet.layout.template import Template
from cribsheet.models import Sampling
from cribsheet.models.addresses import LLAMA_SERVER
from cribsheet.models.weights import find


class Export(BaseModel):
    """A frozen prompt in the format of another program."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    target: str
    """The name of the target."""
    text: str
    """The content of the file."""
    file_name: str
    """The path to save the text to; `usage` refers to it."""
    files: Mapping[str, str] = {}
    """The text of each further file, by the name that it must have in the same folder."""
    usage: str
    """How to run it, as commands or code."""
    carriage: Carriage
    """What a deployment of the export can carry."""
    score: str
    """A sentence with the test score of such a deployment."""
    caveats: tuple[str, ...]
    """What the target cannot carry, one or two sentences each."""


@dataclass(frozen=True)
class Source:
    """A frozen program, or one prompt of it, as a target needs it."""

    program: FrozenProgram
    """The program that it belongs to."""
    name: str
    """The prompt's name in the program; empty if the target takes the whole program."""
    path: str | None = None
    """The path where the export will be saved; None for a default name in the current folder."""
    training: Training = field(default_factory=Training)
    """The rows, traces and shares for fine-tuning; other targets do not take it."""

    @property
    def prompt(self) -> FrozenPrompt:
        """The prompt itself."""
        return self.program.prompts[self.name]

    @property
    def model(self) -> ModelIdentity:
        """The model that it was compiled for."""
        return self.program.model

    @cached_property
    def opened(self) -> Template:
        """The prompt with a slot for each input."""
        return self.prompt.template

    @cached_property
    def sampling(self) -> Sampling:
        """The sampling parameters of a written answer."""
        return Sampling(max_tokens=self.prompt.decoding.max_tokens)

    @property
    def held(self) -> Holding:
        """What holds an answer to the types of the outputs, if anything does."""
        return holding(self.prompt.layout, self.prompt.signature, self.prompt.decoding.held_by)

    @property
    def completion_settings(self) -> dict[str, Any]:
        """The settings of a completion, under the names of OpenAI's API."""
        sampling = self.sampling.model_dump(include={"max_tokens", "temperature", "seed"})
        return {**sampling, "stop": list(self.opened.stop)}

    @property
    def slug(self) -> str:
        """A name that is safe for files and for served models."""
        is_whole = len(self.program.prompts) == 1 or not self.name
        name = self.program.task if is_whole else f"{self.program.task}-{self.name}"
        return re.sub(r"[^a-z0-9_]+", "-", name.lower()).strip("-_") or "prompt"

    def score(self, carriage: Carriage) -> str:
        """Return a sentence with the test score of a deployment with this carriage."""
        results = self.program.results
        score = results.carriages.get(carriage)
        if score is None:
            return f"The score of this export ({carriage}) was not measured."
        if carriage == results.carriage:
            return f"This export has the score that it was compiled for ({carriage}): {results.metric} {score}."
        told = f"The score of this export ({carriage}): {results.metric} {score}."
        return f"{told} As compiled, for {results.carriage}: {results.compiled}."

    def saved_as(self, suffix: str) -> str:
        """Return the path where the export will be saved."""
        return self.path or f"{self.slug}.{suffix}"

    @property
    def runs_on_ollama(self) -> bool:
        """Whether the model was served by Ollama."""
        return self.model.name.startswith(("ollama_chat/", "ollama/"))

    def check_not_wrapped(self, sender: str) -> None:
        """Raise ExportError if the prompt would get Ollama's chat template: `sender` sends Ollama no raw prompts."""
        if self.runs_on_ollama and not self.opened.turns:
            raise ExportError(
                f"{self.name} is a raw prompt for {self.model.name}, and {sender} sends Ollama no raw prompts: they "
                "would get the model's chat template. Export it to ollama, or compile for a server such as "
                "llama-server."
            )

    @property
    def weights_file(self) -> str | None:
        """The file name of an embedded model's weights; None if the model is served."""
        provider, _, bare = self.model.name.partition("/")
        if provider != "embedded":
            return None
        known = find(bare)
        return known.file if known else re.split(r"[\\/]", bare.removesuffix(".gguf"))[-1] + ".gguf"

    @property
    def weights(self) -> str:
        """The name of an embedded model's known weights, else their file name; empty if the model is served."""
        _, _, bare = self.model.name.partition("/")
        return bare if self.weights_file and find(bare) else self.weights_file or ""

    @property
    def model_name(self) -> str:
        """The model's name without its provider, and without the folder of its weights."""
        if self.weights_file and self.model.name.endswith(".gguf"):
            return self.weights_file.removesuffix(".gguf")
        return self.model.name.partition("/")[2] or self.model.name

    @property
    def litellm_name(self) -> str:
        """LiteLLM's name for the model; an embedded model has to be served by an OpenAI-compatible server."""
        if not self.opened.turns:
            return f"text-completion-openai/{self.model_name}"
        return f"openai/{self.model_name}" if self.weights_file else self.model.name

    @property
    def litellm_server(self) -> dict[str, Any]:
        """LiteLLM's arguments for the model's server, and for Ollama the context window; empty for a hosted model."""
        base = self.model.endpoint or (f"{LLAMA_SERVER}/v1" if self.weights_file else "")
        told = {"api_base": base} if base else {}
        if self.runs_on_ollama:
            return {**told, "num_ctx": self.model.context_window}
        return {**told, "api_key": "none"} if base else {}


Target = Callable[[Source], Export]
"""Writes a program, or one prompt of it, in the format of another program."""
