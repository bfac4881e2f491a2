"""What is fitted on some rows, in which combination, and which rows those are."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cribsheet.compiler.bridge import BARE
from cribsheet.corrections import Answer, Asked, Calibration, Extraction, Readout
from cribsheet.corrections.calibration import batch_calibration
from cribsheet.dataset.examples import Row
from cribsheet.evaluation.evaluate import RowResult
from cribsheet.frozen.running import Call, Run
from cribsheet.models import Completion
from cribsheet.models.scripted import ScriptedModel
from cribsheet.prompts import Prompt
from cribsheet.search.candidate import Candidate
from cribsheet.search.corrections import Fitter
from cribsheet.search.corrections.calibration import MIN_BATCH, CalibrationFitter
from cribsheet.search.corrections.extraction import NoExtraction
from cribsheet.search.corrections.fitting import combinations, cross_fitted, fitted, folds
from cribsheet.search.corrections.readout import READ_FROM, ReadoutFitter
from frozen_toys import toy_prompt
from studies import arena, fighter, numbered
from toys import SENTIMENT


class EvenFitter(CalibrationFitter):
    """A second fitter of the same kind, whose calibration changes nothing."""

    def fit(self, predictor: str, candidate: Candidate, results: Sequence[RowResult]) -> Calibration:
        return Calibration(biases={"negative": 0.0, "positive": 0.0})


CALIBRATIONS: tuple[Fitter, ...] = (CalibrationFitter(), EvenFitter())


def result(
    number: int,
    logprobs: Mapping[str, float] | None,
    *,
    predictor: str = BARE,
    first_token: Mapping[str, float] | None = None,
) -> RowResult:
    """A row as its one predictor answered it, uncorrected."""
    outputs, shares = {"sentiment": "negative"}, logprobs and {"negative": 0.9, "positive": 0.1}
    completion = Completion(text=" negative", first_token=first_token)
    answer = Answer(outputs, Prompt(text="x"), completion, logprobs=logprobs, shares=shares)
    example = Row({"text": f"review {number}"}, {"sentiment": ("negative",)})
    return RowResult(example, 1.0, Run(outputs, (Call(predictor, example.inputs, answer),)))


def results(count: int) -> list[RowResult]:
    return [result(n, {"negative": -0.1 * (n % 5 + 1), "positive": -1.0 - 0.1 * (n % 3)}) for n in range(count)]


def told(count: int) -> list[RowResult]:
    """Rows of which each tells some alternatives of its first token."""
    rows = range(count)
    alternatives = [{" negative": -0.1, " dull": -1.0 - n % 3} for n in rows]
    return [result(n, {"negative": -0.1, "positive": -2.5}, first_token=alternatives[n]) for n in rows]


def replay(candidate: Candidate, rows: Sequence[RowResult]) -> list[RowResult]:
    """Correct each answer again."""
    again = []
    for row in rows:
        (call,) = row.calls
        asked = Asked(SENTIMENT, toy_prompt().layout, call.inputs, max_tokens=4)
        answer = call.answer.raw
        for correction in candidate.prompts[BARE].corrections:
            answer = correction.apply(answer, asked, ScriptedModel({}))
        again.append(replace(row, run=Run(answer.outputs, (replace(call, answer=answer),))))
    return again


def calibration(rows: Sequence[RowResult], fitter: Fitter = CALIBRATIONS[0]) -> Calibration | None:
    return fitted(fighter(arena(), 50), rows, [fitter], replay=replay).prompts[BARE].correction(Calibration)


def kinds(rows: Sequence[RowResult], *fitters: Fitter) -> list[tuple[type, ...]]:
    return [tuple(type(fitter) for fitter in chosen) for chosen in combinations(fitters, rows)]


# Combinations


def test_what_is_written_is_not_calibrated() -> None:
    assert kinds([result(0, None), RowResult(numbered(1)[0], 0.0, None)], *CALIBRATIONS) == []


def test_two_fitters_of_a_kind_are_alternatives() -> None:
    assert kinds(results(2), *CALIBRATIONS) == [(CalibrationFitter,), (EvenFitter,)]


def test_extracted_answers_may_stay_as_they_were_written() -> None:
    row = result(0, None)
    (call,) = row.calls
    after = replace(call.answer, outputs={"sentiment": "x"}, by=Extraction(source="text"), before=call.answer)
    extracted = replace(row, run=Run(after.outputs, (replace(call, answer=after),)))
    assert kinds([row], NoExtraction()) == []
    assert kinds([row, extracted], NoExtraction()) == [(NoExtraction,)]
    base = fighter(arena(), 50)
    prompt = base.prompts[BARE].with_corrections(Extraction(source="text"))
    freed = fitted(base.with_prompt(BARE, prompt, origin="x"), [extracted], [NoExtraction()], replay=replay)
    assert freed.prompts[BARE].corrections == ()


def test_every_combination_of_kinds_is_tried_those_of_fewer_first_in_the_order_of_application() -> None:
    found = kinds(told(READ_FROM), ReadoutFitter(), *CALIBRATIONS)
    assert [len(chosen) for chosen in found] == [1, 1, 1, 2, 2]
    assert {(CalibrationFitter, ReadoutFitter), (EvenFitter, ReadoutFitter), (ReadoutFitter,)} < set(found)


def test_a_readout_takes_many_rows_that_are_decided() -> None:
    assert kinds(results(READ_FROM), ReadoutFitter()) == [(ReadoutFitter,)]
    assert kinds(results(READ_FROM - 1), ReadoutFitter()) == []
    assert kinds([result(n, None) for n in range(READ_FROM)], ReadoutFitter()) == []


# Fits


def test_a_later_correction_is_fitted_on_what_an_earlier_one_leaves() -> None:
    rows, base = told(READ_FROM), fighter(arena(), 50)
    alone = fitted(base, rows, [ReadoutFitter()], replay=replay).prompts[BARE]
    both = fitted(base, rows, [CalibrationFitter(), ReadoutFitter()], replay=replay).prompts[BARE]
    assert both.correction(Calibration) == calibration(rows)
    after, before = both.correction(Readout), alone.correction(Readout)
    assert after is not None
    assert before is not None
    assert set(after.usual) == {" negative", " dull"}
    assert after.biases != before.biases  # calibrated shares leave other errors


def test_rows_that_know_of_no_outcome_fit_no_readout() -> None:
    rows = [replace(row, example=Row(row.example.inputs, {"topic": ("x",)})) for row in told(READ_FROM)]
    found = fitted(fighter(arena(), 50), rows, [ReadoutFitter()], replay=replay)
    assert found.prompts[BARE].corrections == ()


def test_batch_biases_are_those_of_the_rows_given() -> None:
    rows = results(10)
    expected = batch_calibration([call.answer.logprobs for row in rows for call in row.calls if call.answer.logprobs])
    assert calibration(rows) == expected
    assert calibration(results(9)) != expected


def test_too_few_rows_give_no_biases() -> None:
    assert calibration(results(MIN_BATCH)) is not None
    assert calibration(results(MIN_BATCH - 1)) is None
    crashed = RowResult(numbered(1)[0], 0.0, None, "ValueError: x")
    assert calibration([*results(MIN_BATCH - 1), crashed]) is None


def test_each_predictor_has_biases_of_its_own_calls() -> None:
    chain = Candidate({"first": toy_prompt(), "second": toy_prompt()}, "chain")
    rows = [
        *(result(n, {"negative": -0.1, "positive": -2.5}, predictor="first") for n in range(8)),
        *(result(n, {"negative": -2.5, "positive": -0.1}, predictor="second") for n in range(8)),
    ]
    prompts = fitted(chain, rows, [CalibrationFitter()], replay=replay).prompts
    found = {name: prompt.correction(Calibration) for name, prompt in prompts.items()}
    assert {name: one.biases for name, one in found.items() if one} == {
        "first": {"negative": -0.1, "positive": -2.5},
        "second": {"negative": -2.5, "positive": -0.1},
    }


def test_fitting_replaces_its_own_kind_alone_and_leaves_the_candidate_itself() -> None:
    base = fighter(arena(), 50)
    old = base.prompts[BARE].with_corrections(Calibration(biases={"negative": 1.0}), Extraction(source="text"))
    candidate = base.with_prompt(BARE, old, origin="x")
    found = fitted(candidate, results(10), [CalibrationFitter()], replay=replay)
    assert candidate.prompts[BARE] == old
    assert [one.kind for one in found.prompts[BARE].corrections] == ["calibration", "extraction"]
    assert found.prompts[BARE].correction(Calibration) == calibration(results(10))
    assert (found.key, found.origin) == (candidate.key, candidate.origin)


# Folds


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


def test_cross_fitted_rows_come_back_in_their_order() -> None:
    rows = results(20)
    again = cross_fitted(fighter(arena(), 50), rows, [CalibrationFitter()], replay=replay)
    assert [row.example.id for row in again] == [row.example.id for row in rows]
    assert all(call.answer.shares != {"negative": 0.9, "positive": 0.1} for row in again for call in row.calls)


def test_most_of_few_rows_are_fitted_on() -> None:
    few, many = folds(results(16)), folds(results(200))
    assert len(few) > len(many)
    assert all(len(others) >= 14 for others, _ in few)


@pytest.mark.parametrize("count", [8, 16])
def test_the_first_block_is_enough_for_biases(count: int) -> None:
    assert all(calibration(others) for others, _ in folds(results(count)))
