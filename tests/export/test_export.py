"""A frozen program is exported one prompt at a time, and what gets lost is said."""

import re
import subprocess
import sys
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cribsheet.corrections import Extraction
from cribsheet.corrections.calibration import Calibration
from cribsheet.corrections.guard import Guard
from cribsheet.corrections.pointer import Pointer
from cribsheet.corrections.readout import Readout
from cribsheet.errors import ExportError
from cribsheet.export import TARGETS, WHOLE, Source, export
from cribsheet.frozen import Decoding, FrozenProgram, FrozenPrompt, ModelIdentity, Wire, Wiring
from cribsheet.frozen.running import prompt_text
from cribsheet.frozen.score import Score
from cribsheet.layout.catalogue import layout_named
from cribsheet.layout.template import filled
from cribsheet.outcomes import Value
from export_cases import PIECES, TEXT, all_cases, program_of, prompt_of, sentiment_demos, tamed, written
from frozen_toys import toy_program, toy_prompt
from toys import QA, SENTIMENT

# A Dotprompt file holds no raw prompts, such as those here, and sft wants something to train on.
targets = pytest.mark.parametrize(
    "target", [target for target in TARGETS if target not in ("dotprompt", "sft", *WHOLE)]
)
GUARD = Guard(
    field="answer",
    lead=("question",),
    context="context",
    weights={"coverage": 2.0, "grounded": 1.0},
    intercept=-1.0,
    threshold=0.42,
    idf={},
    rare=1.0,
)


def two_prompts() -> FrozenProgram:
    wiring = Wiring(
        order=("retrieve", "answer"),
        inputs={
            "retrieve": {"text": Wire(source=None, field="question")},
            "answer": {
                "question": Wire(source=None, field="question"),
                "context": Wire(source="retrieve", field="sentiment"),
            },
        },
        outputs={"answer": Wire(source="answer", field="answer")},
    )
    prompts = {"retrieve": toy_prompt(), "answer": toy_prompt(QA)}
    return toy_program().model_copy(update={"prompts": prompts, "wiring": wiring})


def caveats_of(prompt: FrozenPrompt, target: str) -> str:
    return " ".join(export(program_of(prompt), target).caveats)


def test_an_unknown_target_is_refused_with_the_known_ones() -> None:
    with pytest.raises(
        ExportError, match=r"no export target 'onnx'\. Known targets: .*jinja, .*llamacpp, ollama, openai"
    ):
        export(toy_program(), "onnx")


@targets
def test_a_program_of_several_prompts_wants_to_know_which_one(target: str) -> None:
    with pytest.raises(ExportError, match="several prompts: retrieve, answer"):
        export(two_prompts(), target)
    with pytest.raises(ExportError, match=r"no prompt 'judge'\. Use one of these: retrieve, answer"):
        export(two_prompts(), target, prompt="judge")
    exported = export(two_prompts(), target, prompt="answer")
    assert exported.file_name.replace("_", "-").startswith(("toy-answer.", "toy-answer-dspy."))
    assert "Its input context is the output sentiment of retrieve." in exported.caveats


@targets
def test_the_same_prompt_gives_the_same_bytes(target: str) -> None:
    assert export(toy_program(), target) == export(toy_program(), target)


@targets
def test_the_commands_name_the_file_that_was_asked_for(target: str) -> None:
    exported = export(toy_program(), target, path="out dir/x.txt")
    assert exported.file_name == "out dir/x.txt"
    assert "'out dir/x.txt'" in exported.usage
    assert "toy." not in exported.usage


@pytest.mark.parametrize("target", [target for target in TARGETS if target not in ("dotprompt", "sft", "python")])
def test_a_llama_server_is_started_with_a_path_and_is_asked_at_its_port(target: str) -> None:
    for model, path in (
        ("embedded/smollm2-135m", '"$(cribsheet models path smollm2-135m)"'),
        ("embedded/some folder/My.gguf", "FOLDER/My.gguf"),
    ):
        exported = export(program_of(toy_prompt(), model), target)
        text = exported.usage + exported.text
        assert set(re.findall(r"llama-server -m (.*?) -c ", text)) <= {path}
        assert set(re.findall(r"(?:localhost|127\.0\.0\.1|--port)[: ](\d+)", text)) <= {"9931", "11434", "4000"}


@targets
def test_a_name_that_no_file_or_model_may_have_is_made_into_one(target: str) -> None:
    program = toy_program().model_copy(update={"task": "../My Täsk:\n2"})
    end = "_dspy.py" if target == "dspy" else "."  # a name that Python can import
    name = export(program, target).file_name
    assert name.replace("_dspy", "").replace("_", "-").startswith("my-t-sk-2.")
    name = export(program.model_copy(update={"task": "情感"}), target).file_name
    assert name.startswith(f"prompt{end}")


@targets
def test_a_calibrated_decision_is_said_to_be_lost_with_its_biases(target: str) -> None:
    decided = Decoding(decide_by="logprobs", max_tokens=4, top_logprobs=10)
    prompt = prompt_of(layout_named("plain"), SENTIMENT, (), decoding=decided)
    calibrated = prompt.with_corrections(Calibration(biases={"negative": -0.25, "positive": -1.5}))
    said = caveats_of(calibrated, target)
    assert "Calibration: before deciding, Cribsheet subtracts -0.25 from negative, -1.5 from positive" in said
    assert "by the probabilities of whole words (negative / positive)" in said
    assert "Calibration:" not in caveats_of(prompt, target)


@targets
def test_a_calibration_that_the_prompt_does_not_use_is_not_missed(target: str) -> None:
    unused = toy_prompt().with_corrections(Calibration(biases={"negative": 1.0, "positive": 0.0}))
    said = caveats_of(unused, target)
    assert "alibration" not in said


@targets
def test_a_guard_is_said_to_be_lost(target: str) -> None:
    said = caveats_of(toy_prompt(QA).with_corrections(GUARD), target)
    assert "Unanswerable for answer if coverage, grounded give the answer a probability below 0.42" in said


@targets
def test_the_score_is_that_of_the_exports_own_carriage(target: str) -> None:
    program = program_of(toy_prompt(QA).with_corrections(GUARD))
    assert export(program, target).score == "The score of this export (text) was not measured."
    scores = {"text": Score(score=0.4, low=0.3, high=0.5, n=100), "runtime": program.results.compiled}
    results = program.results.model_copy(update={"carriages": scores})
    exported = export(program.model_copy(update={"results": results}), target)
    assert exported.carriage == "text"
    assert exported.score == (
        "The score of this export (text): label_accuracy 0.400 [0.300, 0.500], n=100. "
        "As compiled, for runtime: 0.900 [0.800, 0.950], n=100."
    )
    if target == "ollama":
        assert exported.score in exported.text.split("\n")[1]


@targets
def test_a_readout_is_said_to_be_lost(target: str) -> None:
    prompt = toy_prompt()
    decoding = prompt.decoding.model_copy(update={"decide_by": "logprobs", "top_logprobs": 5})
    readout = Readout(usual={" fun": -3.0}, weights={" fun": {"positive": 1.0, "negative": -1.0}}, biases={})
    said = caveats_of(prompt.model_copy(update={"decoding": decoding}).with_corrections(readout), target)
    assert "Cribsheet weighs alternatives of the first token (1) for each outcome" in said


@targets
def test_extraction_is_said_to_be_lost(target: str) -> None:
    prompt = toy_prompt(QA)
    said = caveats_of(prompt.with_corrections(Extraction(source="context"), GUARD), target)
    assert "if answer is not a span of context, Cribsheet" in said
    pointed = prompt.with_corrections(Pointer(source="context", weights={"likelihood": 1.0}))
    assert "Cribsheet chooses the word of context at which answer begins" in " ".join(
        export(program_of(pointed), target).caveats
    )


@targets
def test_how_the_answer_is_read_is_said_for_this_very_prompt(target: str) -> None:
    assert "'not stated' stands for Unanswerable, with the reason after a colon" in caveats_of(
        toy_prompt(QA, "reasons"), target
    )
    assert "one of negative, positive" in caveats_of(toy_prompt(), target)
    quoted = sentiment_demos(("x",))[0].model_copy(
        update={"inputs": {"question": "", "context": ""}, "outputs": {"answer": ""}}
    )
    assert "text in double quotes is a JSON string" in caveats_of(toy_prompt(QA, demos=(quoted,)), target)


@targets
def test_code_that_stays_behind_is_said(target: str) -> None:
    said = export(toy_program().model_copy(update={"wiring": None}), target).caveats
    assert "toy runs its own code around its prompts, and that code is not exported." in said


@targets
def test_the_weights_are_said_to_be_unchecked_where_they_are_known(target: str) -> None:
    known = ModelIdentity(name="ollama_chat/qwen2.5:0.5b", digest="sha256:" + "ab" * 32)
    said = export(toy_program(toy_prompt(layout="chat")).model_copy(update={"model": known}), target).caveats
    assert any("ollama_chat/qwen2.5:0.5b with the weights sha256:abababababab…" in caveat for caveat in said)


def test_every_layout_and_signature_has_slots_for_its_inputs_alone() -> None:
    for prompt, inputs in all_cases():
        opened, values = prompt.template, written(prompt, inputs)
        expected = prompt_text(prompt, inputs)
        assert filled(opened.text, values) == expected.text
        assert [(turn.role, filled(turn.content, values)) for turn in opened.turns] == [
            (message.role, message.content) for message in expected.messages
        ]
        assert opened.stop == expected.stop


@given(text=TEXT, instructions=TEXT, value=TEXT)
def test_slots_are_found_whatever_the_prompt_says(text: str, instructions: str, value: str) -> None:
    prompt = prompt_of(layout_named("instructed"), SENTIMENT, sentiment_demos((text,)))
    prompt = prompt.model_copy(update={"instructions": instructions})
    inputs: Mapping[str, Value] = {"text": value}
    assert filled(prompt.template.text, {"text": tamed(prompt, value)}) == prompt_text(prompt, inputs).text


@given(text=st.lists(PIECES, max_size=12).map("".join))
def test_a_placeholder_is_never_what_the_prompt_says_itself(text: str) -> None:
    source = Source(program_of(prompt_of(layout_named("plain"), SENTIMENT, sentiment_demos((text,)))), "predict")
    mark = source.opened.placeholders()["text"]
    assert filled(source.opened.text, {"text": mark}).count(mark) == 1


def test_exporting_imports_neither_dspy_nor_litellm_nor_jinja() -> None:
    code = "import sys, cribsheet.export; print(sorted({'dspy', 'litellm', 'jinja2', 'xllamacpp'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
