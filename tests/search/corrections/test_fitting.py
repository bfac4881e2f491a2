"""What is fitted on some rows, and which rows those are."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cribsheet.compiler.bridge import BARE
from cribsheet.corrections.calibration import Calibration, batch_calibration, contextual_calibration
from cribsheet.dataset.examples import Example, Prediction
from cribsheet.evaluation.evaluate import RowResult
from cribsheet.frozen.running import Answer, Call, Run
from cribsheet.models import Completion
from cribsheet.prompts import Prompt
from cribsheet.search.candidate import Candidate
from cribsheet.search.corrections.fitting import MIN_BATCH, READ_FROM, Fitter, folds
from frozen_toys import toy_prompt
from studies import arena, conditions_of, fighter, numbered
from toys import student_model

CONTENT_FREE = {BARE: [{"negative": -0.2, "positive": -1.8}, {"negative": -0.3, "positive": -1.4}]}


def result(
    number: int,
    logprobs: Mapping[str, float] | None,
    *,
    predictor: str = BARE,
    first_token: Mapping[str, float] | None = None,
) -> RowResult:
    """A row as its one predictor answered it."""
    prediction = Prediction({"sentiment": "negative"})
    completion = Completion(text=" negative", first_token=first_token)
    answer = Answer(prediction, Prompt(text="x"), completion, logprobs)
    example = Example({"text": f"review {number}"}, {"sentiment": ("negative",)})
    return RowResult(example, 1.0, Run(prediction, (Call(predictor, example.inputs, answer),)))


def results(count: int) -> list[RowResult]:
    return [result(n, {"negative": -0.1 * (n % 5 + 1), "positive": -1.0 - 0.1 * (n % 3)}) for n in range(count)]


def fitter(**given: Any) -> Fitter:
    return Fitter(given.pop("candidate", fighter(arena(), 50)), given.pop("fit_guard", None), given or {})


def calibration(candidate: Candidate) -> Calibration | None:
    return candidate.prompts[BARE].calibration


def test_what_is_written_is_not_calibrated() -> None:
    assert fitter(**CONTENT_FREE).kinds([result(0, None), RowResult(numbered(1)[0], 0.0, None)]) == ("uncalibrated",)


def test_inputs_without_content_are_a_way_of_their_own_where_they_were_asked() -> None:
    assert fitter().kinds(results(2)) == ("uncalibrated", "batch")
    assert fitter(**CONTENT_FREE).kinds(results(2)) == ("uncalibrated", "batch", "contextual")


def test_extracted_answers_may_stay_as_they_were_written() -> None:
    row = result(0, None)
    (call,) = row.calls
    extracted = replace(
        row, run=Run(call.answer.prediction, (replace(call, answer=replace(call.answer, extracted="x")),))
    )
    assert fitter().kinds([row, extracted]) == ("uncalibrated", "free")
    prompt = fighter(arena(), 50).prompts[BARE]
    decoding = prompt.decoding.model_copy(update={"extract_from": "text"})
    fitting = fitter(candidate=Candidate({BARE: prompt.model_copy(update={"decoding": decoding})}, "x"))
    sources = [fitting.fit([extracted], kind).prompts[BARE].decoding.extract_from for kind in ("uncalibrated", "free")]
    assert sources == ["text", None]


def test_a_readout_is_fitted_where_it_may_be_and_rows_are_many() -> None:
    candidate, rows = fighter(arena(), 50), results(READ_FROM)
    reads_out = Fitter(candidate, None, {}, reads_out=True)
    assert reads_out.kinds(rows) == ("uncalibrated", "batch", "readout")
    assert reads_out.kinds(rows[1:]) == fitter().kinds(rows) == ("uncalibrated", "batch")
    assert reads_out.kinds([result(n, None) for n in range(READ_FROM)]) == ("uncalibrated",)


def test_a_readout_corrects_the_batch_biases_and_goes_where_another_kind_does_better() -> None:
    rows = [
        result(n, {"negative": -0.1, "positive": -2.5}, first_token={" negative": -0.1, " dull": -1.0 - n % 3})
        for n in range(READ_FROM)
    ]
    fitted = fitter().fit(rows, "readout").prompts[BARE]
    assert fitted.readout is not None
    assert set(fitted.readout.usual) == {" negative", " dull"}
    assert fitted.calibration == calibration(fitter().fit(rows, "batch"))
    again = fitter(candidate=Candidate({BARE: fitted}, "x")).fit(rows, "batch").prompts[BARE]
    assert again.readout is None


def test_rows_that_know_of_no_outcome_fit_no_readout() -> None:
    rows = [replace(row, example=Example(row.example.inputs, {"topic": ("x",)})) for row in results(READ_FROM)]
    assert fitter().fit(rows, "readout").prompts[BARE].readout is None


def test_batch_biases_are_those_of_the_rows_given() -> None:
    rows = results(10)
    expected = batch_calibration([call.answer.logprobs for row in rows for call in row.calls if call.answer.logprobs])
    assert calibration(fitter().fit(rows, "batch")) == expected
    assert calibration(fitter().fit(results(9), "batch")) != expected


def test_too_few_rows_give_no_biases() -> None:
    assert calibration(fitter().fit(results(MIN_BATCH), "batch")) is not None
    assert calibration(fitter().fit(results(MIN_BATCH - 1), "batch")) is None
    crashed = RowResult(numbered(1)[0], 0.0, None, "ValueError: x")
    assert calibration(fitter().fit([*results(MIN_BATCH - 1), crashed], "batch")) is None


def test_contextual_biases_do_not_depend_on_rows() -> None:
    expected = contextual_calibration(CONTENT_FREE[BARE])
    assert [calibration(fitter(**CONTENT_FREE).fit(rows, "contextual")) for rows in ([], results(20))] == [expected] * 2


def test_uncalibrated_is_without_biases_whatever_the_prompt_had() -> None:
    candidate = fighter(arena(), 50)
    biased = candidate.prompts[BARE].model_copy(update={"calibration": Calibration(biases={"negative": 1.0})})
    assert calibration(fitter(candidate=Candidate({BARE: biased}, "x")).fit(results(10), "uncalibrated")) is None


def test_each_predictor_has_biases_of_its_own_calls() -> None:
    prompts = {"first": toy_prompt(), "second": toy_prompt()}
    rows = [
        *(result(n, {"negative": -0.1, "positive": -2.5}, predictor="first") for n in range(8)),
        *(result(n, {"negative": -2.5, "positive": -0.1}, predictor="second") for n in range(8)),
    ]
    fitted = Fitter(Candidate(prompts, "chain"), None, {}).fit(rows, "batch").prompts
    biases = {name: prompt.calibration.biases for name, prompt in fitted.items() if prompt.calibration}
    assert biases == {
        "first": {"negative": -0.1, "positive": -2.5},
        "second": {"negative": -2.5, "positive": -0.1},
    }
    told = {"second": CONTENT_FREE[BARE]}
    contextual = Fitter(Candidate(prompts, "chain"), None, told).fit(rows, "contextual").prompts
    assert contextual["first"].calibration is None
    assert contextual["second"].calibration == contextual_calibration(CONTENT_FREE[BARE])


def test_fitting_changes_nothing_else_and_not_the_candidate_itself() -> None:
    candidate = fighter(arena(), 50)
    fitted = fitter(candidate=candidate).fit(results(10), "batch")
    assert calibration(candidate) is None
    assert fitted.key == candidate.key
    assert fitted.origin == candidate.origin


@given(st.integers(min_value=1, max_value=200))
def test_each_row_is_judged_once_by_what_was_fitted_on_all_parts_but_its_own(count: int) -> None:
    rows = [result(number, None) for number in range(count)]
    parts = folds(rows)
    assert sorted(id(row) for _, part in parts for row in part) == sorted(map(id, rows))
    for others, part in parts:
        assert not set(map(id, others)) & set(map(id, part))
        assert len(others) + len(part) == count
    sizes = [len(part) for _, part in parts]
    assert max(sizes) - min(sizes) <= 1


def test_where_rows_are_few_most_of_them_are_fitted_on() -> None:
    few, many = folds(results(16)), folds(results(200))
    assert len(few) > len(many)
    assert all(len(others) >= 14 for others, _ in few)


@pytest.mark.parametrize("count", [8, 16])
def test_the_first_block_is_enough_for_biases(count: int) -> None:
    assert all(calibration(fitter().fit(others, "batch")) for others, _ in folds(results(count)))
    assert conditions_of(student_model()).fit_guard is None
