"""Each output, and each member of a record, has a share of its own."""

from typing import Any

import pytest

from cribsheet.dataset.examples import Row
from cribsheet.evaluation.evaluate import Evaluation, RowResult
from cribsheet.evaluation.parts import shares_right
from cribsheet.frozen.running import Run
from cribsheet.layout.parsing import ParseFailure
from cribsheet.outcomes import Unanswerable
from cribsheet.signature import Field
from cribsheet.signature.types.boolean import Boolean
from cribsheet.signature.types.decimal_number import Decimal
from cribsheet.signature.types.record import Member, Record
from cribsheet.signature.types.text import Text

MAIL = (Field(name="problem"), Field(name="urgent", type=Boolean()))
OFFER = (
    Field(
        name="offer",
        type=Record(members=(Member(name="item", type=Text()), Member(name="price", type=Decimal()))),
        abstains=True,
    ),
)


def evaluated(*pairs: tuple[Any, Any]) -> Evaluation:
    """Return an evaluation of pairs of the accepted values and the outputs."""
    rows = [
        RowResult(Row({"text": f"row {number}"}, accepted), 0.0, Run(outputs, ()))
        for number, (accepted, outputs) in enumerate(pairs)
    ]
    return Evaluation(tuple(rows))


def test_each_of_several_outputs_has_its_share() -> None:
    found = evaluated(
        ({"problem": ("late", "delay"), "urgent": (True,)}, {"problem": "delay", "urgent": False}),
        ({"problem": ("lost",), "urgent": (False,)}, {"problem": "lost", "urgent": False}),
        ({"problem": ("lost",), "urgent": (True,)}, ParseFailure(reason="no")),
    )
    assert shares_right(found, MAIL) == {"problem": pytest.approx(2 / 3), "urgent": pytest.approx(1 / 3)}


def test_each_member_of_a_record_has_its_share_and_decimals_are_compared_by_value() -> None:
    lamp = {"item": "lamp", "price": "1.50"}
    found = evaluated(
        ({"offer": (lamp,)}, {"offer": {"item": "Lampe", "price": "1.5"}}),
        ({"offer": (lamp,)}, {"offer": Unanswerable()}),
        ({"offer": (Unanswerable(reason="It is sold."),)}, {"offer": Unanswerable()}),
        ({"offer": (Unanswerable(),)}, {"offer": lamp}),
    )
    assert shares_right(found, OFFER) == {"item": 0.25, "price": 0.5}


def test_a_single_output_that_is_no_record_has_no_parts() -> None:
    found = evaluated(({"problem": ("late",)}, {"problem": "late"}))
    assert shares_right(found, MAIL[:1]) == shares_right(found, MAIL) == {}


def test_what_own_code_returns_in_place_of_a_record_is_wrong() -> None:
    found = evaluated(({"offer": ({"item": "lamp", "price": "1"},)}, {"offer": "n/a"}))
    assert shares_right(found, OFFER) == {"item": 0.0, "price": 0.0}
