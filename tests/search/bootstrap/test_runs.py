"""A teacher's runs become traces where the metric is content; what fails costs itself alone."""

import threading
import time

import pytest

from cribsheet.compiler.bridge import BARE
from cribsheet.errors import ModelError, TransientError
from cribsheet.models import Completion, Sampling
from cribsheet.models.scripted import ScriptedModel
from cribsheet.prompts import Prompt
from cribsheet.search.bootstrap.demonstrations import bootstrap_demos
from cribsheet.search.bootstrap.reasoning import asked_to_reason
from cribsheet.search.bootstrap.runs import bootstrap
from cribsheet.search.bootstrap.teaching import TeacherRuns, TeacherSettings
from cribsheet.search.candidate import Candidate
from cribsheet.search.study import Study
from lessons import lesson, right, row_asked


def taught(study: Study, teacher: ScriptedModel, **options: object) -> TeacherRuns:
    options = {"share": 1.0, **options}
    return bootstrap(study, study.zero_shot(), TeacherSettings(teacher=teacher, **options))  # type: ignore[arg-type]


def reasoning(study: Study, teacher: ScriptedModel, *, wanted: int = 2, **options: object) -> TeacherRuns:
    asked = study.zero_shot().prompts[BARE]
    prompt = asked_to_reason(study.signatures[BARE], asked, asked.layout)
    options = {"share": 1.0, **options}
    teaching = TeacherSettings(teacher=teacher, **options)  # type: ignore[arg-type]
    return bootstrap(study, Candidate({BARE: prompt}, origin="reasoning"), teaching, wanted=wanted)


def knows_all(prompt: Prompt, sampling: Sampling) -> str:
    return f" {right(row_asked(prompt))}"


def test_only_runs_that_pass_the_metric_become_traces() -> None:
    teacher = ScriptedModel(lambda prompt, sampling: " positive", name="big/teacher")
    runs = taught(lesson(), teacher, samples=1)
    assert [trace.outputs["sentiment"] for trace in runs.traces] == ["positive"] * 3
    assert (runs.tried, runs.passed, runs.failed, runs.rows) == (6, 3, 0, 3)
    assert runs.traces[0].teacher == "big/teacher"


def test_a_graded_metric_passes_from_its_threshold() -> None:
    study = lesson()
    object.__setattr__(study.evaluator, "metric", lambda example, prediction, trace=None: 0.6)
    teacher = ScriptedModel(knows_all)
    assert taught(study, teacher, samples=1).passed == 0
    assert taught(study, teacher, samples=1, threshold=0.6).passed == 6


def test_the_first_sample_is_greedy_and_each_further_one_has_a_temperature_and_a_seed_of_its_own() -> None:
    teacher = ScriptedModel(lambda prompt, sampling: " nothing")
    taught(lesson(rows=1), teacher, samples=3)
    samplings = [(call.sampling.temperature, call.sampling.seed) for call in teacher.calls]
    assert samplings == [(0.0, 0), (0.7, 1), (0.7, 2)]


def test_a_decision_by_log_probabilities_is_asked_once() -> None:
    def decides(prompt: Prompt, sampling: Sampling) -> Completion:
        return Completion(text=" positive", first_token={" positive": -0.1, " negative": -2.0})

    study = lesson()
    study.tells_logprobs = True
    teacher = ScriptedModel(decides)
    assert bootstrap(study, study.bare(), TeacherSettings(teacher=teacher, samples=3, share=1.0)).passed == 3
    assert len(teacher.calls) == 6


def test_a_row_that_has_its_pass_is_asked_no_more_and_hard_rows_are_asked_to_the_end() -> None:
    def knows_even_rows(prompt: Prompt, sampling: Sampling) -> str:
        row = row_asked(prompt)
        return f" {right(row)}" if row % 2 == 0 or sampling.seed == 2 else " nothing"

    teacher = ScriptedModel(knows_even_rows)
    runs = taught(lesson(), teacher, samples=4)
    asked = [row_asked(call.prompt) for call in teacher.calls]
    assert asked == [10, 11, 12, 13, 14, 15, 11, 13, 15, 11, 13, 15]
    assert runs.rows == 6
    assert {trace.sample for trace in runs.traces} == {0, 2}


def test_in_each_round_rows_without_a_pass_go_first() -> None:
    def reasons(prompt: Prompt, sampling: Sampling) -> str:
        row = row_asked(prompt)
        said = right(row) if row != 13 else "nothing"
        return f" Since {sampling.seed}.\nSentiment: {said}"

    teacher = ScriptedModel(reasons)
    reasoning(lesson(rows=4), teacher, samples=2)
    second = [row_asked(call.prompt) for call in teacher.calls if call.sampling.seed == 1]
    assert second == [13, 10, 11, 12, 13]  # the last one is hinted


def test_different_rationales_of_a_row_are_kept_once_each() -> None:
    said = {0: "It is a Fact.", 1: "it is  a fact", 2: "Another reason.", 3: "A third."}

    def reasons(prompt: Prompt, sampling: Sampling) -> str:
        return f" {said[sampling.seed]}\nSentiment: {right(row_asked(prompt))}"

    runs = reasoning(lesson(rows=1), ScriptedModel(reasons), samples=4)
    assert [trace.outputs["reasoning"] for trace in runs.traces] == ["It is a Fact.", "Another reason."]
    assert (runs.tried, runs.passed) == (3, 2)


def test_a_row_that_fails_is_shown_its_answer_and_the_demo_has_nothing_of_the_hint() -> None:
    def needs_help(prompt: Prompt, sampling: Sampling) -> str:
        said = "positive" if "Hint: the right sentiment is positive" in prompt.full_text else "nothing"
        return f" One word praises.\nSentiment: {said}"

    teacher = ScriptedModel(needs_help)
    (trace,) = reasoning(lesson(rows=1), teacher, samples=1).traces
    assert trace.hinted
    assert dict(trace.inputs) == {"text": "text 10"}
    assert dict(trace.outputs) == {"reasoning": "One word praises.", "sentiment": "positive"}
    assert ["Hint" in call.prompt.full_text for call in teacher.calls] == [False, True]


def test_a_rationale_that_speaks_of_the_hint_is_left_out() -> None:
    def tells(prompt: Prompt, sampling: Sampling) -> str:
        return f" As the hint says.\nSentiment: {'positive' if 'Hint' in prompt.full_text else 'nothing'}"

    assert reasoning(lesson(rows=1), ScriptedModel(tells), samples=1).traces == []


@pytest.mark.parametrize("rationale", ["Negative.", "positive", "…"])
def test_a_rationale_that_is_but_an_answer_is_left_out(rationale: str) -> None:
    teacher = ScriptedModel(lambda prompt, sampling: f" {rationale}\nSentiment: positive")
    assert reasoning(lesson(rows=1), teacher, samples=1).traces == []


def test_a_failing_call_costs_that_sample_alone() -> None:
    def fails_once(prompt: Prompt, sampling: Sampling) -> str:
        if row_asked(prompt) == 12 and sampling.seed == 0:
            raise TransientError("The server failed with status 500.")
        return knows_all(prompt, sampling)

    runs = taught(lesson(), ScriptedModel(fails_once), samples=2)
    assert (runs.tried, runs.passed, runs.failed) == (7, 6, 1)
    assert "1 of 7 runs" in runs.notes[0]


def test_a_program_that_crashes_on_a_row_costs_that_row_alone() -> None:
    study = lesson()
    run = study.evaluator.run

    def fragile(prompts: object, inputs: dict[str, str], model: object) -> object:
        if inputs["text"] == "text 10":
            raise ZeroDivisionError
        return run(prompts, inputs, model)  # type: ignore[arg-type]

    object.__setattr__(study.evaluator, "run", fragile)
    runs = taught(study, ScriptedModel(knows_all), samples=1)
    assert (runs.passed, runs.failed) == (5, 1)


def test_a_teacher_that_answers_nothing_is_told_of_in_words() -> None:
    def gone(prompt: Prompt, sampling: Sampling) -> str:
        raise TransientError("Nothing answers at http://localhost:1.")

    with pytest.raises(ModelError, match=r"big/teacher failed in each of the first 6 runs.*Nothing answers.*--teacher"):
        taught(lesson(), ScriptedModel(gone, name="big/teacher"))


def test_a_prompt_too_long_for_the_teacher_in_every_run_is_told_of_too() -> None:
    with pytest.raises(ModelError, match="context window of 8"):
        taught(lesson(), ScriptedModel(knows_all, context_window=8))


@pytest.mark.parametrize("parallel", [1, 4])
def test_it_ends_where_its_share_of_the_budget_does_and_keeps_what_it_has(parallel: int) -> None:
    study = lesson(rows=40, budget="50calls")
    study.extend(study.trial(study.zero_shot()), 10)
    teacher = ScriptedModel(knows_all, parallel=parallel)
    runs = taught(study, teacher, share=0.5)
    assert len(teacher.calls) == runs.tried == runs.rows == 20
    assert study.ledger.spent == 30
    assert runs.stopped
    assert "ended after 20 runs" in runs.notes[0]


def test_runs_go_side_by_side_and_come_out_in_order() -> None:
    under_way, peak, lock = 0, 0, threading.Lock()

    def slow(prompt: Prompt, sampling: Sampling) -> str:
        nonlocal under_way, peak
        with lock:
            under_way += 1
            peak = max(peak, under_way)
        time.sleep(0.005)
        with lock:
            under_way -= 1
        return knows_all(prompt, sampling)

    runs = taught(lesson(rows=24), ScriptedModel(slow), parallel=4)
    assert peak == 4
    assert [trace.inputs["text"] for trace in runs.traces] == [f"text {10 + number}" for number in range(24)]


def two_steps(prompt: Prompt, sampling: Sampling) -> str:
    """Find a word that tells the row's answer, judge it; wrong about row 13 altogether."""
    if "Judge" in prompt.full_text:
        return " negative" if prompt.full_text.rsplit("w", 1)[-1].startswith("1") else " positive"
    row = row_asked(prompt)
    return f" w{row % 2}" if row != 13 else " w0"


def test_each_predictor_of_a_program_gets_the_calls_of_runs_whose_end_is_right() -> None:
    study = lesson(rows=4, is_chain=True)
    assert study.pools == {"find": (), "judge": ()}
    bootstrap_demos(study, TeacherSettings(teacher=ScriptedModel(two_steps), share=1.0, samples=1))
    assert [demo.outputs["word"] for demo in study.pools["find"]] == ["w0", "w1", "w0"]
    # Two rows have the same word, so there are two demos.
    assert [demo.outputs["sentiment"] for demo in study.pools["judge"]] == ["positive", "negative"]
