"""The interface of a verifier, which answers rows with an export that was written."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from cribsheet.corrections import Answer
from cribsheet.errors import ExportError, FrozenFileError, PromptError
from cribsheet.export._base import Source
from cribsheet.frozen import FrozenPrompt, Wiring
from cribsheet.frozen.running import Run, follow
from cribsheet.layout.rendering import input_text
from cribsheet.models import Model
from cribsheet.models.addresses import read_address, with_path
from cribsheet.models.embedded import EmbeddedModel
from cribsheet.outcomes import Value

Inputs = Mapping[str, Value]
"""The typed inputs of a row, by name."""
TIMEOUT = 120.0
"""The seconds that one answer may take, unless the user says otherwise."""


@dataclass(frozen=True)
class Deployment:
    """An export that was written, and the model that it is to ask."""

    source: Source
    """The frozen program that was exported."""
    path: Path
    """The file that was written."""
    open_model: Callable[[], Model]
    """Opens the model that the file was compiled for, or the one named instead."""
    model: str | None = None
    """The LiteLLM name of a model to ask instead of the compiled one."""
    api_base: str | None = None
    """The address of its server; None for the export's own, or for an embedded model's engine."""
    timeout: float = TIMEOUT
    """The seconds that one answer may take."""

    @property
    def served_name(self) -> str | None:
        """What the server calls the model that was named instead; None if none was."""
        return self.model and (self.model.partition("/")[2] or self.model)

    def text(self) -> str:
        """Return what is in the file; FrozenFileError if it cannot be read."""
        try:
            return self.path.read_bytes().decode("utf-8")  # `read_text` would change line breaks
        except (OSError, UnicodeDecodeError) as error:
            raise FrozenFileError(f"{self.path} cannot be read: {error}. Export it again.") from None

    @contextmanager
    def address(self) -> Iterator[str | None]:
        """Yield the address of the server to ask; None if the export's own address is to be used.

        An embedded model is served by its engine meanwhile, unless an address was given.
        """
        name = self.model or self.source.model.name
        if self.api_base or not name.startswith("embedded/"):
            yield self.api_base
            return
        with closing(self.open_model()) as model:
            yield model.address if isinstance(model, EmbeddedModel) else None


def wiring_of(source: Source) -> Wiring:
    """Return how values flow through the program; ExportError if that takes code, which no export holds."""
    program = source.program
    if program.wiring is None:
        raise ExportError(
            f"{program.task} runs code of its own around its prompts {', '.join(program.prompts)}, and no export holds "
            "that. Leave out --verify, and score the program with `cribsheet check FILE`."
        )
    return program.wiring


Verifier = Callable[[Deployment, Sequence[Inputs]], Iterator[Run | str]]
"""Yields for each row, in order, the run that the export gives, or why it gives no answer.

It raises ModelError if the model cannot be asked at all.
"""


def openai_address(text: str) -> str:
    """Return the base URL of an OpenAI-compatible server, with the usual path `/v1` if the text has none."""
    return with_path(read_address(text, dialect="openai", source="--api-base"))


def one_by_one(
    deployment: Deployment, rows: Sequence[Inputs], answer_of: Callable[[Mapping[str, str]], Answer]
) -> Iterator[Run | str]:
    """Answer the rows with a function that takes the inputs as texts, as people write them into a template."""
    prompt = deployment.source.prompt
    return typed_one_by_one(deployment, rows, lambda inputs: answer_of(_written(prompt, inputs)))


def typed_one_by_one(
    deployment: Deployment, rows: Sequence[Inputs], answer_of: Callable[[Mapping[str, object]], Answer]
) -> Iterator[Run | str]:
    """Answer the rows with a function that takes the inputs as typed values."""
    wiring = wiring_of(deployment.source)
    for row in rows:
        try:
            yield follow(wiring, row, lambda _, inputs: answer_of(inputs))
        except PromptError as error:
            yield str(error)


def _written(prompt: FrozenPrompt, inputs: Mapping[str, object]) -> dict[str, str]:
    return {
        field.name: input_text(prompt.layout, field, field.coerce(inputs[field.name]))
        for field in prompt.signature.inputs
    }
