"""Exports to LiteLLM, Dotprompt and DSPy are verified by these packages themselves."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from engines import ScriptedEngine
from ollama_server import OllamaServer
from recording_server import HANG_UP
from script_server import ScriptServer

from cribsheet.errors import ContextOverflowError, CribsheetError, DataError, ExportError, ModelError, TransientError
from cribsheet.export.verifying import Deployment
from cribsheet.export.verifying._litellm import _CALLBACKS, directed
from cribsheet.frozen import FrozenProgram, FrozenPrompt, ModelIdentity
from cribsheet.frozen.running import prompt_text
from cribsheet.layout.catalogue import layout_named
from cribsheet.models import Completion
from cribsheet.models.litellm import import_litellm
from cribsheet.outcomes import Unanswerable
from deployments import answers, one_word, outputs, written
from export_cases import SIGNATURES, prompt_of, sentiment_demos
from frozen_toys import toy_program, toy_prompt
from toys import SENTIMENT

NAMES = {"litellm": "it.yaml", "dotprompt": "it.prompt", "dspy": "it_dspy.py"}
ROWS = [{"text": "Superb {{text}}."}, {"text": "Dull."}]
DEMOS = sentiment_demos(("Good.", 'A "dull" film.'))
TARGETS = pytest.mark.parametrize("target", NAMES)
WAYS = pytest.mark.parametrize(
    ("target", "layout"),
    [(target, layout) for target in NAMES for layout in ("message" if target == "dotprompt" else "plain", "chat")],
)
TOO_LONG = (400, {"error": {"message": "This model's maximum context length is 10 tokens."}})


@pytest.fixture
def server() -> Iterator[ScriptServer]:
    with ScriptServer(one_word, "openai") as server:
        yield server


def served(program: FrozenProgram) -> FrozenProgram:
    """Return the program for a model that LiteLLM reaches."""
    return program.model_copy(update={"model": ModelIdentity(name="openai/student", digest=None)})


def deployed(target: str, folder: Path, prompt: FrozenPrompt | None = None) -> Deployment:
    prompt = prompt or toy_prompt(layout="chat", demos=DEMOS)
    return written(served(toy_program(prompt)), target, folder, NAMES[target])


def beside(deployment: Deployment, target: str) -> Path:
    """Return the file beside the export that it cannot do without."""
    return deployment.path.with_name({"litellm": "it_litellm.py", "dspy": "it_dspy.json"}[target])


@WAYS
def test_the_server_gets_the_frozen_prompt(target: str, layout: str, tmp_path: Path, server: ScriptServer) -> None:
    deployment = deployed(target, tmp_path, toy_prompt(layout=layout, demos=DEMOS))
    good, bad = answers(deployment, target, ROWS, server)
    assert outputs(good) == {"sentiment": "positive"}
    assert "neither" in str(outputs(bad))
    assert server.asked == [prompt_text(deployment.source.prompt, row) for row in ROWS]
    assert {request.body["model"] for request in server.requests} == {"student"}


@TARGETS
def test_what_is_in_the_file_is_what_is_sent(target: str, tmp_path: Path, server: ScriptServer) -> None:
    deployment = deployed(target, tmp_path)
    path = deployment.path if target == "dotprompt" else beside(deployment, target)
    path.write_text(path.read_text().replace("Say whether", "Tell me whether").replace("own.text | safe", "'x'"))
    found = answers(deployment, target, ROWS[:1], server)
    assert server.asked[0].messages[0].content.startswith("Tell me whether the text is")
    assert (outputs(found[0]) == {"sentiment": "positive"}) == (target != "dotprompt")


@pytest.mark.parametrize("target", ["litellm", "dspy"])
@pytest.mark.parametrize("kind", ["mixed", "grounded_qa"])
def test_inputs_and_outputs_of_any_kind_are_written_and_read(
    target: str, kind: str, tmp_path: Path, server: ScriptServer
) -> None:
    signature, _, inputs = SIGNATURES[kind]
    said = " yes\nTotal: unanswerable" if kind == "mixed" else " unanswerable"
    server.script = lambda prompt, sampling: Completion(text=said)
    deployment = deployed(target, tmp_path, prompt_of(layout_named("chat"), signature, ()))
    (run,) = answers(deployment, target, [inputs], server)
    assert Unanswerable() in dict(outputs(run)).values()  # type: ignore[arg-type]
    assert server.asked == [prompt_text(deployment.source.prompt, inputs)]


@TARGETS
def test_a_rationale_is_no_output(target: str, tmp_path: Path, server: ScriptServer) -> None:
    server.script = lambda prompt, sampling: Completion(text=" It is warm.\nSentiment: positive")
    values = {**dict(toy_prompt(layout="chat")), "signature": SENTIMENT.with_reasoning(), "reasoning": True}
    program = toy_program().model_copy(update={"prompts": {"predict": FrozenPrompt(**values)}})
    (run,) = answers(written(served(program), target, tmp_path, NAMES[target]), target, ROWS[:1], server)
    assert outputs(run) == {"sentiment": "positive"}


@TARGETS
def test_nothing_is_left_behind(target: str, tmp_path: Path, server: ScriptServer) -> None:
    litellm = import_litellm()
    before = {name: list(getattr(litellm, name)) for name in _CALLBACKS}
    path = list(sys.path)
    answers(deployed(target, tmp_path), target, ROWS, server)
    server.faults.append((401, {"error": {"message": "no key"}}))
    with pytest.raises(ModelError):
        answers(deployed(target, tmp_path), target, ROWS, server)
    assert {name: list(getattr(litellm, name)) for name in _CALLBACKS} == before
    assert (sys.path, [name for name in sys.modules if name.startswith("it_")]) == (path, [])
    assert not list(tmp_path.glob("__pycache__"))


@TARGETS
def test_another_model_may_be_asked(target: str, tmp_path: Path, server: ScriptServer) -> None:
    deployment = replace(deployed(target, tmp_path), model="openai/other")
    answers(deployment, target, ROWS, server)
    assert {request.body["model"] for request in server.requests} == {"other"}


def test_a_named_model_is_asked_as_the_prompt_needs(tmp_path: Path) -> None:
    chat, raw = deployed("litellm", tmp_path), deployed("litellm", tmp_path, toy_prompt())
    usual = {"model": "openai/student"}

    def model(deployment: Deployment, name: str) -> str:
        return str(directed(replace(deployment, model=name), usual, None)["model"])

    assert model(chat, "ollama_chat/qwen") == "ollama_chat/qwen"
    assert model(chat, "embedded/qwen") == "openai/qwen"
    assert model(raw, "openai/org/qwen") == model(raw, "embedded/org/qwen") == "text-completion-openai/org/qwen"
    assert directed(chat, usual, None) == usual
    assert directed(chat, usual, "box:80") == {**usual, "api_base": "http://box:80/v1", "api_key": "none"}
    ollama = {"model": "ollama_chat/qwen"}
    assert directed(chat, ollama, "box") == {**ollama, "api_base": "http://box:11434", "num_ctx": 4096}
    assert directed(replace(chat, model="openai/qwen"), {**ollama, "num_ctx": 9}, None) == {"model": "openai/qwen"}


@TARGETS
def test_a_chat_for_ollama_goes_to_its_own_api(target: str, tmp_path: Path) -> None:
    with OllamaServer(ScriptedEngine(one_word)) as server:
        model = ModelIdentity(name="ollama_chat/smollm", digest=None, endpoint=server.url, context_window=999)
        program = toy_program(toy_prompt(layout="chat", demos=DEMOS)).model_copy(update={"model": model})
        good, _ = answers(written(program, target, tmp_path, NAMES[target]), target, ROWS)
        (body, _) = [request.body for request in server.requests if request.path == "/api/chat"]
    assert outputs(good) == {"sentiment": "positive"}
    assert body["options"].items() >= {"num_ctx": 999, "num_predict": 8, "temperature": 0, "stop": ["\n"]}.items()


@WAYS
def test_a_row_that_is_too_long_has_no_answer(target: str, layout: str, tmp_path: Path, server: ScriptServer) -> None:
    server.faults.append(TOO_LONG)
    long, good = answers(deployed(target, tmp_path, toy_prompt(layout=layout)), target, [ROWS[1], ROWS[0]], server)
    assert "does not fit the context window" in str(long)
    assert outputs(good) == {"sentiment": "positive"}


@pytest.mark.slow
@WAYS
def test_a_fault_that_passes_is_no_failure(target: str, layout: str, tmp_path: Path, server: ScriptServer) -> None:
    server.faults.extend([(500, {"error": {"message": "busy"}}), (HANG_UP, "")])
    (run,) = answers(deployed(target, tmp_path, toy_prompt(layout=layout)), target, ROWS[:1], server)
    assert outputs(run) == {"sentiment": "positive"}


@pytest.mark.slow
@WAYS
def test_a_server_that_nobody_started_is_an_error(target: str, layout: str, tmp_path: Path) -> None:
    deployment = deployed(target, tmp_path, toy_prompt(layout=layout))
    with pytest.raises(ModelError, match=r"http://127.0.0.1:1/v1") as told:
        answers(replace(deployment, api_base="http://127.0.0.1:1"), target, ROWS)
    assert "Start the server, or check --api-base" in str(told.value)
    assert "\n" not in str(told.value)


@WAYS
def test_a_server_that_refuses_is_an_error(target: str, layout: str, tmp_path: Path, server: ScriptServer) -> None:
    deployment = deployed(target, tmp_path, toy_prompt(layout=layout))
    for status, reason in ((401, "no key"), (404, "no model student here")):
        server.faults.append((status, {"error": {"message": reason}}))
        with pytest.raises(ModelError, match=reason) as told:
            answers(deployment, target, ROWS, server)
        assert not isinstance(told.value, TransientError | ContextOverflowError)
        assert "OPENAI_API_KEY" in str(told.value) or status == 404
        assert "\n" not in str(told.value)


@pytest.mark.parametrize("target", ["litellm", "dotprompt"])
def test_nonsense_in_place_of_an_answer_is_an_error(target: str, tmp_path: Path, server: ScriptServer) -> None:
    server.faults.append((200, {"weather": "fine"}))
    with pytest.raises(ModelError, match="does not answer as an OpenAI-compatible server does"):
        answers(deployed(target, tmp_path), target, ROWS, server)


def test_dspy_takes_nonsense_for_an_empty_answer(tmp_path: Path, server: ScriptServer) -> None:
    server.faults.append((200, {"weather": "fine"}))
    (run,) = answers(deployed("dspy", tmp_path), "dspy", ROWS[:1], server)
    assert outputs(run) == "The LM returned an empty or null response."


def test_a_reply_without_choices_is_an_error_of_the_server(tmp_path: Path, server: ScriptServer) -> None:
    server.faults.append((200, {"choices": []}))
    with pytest.raises(ModelError, match="its reply holds no completion"):
        answers(deployed("dspy", tmp_path, toy_prompt(layout="plain")), "dspy", ROWS[:1], server)


@pytest.mark.parametrize("target", ["litellm", "dspy"])
def test_a_missing_file_beside_the_export_is_an_error(target: str, tmp_path: Path, server: ScriptServer) -> None:
    deployment = deployed(target, tmp_path)
    beside(deployment, target).unlink()
    with pytest.raises(CribsheetError, match=f"{beside(deployment, target)}.*(Export it again|Write it with)"):
        answers(deployment, target, ROWS, server)


@TARGETS
def test_a_file_that_cannot_be_read_is_an_error(target: str, tmp_path: Path, server: ScriptServer) -> None:
    deployment = deployed(target, tmp_path)
    for damage in (b"\xff", b"a: [", b"raise ValueError('broken')", b""):
        deployment.path.write_bytes(damage)
        if target == "dotprompt" and damage != b"\xff":  # which is a prompt without settings
            damage = b"---\nmodel: [\n---\nUser: {{ text }}\n"
            deployment.path.write_bytes(damage)
        with pytest.raises(CribsheetError, match=f"{deployment.path}.*Export it again"):
            answers(deployment, target, ROWS, server)
    deployment.path.unlink()
    with pytest.raises(CribsheetError, match=f"{deployment.path}.*Export it again"):
        answers(deployment, target, ROWS, server)
    assert not server.requests


def test_a_dotprompt_file_must_have_the_name_that_litellm_looks_for(tmp_path: Path, server: ScriptServer) -> None:
    deployment = written(served(toy_program(toy_prompt(layout="chat"))), "dotprompt", tmp_path, "it.txt")
    with pytest.raises(ExportError, match=r"Its name must end with \.prompt"):
        answers(deployment, "dotprompt", ROWS, server)


@pytest.mark.parametrize(
    ("target", "found", "put", "told"),
    [
        ("litellm", '"text"', '"texts"', "it takes prompt_variables texts but got text"),
        ("litellm", "_messages(_checked", "_oops(_checked", "name '_oops' is not defined"),
        ("dotprompt", "| safe", "| saved", "No filter named 'saved'"),
    ],
)
def test_a_damaged_prompt_that_cannot_be_sent_is_an_error(
    target: str, found: str, put: str, told: str, tmp_path: Path, server: ScriptServer
) -> None:
    deployment = deployed(target, tmp_path)
    path = deployment.path if target == "dotprompt" else beside(deployment, target)
    path.write_text(path.read_text().replace(found, put))
    with pytest.raises(ExportError, match=rf"LiteLLM cannot send {deployment.path}: .*{told}. Export it again"):
        answers(deployment, target, ROWS, server)
    assert not server.requests


def test_a_state_without_a_prompt_is_an_error(tmp_path: Path, server: ScriptServer) -> None:
    deployment = deployed("dspy", tmp_path)
    beside(deployment, "dspy").write_text("{}")
    with pytest.raises(DataError, match="is not the state of an exported prompt"):
        answers(deployment, "dspy", ROWS, server)


@TARGETS
def test_a_missing_package_is_one_sentence(
    target: str, tmp_path: Path, server: ScriptServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment, package = deployed(target, tmp_path), "dspy" if target == "dspy" else "litellm"
    monkeypatch.setitem(sys.modules, package, None)  # importing it is an ImportError now
    with pytest.raises(ExportError, match=f"Run `pip install {package}`"):
        answers(deployment, target, ROWS, server)
