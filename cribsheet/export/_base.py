"""The contract of an export target: a source in, an export out."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from pydantic import BaseModel, ConfigDict

from cribsheet.carriage import Carriage
from cribsheet.frozen import FrozenProgram, FrozenPrompt, ModelIdentity
from cribsheet.layout.template import Template
from cribsheet.models import Sampling
from cribsheet.models.weights import find


class Export(BaseModel):
    """A frozen prompt in the form that some other program takes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    target: str
    """The name of the target."""
    text: str
    """What the file holds."""
    file_name: str
    """Where the text is to be saved; `usage` names it."""
    usage: str
    """How to run it, as commands or code."""
    carriage: Carriage
    """What a deployment of it carries."""
    score: str
    """The test score of such a deployment, in a sentence."""
    caveats: tuple[str, ...]
    """What the target does not carry, a sentence or two each."""


@dataclass(frozen=True)
class Source:
    """A frozen program, or one prompt of it, as a target needs it."""

    program: FrozenProgram
    """The program that it belongs to."""
    name: str
    """The prompt's name in the program; empty if the target takes the whole program."""
    path: str | None = None
    """Where the export will be saved; None for a name in the current folder."""

    @property
    def prompt(self) -> FrozenPrompt:
        """The prompt itself."""
        return self.program.prompts[self.name]

    @property
    def model(self) -> ModelIdentity:
        """What it was compiled for."""
        return self.program.model

    @cached_property
    def opened(self) -> Template:
        """What is sent, with a slot for each input."""
        return self.prompt.template

    @cached_property
    def sampling(self) -> Sampling:
        """How the answer is written, if it is not decided by log-probabilities."""
        return Sampling(max_tokens=self.prompt.decoding.max_tokens)

    @property
    def slug(self) -> str:
        """A name for files and served models."""
        is_whole = len(self.program.prompts) == 1 or not self.name
        name = self.program.task if is_whole else f"{self.program.task}-{self.name}"
        return re.sub(r"[^a-z0-9_]+", "-", name.lower()).strip("-_") or "prompt"

    def score(self, carriage: Carriage) -> str:
        """Return the test score of a deployment with this carriage, in a sentence."""
        results = self.program.results
        score = results.carriages.get(carriage)
        if score is None:
            return f"Its score as {carriage} was not measured."
        if carriage == results.carriage:
            return f"It scores as it was compiled to ({carriage}): {results.metric} {score}."
        return f"It scores as {carriage}: {results.metric} {score}. In the runtime: {results.compiled}."

    def saved_as(self, suffix: str) -> str:
        """Return where the export will be saved."""
        return self.path or f"{self.slug}.{suffix}"

    @property
    def runs_on_ollama(self) -> bool:
        """Whether the model was served by Ollama."""
        return self.model.name.startswith(("ollama_chat/", "ollama/"))

    @property
    def weights_file(self) -> str | None:
        """The file name of an embedded model's weights; None if the model is served."""
        provider, _, bare = self.model.name.partition("/")
        if provider != "embedded":
            return None
        known = find(bare)
        return known.file if known else re.split(r"[\\/]", bare.removesuffix(".gguf"))[-1] + ".gguf"

    @property
    def model_name(self) -> str:
        """The model's name without its provider, and without the folder of its weights."""
        if self.weights_file and self.model.name.endswith(".gguf"):
            return self.weights_file.removesuffix(".gguf")
        return self.model.name.partition("/")[2] or self.model.name


Target = Callable[[Source], Export]
"""One way to write a program, or a prompt of it, down for another program."""
