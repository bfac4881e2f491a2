"""A compiled prompt is compared with the better zero-shot prompt, and with what needs no language model."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import dspy
import pytest

from cribsheet import Settings, Task, Unanswerable, compile_task, exact_match, label_accuracy
from cribsheet.compiler.without_model import constant_of
from cribsheet.dataset.examples import Row
from cribsheet.dataset.rows import load_rows
from cribsheet.dataset.splits import split
from cribsheet.evaluation.evaluate import RowResult
from cribsheet.frozen import FrozenProgram
from cribsheet.frozen.running import Run
from cribsheet.frozen.score import Gain
from cribsheet.models import Completion, Sampling
from cribsheet.models.scripted import ScriptedModel
from cribsheet.prompts import Prompt
from cribsheet.report.report import results_table, verdicts
from cribsheet.search.words_alone import WordsAlone
from cribsheet.signature import Field
from cribsheet.workspace import Workspace, new_workspace
from toys import SENTIMENT, sentiment_rows, student, student_model, write_rows

WORDS = "text -> sentiment: Literal['negative', 'positive']"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = new_workspace(tmp_path / "ws")
    write_rows(made.root / "trainsets" / "toy.jsonl", sentiment_rows())
    return made


def compiled(workspace: Workspace, program: Any = WORDS, *, model: Any = None, **options: Any) -> FrozenProgram:
    settings = Settings(**{"budget": "600calls", "optimizer": "labeled", **options})
    task = Task(program, metric=label_accuracy, trainset="toy.jsonl")
    return compile_task(task, settings, workspace=workspace, model=model or student_model()).program


def test_gains_are_over_the_better_one_of_two_zero_shot_prompts(workspace: Workspace) -> None:
    results = compiled(workspace).results
    assert results.decided is not None
    assert results.baseline.score == 0  # it chatters, and no label can be read
    assert 0.4 < results.decided.score < results.compiled.score
    assert results.gain.mean == pytest.approx(results.compiled.score - results.decided.score)
    assert results.decided.n == results.baseline.n == results.compiled.n


def test_a_written_zero_shot_prompt_that_is_better_is_the_one_to_beat(workspace: Workspace) -> None:
    def writes_well(prompt: Prompt, sampling: Sampling) -> Completion:
        done = student(prompt, sampling)
        if sampling.top_logprobs:  # what its probabilities say is always the same
            return Completion(text=" negative", first_token={" negative": -0.1, " positive": -3.0}, usage=done.usage)
        text = prompt.full_text
        good = any(word in text[text.rfind("The ") :] for word in ("superb", "lovely", "bright", "tasty", "witty"))
        return Completion(text="positive" if good else "negative", usage=done.usage)

    results = compiled(workspace, model=ScriptedModel(writes_well)).results
    assert results.decided is not None
    assert results.baseline.score == 1 > results.decided.score
    assert results.gain.mean == pytest.approx(results.compiled.score - 1)


def test_the_second_zero_shot_prompt_is_asked_on_the_test_rows_alone_and_charged(workspace: Workspace) -> None:
    asked: list[str] = []

    def counted(prompt: Prompt, sampling: Sampling) -> Completion:
        if prompt.full_text.count("The ") == 1 and sampling.top_logprobs:  # no demos: the optimizer always shows some
            asked.append(prompt.full_text)
        return student(prompt, sampling)

    program = compiled(workspace, model=ScriptedModel(counted))
    assert program.results.decided is not None
    assert len(asked) == len(set(asked)) == program.results.decided.n
    within = compiled(workspace, budget="150calls")
    assert within.results.decided is not None
    assert within.results.decided.n == within.results.compiled.n


@pytest.mark.parametrize(
    ("program", "options"),
    [
        (WORDS, {"carriage": "text"}),  # the deployment has no log-probabilities
        ("text -> sentiment: str", {}),  # there is no label to decide
    ],
)
def test_where_nothing_can_be_decided_there_is_one_zero_shot_prompt(
    workspace: Workspace, program: str, options: Any
) -> None:
    assert compiled(workspace, program, **options).results.decided is None


def test_words_alone_learn_from_the_rows_that_the_search_saw(workspace: Workspace) -> None:
    results = compiled(workspace).results
    parts = split(load_rows(workspace.root / "trainsets" / "toy.jsonl", SENTIMENT), SENTIMENT, seed=0)
    learned = WordsAlone(SENTIMENT.outputs[0], [*parts.train, *parts.val])
    found = learned.predict([row.inputs for row in parts.test])
    right = [row.outputs["sentiment"][0] == value for row, value in zip(parts.test, found, strict=True)]
    assert results.words_alone is not None
    assert results.words_alone.score == pytest.approx(sum(right) / len(right))
    assert results.words_alone.n == results.compiled.n


def test_a_sentence_says_so_if_words_alone_are_as_good(workspace: Workspace) -> None:
    program = compiled(workspace)
    assert program.results.words_alone is not None
    assert program.results.words_alone.score >= program.results.compiled.score
    assert "Words alone do as well: a linear model" in verdicts(program.results)
    names = list(results_table(program.results).columns[0].cells)
    assert names[:5] == ["zero-shot", "zero-shot, decided", "words alone", "constant answer", "compiled"]


def test_no_sentence_says_so_if_the_prompt_is_better(workspace: Workspace) -> None:
    rows = [{"text": f"{number} {number + 1}", "sentiment": "positive" if number % 3 else "negative"}
            for number in range(150)]  # fmt: skip
    write_rows(workspace.root / "trainsets" / "toy.jsonl", rows)

    def counts(prompt: Prompt, sampling: Sampling) -> Completion:
        text = prompt.full_text
        number = int(next(reversed([word for word in text.replace("\n", " ").split() if word.isdigit()]), "1")) - 1
        best, other = (" positive", " negative") if number % 3 else (" negative", " positive")
        return Completion(text=best, first_token={best: -0.01, other: -5.0} if sampling.top_logprobs else None)

    program = compiled(workspace, model=ScriptedModel(counts))
    assert program.results.words_alone is not None
    assert program.results.words_alone.score < program.results.compiled.score
    assert "Words alone" not in verdicts(program.results)


def test_words_alone_are_not_asked_for_what_is_written(workspace: Workspace) -> None:
    assert compiled(workspace, "text -> sentiment: str").results.words_alone is None


class Opinion(dspy.Signature):
    """Say which opinion the text has."""

    text: str = dspy.InputField()
    sentiment: Literal["negative", "positive"] | Unanswerable = dspy.OutputField()


def test_where_the_commonest_answer_is_to_abstain_a_program_that_always_does_is_a_baseline(
    workspace: Workspace,
) -> None:
    rows: list[dict[str, Any]] = sentiment_rows()
    for number, row in enumerate(rows):
        row["sentiment"] = {"unanswerable": f"It is secret {number}."} if number % 3 else row["sentiment"]
    write_rows(workspace.root / "trainsets" / "toy.jsonl", rows)
    never = ScriptedModel(lambda prompt, sampling: Completion(text=" negative", first_token={" negative": -0.01}))
    results = compiled(workspace, Opinion, model=never, carriage="text").results
    assert results.constant is not None
    assert results.constant.outputs == {"sentiment": {"unanswerable": None}}
    assert results.constant.score.score == pytest.approx(2 / 3, abs=0.15)
    assert results.constant.score.n == results.compiled.n
    told = f"The constant answer does as well: unanswerable scores {results.constant.score.score:.3f}"
    assert told in verdicts(results)
    assert "constant answer" in results_table(results).columns[0].cells


def row(value: Any) -> Row:
    return Row({"text": "x"}, {"found": (value,)})


def scored(rows: Sequence[Row], score: float) -> list[RowResult]:
    return [RowResult(one, score, Run({}, ())) for one in rows]


@pytest.mark.parametrize(
    ("values", "constant"),
    [
        ([["Ann"], [], []], []),
        ([3, 4, 4], 4),
        ([True, False, True], True),
        (
            [{"name": "Ann", "age": 3, "home": None}, {"name": "Bob", "age": None, "home": None},
             {"name": "Cid", "age": None, "home": "Rome"}],
            {"name": "Ann", "age": None, "home": None},
        ),
        ([None, {"name": "Ann"}, None], None),
        ([{"at": {"x": 1, "y": 2}}, {"at": {"x": 1, "y": 3}}], {"at": {"x": 1, "y": 2}}),
    ],
)  # fmt: skip
def test_the_constant_answer_is_the_commonest_one_and_of_a_record_by_member(values: list[Any], constant: Any) -> None:
    rows = [row(value) for value in values]
    found = constant_of([Field(name="found", abstains=True, optional=True)], rows, scored(rows, 1.0), exact_match)
    assert found is not None
    assert found.outputs == {"found": constant}
    assert found.gain is not None
    assert found.gain.mean == pytest.approx(1 - found.score.score)


def test_there_is_no_constant_answer_if_all_differ_or_the_metric_needs_more() -> None:
    rows = [row("one"), row("two")]
    field = Field(name="found")
    done = scored(rows, 0.0)
    assert constant_of([field], rows, done, exact_match) is None
    assert constant_of([field], [*rows, *rows], done, lambda example, prediction: prediction.reasoning) is None


def test_a_prompt_that_is_not_shown_to_be_better_than_the_constant_answer_is_told(workspace: Workspace) -> None:
    results = compiled(workspace).results
    assert results.constant is not None
    assert results.constant.gain is not None
    assert results.constant.gain.low > 0
    assert "constant answer" not in verdicts(results)
    unsure = results.constant.model_copy(update={"gain": Gain(mean=0.15, low=-0.08, high=0.38, n=13)})
    told = verdicts(results.model_copy(update={"constant": unsure}))
    assert "may do as well: the compiled prompt is better by 0.150, but" in told
    assert "(-0.080 to +0.380)" in told
