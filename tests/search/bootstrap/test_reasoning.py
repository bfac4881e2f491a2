"""A prompt that reasons is made of bootstrapped rationales, is read from the text, hands on the outputs alone."""

import json
from pathlib import Path

import dspy
import pytest

from cribsheet import Program, load
from cribsheet.compiler.bridge import BARE, DspyProgram
from cribsheet.dataset.examples import Prediction
from cribsheet.errors import FrozenFileError, SignatureError
from cribsheet.export import export
from cribsheet.frozen import FrozenPrompt
from cribsheet.frozen.running import ask, direct_wiring, run_wired
from cribsheet.frozen.sealing import reseal, save
from cribsheet.layout.catalogue import LAYOUTS, layout_named
from cribsheet.layout.parsing import ParseFailure
from cribsheet.layout.rendering import render_outputs
from cribsheet.models.scripted import ScriptedModel
from cribsheet.search.bootstrap.demonstrations import bootstrap_demos
from cribsheet.search.bootstrap.reasoning import rationales, reasoned, reasoning_variant
from cribsheet.search.bootstrap.teaching import TeacherSettings
from cribsheet.search.study import Study
from cribsheet.signature import Field, Signature
from frozen_toys import toy_program
from lessons import lesson, right, row_asked
from toys import SENTIMENT


def reasoning_study() -> Study:
    study = lesson()
    teacher = ScriptedModel(
        lambda prompt, sampling: f" Row {row_asked(prompt)} is so.\nSentiment: {right(row_asked(prompt))}"
    )
    bootstrap_demos(study, TeacherSettings(teacher=teacher, share=1.0, samples=1, reasoning=True))
    return study


def reasoning_prompt(layout: str = "plain") -> FrozenPrompt:
    study = reasoning_study()
    return reasoned(study, BARE, layout_named(layout), rationales(study, BARE)[:2])


def test_it_shows_rationales_before_the_answers_and_has_tokens_for_the_longest() -> None:
    prompt = reasoning_prompt()
    model = ScriptedModel(lambda asked, sampling: " Clearly.\nSentiment: positive")
    ask(prompt, {"text": "text 99"}, model)
    (call,) = model.calls
    assert call.prompt.text.startswith("Text: text 10\nReasoning: Row 10 is so.\nSentiment: positive\n\n")
    assert call.prompt.text.endswith("Text: text 99\nReasoning:")
    assert call.sampling.max_tokens > 6  # words, in "Row 10 is so. Sentiment: positive"


@pytest.mark.parametrize("layout", [layout.name for layout in LAYOUTS])
def test_every_layout_reads_the_outputs_and_drops_the_reasoning(layout: str) -> None:
    prompt = reasoning_prompt(layout)
    written = render_outputs(prompt.layout, prompt.signature, {"reasoning": "One word.", "sentiment": "positive"})
    answer = ask(prompt, {"text": "fine"}, ScriptedModel({"fine": written}))
    assert not isinstance(answer.outputs, ParseFailure)
    assert answer.outputs == {"sentiment": "positive"}
    assert answer.reasoning == "One word."


def test_reasoning_without_an_answer_is_a_parse_failure() -> None:
    answer = ask(reasoning_prompt(), {"text": "fine"}, ScriptedModel({"fine": " I wonder."}))
    assert isinstance(answer.outputs, ParseFailure)


def test_a_wired_program_and_a_dspy_program_hand_on_the_outputs_alone() -> None:
    class Judge(dspy.Signature):
        """Judge."""

        text: str = dspy.InputField()
        sentiment: str = dspy.OutputField()

    class Program(dspy.Module):
        def __init__(self) -> None:
            super().__init__()
            self.judge = dspy.Predict(Judge)

        def forward(self, text: str) -> dspy.Prediction:
            return self.judge(text=text)

    prompt, model = reasoning_prompt(), ScriptedModel({"fine": " So.\nSentiment: positive"})
    wired = run_wired({BARE: prompt}, direct_wiring(BARE, SENTIMENT), {"text": "fine"}, model)
    own = DspyProgram(Program()).run({"judge": prompt}, {"text": "fine"}, model)
    for run in (wired, own):
        assert not isinstance(run.outputs, ParseFailure)
        assert run.outputs == {"sentiment": "positive"}


def test_it_is_frozen_loaded_asked_and_exported(tmp_path: Path) -> None:
    path = tmp_path / "toy.prompt.json"
    program = toy_program(reasoning_prompt()).model_copy(update={"wiring": direct_wiring(BARE, SENTIMENT)})
    save(program, path)
    loaded = load(path, model=ScriptedModel({"fine": " So.\nSentiment: positive"}))
    assert isinstance(loaded, Program)
    assert loaded(text="fine") == loaded[BARE](text="fine") == Prediction({"sentiment": "positive"})
    for target in ("openai", "jinja"):
        exported = export(loaded.frozen, target)
        assert "Row 10 is so." in exported.text
        assert any("reasoning, sentiment are one text" in caveat for caveat in exported.caveats)


def test_a_file_that_claims_to_reason_but_does_not_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "toy.prompt.json"
    save(toy_program(), path)
    content = json.loads(path.read_text())
    content["prompts"]["predict"]["reasoning"] = True
    path.write_text(json.dumps(content))
    with pytest.raises(FrozenFileError, match="the first output must be 'reasoning'"):
        reseal(path)


def test_a_variant_is_there_only_if_there_are_rationales() -> None:
    bare = lesson()
    assert reasoning_variant(bare, bare.bare(), size=2) is None
    study = reasoning_study()
    variant = reasoning_variant(study, study.bare(), size=2)
    assert variant is not None
    assert variant.key != study.bare().key
    assert len(variant.prompts[BARE].demos) == 2
    assert variant.origin == f"2 demos, reasoning, {variant.prompts[BARE].layout.name}"


def test_a_task_with_a_reasoning_of_its_own_keeps_it() -> None:
    own = Signature(
        name="Own", instructions="Think.", inputs=(Field(name="q"),), outputs=(Field(name="reasoning"), Field(name="a"))
    )
    assert not own.may_reason
    with pytest.raises(SignatureError, match="each with a different name"):
        own.with_reasoning()
