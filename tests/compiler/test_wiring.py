"""Wiring is read off runs only where it explains every one of them."""

from collections.abc import Mapping

from cribsheet.compiler.wiring import Recorded, infer_wiring
from cribsheet.frozen import Wire
from cribsheet.frozen.running import Answer, Call, Run
from cribsheet.layout.parsing import ParseFailure
from cribsheet.models import Completion
from cribsheet.outcomes import Value
from cribsheet.prompts import Prompt


def call(name: str, inputs: Mapping[str, Value], outputs: Mapping[str, Value]) -> Call:
    return Call(name, inputs, Answer(outputs, Prompt(text="x"), Completion(text="x")))


def chain(number: int, *, change: str = "") -> Recorded:
    find = call("find", {"text": f"t{number}"}, {"word": f"w{number}"})
    judge = call("judge", {"word": f"w{number}{change}", "text": f"t{number}"}, {"mood": number % 2 == 0})
    return {"text": f"t{number}"}, Run({"mood": number % 2 == 0}, (find, judge))


def test_a_chain_is_wired() -> None:
    wiring = infer_wiring([chain(number) for number in range(10)])
    assert wiring is not None
    assert wiring.order == ("find", "judge")
    assert wiring.inputs["judge"] == {
        "word": Wire(source="find", field="word"),
        "text": Wire(source=None, field="text"),
    }
    assert wiring.outputs == {"mood": Wire(source="judge", field="mood")}


def test_one_changed_value_is_enough_to_refuse() -> None:
    assert infer_wiring([*(chain(number) for number in range(10)), chain(11, change="!")]) is None


def test_runs_that_take_different_ways_are_not_wired() -> None:
    given, run = chain(11)
    assert infer_wiring([*(chain(number) for number in range(10)), (given, Run(run.outputs, run.calls[:1]))]) is None


def test_failed_runs_say_nothing_and_too_few_say_too_little() -> None:
    failed: Recorded = ({"text": "t"}, Run(ParseFailure("empty"), ()))
    assert infer_wiring([*(chain(number) for number in range(8)), failed]) is not None
    assert infer_wiring([*(chain(number) for number in range(7)), failed]) is None


def test_a_loop_is_not_wired() -> None:
    def loop(number: int) -> Recorded:
        once = call("find", {"text": f"t{number}"}, {"word": f"w{number}"})
        return {"text": f"t{number}"}, Run({"word": f"w{number}"}, (once, once))

    assert infer_wiring([loop(number) for number in range(10)]) is None
