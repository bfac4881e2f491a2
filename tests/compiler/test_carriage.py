"""What a deployment cannot carry neither chooses the winner nor scores it."""

import math
from collections.abc import Mapping
from pathlib import Path

import pytest

from cribsheet import Settings, Task, compile_task, label_accuracy
from cribsheet.carriage import CARRIAGES, Carriage
from cribsheet.corrections import Calibration, Extraction, Guard, Readout
from cribsheet.errors import CompileError
from cribsheet.frozen import Decoding, FrozenProgram
from cribsheet.frozen.running import ask
from cribsheet.models import Completion, Sampling
from cribsheet.models.scripted import ScriptedModel
from cribsheet.prompts import Prompt
from cribsheet.workspace import new_workspace
from frozen_toys import toy_prompt
from toys import GOOD, sentiment_rows, student, write_rows

WORDS = "text -> sentiment: Literal['negative', 'positive']"


class Tokenized(ScriptedModel):
    """A scripted model whose tokenizer knows each word as one token."""

    def token_ids(self, text: str) -> list[int]:
        words = text.replace("\n", " \n ").replace(" ", "  ").split(" ")
        return [sum(map(ord, word)) for word in words if word]


def compiled(folder: Path, carriage: Carriage, model: ScriptedModel, *, optimizer: str = "race") -> FrozenProgram:
    workspace = new_workspace(folder / "ws")
    trainset = write_rows(workspace.root / "trainsets" / "toy.jsonl", sentiment_rows())
    task = Task(WORDS, metric=label_accuracy, trainset=trainset)
    settings = Settings(budget="900calls", optimizer=optimizer, carriage=carriage)
    return compile_task(task, settings, workspace=workspace, model=model).program


def leaning_student() -> ScriptedModel:
    return ScriptedModel(student, name="scripted/student")


@pytest.mark.slow
def test_the_file_holds_a_score_for_each_carriage_that_can_express_the_prompt(tmp_path: Path) -> None:
    results = compiled(tmp_path, "runtime", leaning_student()).results
    assert results.carriage == "runtime"
    assert list(results.carriages) == ["text", "logprobs", "runtime"]  # no token ids, so no logit_bias
    assert results.carriages["runtime"] == results.compiled
    assert results.carriages["text"].score < results.compiled.score  # the student leans, and only calibration mends it
    assert {score.n for score in results.carriages.values()} == {results.compiled.n}


@pytest.mark.slow
def test_compiled_for_text_nothing_is_decided_by_log_probabilities_or_corrected(tmp_path: Path) -> None:
    model = leaning_student()
    program = compiled(tmp_path, "text", model)
    (prompt,) = program.prompts.values()
    assert prompt.corrections == ()
    assert prompt.decoding.decide_by == "text"
    assert prompt.decoding.top_logprobs == 0
    assert program.results.carriages["text"] == program.results.compiled
    assert program.notes == ()


@pytest.mark.slow
def test_a_prompt_that_is_right_as_text_wins_only_if_text_is_what_is_deployed(tmp_path: Path) -> None:
    """With demos of its own kind the model writes outcomes; without, it chatters, though its log-odds are as good."""

    def answer(prompt: Prompt, sampling: Sampling) -> Completion:
        text = prompt.full_text
        truth = 2.0 if any(word in text[text.rfind("The ") :] for word in GOOD) else -2.0
        positive = 1 / (1 + math.exp(-truth))
        first = {" positive": math.log(positive * 0.4), " negative": math.log((1 - positive) * 0.4), " Well": -0.5}
        writes = text.count("The ") > 4 or sampling.max_tokens == 1
        said = f" {'positive' if truth > 0 else 'negative'}" if writes else " Well, it depends"
        return Completion(text=said, first_token=first if sampling.top_logprobs else None)

    program = compiled(tmp_path, "text", ScriptedModel(answer))
    (prompt,) = program.prompts.values()
    assert len(prompt.demos) >= 4
    assert program.results.compiled.score == 1.0


@pytest.mark.slow
def test_compiled_for_logit_bias_one_biased_token_decides(tmp_path: Path) -> None:
    program = compiled(tmp_path, "logit_bias", Tokenized(student, name="scripted/student"))
    (prompt,) = program.prompts.values()
    assert prompt.decoding.decide_by == "token"
    calibration = prompt.correction(Calibration)
    assert calibration is not None
    assert calibration.logit_bias
    assert {one.kind for one in prompt.corrections} == {"calibration"}
    assert program.results.carriages["logit_bias"] == program.results.compiled


def test_a_model_without_token_ids_cannot_be_compiled_for_logit_bias(tmp_path: Path) -> None:
    with pytest.raises(CompileError, match="cannot be deployed with logit_bias"):
        compiled(tmp_path, "logit_bias", leaning_student(), optimizer="labeled")


@pytest.mark.parametrize(
    ("carriage", "kinds"),
    [
        ("text", ()),
        ("logit_bias", None),
        ("logprobs", ("readout", "guard")),
        ("runtime", ("readout", "extraction", "guard")),
    ],
)
def test_a_carriage_keeps_what_it_carries(carriage: Carriage, kinds: tuple[str, ...] | None) -> None:
    prompt = toy_prompt().model_copy(update={"decoding": Decoding(decide_by="logprobs", top_logprobs=5)})
    guard = Guard(field="sentiment", context="text", lead=(), weights={}, intercept=0.0, threshold=0.0)
    readout = Readout(usual={}, weights={}, biases={})
    deployed = prompt.with_corrections(readout, Extraction(source="text"), guard).carried_by(carriage)
    assert (deployed and tuple(one.kind for one in deployed.corrections)) == kinds


@pytest.mark.parametrize("carriage", CARRIAGES)
def test_a_calibrated_prompt_decides_under_each_carriage_as_its_deployment_would(carriage: Carriage) -> None:
    told: Mapping[str, float] = {" negative": -0.7, " nega": -2.0, " positive": -0.9, " pos": -3.0}
    model = ScriptedModel(lambda prompt, sampling: Completion(text=" negative", first_token=told))
    biased = Calibration(biases={"negative": 0.3, "positive": 0.0}, logit_bias={"1": 30.0, "2": 30.3})
    decoding = Decoding(decide_by="logprobs", top_logprobs=5, max_tokens=4)
    prompt = toy_prompt().model_copy(update={"decoding": decoding}).with_corrections(biased).carried_by(carriage)
    assert prompt is not None
    answer = ask(prompt, {"text": "So so."}, model)
    # The whole words alone: -0.7 - 0.3 is less than -0.9. With their beginnings added up, negative stays ahead.
    by_tokens = {"sentiment": "positive"}
    assert answer.outputs == (by_tokens if carriage == "logit_bias" else {"sentiment": "negative"})
