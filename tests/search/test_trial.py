"""A trial judges a candidate on rows that its corrections were not fitted on."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import pytest

from cribsheet.budget import BudgetExhausted, SearchStopped
from cribsheet.compiler.bridge import BARE
from cribsheet.corrections import Calibration, Readout
from cribsheet.corrections.calibration import batch_calibration
from cribsheet.dataset.examples import Example, Prediction, Row
from cribsheet.errors import ModelError
from cribsheet.evaluation.evaluate import Evaluation, RowResult
from cribsheet.evaluation.metrics import exact_match, label_accuracy
from cribsheet.frozen import Decoding, FrozenPrompt, Wire, Wiring
from cribsheet.frozen.running import Answer, Run, direct_wiring, run_wired
from cribsheet.layout.catalogue import layout_named
from cribsheet.models import Completer, Completion, Sampling
from cribsheet.models.scripted import ScriptedModel
from cribsheet.outcomes import Unanswerable, Value
from cribsheet.prompts import Prompt
from cribsheet.search.candidate import Candidate
from cribsheet.search.corrections.guard import GuardFitter
from cribsheet.search.corrections.readout import ReadoutFitter
from cribsheet.search.trial import Trial
from cribsheet.signature import Field, Signature
from studies import evaluator_of, leaning, number_asked, numbered
from toys import QA, SENTIMENT

EVEN = numbered(96)
"""Rows, half of each outcome."""
MOSTLY_POSITIVE = [row for place, row in enumerate(EVEN) if place % 2 == 0 or place % 12 == 1]
"""Six in seven."""
WIRING = direct_wiring(BARE, SENTIMENT)


def candidate_of(signature: Signature = SENTIMENT, *, decide_by: str = "logprobs") -> Candidate:
    decoding = Decoding.model_validate({"decide_by": decide_by, "max_tokens": 4, "top_logprobs": 8})
    prompt = FrozenPrompt(signature=signature, layout=layout_named("plain"), instructions="", decoding=decoding)
    return Candidate({BARE: prompt}, origin="plain")


def student(lean: float = 0.0, *, changed: Mapping[int, float] = {}) -> ScriptedModel:
    """A model that knows each answer, but leans to one outcome by so many nats, and on some rows has other odds."""

    def answer(prompt: Prompt, sampling: Sampling) -> Completion:
        number = number_asked(prompt)
        if number is None:
            return leaning(lean)
        return leaning(changed.get(number, (2.0 if number % 2 == 0 else -2.0) + lean))

    return ScriptedModel(answer)


def trial_of(model: ScriptedModel, rows: Sequence[Row], **given: object) -> Trial:
    trial = Trial(candidate_of(), evaluator_of(model, **given))  # type: ignore[arg-type]
    trial.extend(rows)
    return trial


def answers(trial: Trial) -> list[Answer]:
    return [call.answer for row in trial.evaluation.rows for call in row.calls]


def said(trial: Trial) -> list[str]:
    return [row.run.outputs["sentiment"] for row in trial.evaluation.rows if row.run]


def odds(told: Mapping[str, float]) -> float:
    return told["positive"] - told["negative"]


def corrections(trial: Trial) -> list[float]:
    """Return by how many nats each row's decision was moved."""
    moved = []
    for answer in answers(trial):
        assert answer.logprobs is not None
        assert answer.shares is not None
        corrected = {outcome: math.log(share) for outcome, share in answer.shares.items()}
        moved.append(round(odds(corrected) - odds(answer.logprobs), 4))
    return moved


# Corrections


def test_a_lean_is_corrected_and_what_is_frozen_is_fitted_on_all_rows() -> None:
    trial = trial_of(student(-3.0, changed={121: -9.0}), EVEN[:24])
    assert trial.mean == 1.0
    told = [answer.logprobs for answer in answers(trial) if answer.logprobs]
    assert trial.candidate.prompts[BARE].correction(Calibration) == batch_calibration(told)
    assert trial.uncorrected.prompts[BARE].correction(Calibration) is None


def test_what_a_row_was_answered_does_not_correct_that_row() -> None:
    place = 5
    usual, other = (trial_of(student(-3.0, changed=changed), EVEN[:24]) for changed in ({}, {100 + place: -9.0}))
    assert usual.candidate != other.candidate
    own, others = ([corrections(trial)[at] for trial in (usual, other)] for at in (place, place + 1))
    assert own[0] == own[1] != 0
    assert others[0] != others[1]


def test_what_is_right_for_a_row_does_not_correct_that_row() -> None:
    wrong = Row(EVEN[5].inputs, {"sentiment": ("positive",)})
    usual, other = (trial_of(student(-3.0), rows) for rows in (EVEN[:24], [*EVEN[:5], wrong, *EVEN[6:24]]))
    assert corrections(usual) == corrections(other)
    assert usual.mean > other.mean


def test_a_model_without_a_lean_is_not_calibrated_to_the_rows_own() -> None:
    trial = trial_of(student(), MOSTLY_POSITIVE[:28])
    assert trial.candidate == trial.uncorrected
    assert set(corrections(trial)) == {0.0}


def test_what_is_written_is_left_as_it_is() -> None:
    trial = Trial(candidate_of(decide_by="text"), evaluator_of(student(-3.0)))
    trial.extend(EVEN[:24])
    assert trial.candidate == trial.uncorrected
    assert trial.merits == trial.evaluation.scores


# A readout


def hinting(*, lies: Collection[int] = ()) -> ScriptedModel:
    """A model whose words say nothing, but in which another token shows what is right, or the contrary of it."""

    def answer(prompt: Prompt, sampling: Sampling) -> Completion:
        number = number_asked(prompt) or 0
        is_positive = (number % 2 == 0) != (number in lies)
        hint = {" fun": -3.0 if is_positive else -6.0, " dull": -6.0 if is_positive else -3.0}
        return Completion(text=" positive", first_token={" positive": -0.7, " negative": -0.7, **hint})

    return ScriptedModel(answer)


def test_a_readout_is_fitted_once_it_is_allowed_and_asks_no_model() -> None:
    model = hinting()
    trial = trial_of(model, EVEN)
    before, calls = trial.mean, len(model.calls)
    assert trial.candidate.prompts[BARE].correction(Readout) is None
    trial.allow(ReadoutFitter())
    assert (before, trial.mean, len(model.calls)) == (0.5, 1.0, calls)
    readout = trial.candidate.prompts[BARE].correction(Readout)
    assert readout is not None
    assert readout.weights[" fun"]["positive"] > 0 > readout.weights[" fun"]["negative"]


def test_what_is_right_for_a_row_is_not_read_out_of_that_row() -> None:
    lied = 105
    trial = trial_of(hinting(lies=[lied]), EVEN)
    trial.allow(ReadoutFitter())
    assert [row.score for row in trial.evaluation.rows].index(0.0) == lied - 100
    assert trial.mean == pytest.approx(95 / 96)


def test_a_program_that_does_more_than_hand_on_is_not_run_again_when_the_budget_is_spent() -> None:
    model = hinting()

    def doubting(prompts: Mapping[str, FrozenPrompt], inputs: Mapping[str, Value], completer: Completer) -> Run:
        run = run_wired(prompts, WIRING, inputs, completer)
        return Run({"sentiment": "positive"}, run.calls)

    trial = Trial(candidate_of(), evaluator_of(model, run=doubting, budget="1000calls"))
    trial.extend(EVEN)
    trial._evaluator.ledger.reserved = 1000.0  # what is left is for the testset
    trial.allow(ReadoutFitter())
    assert trial.candidate.prompts[BARE].correction(Readout) is None


def test_a_readout_goes_where_it_does_no_better_on_other_rows() -> None:
    trial = trial_of(student(), EVEN)
    said_before = said(trial)
    trial.allow(ReadoutFitter())
    assert said(trial) == said_before
    liar = trial_of(hinting(lies=[row for row in range(100, 196) if row % 3 == 0 or row % 5 == 0]), EVEN[:60])
    liar.allow(ReadoutFitter())  # fewer rows than it takes
    assert liar.candidate.prompts[BARE].correction(Readout) is None


# What is asked, and what it costs


def test_rows_are_asked_and_paid_once() -> None:
    model = student(-3.0)
    trial = Trial(candidate_of(), evaluator_of(model))
    for rows in (8, 24, 24, 8, 30):
        trial.extend(EVEN[:rows])
    assert len(model.calls) == 30 == trial.price
    assert trial.rows == len(trial.merits) == 30


def test_a_trial_stopped_by_the_budget_keeps_the_rows_that_were_paid_for() -> None:
    evaluator = evaluator_of(student(-3.0), budget="20calls")
    trial = Trial(candidate_of(), evaluator)
    trial.extend(EVEN[:8])
    with pytest.raises(BudgetExhausted):
        trial.extend(EVEN[:24])
    assert trial.rows == len(trial.merits) == evaluator.ledger.spent == 20
    assert trial.candidate.prompts[BARE].correction(Calibration) is not None
    assert trial.mean == 1.0


def test_a_trial_stopped_by_hand_keeps_the_rows_before() -> None:
    def metric(example: Example, prediction: Prediction) -> float:
        evaluator.ledger.is_stopped |= example.text == EVEN[12].inputs["text"]
        return label_accuracy(example, prediction)

    evaluator = evaluator_of(student(), metric=metric)
    trial = Trial(candidate_of(), evaluator)
    with pytest.raises(SearchStopped):
        trial.extend(EVEN[:24])
    assert trial.rows == 12


PLACES = ("bridge", "castle", "museum", "harbour", "garden")
HALF_OFF_TOPIC = [
    Row(
        {
            "question": f"When was the {PLACES[(number + number % 2) % 5]} opened?",
            "context": f"{number}: the {PLACES[number % 5]}.",
        },
        {"answer": (Unanswerable() if number % 2 else str(number),)},
    )
    for number in range(40)
]


def test_rows_off_the_topic_are_withheld_unasked() -> None:
    model = ScriptedModel(lambda *_: Completion(text=" 2"))
    guards = GuardFitter(QA, HALF_OFF_TOPIC, exact_match)
    evaluator = evaluator_of(model, metric=exact_match, wiring=direct_wiring(BARE, QA), fit_guard=guards)
    trial = Trial(candidate_of(QA, decide_by="text"), evaluator)
    trial.extend(HALF_OFF_TOPIC)
    assert len(model.calls) == 20
    assert trial.evaluation.scores[1::2] == (1.0,) * 20
    assert trial.cost_of_asking == pytest.approx(trial.price / 20)
    asked = [*evaluator.answer(trial.candidate, HALF_OFF_TOPIC, ignore_budget=True)]
    assert len(model.calls) == 40  # the rows asked before are remembered
    assert [row.score for row in asked] == list(trial.evaluation.scores)


def test_a_candidate_made_of_a_guarded_one_has_one_guard() -> None:
    guards = GuardFitter(QA, HALF_OFF_TOPIC, exact_match)
    evaluator = evaluator_of(student(), metric=exact_match, wiring=direct_wiring(BARE, QA), fit_guard=guards)
    first = Trial(candidate_of(QA, decide_by="text"), evaluator)
    second = Trial(first.uncorrected, evaluator)
    kinds = [one.kind for one in second.uncorrected.prompts[BARE].corrections]
    assert kinds == ["guard"]


def judged(*said: float) -> Trial:
    """A trial with these rows."""
    trial = Trial(candidate_of(), evaluator_of(student()))
    trial.ranks = said
    trial.evaluation = Evaluation(tuple(RowResult(row, value, None) for row, value in zip(EVEN, said, strict=False)))
    return trial


def test_of_as_many_rows_the_better_trial_leads() -> None:
    good, bad = judged(*[1.0, 0.0] * 8), judged(*[1.0, 0.0] * 7, 0.0, 0.0)
    assert good.lead(bad) > 0 > bad.lead(good)
    assert good.lead(good) == 0


def test_few_rows_lead_only_where_they_leave_no_doubt() -> None:
    reference = judged(*[1.0] * 8, *[0.0] * 24)  # its first rows are the easier ones
    assert judged(*[1.0] * 8).lead(reference) < 0
    assert judged(*[1.0] * 9, *[0.0] * 3).lead(reference) < 0
    assert judged(*[1.0] * 16).lead(reference) > 0


def test_a_model_that_is_gone_is_not_taken_for_a_bad_candidate() -> None:
    def answer(prompt: Prompt, sampling: Sampling) -> Completion:
        if number_asked(prompt) == 110:
            raise ModelError("The server is gone. Start it.")
        return leaning(1.0)

    trial = Trial(candidate_of(), evaluator_of(ScriptedModel(answer)))
    trial.extend(EVEN[:8])
    with pytest.raises(ModelError):
        trial.extend(EVEN[:24])
    assert trial.rows == len(trial.merits) == 8


# Merits


def careful(example: Example, prediction: Prediction, trace: object = None) -> float:
    """Missing a positive text costs all, a false alarm little."""
    if label_accuracy(example, prediction):
        return 1.0
    return 0.8 if prediction.sentiment == "positive" else 0.0


def test_a_merit_is_the_expected_score_with_confident_errors_weighing_most() -> None:
    trial = trial_of(student(changed={101: 2.0, 103: 0.0}), EVEN[:4])
    sure = 1 / (1 + math.exp(-2.0))
    assert trial.merits == pytest.approx([1 - (1 - sure) ** 2, 1 - sure**2, 1 - (1 - sure) ** 2, 1 - 0.5**2])


def residual(assigned: float) -> ScriptedModel:
    """A model that always knows the answer, but gives the outcomes only so much of the probability together."""

    def answer(prompt: Prompt, sampling: Sampling) -> Completion:
        told = leaning(3.0 if (number_asked(prompt) or 0) % 2 == 0 else -3.0).first_token or {}
        first = {token: logprob + math.log(assigned) for token, logprob in told.items()}
        return Completion(text=" The", first_token=first | {" The": math.log(1 - assigned + 1e-9)})

    return ScriptedModel(answer)


def test_a_merit_falls_with_what_went_to_no_outcome_though_the_decisions_are_the_same() -> None:
    whole, most, rest = (trial_of(residual(assigned), EVEN[:4]) for assigned in (0.99, 0.6, 0.05))
    assert whole.mean == most.mean == rest.mean == 1.0
    assert whole.merit == pytest.approx(trial_of(residual(0.9999), EVEN[:4]).merit)
    assert whole.merit > most.merit + 0.1 > rest.merit + 0.5


def nearly(right: float, other: float) -> ScriptedModel:
    """A model that writes no outcome, and gives the right one, another one and its own text these probabilities."""

    def answer(prompt: Prompt, sampling: Sampling) -> Completion:
        even = (number_asked(prompt) or 0) % 2 == 0
        shares = {" positive": right if even else other, " negative": other if even else right, " The": 0.5}
        return Completion(text=" The", first_token={word: math.log(share) for word, share in shares.items()})

    return ScriptedModel(answer)


@pytest.mark.parametrize(("right", "other", "near"), [(0.4, 0.1, 0.8), (0.1, 0.4, 0.2), (0.25, 0.25, 0.5)])
def test_the_merit_of_a_text_says_how_near_a_right_outcome_was(right: float, other: float, near: float) -> None:
    evaluator = replace(evaluator_of(nearly(right, other)), weighs_text=True)
    trial = Trial(candidate_of(decide_by="text"), evaluator)
    trial.extend(EVEN[:4])
    assert trial.mean == 0.0
    assert trial.merits == pytest.approx([near / 2] * 4)


def test_merits_follow_the_costs_that_the_metric_names() -> None:
    bold, timid = student(1.5), student(-1.5)
    plain = [trial_of(model, EVEN[:4], metric=label_accuracy).merit for model in (bold, timid)]
    assert plain[0] == pytest.approx(plain[1])
    costly = [trial_of(model, EVEN[:4], metric=careful).merit for model in (bold, timid)]
    assert costly[0] > costly[1] + 0.05


def test_the_correction_that_the_metric_prefers_is_taken() -> None:
    """A lean towards positive is what the metric asks for."""
    rows, model = EVEN[:24], student(2.5)
    assert trial_of(model, rows, metric=label_accuracy).candidate.prompts[BARE].correction(Calibration) is not None

    def alarm(example: Example, prediction: Prediction, trace: object = None) -> float:
        return float(prediction.sentiment == "positive")

    assert trial_of(model, rows, metric=alarm).candidate.prompts[BARE].correction(Calibration) is None


def test_a_slow_metric_is_asked_once_for_each_outcome_of_a_row() -> None:
    asked: list[tuple[object, object]] = []

    def slow(example: Example, prediction: Prediction, trace: object = None) -> float:
        asked.append((example.text, prediction.sentiment))
        return float(label_accuracy(example, prediction))

    evaluator = evaluator_of(student(), metric=slow)
    candidate, rows = candidate_of(), EVEN[:4]
    for _ in range(2):
        for row in evaluator.answer(candidate, rows):
            evaluator.merit(candidate, row)
    answered, outcomes = 2 * len(rows), 2 * len(rows)
    assert len(asked) == answered + outcomes


# Programs


class Program:
    """Counts its runs; what it says after its predictor, the rule decides."""

    def __init__(self, rule: Mapping[int, Mapping[str, str]] | None = None) -> None:
        self.runs = 0
        self._rule = rule or {}

    def __call__(self, prompts: Mapping[str, FrozenPrompt], inputs: Mapping[str, Value], model: Completer) -> Run:
        self.runs += 1
        run = run_wired(prompts, WIRING, inputs, model)
        own = self._rule.get(int(str(inputs["text"])[-3:]), {})
        sentiment = own.get(run.outputs["sentiment"], run.outputs["sentiment"])  # type: ignore[index]
        return Run({"sentiment": sentiment}, run.calls)


def test_a_program_that_hands_on_is_read_again_without_a_run() -> None:
    program, model = Program(), student(-3.0)
    trial = trial_of(model, EVEN[:24], run=program)
    assert program.runs == len(model.calls) == 24
    assert trial.candidate.prompts[BARE].correction(Calibration) is not None
    assert trial.mean == 1.0


def test_a_program_with_code_of_its_own_runs_again_without_a_call() -> None:
    contrary = {number: {"negative": "positive", "positive": "negative"} for number in (102, 105)}
    program, model = Program(contrary), student(-3.0)
    trial = trial_of(model, EVEN[:24], run=program)
    assert program.runs > len(model.calls) == trial.price == 24
    right = [row.example.values["sentiment"] for row in trial.evaluation.rows]
    assert [place for place, pair in enumerate(zip(said(trial), right, strict=True)) if pair[0] != pair[1]] == [2, 5]
    assert [trial.merits[place] for place in (2, 5)] == [0.0, 0.0]


def test_code_that_shows_on_one_row_is_heeded_on_all() -> None:
    """Uncorrected, all is negative: what the code does with a positive text shows after calibration alone."""
    rule = {101: {"negative": "positive"}, **{100 + place: {"positive": "negative"} for place in (4, 12, 20)}}
    trial = trial_of(student(-3.0), EVEN[:24], run=Program(rule))
    assert trial.candidate.prompts[BARE].correction(Calibration) is not None
    assert [said(trial)[place] for place in (4, 12, 20)] == ["negative"] * 3


REPLY = Signature(
    name="Reply",
    instructions="Reply to the review.",
    inputs=(Field(name="sentiment"), Field(name="text")),
    outputs=(Field(name="reply"),),
)
CHAIN = Wiring(
    order=("judge", "reply"),
    inputs={
        "judge": {"text": Wire(source=None, field="text")},
        "reply": {"sentiment": Wire(source="judge", field="sentiment"), "text": Wire(source=None, field="text")},
    },
    outputs={"reply": Wire(source="reply", field="reply")},
)


def chained(budget: str) -> tuple[ScriptedModel, Trial]:
    judge = student(-3.0)

    def answer(prompt: Prompt, sampling: Sampling) -> str | Completion:
        if prompt.full_text.endswith("Reply:"):
            return " thanks" if "Sentiment: positive" in prompt.full_text else " sorry"
        return judge.complete(prompt, sampling)

    model = ScriptedModel(answer)
    prompts = {"judge": candidate_of().prompts[BARE], "reply": candidate_of(REPLY, decide_by="text").prompts[BARE]}
    evaluator = evaluator_of(model, budget=budget, metric=exact_match, wiring=CHAIN)
    return model, Trial(Candidate(prompts, origin="chain"), evaluator)


REPLIES = [
    Row(row.inputs, {"reply": ("thanks" if row.values["sentiment"] == "positive" else "sorry",)}, group=row.group)
    for row in EVEN
]


def test_a_decision_that_changes_what_is_asked_next_costs_a_call() -> None:
    model, trial = chained("1000calls")
    trial.extend(REPLIES[:24])
    assert trial.mean == 1.0
    changed = 12  # the positive ones: all were negative before calibration
    assert len(model.calls) == trial.price == 2 * 24 + changed


def test_a_budget_that_ends_while_corrections_are_tried_leaves_the_trial_as_it_was() -> None:
    _, trial = chained("54calls")
    trial.extend(REPLIES[:8])
    before = (trial.candidate, trial.evaluation, trial.merits)
    with pytest.raises(BudgetExhausted):
        trial.extend(REPLIES[:24])
    assert (trial.candidate, trial.evaluation, trial.merits) == before
    assert trial.rows == len(trial.merits) == 8
