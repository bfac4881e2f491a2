"""Notes say what a score alone hides."""

from collections.abc import Sequence

import pytest

from cribsheet.compiler.score_notes import unvaried
from cribsheet.dataset.examples import Row
from cribsheet.evaluation.evaluate import RowResult
from cribsheet.frozen.running import Run
from cribsheet.outcomes import Unanswerable, Value
from cribsheet.signature import Field

OUTPUTS = (Field(name="problems"), Field(name="urgent", kind="boolean"))


def results(given: Sequence[Value], right: Sequence[Value]) -> list[RowResult]:
    """Return results whose `problems` are right and differ."""
    return [
        RowResult(
            Row({"text": f"mail {number}"}, {"problems": (str(number),), "urgent": (gold,)}),
            float(value == gold),
            Run({"problems": str(number), "urgent": value}, ()),
        )
        for number, (value, gold) in enumerate(zip(given, right, strict=True))
    ]


def test_an_output_that_is_the_same_in_all_answers_is_told() -> None:
    (told,) = unvaried(OUTPUTS, results([True] * 8, [True, False] * 4))
    assert told == "urgent is the same in all 8 answers to test rows, although the right ones differ: true."


def test_abstentions_are_the_same_whatever_their_reasons() -> None:
    given = [Unanswerable(reason=f"It is secret {number}.") for number in range(8)]
    (told,) = unvaried(OUTPUTS, results(given, ["a", *given[1:]]))
    assert told.endswith("differ: unanswerable.")
    assert not list(unvaried(OUTPUTS, results(given, given)))


@pytest.mark.parametrize(
    ("given", "right"),
    [
        ([True, False] * 4, [True, False] * 4),
        ([True] * 8, [True] * 8),
        ([True] * 7, [True, False, True, False, True, False, True]),
    ],
    ids=["varied", "all right", "few rows"],
)
def test_nothing_is_told_if_answers_differ_or_should_not_or_are_few(given: list[Value], right: list[Value]) -> None:
    assert not list(unvaried(OUTPUTS, results(given, right)))
