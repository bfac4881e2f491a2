"""One predictor's frozen prompt."""

from collections.abc import Mapping
from typing import Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, SerializeAsAny, field_validator, model_validator

from cribsheet.carriage import Carriage
from cribsheet.corrections import CORRECTIONS, Calibration, Correction, Outputs
from cribsheet.dataset.examples import Demo
from cribsheet.frozen.demo_sources import DEMO_SOURCES, DemoSource, Fixed
from cribsheet.layout import Layout
from cribsheet.layout.rendering import render
from cribsheet.layout.template import Template, template
from cribsheet.outcomes import Value
from cribsheet.prompts import Prompt
from cribsheet.signature import REASONING, Signature

_Kind = TypeVar("_Kind", bound=Correction)
_Member = TypeVar("_Member", bound=BaseModel)

HeldBy = Literal["nothing", "grammar", "json_schema"]
"""What can hold a written answer to the types of the outputs."""


class Decoding(BaseModel):
    """How the answer is obtained from the model."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    decide_by: Literal["logprobs", "token", "text"] = "text"
    """What decides a finite outcome. `logprobs`: the log-probabilities of all tokens that begin its word. `token`: only
    those of tokens that are its whole word. `text`: the text that the model writes."""
    max_tokens: int = 48
    """The most tokens of a written answer."""
    top_logprobs: int = 0
    """How many alternatives per token to request, if the model reports log-probabilities."""
    held_by: HeldBy = "nothing"
    """What holds a written answer to the types of the outputs: a grammar, which llama.cpp and vLLM take, or a JSON
    Schema, which Ollama and many OpenAI-compatible servers take."""
    asks_again: bool = False
    """Whether the model is asked once more if its answer cannot be read."""
    again_held_by: HeldBy = "nothing"
    """What holds the second answer."""


class FrozenPrompt(BaseModel):
    """Everything needed to get the outputs of one predictor from a model."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    signature: Signature
    """The inputs and the outputs."""
    layout: Layout
    """How the prompt is written."""
    instructions: str
    """The instructions of the task, in words."""
    reasoning: bool = False
    """Whether the signature's first output is a `reasoning` that only helps the model and is not returned."""
    demos: tuple[Demo, ...] = ()
    """The demonstrations that can be shown, in order."""
    demo_source: SerializeAsAny[DemoSource] = Fixed()
    """Chooses which of the demos are shown for given inputs."""
    decoding: Decoding = Decoding()
    """How the answer is obtained from the model."""
    corrections: tuple[SerializeAsAny[Correction], ...] = ()
    """The corrections of the model's raw answer, in the order in which they are applied."""

    @field_validator("demo_source", mode="before")
    @classmethod
    def _read_demo_source(cls, value: Any) -> Any:
        return _member(value, DEMO_SOURCES, noun="a demo source")

    @field_validator("corrections", mode="before")
    @classmethod
    def _read_corrections(cls, value: Any) -> Any:
        if not isinstance(value, list | tuple):
            return value
        return tuple(_member(one, CORRECTIONS, noun="a correction") for one in value)

    def correction(self, kind: type[_Kind]) -> _Kind | None:
        """Return the prompt's correction of this kind; None if it has none."""
        return next((one for one in self.corrections if isinstance(one, kind)), None)

    def with_corrections(self, *corrections: Correction) -> Self:
        """Return the prompt with these corrections, ordered as in `CORRECTIONS`; of each kind, the last one counts."""
        by_kind = {one.kind: one for one in corrections}
        ranked = [by_kind[kind] for kind in CORRECTIONS if kind in by_kind]
        return self.model_copy(update={"corrections": tuple(ranked)})

    def carried_by(self, carriage: Carriage) -> Self | None:
        """Return the prompt as a deployment with this carriage runs it; None if the carriage cannot express it."""
        if carriage == "runtime":
            return self
        if carriage == "logprobs":
            kept = [one for one in self.corrections if "calls" not in one.needs]
            return self.model_copy(update={"corrections": tuple(kept)})
        if carriage == "text":
            return self._decided_by("text")
        calibration = self.correction(Calibration)
        if self.decoding.decide_by == "text" or calibration is None or calibration.logit_bias is None:
            return None
        return self._decided_by("token", calibration)

    def _decided_by(self, how: Literal["token", "text"], *corrections: Correction) -> Self:
        update = {"decide_by": how, "held_by": "nothing", "asks_again": False, "again_held_by": "nothing"}
        decoding = self.decoding.model_copy(update=update)
        return self.model_copy(update={"decoding": decoding, "corrections": corrections})

    def settle(self, inputs: Mapping[str, object]) -> Outputs | None:
        """Return the outputs if the inputs alone decide them; None if the model has to be asked."""
        settled = (one.settle(inputs) for one in self.corrections)
        outputs = next((outputs for outputs in settled if outputs is not None), None)
        return outputs and {name: self.signature.field(name).shown(value) for name, value in outputs.items()}

    def render(self, inputs: Mapping[str, Value]) -> Prompt:
        """Return the rendered prompt for typed inputs."""
        demos = self.demo_source.choose(self.demos, inputs)
        return render(self.layout, self.signature, instructions=self.instructions, demos=demos, inputs=inputs)

    @property
    def template(self) -> Template:
        """The prompt with a slot for each input; it has all demos, even if the demo source would show only some."""
        return template(self.layout, self.signature, instructions=self.instructions, demos=self.demos)

    @model_validator(mode="after")
    def _check_reasoning(self) -> Self:
        if self.reasoning and (len(self.signature.outputs) < 2 or self.signature.outputs[0].name != REASONING):
            raise ValueError(
                f"reasoning is true, so the first output must be {REASONING!r} and the task's own outputs must follow"
            )
        return self


def _member(value: Any, family: Mapping[str, type[_Member]], *, noun: str) -> Any:
    """Build a member of a family, such as a correction, from a file's dict; `kind` tells the class."""
    if not isinstance(value, dict):
        return value
    kind = str(value.get("kind"))
    if kind not in family:
        raise ValueError(f"{kind!r} is not {noun}; the known kinds are {', '.join(family)}")
    return family[kind].model_validate(value)
