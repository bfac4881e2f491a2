"""Guards are fitted on what a candidate answered, around what all rows tell."""

import math
import random
from dataclasses import replace

import pytest

from cribsheet.corrections import Answer, Asked, Calibration, Evidence, Guard
from cribsheet.corrections.guard import evidence_of
from cribsheet.dataset.examples import Prediction, Row
from cribsheet.evaluation.evaluate import RowResult
from cribsheet.evaluation.metrics import answer_f1, apply_metric, exact_match, label_accuracy
from cribsheet.frozen.running import Call, Run
from cribsheet.layout.catalogue import layout_named
from cribsheet.layout.parsing import ParseFailure
from cribsheet.models import Completion
from cribsheet.models.scripted import ScriptedModel
from cribsheet.outcomes import Unanswerable, Value
from cribsheet.prompts import Prompt
from cribsheet.search.candidate import Candidate
from cribsheet.search.corrections.guard import GuardFitter, guard_fitter
from cribsheet.signature import Field, Signature
from cribsheet.task import Metric
from frozen_toys import toy_prompt
from toys import QA

SUBJECTS = ("bridge", "river", "castle", "museum", "tunnel", "harbour", "garden", "school", "tower", "market")
CHINESE = ("长江大桥", "故宫博物院", "北京大学", "外滩公园", "西湖码头", "火车总站", "人民医院", "市立剧院")
SIZE = Field(name="size", kind="label", labels=("small", "large"), abstains=True)
STANCE = Signature(name="Stance", instructions="", inputs=(Field(name="text"),), outputs=(SIZE,))


def result(
    example: Row,
    value: Value,
    *,
    metric: Metric = answer_f1,
    evidence: Evidence | None = None,
    logprobs: dict[str, float] | None = None,
    predictor: str = "predict",
    given: dict[str, Value] | None = None,
) -> RowResult:
    """One row as a candidate answered it, unguarded."""
    (name, *_) = example.outputs
    told = (
        None
        if logprobs
        else evidence or Evidence(field=name, answer=value, abstention=0.0, confidence=0.5, written=value)
    )
    outputs = {**{other: values[0] for other, values in example.outputs.items()}, name: value}
    shares = logprobs and {name: math.exp(value) for name, value in logprobs.items()}
    completion = Completion(text=str(value))
    answer = Answer(outputs, Prompt(text="x"), completion, logprobs=logprobs, shares=shares, evidence=told)
    call = Call(predictor, given or example.inputs, answer)
    return RowResult(example, apply_metric(metric, example, Prediction(outputs)), Run(outputs, (call,)))


def asked(subject: str, place: str, year: int, *, chinese: bool = False) -> Row:
    """A question about one subject, a context about another or the same."""
    gold = str(year) if subject == place else Unanswerable()
    if chinese:
        inputs = {"question": f"{subject}是哪一年建成的？", "context": f"{place}于{year}年由市政府建成并开放。"}
    else:
        inputs = {
            "question": f"When was the {subject} opened?",
            "context": f"The {place} was opened in {year} by the mayor.",
        }
    return Row(inputs, {"answer": (gold,)})


def rows(count: int = 40, *, subjects: tuple[str, ...] = SUBJECTS, chinese: bool = False) -> list[Row]:
    """Questions, every other one about something that the context does not mention."""
    rng = random.Random(0)
    pairs = [rng.sample(subjects, 2) for _ in range(count)]
    return [
        asked(here if number % 2 else there, here, 1900 + number, chinese=chinese)
        for number, (here, there) in enumerate(pairs)
    ]


def answer_all(examples: list[Row]) -> list[RowResult]:
    """Answer each with the year that the context has."""
    return [result(one, str(1900 + number)) for number, one in enumerate(examples)]


def fit(guards: GuardFitter, results: list[RowResult]) -> Guard | None:
    """Fit the guard of the predictor that answered."""
    name = guards.predictor or "predict"
    return guards.fit(name, Candidate({name: toy_prompt(QA)}, origin="x"), results)


def is_withheld(guard: Guard, row: RowResult) -> bool:
    (call,) = row.calls
    asked = Asked(STANCE, layout_named("plain"), call.inputs, max_tokens=48)
    evidence = call.answer.evidence or evidence_of(call.answer, asked, SIZE)
    return guard.standing(call.inputs, evidence) < guard.threshold


def right_decisions(guard: Guard, results: list[RowResult]) -> float:
    right = [is_withheld(guard, row) == isinstance(row.example.values["answer"], Unanswerable) for row in results]
    return sum(right) / len(right)


@pytest.mark.parametrize(("subjects", "chinese"), [(SUBJECTS, False), (CHINESE, True)])
def test_a_fitted_guard_tells_the_subjects_apart(subjects: tuple[str, ...], chinese: bool) -> None:
    examples = rows(subjects=subjects, chinese=chinese)
    guard = fit(GuardFitter(QA, examples, answer_f1), answer_all(examples))
    assert guard is not None
    assert (guard.context, guard.lead) == ("context", ("question",))
    assert guard.weights["coverage"] > 1
    assert right_decisions(guard, answer_all(examples)) >= 0.95


def test_few_answered_rows_do_not_wash_out_what_many_rows_tell() -> None:
    many = rows(300)
    # In what was answered, chance has it the wrong way round.
    misleading = [
        result(asked("bridge", "bridge", 1900 + number), Unanswerable())
        if number % 2
        else result(asked("tower", "castle", 1900 + number), str(1900 + number))
        for number in range(8)
    ]
    odd = [result(Row(row.example.inputs, {"answer": (Unanswerable(),)}), "1900") for row in answer_all(many)[1:17:2]]
    good = answer_all(many)[17:49]
    alone = fit(GuardFitter(QA, [row.example for row in (*odd, *good)], answer_f1), [*misleading, *odd, *good])
    backed = fit(GuardFitter(QA, many, answer_f1), [*misleading, *odd, *good])
    assert alone is not None
    assert backed is not None
    assert backed.weights["coverage"] > alone.weights["coverage"] + 0.5


def test_a_guard_that_could_only_hurt_lets_everything_stand() -> None:
    answerable = [row for row in answer_all(rows(80)) if not isinstance(row.example.values["answer"], Unanswerable)]
    odd = result(
        Row({"question": "When was the tower opened?", "context": "The tower, 1907."}, {"answer": (Unanswerable(),)}),
        "1907",
    )
    guard = fit(GuardFitter(QA, [row.example for row in answerable], answer_f1), [*answerable, odd])
    assert guard is not None
    assert guard.threshold == 0


def test_too_few_answers_or_one_kind_alone_leave_what_all_rows_tell() -> None:
    examples = rows()
    results = answer_all(examples)
    fitter = GuardFitter(QA, examples, answer_f1)
    failed = RowResult(examples[0], 0.0, Run(ParseFailure("empty"), ()))
    for few in (results[:5], results[::2], [failed] * 30, [result(one, Unanswerable()) for one in examples]):
        assert fit(fitter, few) == fitter.known


def test_what_hardly_any_row_has_an_answer_to_is_known_beforehand() -> None:
    examples = rows()
    fitter = GuardFitter(QA, examples, answer_f1)
    assert fitter.known is not None
    assert (fitter.known.weights.keys(), fitter.known.threshold) == ({"coverage"}, 0.5)
    off_topic = [row for row in examples if fitter.known.is_off_topic(row.inputs)]
    assert {row.values["answer"] for row in off_topic} == {Unanswerable()}
    assert len(off_topic) == 20
    assert fitter.settles
    fitted = fit(fitter, answer_all(examples))
    assert fitted is not None
    assert fitted.least_coverage == fitter.known.least_coverage


def test_near_misses_are_left_to_the_model() -> None:
    near = [
        Row(row.inputs, {"answer": (Unanswerable(),) if place % 2 else row.outputs["answer"]})
        for place, row in enumerate(one for one in rows(80) if one.values["answer"] != Unanswerable())
    ]
    fitter = GuardFitter(QA, near, answer_f1)
    assert (fitter.known, fitter.settles) == (None, False)


def test_one_input_alone_is_never_off_topic() -> None:
    fitter = GuardFitter(STANCE, [Row({"text": "A barn."}, {"size": (Unanswerable(),)})] * 20, label_accuracy)
    assert (fitter.known, fitter.settles) == (None, False)


def test_signals_that_say_nothing_are_left_out() -> None:
    examples = rows()
    results = answer_all(examples)
    guard = fit(GuardFitter(QA, examples, answer_f1), results)
    assert guard is not None
    assert set(guard.weights) == {"coverage"}  # every answer is grounded, every confidence and verdict the same


def test_a_verdict_that_is_right_counts_and_one_input_has_no_coverage() -> None:
    signature = Signature(
        name="Year", instructions="", inputs=(Field(name="text"),), outputs=(Field(name="answer", abstains=True),)
    )
    results = []
    for number in range(60):
        gold: Value = str(number) if number % 2 else Unanswerable()
        share = 0.2 if number % 2 else 0.7
        evidence = Evidence(field="answer", answer=str(number), abstention=share, confidence=0.5, written=str(number))
        example = Row({"text": f"Number {number}."}, {"answer": (gold,)})
        results.append(result(example, str(number), evidence=evidence))
    guard = fit(GuardFitter(signature, [row.example for row in results], answer_f1), results)
    assert guard is not None
    assert (guard.context, guard.lead, guard.idf) == ("text", (), {})
    assert guard.weights.keys() == {"abstention"}
    assert right_decisions(guard, results) == 1


def test_other_outputs_stand_beside_a_guarded_number() -> None:
    signature = Signature(
        name="Seats",
        instructions="",
        inputs=(Field(name="hall"), Field(name="text")),
        outputs=(Field(name="seats", kind="integer", abstains=True), Field(name="city")),
    )
    results = []
    for number, row in enumerate(rows()):
        gold: Value = Unanswerable() if isinstance(row.values["answer"], Unanswerable) else number
        inputs = {"hall": row.inputs["question"], "text": row.inputs["context"]}
        example = Row(inputs, {"seats": (gold,), "city": ("Ulm",)})
        results.append(result(example, number, metric=exact_match))
    guard = fit(GuardFitter(signature, [row.example for row in results], exact_match), results)
    assert guard is not None
    assert guard.field == "seats"
    withheld = [is_withheld(guard, row) for row in results]
    assert withheld == [isinstance(row.example.values["seats"], Unanswerable) for row in results]


# Finite outcomes


def stances(leaning: float) -> list[RowResult]:
    """Rows of which a decided label or abstention is right, the model leaning to one side."""
    results = []
    for number in range(60):
        gold: Value = "large" if number % 2 else Unanswerable()
        speaks = (0.3 if number % 2 else 0.5) + leaning
        logs = {
            "small": math.log(0.2 * (1 - speaks)),
            "large": math.log(0.8 * (1 - speaks)),
            "unanswerable": math.log(speaks),
        }
        said: Value = Unanswerable() if speaks > 0.8 * (1 - speaks) else "large"
        example = Row({"text": f"Barn {number}."}, {"size": (gold,)})
        results.append(result(example, said, metric=label_accuracy, logprobs=logs))
    return results


@pytest.mark.parametrize("leaning", [-0.25, 0.3])
def test_a_model_that_leans_either_way_is_put_right(leaning: float) -> None:
    results = stances(leaning)
    assert sum(row.score for row in results) == 30
    guard = fit(GuardFitter(STANCE, [row.example for row in results], label_accuracy), results)
    assert guard is not None
    withheld = [is_withheld(guard, row) for row in results]
    assert withheld == [isinstance(row.example.values["size"], Unanswerable) for row in results]


def test_decisions_that_no_guard_betters_are_left_to_the_model() -> None:
    results = stances(0.0)
    assert all(row.score == 1 for row in results)
    assert fit(GuardFitter(STANCE, [row.example for row in results], label_accuracy), results) is None


def calibrated(row: RowResult, biases: Calibration) -> RowResult:
    (call,) = row.calls
    asked = Asked(STANCE, layout_named("plain"), call.inputs, max_tokens=48)
    answer = biases.apply(call.answer, asked, ScriptedModel({}))
    return replace(row, run=Run(answer.outputs, (replace(call, answer=answer),)))


def test_shares_are_calibrated_before_they_are_guarded() -> None:
    results = stances(0.3)
    fitter = GuardFitter(STANCE, [row.example for row in results], label_accuracy)
    uncalibrated = fit(fitter, results)
    biases = Calibration(biases={"small": 0.0, "large": 0.0, "unanswerable": 3.0})
    corrected = fit(fitter, [calibrated(row, biases) for row in results])
    assert uncalibrated is not None
    assert corrected is not None
    assert uncalibrated.intercept != corrected.intercept


# Programs of several predictors


def test_the_last_predictor_whose_abstention_is_the_programs_is_guarded() -> None:
    first = Signature(name="Find", instructions="", inputs=(Field(name="text"),), outputs=(Field(name="context"),))
    own = (Field(name="answer", abstains=True),)
    fitter = guard_fitter({"find": first, "answer": QA}, own, rows(), answer_f1)
    assert fitter is not None
    assert (fitter.guards("answer"), fitter.guards("find")) == (True, False)
    assert guard_fitter({"find": first, "answer": QA}, (Field(name="verdict"),), rows(), answer_f1) is None
    assert guard_fitter({"find": first}, own, rows(), answer_f1) is None


def test_what_the_rows_lack_is_read_off_the_calls() -> None:
    results = []
    for number, row in enumerate(rows(60)):
        example = Row({"question": row.inputs["question"]}, row.outputs)
        results.append(result(example, str(1900 + number), predictor="answer", given=dict(row.inputs)))
    fitter = GuardFitter(QA, [row.example for row in results], answer_f1, predictor="answer")
    guard = fit(fitter, results)
    assert guard is not None
    assert guard.context == "context"
    assert right_decisions(guard, results) >= 0.95
