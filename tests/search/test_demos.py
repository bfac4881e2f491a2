"""Demonstration sets are balanced, seeded and within their pool."""

import random
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from cribsheet.dataset.examples import Demo, Row
from cribsheet.outcomes import Unanswerable
from cribsheet.search.demos import answered_only, balanced, demos_of, short
from cribsheet.signature import Field, Signature
from toys import QA, SENTIMENT

POOL = tuple(
    Demo(
        inputs={"text": f"row {number}" * (number + 1)}, outputs={"sentiment": "positive" if number % 3 else "negative"}
    )
    for number in range(30)
)


@given(size=st.integers(0, 40), seed=st.integers(0, 50))
def test_outcomes_are_as_even_as_the_pool_allows(size: int, seed: int) -> None:
    picked = balanced(SENTIMENT, POOL, size=size, rng=random.Random(seed))
    counts = Counter(demo.outputs["sentiment"] for demo in picked)
    assert len(picked) == len({demo.inputs["text"] for demo in picked}) == min(size, 30)
    assert min(counts["negative"], 10) >= min(10, size // 2)


def test_the_last_output_with_several_outcomes_is_balanced() -> None:
    mail = Signature(
        name="Mail",
        instructions="Sort.",
        inputs=(Field(name="text"),),
        outputs=(Field(name="urgent", kind="boolean"), Field(name="problem")),
    )
    pool = [
        Demo(inputs={"text": f"mail {number}"}, outputs={"urgent": number < 4, "problem": f"problem {number}"})
        for number in range(20)
    ]
    picked = balanced(mail, pool, size=6, rng=random.Random(0))
    assert sum(bool(demo.outputs["urgent"]) for demo in picked) == 3


def test_a_seed_gives_the_same_demos_in_the_same_order() -> None:
    one, two = (balanced(SENTIMENT, POOL, size=6, rng=random.Random(3)) for _ in range(2))
    assert one == two


def test_rows_that_lack_a_predictors_field_make_no_demo() -> None:
    row = Row({"question": "Q?", "context": "C."}, {"answer": (Unanswerable(),)})
    assert len(demos_of(QA, [row])) == 1
    assert demos_of(SENTIMENT, [row]) == ()


def test_a_pool_can_be_cut_to_answers_and_to_short_rows() -> None:
    rows = [
        Row({"question": "Q?", "context": "C." * number}, {"answer": ((Unanswerable(), "yes")[number % 2],)})
        for number in range(1, 11)
    ]
    pool = demos_of(QA, rows)
    assert {demo.outputs["answer"] for demo in answered_only(QA, pool)} == {"yes"}
    assert [len(str(demo.inputs["context"])) for demo in short(pool, share=0.3)] == [2, 4, 6]
