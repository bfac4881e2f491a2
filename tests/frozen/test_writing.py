"""An answer whose first text has no end is finished from there."""

from collections.abc import Mapping
from typing import Literal

import pytest

from cribsheet.corrections import Answer
from cribsheet.errors import ContextOverflowError
from cribsheet.frozen import Decoding, FrozenPrompt
from cribsheet.frozen.writing import write
from cribsheet.layout.catalogue import layout_named
from cribsheet.layout.parsing import ParseFailure
from cribsheet.models import Completion, Sampling
from cribsheet.models.scripted import ScriptedModel
from cribsheet.prompts import Prompt
from cribsheet.signature import Field, Signature
from cribsheet.signature.types.list import List
from cribsheet.signature.types.text import Text

PROBLEM = Signature(
    name="Problem",
    instructions="",
    inputs=(Field(name="question"),),
    outputs=(Field(name="reasoning"), Field(name="answer", kind="number")),
)


def prompt_of(layout: str, *, asks_again: bool = True) -> FrozenPrompt:
    return FrozenPrompt(
        signature=PROBLEM,
        layout=layout_named(layout),
        instructions="",
        reasoning=True,
        decoding=Decoding(max_tokens=30, asks_again=asks_again),
    )


def written(
    prompt: FrozenPrompt, says: Mapping[str, str], *, may_go_on: bool = False, is_cut: bool = True
) -> tuple[Answer, ScriptedModel]:
    """Return the answer of a model that says the text of the last key with which its prompt ends."""

    def answer(asked: Prompt, sampling: Sampling) -> Completion:
        text = next(text for end, text in reversed(says.items()) if asked.full_text.endswith(end))
        reason: Literal["length", "stop"] = "length" if is_cut else "stop"
        return Completion(text="" if sampling.temperature else text, may_go_on=may_go_on, finish_reason=reason)

    model = ScriptedModel(answer)
    return write(prompt, prompt.render({"question": "What is 2 * 3 + 1?"}), model), model


@pytest.mark.parametrize(
    ("layout", "said", "after"),
    [
        ("plain", " 2 * 3 = 6. 6 + 1 = 7. 7 +", " 2 * 3 = 6. 6 + 1 = 7.\nAnswer:"),
        ("plain", " 2 * 3 is 6.5 / 1", " 2 * 3 is 6.5 / 1\nAnswer:"),
        ("xml", "2 * 3 = 6. 6 + 1 = 7.</reasoning>\nSo", "2 * 3 = 6. 6 + 1 = 7.</reasoning>\n<answer>"),
        ("xml", "2 * 3 = 6. 6 + 1 = 7</reasoning>\nSo", "2 * 3 = 6. 6 + 1 = 7</reasoning>\n<answer>"),
        ("xml", "2 * 3 = 6. Then 6", "2 * 3 = 6.</reasoning>\n<answer>"),
    ],
)
def test_a_rationale_without_an_answer_is_finished_from_its_last_sentence(layout: str, said: str, after: str) -> None:
    answer, model = written(prompt_of(layout), {"": said, after: " 7"})
    assert answer.outputs == {"answer": 7.0}
    assert answer.reasoning == after.partition("\n")[0].replace("</reasoning>", "").strip()
    assert answer.is_second
    assert len(model.calls) == len(answer.completions) == 2


def test_a_rationale_that_the_model_ended_itself_is_kept_whole() -> None:
    answer, _ = written(prompt_of("plain"), {"": " 2 * 3 = 6. 6 + 1 = 7", " 6 + 1 = 7\nAnswer:": " 7"}, is_cut=False)
    assert answer.outputs == {"answer": 7.0}
    assert answer.reasoning == "2 * 3 = 6. 6 + 1 = 7"


def test_a_chat_is_finished_if_the_model_can_go_on_and_else_asked_again() -> None:
    prompt = prompt_of("chat")
    says = {"": "2 * 3 = 6. 6", "Answer:": " 7"}
    assert written(prompt, says, may_go_on=True)[0].outputs == {"answer": 7.0}
    failed, model = written(prompt, says)
    assert isinstance(failed.outputs, ParseFailure)
    assert [call.sampling.temperature for call in model.calls] == [0.0, 0.3]


def test_an_answer_that_is_there_but_no_number_is_asked_for_again() -> None:
    _, model = written(prompt_of("plain"), {"": " It is easy.\nAnswer: seven"})
    assert [call.sampling.temperature for call in model.calls] == [0.0, 0.3]


def test_an_answer_after_a_rationale_is_written_anew_if_it_can_be_held() -> None:
    free = prompt_of("plain")
    held = free.model_copy(update={"decoding": free.decoding.model_copy(update={"again_held_by": "grammar"})})
    said = {"": " It is easy. So\nAnswer: seven", " It is easy. So\nAnswer:": " 7"}
    answer, model = written(held, said)
    assert (answer.outputs, answer.reasoning) == ({"answer": 7.0}, "It is easy. So")
    assert "number ::= " in model.calls[1].sampling.grammar
    assert [call.sampling.temperature for call in model.calls] == [0.0, 0.0]


ORDER = Signature(
    name="Order",
    instructions="",
    inputs=(Field(name="text"),),
    outputs=(Field(name="items", type=List(item=Text())),),
)
"""A signature whose answers can be held to a grammar."""


@pytest.mark.parametrize("held_by", ["nothing", "grammar"])
def test_an_answer_that_was_cut_off_is_asked_for_again_with_twice_the_tokens_and_held(
    held_by: Literal["nothing", "grammar"],
) -> None:
    decoding = Decoding(max_tokens=8, held_by=held_by, asks_again=True, again_held_by="grammar")
    layout = layout_named("plain")
    prompt = FrozenPrompt(signature=ORDER, layout=layout, instructions="", decoding=decoding)

    def answer(asked: Prompt, sampling: Sampling) -> Completion:
        return Completion(text=' ["tea", "milk"]'[: sampling.max_tokens], finish_reason="length")

    model = ScriptedModel(answer)
    found = write(prompt, prompt.render({"text": "Tea and milk."}), model)
    assert found.outputs == {"items": ["tea", "milk"]}
    assert [call.sampling.max_tokens for call in model.calls] == [8, 16]
    assert [bool(call.sampling.grammar) for call in model.calls] == [held_by == "grammar", True]


def test_if_a_longer_answer_does_not_fit_the_first_one_is_kept() -> None:
    def answer(asked: Prompt, sampling: Sampling) -> Completion:
        if sampling.max_tokens > 30:
            raise ContextOverflowError("The window is full.")
        return Completion(text=" It is easy.\nAnswer: seven", finish_reason="length")

    prompt, model = prompt_of("plain"), ScriptedModel(answer)
    found = write(prompt, prompt.render({"question": "What is 2 * 3 + 1?"}), model)
    assert isinstance(found.outputs, ParseFailure)
    assert not found.is_second
    assert len(model.calls) == 2


def test_nothing_is_asked_twice_if_the_decoding_does_not_say_so() -> None:
    failed, model = written(prompt_of("plain", asks_again=False), {"": " 2 * 3"})
    assert isinstance(failed.outputs, ParseFailure)
    assert len(model.calls) == 1
