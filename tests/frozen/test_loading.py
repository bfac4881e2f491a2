"""A loaded frozen file answers, without dspy."""

import subprocess
import sys
from pathlib import Path

import pytest

import cribsheet
from cribsheet.corrections.guard import Guard
from cribsheet.errors import CompileError, DataError, UnreadableCompletionError
from cribsheet.frozen import FrozenProgram
from cribsheet.frozen.sealing import save
from cribsheet.models import Completion
from cribsheet.models.scripted import ScriptedModel
from cribsheet.outcomes import Unanswerable
from frozen_toys import toy_program, toy_prompt
from toys import QA, SENTIMENT, student_model


@pytest.fixture
def path(tmp_path: Path) -> Path:
    save(toy_program(), tmp_path / "x.prompt.json")
    return tmp_path / "x.prompt.json"


def test_a_call_returns_typed_outputs_and_the_raw_text(path: Path) -> None:
    program = cribsheet.load(path, model=ScriptedModel({"fine": " Positive."}))
    prediction = program(text="It was fine.")
    assert prediction.sentiment == "positive"
    assert prediction.text == " Positive."


def test_an_abstention_is_typed(tmp_path: Path) -> None:
    save(toy_program(toy_prompt(QA)), tmp_path / "qa.prompt.json")
    program = cribsheet.load(tmp_path / "qa.prompt.json", model=ScriptedModel({"gravity": " unanswerable"}))
    assert program(question="Who is Anne Frank?", context="On gravity.").answer == Unanswerable()


def test_half_of_a_surrogate_pair_is_no_text(path: Path) -> None:
    with pytest.raises(
        DataError, match=r"text has half of a surrogate pair, '\\ud800', at position 1\. Correct this input of"
    ):
        cribsheet.load(path, model=student_model())(text="a\ud800")


def test_wrong_inputs_are_answered_with_the_right_ones(path: Path) -> None:
    program = cribsheet.load(path, model=student_model())
    with pytest.raises(DataError, match="takes text but got review"):
        program(review="fine")
    with pytest.raises(DataError, match="must be text but got 3"):
        program(text=3)
    with pytest.raises(DataError, match=r"by name but got 'fine'. Call program\(text=…\)"):
        program("fine")  # type: ignore[call-arg]


def test_a_completion_that_cannot_be_read_says_what_the_model_said(path: Path) -> None:
    program = cribsheet.load(path, model=ScriptedModel({"fine": " hard to tell"}))
    with pytest.raises(UnreadableCompletionError, match="hard to tell"):
        program(text="fine")


def test_the_exact_prompt_can_be_had(path: Path) -> None:
    program = cribsheet.load(path, model=student_model())
    assert program.render(text="Hm.").text == "Text: Hm.\nSentiment:"


def test_one_of_several_prompts_is_called_by_name() -> None:
    several = toy_program().model_copy(
        update={"prompts": {"judge": toy_prompt(), "answer": toy_prompt(QA)}, "wiring": None}
    )
    program = cribsheet.Program(several, model=ScriptedModel({"fine": " positive"}))
    assert program["judge"](text="fine").sentiment == "positive"
    with pytest.raises(DataError, match="judge, answer"):
        program["nobody"]
    with pytest.raises(CompileError, match="by name"):
        program(text="fine")


def test_what_no_answer_can_stand_on_is_answered_without_the_model() -> None:
    guard = Guard(
        field="answer",
        context="context",
        lead=("question",),
        weights={},
        intercept=0.0,
        threshold=0.0,
        least_coverage=0.2,
    )
    model = ScriptedModel(lambda *_: Completion(text=" a force"))
    prompt = toy_prompt(QA).with_corrections(guard)
    program = cribsheet.Program(toy_program(prompt), model=model)
    off_topic = {"question": "Who is Anne Frank?", "context": "Gravity pulls."}
    assert program(**off_topic).answer == Unanswerable()
    assert program["predict"](**off_topic).answer == Unanswerable()
    assert model.calls == []
    assert program.run(off_topic, model).prediction == program.answer(off_topic, model).prediction
    assert len(model.calls) == 1
    assert program(question="What does gravity do?", context="Gravity pulls.").answer == "a force"


def test_inputs_are_those_of_the_program(path: Path) -> None:
    assert [field.name for field in cribsheet.load(path).inputs] == ["text"]


def test_the_program_of_a_file_is_its_own_type(path: Path) -> None:
    assert isinstance(cribsheet.load(path).frozen, FrozenProgram)
    assert cribsheet.load(path).frozen.prompts["predict"].signature == SENTIMENT


def imported(code: str) -> set[str]:
    shown = subprocess.run(
        [sys.executable, "-c", f"{code}; import sys; print(*sys.modules)"], capture_output=True, text=True, check=True
    )
    return set(shown.stdout.split())


def test_neither_dspy_nor_litellm_is_imported_to_run_a_frozen_file(path: Path) -> None:
    code = f"import cribsheet; cribsheet.load({str(path)!r}).render(text='Hm.'); cribsheet.Unanswerable"
    assert not {"dspy", "litellm", "ollama", "xllamacpp"} & imported(code)


def test_importing_cribsheet_imports_next_to_nothing() -> None:
    assert not {"dspy", "litellm", "pydantic", "click", "rich"} & imported("import cribsheet")
