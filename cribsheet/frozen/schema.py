"""The schema of a frozen file."""

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
"""The version of the file format; this release reads and writes only this one."""

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


class ModelIdentity(BaseModel):
    """The model that the prompts were compiled for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    """The LiteLLM name, such as `embedded/smollm2-135m`."""
    digest: str | None
    """The hash of its weights; None if the endpoint does not report it."""
    endpoint: str = ""
    """The address of its server; empty for the embedded engine."""
    context_window: int = 4096
    """The most tokens of prompt and completion together."""


class Unread(BaseModel):
    """How many of the scored answers could not be read."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    asked_again: int
    """Answers that could not be read, so that the model was asked once more."""
    rescued: int
    """Those of them that could be read the second time."""
    rows: int
    """Rows without an answer that can be read. They count as 0."""


class Constant(BaseModel):
    """A program that gives the same answer to every row: the commonest one of the rows that the search saw."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    outputs: Mapping[str, Any]
    """The answer, as JSON has it."""
    score: Score
    """Its score on the rows that `compiled` was scored on."""


class Results(BaseModel):
    """Scores on the testset, which no search ever saw; see `rows` for a compile that was stopped early."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    metric: str
    """The metric's name."""
    baseline: Score
    """The score of the zero-shot prompt."""
    decided: Score | None = None
    """The score of the zero-shot prompt if log-probabilities decide its labels; None if there are none to decide, or if
    the deployment or the model has no log-probabilities."""
    words_alone: Score | None = None
    """The score of a linear model of words and characters that was learned from the rows that the search saw; None if
    an output is no label."""
    constant: Constant | None = None
    """The score of the constant answer; None if no answer is common, or in files of earlier releases."""
    compiled: Score
    """The score of this file's prompts."""
    gain: Gain
    """Compiled minus the better one of `baseline` and `decided`, paired by row."""
    uncorrected: Score | None = None
    """The score on the same rows with every correction off; None if there are no corrections."""
    unread: Unread | None = None
    """How many answers of this file's prompts could not be read; None in files of earlier releases."""
    carriage: Carriage = "runtime"
    """The carriage that the prompts were compiled for; `compiled` is the score under it."""
    carriages: Mapping[Carriage, Score] = {}
    """The score on the same rows under each carriage that can express the prompts."""
    tested: str | None = None
    """The sha256 of the file of test rows beside this file; None if there is none."""
    rows: Literal["testset", "valset"] = "testset"
    """The rows that were scored: `valset` if Ctrl-C ended the compile before the testset was scored."""


class Taught(BaseModel):
    """The source of the bootstrapped demonstrations."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    teacher: str
    """The teacher's name; several names, separated by commas, if saved traces come from several teachers."""
    traces: int
    """How many predictor calls of passing runs were available as demonstrations."""


class Provenance(BaseModel):
    """How the prompts were compiled."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    optimizer: str
    """The optimizer's name."""
    seed: int
    """The seed of the splits and the search."""
    limit: int | None = None
    """The most rows that were read from the beginning of the trainset; None for all."""
    sample: int | None = None
    """How many of these rows were drawn by the seed; None for all."""
    budget: str
    """The budget, such as `40k tokens`."""
    spent_tokens: int
    """The tokens spent: prompt tokens that no prefix cache holds if prompts are sent in this order, plus completion
    tokens."""
    origin: str
    """The step of the search that produced the winner."""
    evaluations: int
    """The number of rows answered, summed over all candidates."""
    candidates: int
    """The number of candidates scored."""
    interrupted: bool = False
    """Whether the user stopped the search with Ctrl-C."""
    splits: Mapping[str, str]
    """The sha256 of the row ids of each split."""
    versions: Mapping[str, str]
    """The versions of cribsheet and of the packages that influence its results."""
    curve: tuple[tuple[int, float], ...] = ()
    """Pairs of tokens spent and the best validation score at that point."""
    taught: Taught | None = None
    """The source of bootstrapped demonstrations; None if demonstrations are rows of the trainset only."""


class Wire(BaseModel):
    """The source of one value: a predictor's output, or an input of the program."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str | None
    """The predictor whose output it is; None for an input of the program."""
    field: str
    """The name of that output or input."""


class Wiring(BaseModel):
    """How values flow between predictors, for a program that only passes them on unchanged."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    order: tuple[str, ...]
    """The predictors in the order in which they run."""
    inputs: Mapping[str, Mapping[str, Wire]]
    """The source of each input of each predictor."""
    outputs: Mapping[str, Wire]
    """The source of each output of the program."""


class FrozenProgram(BaseModel):
    """A compiled program: named prompts, with everything needed to run them and to check them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[2] = FORMAT
    """The version of this schema."""
    task: str
    """The name of the task it was compiled from."""
    prompts: Mapping[str, FrozenPrompt]
    """One prompt per predictor, by the predictor's name in the program."""
    wiring: Wiring | None = None
    """How values flow between the prompts; None if that needs the program's own code."""
    model: ModelIdentity
    """The model that the prompts were compiled for."""
    results: Results
    """The scores of the prompts."""
    provenance: Provenance
    """How the prompts were compiled."""
    notes: tuple[str, ...] = ()
    """Notes for readers, such as why decisions are not calibrated."""
    extra: Mapping[str, JsonValue] = {}
    """The user's own data, stored and sealed with the rest."""

    def carried_by(self, carriage: Carriage) -> Self | None:
        """Return the program as a deployment with this carriage runs it; None if the carriage cannot express it."""
        prompts = {name: prompt.carried_by(carriage) for name, prompt in self.prompts.items()}
        return None if None in prompts.values() else self.model_copy(update={"prompts": prompts})
