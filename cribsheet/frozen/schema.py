"""What a frozen file holds."""

from collections.abc import Mapping
from typing import Any, Final, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, JsonValue, SerializeAsAny, field_validator, model_validator

from cribsheet.carriage import Carriage
from cribsheet.corrections import CORRECTIONS, Calibration, Correction, Outputs
from cribsheet.dataset.examples import Demo
from cribsheet.frozen.demo_sources import DEMO_SOURCES, DemoSource, Fixed
from cribsheet.frozen.score import Gain, Score
from cribsheet.layout import Layout
from cribsheet.layout.rendering import render
from cribsheet.layout.template import Template, template
from cribsheet.outcomes import Value
from cribsheet.prompts import Prompt
from cribsheet.signature import REASONING, Signature

FORMAT: Final = 2
"""The format of the files that this version writes, and the only one that it reads."""

_Kind = TypeVar("_Kind", bound=Correction)
_Member = TypeVar("_Member", bound=BaseModel)


class Decoding(BaseModel):
    """How the answer is taken from the model."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    decide_by: Literal["logprobs", "token", "text"] = "text"
    """What decides a finite outcome: the log-probabilities of all tokens that begin it, its own likeliest token alone,
    or the text."""
    max_tokens: int = 48
    """The most tokens to write, if the answer is written."""
    top_logprobs: int = 0
    """How many alternatives to ask for, if the model tells log-probabilities."""


class FrozenPrompt(BaseModel):
    """All it takes to ask for the outputs of one predictor."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    signature: Signature
    """What is given and what is asked for."""
    layout: Layout
    """How it is written down."""
    instructions: str
    """What to do, in words."""
    reasoning: bool = False
    """Whether the signature's first output is a `reasoning` that helps the model and that nobody is handed."""
    demos: tuple[Demo, ...] = ()
    """The demonstrations that may be shown, in their order."""
    demo_source: SerializeAsAny[DemoSource] = Fixed()
    """Which of them are shown for some inputs."""
    decoding: Decoding = Decoding()
    """How the answer is taken from the model."""
    corrections: tuple[SerializeAsAny[Correction], ...] = ()
    """What changes the model's answer into the final one, in the order in which it is applied."""

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
        """Return the correction of a kind; None if the prompt has none."""
        return next((one for one in self.corrections if isinstance(one, kind)), None)

    def with_corrections(self, *corrections: Correction) -> Self:
        """Return the same prompt with these corrections in the order of `CORRECTIONS`; the last one of each kind."""
        by_kind = {one.kind: one for one in corrections}
        ranked = [by_kind[kind] for kind in CORRECTIONS if kind in by_kind]
        return self.model_copy(update={"corrections": tuple(ranked)})

    def carried_by(self, carriage: Carriage) -> Self | None:
        """Return the prompt as a deployment of that carriage runs it; None if the carriage cannot express it."""
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
        decoding = self.decoding.model_copy(update={"decide_by": how})
        return self.model_copy(update={"decoding": decoding, "corrections": corrections})

    def settle(self, inputs: Mapping[str, object]) -> Outputs | None:
        """Return the outputs if the inputs alone decide them; None if the model has to be asked."""
        settled = (one.settle(inputs) for one in self.corrections)
        return next((outputs for outputs in settled if outputs is not None), None)

    def render(self, inputs: Mapping[str, Value]) -> Prompt:
        """Return the prompt for some typed inputs."""
        demos = self.demo_source.choose(self.demos, inputs)
        return render(self.layout, self.signature, instructions=self.instructions, demos=demos, inputs=inputs)

    @property
    def template(self) -> Template:
        """The prompt with a slot for each input, and with all demos even if only some of them are shown at a time."""
        return template(self.layout, self.signature, instructions=self.instructions, demos=self.demos)

    @model_validator(mode="after")
    def _check_reasoning(self) -> Self:
        if self.reasoning and (len(self.signature.outputs) < 2 or self.signature.outputs[0].name != REASONING):
            raise ValueError(f"a prompt that reasons must ask for {REASONING} first, then for the task's own outputs")
        return self


def _member(value: Any, family: Mapping[str, type[_Member]], *, noun: str) -> Any:
    """Return what a dict from a file stands for: a member of a family, chosen by its kind."""
    if not isinstance(value, dict):
        return value
    kind = str(value.get("kind"))
    if kind not in family:
        raise ValueError(f"{kind!r} is not {noun}; known are {', '.join(family)}")
    return family[kind].model_validate(value)


class ModelIdentity(BaseModel):
    """The model that the prompts were compiled for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    """Such as `embedded/smollm2-135m`."""
    digest: str | None
    """Of its weights; None if the endpoint does not tell."""
    endpoint: str = ""
    """Where it was served; empty for the embedded engine."""
    context_window: int = 4096
    """Tokens that prompt and completion may have together."""


class Results(BaseModel):
    """Scores on the testset, which nothing but these two prompts ever saw."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    metric: str
    """The metric's name."""
    baseline: Score
    """The zero-shot prompt."""
    compiled: Score
    """This file's prompts."""
    gain: Gain
    """Compiled less baseline, paired by row."""
    uncorrected: Score | None = None
    """This file's prompts on the same rows with every correction off; None if there are no corrections."""
    carriage: Carriage = "runtime"
    """What the deployment carries that the prompts were compiled for: `compiled` is the score there."""
    carriages: Mapping[Carriage, Score] = {}
    """The score of this file's prompts on the same rows under each carriage that can express them."""
    tested: str | None = None
    """The sha256 of the file of test rows that lies beside this one; None if there is none."""


class Taught(BaseModel):
    """Whose runs the bootstrapped demonstrations were drawn from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    teacher: str
    """The model's name; several, with commas, if saved traces come from several."""
    traces: int
    """Predictor calls of runs that passed the metric: what demonstrations were made of."""


class Provenance(BaseModel):
    """How the prompts came to be."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    optimizer: str
    """The optimizer's name."""
    seed: int
    """It seeds the splits and the search."""
    budget: str
    """What the compile was allowed, such as `40k tokens`."""
    spent_tokens: int
    """What it cost: tokens read anew, going by the order of the prompts, plus tokens written."""
    origin: str
    """How the winner came to be."""
    evaluations: int
    """Rows answered, over all candidates."""
    candidates: int
    """Candidates scored."""
    interrupted: bool = False
    """Whether the search was stopped by hand before it ended."""
    splits: Mapping[str, str]
    """The sha256 of the row ids of each split."""
    versions: Mapping[str, str]
    """The versions of cribsheet and of what shapes its results."""
    curve: tuple[tuple[int, float], ...] = ()
    """The best validation score so far against tokens spent."""
    taught: Taught | None = None
    """Where demonstrations were bootstrapped; None if the rows were all there was to show."""


class Wire(BaseModel):
    """Where one predictor's input comes from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str | None
    """The predictor whose output it is; None for an input of the program."""
    field: str
    """The field's name there."""


class Wiring(BaseModel):
    """How a program hands values from predictor to predictor, if it only hands them on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    order: tuple[str, ...]
    """The predictors in the order in which they run."""
    inputs: Mapping[str, Mapping[str, Wire]]
    """For each predictor, where each of its inputs comes from."""
    outputs: Mapping[str, Wire]
    """Where each output of the program comes from."""


class FrozenProgram(BaseModel):
    """A compiled program: named prompts, and all it takes to run and to trust them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[2] = FORMAT
    """The version of this schema."""
    task: str
    """The name of the task it was compiled from."""
    prompts: Mapping[str, FrozenPrompt]
    """One a predictor, by the predictor's name in the program."""
    wiring: Wiring | None = None
    """How the prompts follow each other; None if only the program's own code knows."""
    model: ModelIdentity
    """What they were compiled for."""
    results: Results
    """What they score."""
    provenance: Provenance
    """How they came to be."""
    notes: tuple[str, ...] = ()
    """What a reader should know, such as why decisions are not calibrated."""
    extra: Mapping[str, JsonValue] = {}
    """The user's own, kept and sealed with the rest."""

    def carried_by(self, carriage: Carriage) -> Self | None:
        """Return the program as a deployment of that carriage runs it; None if the carriage cannot express it."""
        prompts = {name: prompt.carried_by(carriage) for name, prompt in self.prompts.items()}
        return None if None in prompts.values() else self.model_copy(update={"prompts": prompts})
