"""Pointers are fitted where right beginnings are known, and stay where they help on other rows."""

import math
from collections.abc import Sequence

import numpy as np
import pytest

from cribsheet.compiler.bridge import BARE
from cribsheet.corrections import Answer, Pointer
from cribsheet.corrections.pointer import SIGNALS
from cribsheet.dataset.examples import Row
from cribsheet.evaluation.evaluate import RowResult
from cribsheet.evaluation.metrics import answer_exact, answer_f1
from cribsheet.frozen.running import Call, Run, direct_wiring
from cribsheet.models import Completion, Sampling, Usage
from cribsheet.models.scripted import ScriptedModel
from cribsheet.outcomes import Unanswerable, Value
from cribsheet.prompts import Prompt
from cribsheet.search.candidate import Candidate
from cribsheet.search.corrections.pointer import POINT_FROM, Choice, PointerFitter, fit_pointer
from cribsheet.search.study import Study
from studies import evaluator_of, study_on
from toys import QA

# The fit


def choices(count: int, weights: Sequence[float], *, words: int = 6) -> list[Choice]:
    """Return choices that are made with some weights, and with the noise of a logit."""
    drawn = np.random.default_rng(0)
    made = []
    for _ in range(count):
        signals = drawn.normal(size=(words, len(weights)))
        right = np.zeros(words, dtype=bool)
        right[np.argmax(signals @ np.array(weights) + drawn.gumbel(size=words))] = True
        made.append(Choice(signals, right))
    return made


def test_the_weights_that_made_the_choices_are_found() -> None:
    assert fit_pointer(choices(1500, (2.0, -1.0, 0.0))) == pytest.approx([2.0, -1.0, 0.0], abs=0.15)


def test_few_choices_leave_weights_small_and_a_signal_that_never_varies_has_none() -> None:
    few = choices(8, (2.0, -1.0))
    assert abs(fit_pointer(few)[0]) < 1.5
    constant = [Choice(np.hstack([one.signals, np.ones((6, 1))]), one.right) for one in few]
    assert fit_pointer(constant) == pytest.approx([*fit_pointer(few), 0.0])


def test_several_right_words_count_as_one_choice_among_them() -> None:
    either = [Choice(one.signals, np.ones(6, dtype=bool)) for one in choices(40, (2.0,))]
    assert fit_pointer(either) == pytest.approx([0.0])


# What is right


def bridge(number: int, *answers: Value) -> Row:
    """A row whose answer is the second name of its context, which a model misses."""
    question = f"Who built bridge {number}?"
    context = f"The Carl C{number} of old was born here. Bridge {number} was built by the Ann B{number}."
    return Row({"question": question, "context": context}, {"answer": answers or (f"Ann B{number}",)})


def result(row: Row, value: Value = "Carl", **told: float) -> RowResult:
    first = {f" {token}": logprob for token, logprob in told.items()} or {" Carl": -0.1, " Ann": -2.0}
    answer = Answer({"answer": value}, Prompt(), Completion(text=f" {value}", first_token=first))
    return RowResult(row, 0.0, Run(answer.outputs, (Call(BARE, row.inputs, answer),)))


def fitter(rows: Sequence[Row], *, exact: bool = False) -> PointerFitter:
    return PointerFitter(QA, "context", rows, answer_exact if exact else answer_f1)


def fit(pointers: PointerFitter, results: Sequence[RowResult]) -> Pointer | None:
    return pointers.fit(BARE, Candidate({}, origin="x"), results)


def test_a_pointer_learns_what_the_model_overlooks() -> None:
    rows = [bridge(number) for number in range(POINT_FROM)]
    pointer = fit(fitter(rows), [result(row) for row in rows])
    assert pointer is not None
    assert set(pointer.weights) == set(SIGNALS)
    unseen, told = bridge(99), {" Carl": -0.1, " Ann": -2.0}
    text, lead = str(unseen.inputs["context"]), str(unseen.inputs["question"])
    assert pointer.points_at(text, lead, written="Carl", first_token=told) in ("the", "Ann")


def test_too_few_answers_that_are_known_give_none() -> None:
    rows = [bridge(number) for number in range(POINT_FROM)]
    assert fit(fitter(rows), [result(row) for row in rows[1:]]) is None
    unknown = [*rows[1:], bridge(0, Unanswerable())]
    assert fit(fitter(unknown), [result(row) for row in unknown]) is None
    elsewhere = [*rows[1:], bridge(0, "Otto")]
    assert fit(fitter(elsewhere), [result(row) for row in elsewhere]) is None


def test_an_abstention_and_an_answer_without_alternatives_tell_nothing() -> None:
    rows = [bridge(number) for number in range(POINT_FROM)]
    results = [result(row) for row in rows]
    assert fit(fitter(rows), [*results[1:], result(rows[0], Unanswerable())]) is None
    untold = Answer({"answer": "Carl"}, Prompt(), Completion(text=" Carl"))
    silent = RowResult(rows[0], 0.0, Run(untold.outputs, (Call(BARE, rows[0].inputs, untold),)))
    assert fit(fitter(rows), [*results[1:], silent]) is None


def right_words(row: Row) -> list[str]:
    """Return the words at which answers are right, by what a fitter makes of a row."""
    choice = fitter([row])._choice(result(row))
    assert choice is not None
    return [word for word, right in zip(str(row.inputs["context"]).split(), choice.right, strict=True) if right]


def test_a_beginning_that_the_metric_does_not_mind_is_as_right() -> None:
    assert right_words(bridge(1)) == ["the", "Ann"]  # articles do not count
    assert right_words(bridge(1, "the Ann B1")) == ["the", "Ann"]
    assert right_words(bridge(1, "B1")) == ["B1."]


# In a search


def misled(prompt: Prompt, sampling: Sampling) -> Completion:
    """Begin with the first name; after another, go on with its second part."""
    asked = prompt.full_text.rsplit("Context: ", 1)[-1]
    number = asked.split("Bridge ")[1].split(" ")[0]
    begun = prompt.full_text.rsplit("Answer:", 1)[-1].strip()
    going_on = {"": f" Carl C{number}", "the": f" Ann B{number}", "Ann": f" B{number}"}
    first = {" Carl": math.log(0.6), " Ann": math.log(0.2), " the": math.log(0.1)}
    usage = Usage(prompt_tokens=len(prompt.full_text.split()), completion_tokens=2)
    return Completion(text=going_on[begun], first_token=first, usage=usage)


def study(rows: int, *, budget: str = "100000calls", **options: bool) -> Study:
    evaluator = evaluator_of(ScriptedModel(misled), metric=answer_f1, wiring=direct_wiring(BARE, QA), budget=budget)
    made = [bridge(number) for number in range(12 + rows)]
    return study_on(QA, made[:12], made[12:], evaluator, **options)


def answered(one: Study) -> Study:
    trial = one.trial(one.bare())
    one.extend(trial, len(one.val))
    return one


def test_the_best_is_pointed_once_the_search_is_over_where_that_does_better() -> None:
    pointed = answered(study(60))
    assert pointed.best is not None
    assert pointed.best.mean < 0.1
    calls = pointed.ledger.spent
    pointed.point()
    assert pointed.best.candidate.prompts[BARE].correction(Pointer) is not None
    assert pointed.best.mean > 0.9
    assert calls < pointed.ledger.spent <= calls + 60


def test_too_few_rows_or_too_small_a_budget_leave_it_as_it_was() -> None:
    few = answered(study(POINT_FROM))  # a fold less than it takes
    poor = answered(study(60, budget="70calls"))
    free = answered(study(60, may_extract=False))
    for one in (few, poor, free):
        assert one.best is not None
        before = one.best.evaluation
        one.point()
        assert one.best.candidate.prompts[BARE].correction(Pointer) is None
        assert one.best.evaluation.scores == before.scores
