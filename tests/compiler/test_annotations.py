"""Annotations that are written as text, as `from __future__ import annotations` makes them, become types."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, Literal

import dspy
import pytest

from cribsheet import Unanswerable
from cribsheet.compiler.bridge import DspyProgram, as_module, signature_of
from cribsheet.errors import CompileError, SignatureError
from cribsheet.models.scripted import ScriptedModel
from frozen_toys import toy_prompt

if TYPE_CHECKING:
    from typing import Literal as Hidden


class Early(dspy.Signature):
    """Judge."""

    text: str = dspy.InputField()
    stars: int = dspy.InputField()
    sentiment: Literal["negative", "positive"] = dspy.OutputField()
    answer: str | Unanswerable = dspy.OutputField()


class Late(dspy.Signature):
    """Judge by what is defined below."""

    text: str = dspy.InputField()
    sentiment: Mood = dspy.OutputField()


class Mood(Enum):
    LOW = "negative"
    HIGH = "positive"


class Nowhere(dspy.Signature):
    """Judge by what only type checkers know."""

    text: str = dspy.InputField()
    sentiment: Hidden["negative", "positive"] = dspy.OutputField()  # type: ignore[valid-type]


class Program(dspy.Module):
    def __init__(self, signature: type[dspy.Signature] = Late) -> None:
        super().__init__()
        self.judge = dspy.ChainOfThought(signature)

    def forward(self, text: str) -> dspy.Prediction:
        return self.judge(text=text)


class Lost(Program):
    def __init__(self) -> None:
        super().__init__(Nowhere)


class Needy(dspy.Module):
    def __init__(self, must: int) -> None:
        super().__init__()


def test_a_signature_has_its_types() -> None:
    plain = signature_of(Early)
    assert [field.type.kind for field in plain.inputs] == ["text", "integer"]
    assert plain.outputs[0].outcomes == ("negative", "positive")
    assert plain.outputs[1].abstains


def test_a_type_that_is_defined_after_the_signature_is_found() -> None:
    assert signature_of(Late).outputs[0].outcomes == ("negative", "positive")


def test_a_program_that_makes_signatures_of_its_own_has_them_too() -> None:
    program = DspyProgram(as_module(Program))
    assert [field.name for field in program.signature.inputs] == ["text"]
    assert program.signature.outputs[-1].outcomes == ("negative", "positive")


def test_a_run_gives_the_program_the_members_of_its_enum() -> None:
    seen: list[Any] = []

    class Look(dspy.Module):
        def __init__(self) -> None:
            super().__init__()
            self.judge = dspy.Predict(Late)

        def forward(self, text: str) -> dspy.Prediction:
            judged = self.judge(text=text)
            seen.append(judged.sentiment)
            return judged

    run = DspyProgram(Look()).run({"judge": toy_prompt()}, {"text": "fine"}, ScriptedModel({"fine": " positive"}))
    assert (seen, run.outputs) == ([Mood.HIGH], {"sentiment": "positive"})


def test_a_name_that_the_module_does_not_know_is_told_with_what_to_do() -> None:
    with pytest.raises(SignatureError, match=r"'sentiment' has the type .*Hidden.*define it at the top of that module"):
        signature_of(Nowhere)
    with pytest.raises(CompileError, match=r"Lost\(\) raised ValueError.*define it at the top of that module"):
        as_module(Lost)


def test_a_module_that_cannot_be_made_says_where() -> None:
    with pytest.raises(CompileError, match=r"Needy\(\) raised TypeError: .*'must'.* must work without arguments"):
        as_module(Needy)


class Taste(Enum):
    SWEET = "sucre\u0301"  # as some editors save it: the letter, then its accent


class Tasting(dspy.Signature):
    """Taste."""

    text: str = dspy.InputField()
    sentiment: Taste = dspy.OutputField()


def test_an_enum_in_another_normal_form_is_told_in_ours() -> None:
    seen: list[Any] = []

    class Look(dspy.Module):
        def __init__(self) -> None:
            super().__init__()
            self.judge = dspy.Predict(Tasting)

        def forward(self, text: str) -> dspy.Prediction:
            judged = self.judge(text=text)
            seen.append(judged.sentiment)
            return judged

    program = DspyProgram(Look())
    assert program.signature.outputs[0].outcomes == ("sucr\u00e9",)
    prompt = toy_prompt(program.signature)
    run = program.run({"judge": prompt}, {"text": "fine"}, ScriptedModel({"fine": " sucre\u0301"}))
    assert (seen, run.outputs) == ([Taste.SWEET], {"sentiment": "sucr\u00e9"})
