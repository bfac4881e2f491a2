"""Signatures come over from dspy whole, or are refused in words."""

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from enum import Enum
from typing import Any, Literal

import dspy
import pytest

from cribsheet import Unanswerable
from cribsheet.compiler.bridge import DspyProgram, as_module, signature_of
from cribsheet.errors import CompileError, SignatureError
from cribsheet.layout.parsing import ParseFailure
from cribsheet.models.scripted import ScriptedModel
from cribsheet.signature import Field, Signature
from cribsheet.signature.types import TYPES
from frozen_toys import toy_prompt


class Mood(Enum):
    LOW = "negative"
    HIGH = "positive"


def field_of(annotation: Any) -> Field:
    made = dspy.Signature({"text": (str, dspy.InputField()), "out": (annotation, dspy.OutputField(desc="told"))}, "Do.")
    return signature_of(made).outputs[0]


@pytest.mark.parametrize(
    ("annotation", "kind", "labels", "abstains"),
    [
        (str, "text", (), False),
        (str | Unanswerable, "text", (), True),
        (int, "integer", (), False),
        (float | Unanswerable, "number", (), True),
        (bool, "boolean", (), False),
        (Literal["a", "b"], "label", ("a", "b"), False),
        (Literal[1, 2] | Unanswerable, "label", (1, 2), True),
        (Mood, "label", ("negative", "positive"), False),
    ],
)
def test_types_become_outcomes(annotation: Any, kind: str, labels: tuple[Any, ...], abstains: bool) -> None:
    own = TYPES[kind].model_validate({"labels": labels} if labels else {})
    assert field_of(annotation) == Field(name="out", type=own, abstains=abstains, description="told")


@pytest.mark.parametrize("annotation", [bytes, list[bytes], Literal[1.5], Any, Callable[[], str], dict[int, str]])
def test_a_type_without_a_form_in_a_prompt_is_refused(annotation: Any) -> None:
    with pytest.raises(SignatureError, match="Use str, int"):
        field_of(annotation)


def test_a_signature_survives_its_json_schema() -> None:
    made = dspy.Signature(
        {
            "question": (str, dspy.InputField()),
            "limit": (int, dspy.InputField(desc="in words")),
            "answer": (str | Unanswerable, dspy.OutputField()),
            "mood": (Literal["low", "high"] | Unanswerable, dspy.OutputField()),
        },
        "Answer.",
    )
    plain = signature_of(made)
    dumped = plain.model_dump(mode="json")
    assert dumped["outputs"]["properties"]["mood"]["anyOf"][0] == {"enum": ["low", "high"]}
    assert Signature.model_validate(dumped) == plain


class Judge(dspy.Signature):
    """Judge."""

    text: str = dspy.InputField()
    sentiment: Mood = dspy.OutputField()


class Program(dspy.Module):
    def __init__(self) -> None:
        super().__init__()
        self.judge = dspy.Predict(Judge)

    def forward(self, text: str) -> dspy.Prediction:
        judged = self.judge(text=text)
        assert isinstance(judged.sentiment, Mood)
        return judged


def test_the_users_code_sees_its_own_types_and_the_outside_sees_plain_values() -> None:
    run = DspyProgram(Program()).run({"judge": toy_prompt()}, {"text": "fine"}, ScriptedModel({"fine": " positive"}))
    assert run.outputs == {"sentiment": "positive"}


def test_a_completion_without_a_value_ends_the_run_as_a_parse_failure() -> None:
    run = DspyProgram(Program()).run({"judge": toy_prompt()}, {"text": "fine"}, ScriptedModel({"fine": " maybe"}))
    assert isinstance(run.prediction, ParseFailure)
    assert [call.predictor for call in run.calls] == ["judge"]


def test_a_run_leaves_no_trace_in_dspys_settings_or_the_users_module() -> None:
    module = Program()
    DspyProgram(module).run({"judge": toy_prompt()}, {"text": "fine"}, ScriptedModel({"fine": " positive"}))
    assert module.judge.lm is None
    assert dspy.settings.lm is None
    assert dspy.settings.adapter is None


def test_the_programs_signature_is_its_forward_and_its_last_predictor() -> None:
    signature = DspyProgram(Program()).signature
    assert [field.name for field in signature.inputs] == ["text"]
    assert signature.outputs[0].closed_outcomes == ("negative", "positive")


def test_a_program_is_a_module_a_class_or_a_signature() -> None:
    assert isinstance(as_module(Judge), dspy.Predict)
    assert isinstance(as_module(Program), Program)
    assert as_module(module := Program()) is module
    with pytest.raises(CompileError, match=r"dspy\.Signature"):
        as_module(3)
    assert isinstance(as_module("question -> answer"), dspy.Predict)


def test_a_module_without_predictors_cannot_be_compiled() -> None:
    class Empty(dspy.Module):
        def forward(self, text: str) -> str:
            return text

    with pytest.raises(CompileError, match="no predictor"):
        DspyProgram(Empty())


@pytest.mark.slow
def test_the_bridge_needs_neither_litellm_nor_dspys_own_adapters_and_language_models() -> None:
    """As dspy 3.5 is announced: no `BaseLM.forward`, another adapter by default, LiteLLM optional."""
    code = """
        import sys
        sys.modules["litellm"] = None
        import dspy

        for owner, name in ((dspy.BaseLM, "forward"), (dspy.BaseLM, "__call__"), (dspy.ChatAdapter, "__call__")):
            if name in vars(owner):
                delattr(owner, name)
        dspy.configure(adapter=dspy.JSONAdapter(), lm=None)

        from cribsheet.compiler.bridge import DspyProgram, as_module
        from cribsheet.errors import CompileError
        from cribsheet.models.scripted import ScriptedModel
        from frozen_toys import toy_prompt

        class Program(dspy.Module):
            def __init__(self):
                super().__init__()
                self.say = dspy.Predict("text -> sentiment: str")

            def forward(self, text):
                if text == "direct":
                    return dspy.settings.lm("Hi")
                return self.say(text=text)

        program = DspyProgram(as_module(Program))
        prompts = {"say": toy_prompt(program.signatures["say"])}
        print(program.run(prompts, {"text": "lovely"}, ScriptedModel({"lovely": " fine"})).outputs)
        try:
            program.run(prompts, {"text": "direct"}, ScriptedModel({}))
        except CompileError as error:
            print(error)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.stdout.splitlines() == [
        "{'sentiment': 'fine'}",
        "The program called its language model directly, so this call cannot be compiled. Use a dspy.Predict.",
    ], done.stderr
