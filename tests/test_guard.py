"""The guard tells questions that the context does not answer, in English and Chinese."""

import random

import pytest

from cribsheet.evaluate import RowResult
from cribsheet.examples import Example, Prediction
from cribsheet.guard import Guard, terms
from cribsheet.metrics import answer_f1
from cribsheet.models import Completion
from cribsheet.outcomes import Unanswerable, Value
from cribsheet.parsing import ParseFailure
from cribsheet.prompts import Prompt
from cribsheet.running import Answer, Call, Run
from cribsheet.search.guarding import GuardFitter
from cribsheet.signature import Field, Signature
from toys import QA

GRAVITY = "Gravity is the force that pulls bodies towards each other."
SUBJECTS = ("bridge", "river", "castle", "museum", "tunnel", "harbour", "garden", "school", "tower", "market")
DEFAULT = Guard(
    field="answer",
    lead="question",
    context="context",
    weights={"coverage": 6.0},
    intercept=-3.0,
    threshold=0.5,
    idf={"who": 0.1, "is": 0.1, "what": 0.1, "the": 0.0},
    rare=3.0,
)


def apply(guard: Guard, question: str, context: str, answer: Value) -> Value:
    inputs = {"question": question, "context": context}
    return guard.apply(inputs, {"answer": answer}, Completion(text=str(answer)))["answer"]


def test_an_answer_to_a_question_about_something_else_does_not_stand() -> None:
    assert apply(DEFAULT, "Who is Anne Frank?", GRAVITY, "a force") == Unanswerable()
    assert apply(DEFAULT, "What is gravity?", GRAVITY, "a force") == "a force"


def test_an_abstention_stays() -> None:
    kept = Unanswerable(reason="not stated")
    assert apply(DEFAULT, "What is gravity?", GRAVITY, kept) is kept


def test_chinese_is_compared_by_pairs_of_characters() -> None:
    context = "北京大学成立于1898年，位于海淀区。"
    assert apply(DEFAULT, "北京大学成立于哪一年？", context, "1898年") == "1898年"
    assert apply(DEFAULT, "安妮弗兰克是谁？", context, "1898年") == Unanswerable()


def test_terms_forgive_endings_and_width() -> None:
    assert set(terms("Building BRIDGES")) == set(terms("ｂｕｉｌｄｉｎｇs bridge"))
    assert list(terms("2024年Q3")) == ["年", "2024", "q3"]


def result(question: str, context: str, gold: Value, answer: Value | None) -> RowResult:
    example = Example({"question": question, "context": context}, {"answer": (gold,)})
    completion = Completion(text=str(answer), logprobs=(-0.5,))
    prediction = ParseFailure("empty") if answer is None else Prediction({"answer": answer})
    call = Call("predict", example.inputs, Answer(prediction, Prompt(text="x"), completion))
    score = 0.0 if answer is None else float(answer_f1(example, prediction))
    return RowResult(example, score, Run(prediction, (call,)))


def results() -> list[RowResult]:
    """Forty questions, each about the context's subject or another, all answered."""
    rng = random.Random(0)
    rows = []
    for number in range(40):
        here, there = rng.sample(SUBJECTS, 2)
        context = f"The {here} was opened in {1900 + number} by the mayor."
        asked, gold = (here, f"{1900 + number}") if number % 2 else (there, Unanswerable())
        rows.append(result(f"When was the {asked} opened?", context, gold, f"{1900 + number}"))
    return rows


def test_a_fitted_guard_tells_the_subjects_apart() -> None:
    rows = results()
    guard = GuardFitter(QA, [row.example for row in rows], answer_f1)(rows)
    assert guard is not None
    assert guard.weights["coverage"] > 1
    said = [apply(guard, row.example.question, row.example.context, "1900") for row in rows]  # type: ignore[arg-type]
    assert (
        sum(
            isinstance(one, Unanswerable) == isinstance(row.example.answer, Unanswerable)
            for one, row in zip(said, rows, strict=True)
        )
        >= 38
    )


def test_a_guard_that_could_only_hurt_lets_everything_stand() -> None:
    rows = [row for row in results() if not isinstance(row.example.answer, Unanswerable)] * 2
    odd = result("When was the tower opened?", "The tower was opened in 1907.", Unanswerable(), "1907")
    guard = GuardFitter(QA, [row.example for row in rows], answer_f1)([*rows, odd])
    assert guard is not None
    kept = [apply(guard, row.example.question, row.example.context, row.example.answer) for row in rows]  # type: ignore[arg-type]
    assert not any(isinstance(one, Unanswerable) for one in kept)


def test_too_few_answers_or_one_kind_alone_make_no_guard() -> None:
    rows = results()
    fitter = GuardFitter(QA, [row.example for row in rows], answer_f1)
    assert fitter(rows[:10]) is None
    assert fitter(rows[::2]) is None
    assert fitter([result("Q?", "C.", "x", None)] * 30) is None


@pytest.mark.parametrize(
    ("inputs", "output", "suits"),
    [
        (("question", "context"), Field(name="answer", abstains=True), True),
        (("context",), Field(name="answer", abstains=True), False),
        (("question", "context"), Field(name="answer"), False),
        (("question", "context"), Field(name="fits", kind="boolean", abstains=True), False),
    ],
)
def test_a_guard_needs_an_answer_that_may_be_missing_and_a_text_to_look_in(
    inputs: tuple[str, ...], output: Field, suits: bool
) -> None:
    fields = tuple(Field(name=name) for name in inputs)
    assert GuardFitter.suits(Signature(name="S", instructions="", inputs=fields, outputs=(output,))) == suits
