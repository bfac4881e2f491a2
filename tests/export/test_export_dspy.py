"""An exported dspy program sends the frozen prompt and gives typed outputs."""

import importlib.util
import itertools
import json
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import dspy
import pytest
from dspy.utils.exceptions import AdapterParseError
from recording_server import RecordingServer

from cribsheet.errors import DataError, ExportError
from cribsheet.export import Export, export
from cribsheet.frozen import Decoding, FrozenProgram, FrozenPrompt, ModelIdentity
from cribsheet.frozen.running import prompt_text
from cribsheet.layout.catalogue import layout_named
from cribsheet.models.litellm import import_litellm
from cribsheet.outcomes import UNANSWERABLE, Unanswerable
from cribsheet.signature import REASONING
from export_cases import SIGNATURES, TYPED, all_cases, program_of, prompt_of, sentiment_demos
from toys import QA, SENTIMENT

NUMBERS = itertools.count()


class ScriptedLM(dspy.BaseLM):
    """Keeps what it is asked and gives one answer."""

    def __init__(self, text: str):
        super().__init__(model="scripted/lm", cache=False)
        self.text = text
        self.asked: list[tuple[Any, dict[str, Any]]] = []

    def __call__(self, prompt: Any = None, messages: Any = None, **kwargs: Any) -> list[str]:
        """Return the answer."""
        self.asked.append((messages, kwargs))
        return [self.text]


def saved(program: FrozenProgram, folder: Path) -> Export:
    """Write an export as the command does."""
    exported = export(program, "dspy", path=folder / "task_dspy.py")
    (folder / "task_dspy.py").write_text(exported.text, encoding="utf-8")
    (folder / "task_dspy.json").write_text(exported.files["task_dspy.json"], encoding="utf-8")
    return exported


def imported(folder: Path) -> Any:
    """Return the program of the exported module."""
    spec = importlib.util.spec_from_file_location(f"task_dspy_{next(NUMBERS)}", folder / "task_dspy.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.program


def messages_of(prompt: FrozenPrompt, inputs: Mapping[str, Any]) -> list[dict[str, str]]:
    rendered = prompt_text(prompt, inputs)
    return [one.model_dump() for one in rendered.messages] or [{"role": "user", "content": rendered.text}]


def answer_of(prompt: FrozenPrompt, folder: Path, said: str, **inputs: Any) -> Any:
    """Return what the exported program makes of a completion."""
    saved(program_of(prompt), folder)
    with dspy.context(lm=ScriptedLM(said)):
        return imported(folder)(**inputs)


@pytest.mark.slow
def test_every_layout_and_signature_sends_the_frozen_messages(tmp_path: Path) -> None:
    for prompt, inputs in all_cases()[2::3]:  # those with nasty demos
        saved(program_of(prompt), tmp_path)
        program, lm = imported(tmp_path), ScriptedLM("?")
        with dspy.context(lm=lm), suppress(AdapterParseError):
            program(**inputs)
        ((messages, kwargs),) = lm.asked
        assert messages == messages_of(prompt, inputs)
        assert kwargs == {"max_tokens": 8, "temperature": 0.0, "stop": list(prompt.template.stop)}


def test_outputs_are_typed_and_unanswerable_is_told(tmp_path: Path) -> None:
    chat = layout_named("chat")
    assert answer_of(prompt_of(chat, SENTIMENT, ()), tmp_path, "positive", text="x").sentiment == "positive"
    qa = prompt_of(chat, QA, ())
    assert answer_of(qa, tmp_path, "Anne", question="Who?", context="Anne.").answer == "Anne"
    told = answer_of(qa, tmp_path, chat.verbalizer(UNANSWERABLE), question="Who?", context="Rain.").answer
    assert isinstance(told, Unanswerable)


def test_lists_records_and_values_that_may_be_none_are_json_values(tmp_path: Path) -> None:
    said = '[{"name": "Ann", "age": 3}]\nTags: ["new"]\nBorn: unanswerable'
    prompt = prompt_of(layout_named("chat"), TYPED, SIGNATURES["typed"][1], decoding=Decoding(max_tokens=90))
    found = answer_of(prompt, tmp_path, said, **SIGNATURES["typed"][2])
    assert (found.people, found.tags, found.born) == ([{"name": "Ann", "age": 3}], ["new"], None)


def test_a_completion_without_a_value_is_dspys_own_error(tmp_path: Path) -> None:
    with pytest.raises(AdapterParseError, match="sentiment"):
        answer_of(prompt_of(layout_named("chat"), SENTIMENT, ()), tmp_path, "who knows", text="x")


def test_a_rationale_is_an_output(tmp_path: Path) -> None:
    signature = SENTIMENT.with_reasoning()
    prompt = prompt_of(layout_named("chat"), signature, ()).model_copy(update={"reasoning": True})
    assert [field.name for field in prompt.signature.outputs] == [REASONING, "sentiment"]
    saved(program_of(prompt), tmp_path)
    assert list(imported(tmp_path).predict.signature.output_fields) == [REASONING, "sentiment"]


def test_the_state_survives_dspys_own_save_and_load(tmp_path: Path) -> None:
    prompt = prompt_of(layout_named("chat"), SENTIMENT, sentiment_demos())
    saved(program_of(prompt), tmp_path)
    program = imported(tmp_path)
    program.save(str(tmp_path / "again.json"))
    other = imported(tmp_path)
    other.predict.demos = []
    other.load(str(tmp_path / "again.json"))
    lm = ScriptedLM("positive")
    with dspy.context(lm=lm):
        other(text="Dull.")
    assert lm.asked[0][0] == messages_of(prompt, {"text": "Dull."})


def test_demos_that_dspy_sets_are_shown_in_the_frozen_layout(tmp_path: Path) -> None:
    saved(program_of(prompt_of(layout_named("chat"), SENTIMENT, ())), tmp_path)
    program, lm = imported(tmp_path), ScriptedLM("positive")
    program.predict.demos = [dspy.Example(text="Superb.", sentiment="positive")]
    with dspy.context(lm=lm):
        program(text="Dull.")
    shown = prompt_of(layout_named("chat"), SENTIMENT, sentiment_demos(("x", "Superb."))[1:])
    assert lm.asked[0][0] == messages_of(shown, {"text": "Dull."})
    program.predict.demos = [{"text": "Superb."}]
    with dspy.context(lm=lm), pytest.raises(DataError, match="has no 'sentiment'"):
        program(text="Dull.")


@pytest.mark.parametrize(
    ("demo", "told"),
    [(7, "must have fields but is '7'"), ({"text": "x", "sentiment": "so-so"}, "sentiment must be one of")],
)
def test_a_demo_that_does_not_fit_is_told_in_a_sentence(demo: Any, told: str, tmp_path: Path) -> None:
    saved(program_of(prompt_of(layout_named("chat"), SENTIMENT, ())), tmp_path)
    program = imported(tmp_path)
    program.predict.demos = [demo]
    with dspy.context(lm=ScriptedLM("positive")), pytest.raises(DataError, match=f"A demo of the predictor .*{told}"):
        program(text="Dull.")


def test_the_predictor_by_itself_asks_in_the_frozen_layout(tmp_path: Path) -> None:
    prompt = prompt_of(layout_named("chat"), SENTIMENT, sentiment_demos())
    saved(program_of(prompt), tmp_path)
    lm = ScriptedLM("positive")
    with dspy.context(lm=lm, adapter=dspy.JSONAdapter()):
        assert imported(tmp_path).predict(text="Dull.").sentiment == "positive"
    assert [messages for messages, _ in lm.asked] == [messages_of(prompt, {"text": "Dull."})]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"predict": None}, "TypeError"),
        ({"predict": {}}, "KeyError"),
        ({"metadata": None}, "TypeError"),
        ({"cribsheet": {"layout": 7}}, "signature: Field required"),
    ],
)
def test_a_state_that_was_damaged_is_told_in_a_sentence(changes: dict[str, Any], told: str, tmp_path: Path) -> None:
    saved(program_of(prompt_of(layout_named("chat"), SENTIMENT, ())), tmp_path)
    state = tmp_path / "task_dspy.json"
    state.write_text(json.dumps({**json.loads(state.read_text()), **changes}), encoding="utf-8")
    with pytest.raises(DataError, match=rf"task_dspy\.json is not the state of an exported prompt: {told}.*--to dspy"):
        imported(tmp_path)


class Answers(RecordingServer):
    """Answers chats and text completions with one word."""

    def answer(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, object]:
        """Return a completion of either kind."""
        choice: dict[str, Any] = {"index": 0, "finish_reason": "stop", "text": " positive"}
        if "messages" in body:
            choice["message"] = {"role": "assistant", "content": " positive"}
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        return 200, {"id": "x", "model": "m", "object": "x", "created": 1, "choices": [choice], "usage": usage}


@pytest.mark.parametrize("layout", ["chat", "plain"])
def test_the_code_of_the_usage_sends_the_frozen_prompt(
    layout: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_litellm()
    prompt = prompt_of(layout_named(layout), SENTIMENT, sentiment_demos())
    usage = saved(program_of(prompt), tmp_path).usage
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "task_dspy", raising=False)
    with Answers() as server:
        # dspy keeps answers on disk, by a key without the address.
        code = (
            usage.replace('api_key="none"', 'api_key="none", cache=False')
            .replace("http://localhost:9931/v1", server.url)
            .replace("text=…", 'text=" Dull. "')
        )
        code = code.replace("dspy.configure(lm=", "with dspy.context(lm=").replace("))\noutputs", ")):\n    outputs")
        known: dict[str, Any] = {}
        exec(code, known)
        (request,) = server.requests
    rendered = prompt_text(prompt, {"text": " Dull. "})
    assert request.body.get("prompt", "") == rendered.text
    assert request.body.get("messages", []) == [one.model_dump() for one in rendered.messages]
    limit = request.body.get("max_tokens") or request.body["max_completion_tokens"]
    assert (limit, request.body["temperature"], request.body["stop"]) == (8, 0, ["\n"])
    assert known["outputs"].sentiment == "positive"


def test_ollama_is_asked_with_the_window_that_was_compiled_for() -> None:
    model = ModelIdentity(name="ollama_chat/qwen", digest=None, endpoint="http://box:11434", context_window=2048)
    program = program_of(prompt_of(layout_named("chat"), SENTIMENT, ())).model_copy(update={"model": model})
    assert 'api_base="http://box:11434", num_ctx=2048))' in export(program, "dspy").usage


def test_a_raw_prompt_for_ollama_is_refused_since_dspy_would_put_it_into_a_chat_template() -> None:
    program = program_of(prompt_of(layout_named("plain"), SENTIMENT, ()), "ollama/smollm")
    with pytest.raises(ExportError, match="DSPy sends Ollama no raw prompts"):
        export(program, "dspy")


@pytest.mark.parametrize("name", ["module", "my-task.py", "json.py", "class.py", "task.txt", "task.py"])
def test_the_usage_gets_the_program_of_a_file_of_any_name(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / name
    exported = export(program_of(prompt_of(layout_named("chat"), SENTIMENT, ())), "dspy", path=path)
    for file, text in {name: exported.text, **exported.files}.items():
        (tmp_path / file).write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    known: dict[str, Any] = {}
    code, _, _ = exported.usage.partition("dspy.configure")
    exec(code, known)
    assert hasattr(known["program"], "predict")


def test_a_module_cannot_have_the_name_of_its_state(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"task\.json is the name of the module's state. Give --out .*task\.py"):
        export(program_of(prompt_of(layout_named("chat"), SENTIMENT, ())), "dspy", path=tmp_path / "task.json")
