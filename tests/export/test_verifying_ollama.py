"""A Modelfile is verified with the model that Ollama has made of it."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from engines import ScriptedEngine
from hypothesis import given
from ollama_server import OllamaServer
from openai_server import OpenAIServer

from cribsheet.errors import ExportError, FrozenFileError, ModelError, UnknownModelError, UnreachableError
from cribsheet.export import export
from cribsheet.export.verifying import Deployment
from cribsheet.export.verifying._modelfile import parts_said, parts_shown, read_modelfile
from cribsheet.frozen import FrozenProgram, ModelIdentity
from cribsheet.frozen.running import prompt_text
from cribsheet.layout.catalogue import layout_named
from deployments import answers, one_word, outputs, written
from export_cases import TEXT, all_cases, program_of, prompt_of, sentiment_demos
from frozen_toys import toy_program, toy_prompt
from modelfile_reader import read_modelfile as read_as_ollama
from toys import QA

ROWS = [{"text": "Superb {{text}}."}, {"text": "Dull."}]
DEMOS = sentiment_demos(("Good.", 'A "dull"\r\n film.'))
STYLES = pytest.mark.parametrize("layout", ["plain", "instructed", "message", "chat"])


@pytest.fixture
def server() -> Iterator[OllamaServer]:
    with OllamaServer(ScriptedEngine(one_word)) as server:
        yield server


def program(layout: str, demos: object = DEMOS) -> FrozenProgram:
    return toy_program(toy_prompt(layout=layout, demos=demos))  # type: ignore[arg-type]


def created(program: FrozenProgram, folder: Path, server: OllamaServer, *, also: str = "") -> Deployment:
    """Return a deployment whose model was created as the usage says; `also` is in the Modelfile of that alone."""
    deployment = written(program, "ollama", folder)
    server.create("toy", f"{deployment.text()}\n{also}")
    return deployment


@STYLES
def test_the_model_gets_the_frozen_prompt(layout: str, tmp_path: Path, server: OllamaServer) -> None:
    good, bad = answers(created(program(layout), tmp_path, server), "ollama", ROWS, server)
    assert outputs(good) == {"sentiment": "positive"}
    assert "neither" in str(outputs(bad))
    prompts = [prompt_text(program(layout).prompts["predict"], row) for row in ROWS]
    templated = [[one.model_dump() for one in prompt.messages] for prompt in prompts]
    expected = [
        server.engine.apply_template(messages) if messages else prompt.text
        for prompt, messages in zip(prompts, templated, strict=True)
    ]
    assert server.prompts == expected


@pytest.mark.slow
def test_every_layout_and_signature_is_recognized_in_the_model_that_was_made(tmp_path: Path) -> None:
    with OllamaServer(ScriptedEngine(one_word)) as server:
        for prompt, inputs in all_cases()[2::3]:  # those with nasty demos
            deployment = created(program_of(prompt), tmp_path, server)
            answers(deployment, "ollama", [inputs], server)
        assert len(server.prompts) == len(all_cases()[2::3])


@STYLES
def test_a_model_of_an_older_export_is_found_out(layout: str, tmp_path: Path, server: OllamaServer) -> None:
    created(program("plain" if layout == "message" else layout, DEMOS[:1]), tmp_path, server)
    deployment = written(program(layout), "ollama", tmp_path)
    with pytest.raises(
        ExportError, match=r"was not created from this Modelfile. These parts differ: (TEMPLATE|MESSAGE)"
    ) as told:
        answers(deployment, "ollama", ROWS, server)
    assert f"Run `ollama create toy -f {deployment.path}`, then export again." in str(told.value)
    assert not server.prompts


def test_parts_that_only_the_older_export_had_are_found_out(tmp_path: Path, server: OllamaServer) -> None:
    created(program("chat"), tmp_path, server)
    server.create("student", "FROM weights")
    with pytest.raises(ExportError, match="These parts differ: SYSTEM, MESSAGE"):
        answers(written(program("message"), "ollama", tmp_path), "ollama", ROWS, server)


def test_parts_that_the_model_has_from_its_base_are_no_difference(tmp_path: Path, server: OllamaServer) -> None:
    base = 'SYSTEM "You are helpful."\nPARAMETER top_k 20\n'
    server.create("student", base)
    deployment = created(program("message"), tmp_path, server, also=base)
    assert outputs(answers(deployment, "ollama", ROWS, server)[0]) == {"sentiment": "positive"}


@pytest.mark.parametrize(
    ("name", "value"), [("stop", '"""Text:"""'), ("num_predict", "9"), ("temperature", "0.7"), ("seed", "1")]
)
def test_other_parameters_are_found_out(name: str, value: str, tmp_path: Path, server: OllamaServer) -> None:
    deployment = written(program("plain"), "ollama", tmp_path)
    server.create("toy", f"{deployment.text()}\nPARAMETER {name} {value}")
    with pytest.raises(ExportError, match=f"These parts differ: PARAMETER {name}"):
        answers(deployment, "ollama", ROWS, server)


@pytest.mark.parametrize("line", ["RENDERER qwen3", "PARSER qwen3"])
def test_a_template_that_ollama_ignores_is_found_out(line: str, tmp_path: Path, server: OllamaServer) -> None:
    deployment = created(program("plain"), tmp_path, server, also=line)
    with pytest.raises(ExportError, match=f"Ollama ignores the TEMPLATE of 'toy'.* has a line {line.split()[0]}"):
        answers(deployment, "ollama", ROWS, server)
    deployment = created(program("chat"), tmp_path, server, also=line)  # which keeps the chat template
    assert outputs(answers(deployment, "ollama", ROWS, server)[0]) == {"sentiment": "positive"}


def test_a_chat_template_that_ollama_prefers_is_found_out(tmp_path: Path, server: OllamaServer) -> None:
    deployment = created(program("plain"), tmp_path, server)
    server.chat_template = "{% for message in messages %}"
    with pytest.raises(
        ExportError, match=r"uses the chat template of the weights. Start Ollama with OLLAMA_GO_TEMPLATE"
    ):
        answers(deployment, "ollama", ROWS, server)


def test_a_model_that_was_not_created_is_told_with_the_command(tmp_path: Path, server: OllamaServer) -> None:
    folder = tmp_path / "my files"
    folder.mkdir()
    deployment = written(program("plain"), "ollama", folder)
    with pytest.raises(UnknownModelError, match="has no model 'toy'") as told:
        answers(deployment, "ollama", ROWS, server)
    assert f"Run `ollama create toy -f '{deployment.path}'`, then export again." in str(told.value)


def test_a_damaged_file_scores_worse(tmp_path: Path, server: OllamaServer) -> None:
    deployment = written(program("plain", ()), "ollama", tmp_path)
    deployment.path.write_text(deployment.text().replace("{{text}}", "{text}"))
    server.create("toy", deployment.text())
    assert [outputs(run) for run in answers(deployment, "ollama", ROWS, server)] != [{"sentiment": "positive"}] * 2
    assert not any("Superb" in prompt for prompt in server.prompts)


def test_a_prompt_that_is_too_long_is_a_row_without_an_answer(tmp_path: Path, server: OllamaServer) -> None:
    deployment = created(program("plain"), tmp_path, server)
    long, good = answers(deployment, "ollama", [{"text": "Superb " * 5000}, ROWS[0]], server)
    assert "does not fit the context window" in str(long)
    assert outputs(good) == {"sentiment": "positive"}


def test_the_server_is_found_as_elsewhere(
    tmp_path: Path, server: OllamaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment = created(program("plain"), tmp_path, server)
    monkeypatch.setenv("OLLAMA_HOST", server.url)
    assert outputs(answers(deployment, "ollama", ROWS)[0]) == {"sentiment": "positive"}
    monkeypatch.setenv("OLLAMA_HOST", "127.0.0.1:1")
    with pytest.raises(UnreachableError, match=r"Nothing answers at http://127.0.0.1:1"):
        answers(deployment, "ollama", ROWS)
    served = ModelIdentity(name="ollama_chat/smollm", digest=None, endpoint=server.url)
    deployment = created(program("chat").model_copy(update={"model": served}), tmp_path, server)
    assert outputs(answers(deployment, "ollama", ROWS)[0]) == {"sentiment": "positive"}


def test_a_model_under_another_name_may_be_asked(tmp_path: Path, server: OllamaServer) -> None:
    deployment = written(program("plain"), "ollama", tmp_path)
    server.create("other", deployment.text())
    deployment = replace(deployment, model="ollama_chat/other")
    assert outputs(answers(deployment, "ollama", ROWS, server)[0]) == {"sentiment": "positive"}
    assert {request.body["model"] for request in server.requests} == {"other", "student"}


def test_a_server_of_another_kind_is_an_error(tmp_path: Path) -> None:
    deployment = written(program("plain"), "ollama", tmp_path)
    with OpenAIServer() as server:
        with pytest.raises(UnknownModelError, match="If that address is not Ollama's, give --api-base"):
            answers(deployment, "ollama", ROWS, server)
        server.faults.append((200, {"weather": "fine"}))
        with pytest.raises(ModelError, match=r"does not answer as Ollama does.*weather.* Check --api-base"):
            answers(deployment, "ollama", ROWS, server)


def test_nonsense_in_place_of_an_answer_is_an_error(tmp_path: Path, server: OllamaServer) -> None:
    deployment = created(program("chat"), tmp_path, server)
    replies = {name: server.answer("POST", "/api/show", {"model": name}) for name in ("toy", "student")}
    server.faults.extend([replies["toy"], replies["student"], (200, {"weather": "fine"})])
    with pytest.raises(ModelError, match="gave an answer that is no completion"):
        answers(deployment, "ollama", ROWS, server)


def test_a_file_that_is_no_export_is_an_error(tmp_path: Path, server: OllamaServer) -> None:
    deployment = created(program("plain"), tmp_path, server)
    for text in ("FROM qwen\n", "#> {broken\n", "#> []\n", '#> {"prompt": ""}\n', deployment.text() * 2):
        deployment.path.write_text(text)
        with pytest.raises(ExportError, match=r"must have one line with a request as JSON.* Export it again"):
            answers(deployment, "ollama", ROWS, server)
    deployment.path.write_bytes(b"\xff")
    with pytest.raises(FrozenFileError, match=r"it\.ollama cannot be read.* Export it again"):
        answers(deployment, "ollama", ROWS, server)


@given(TEXT, TEXT)
def test_a_modelfile_is_read_as_ollama_reads_it(instructions: str, text: str) -> None:
    prompt = prompt_of(layout_named("chat"), QA, ()).model_copy(update={"instructions": instructions})
    for layout in ("chat", "instructed"):
        prompt = prompt.model_copy(update={"layout": layout_named(layout), "instructions": instructions + text})
        modelfile = export(program_of(prompt), "ollama").text
        assert read_modelfile(modelfile) == read_as_ollama(modelfile)


def test_a_modelfile_of_ones_own_is_read_as_well() -> None:
    text = (
        'from qwen\r\nSystem "two\nlines"\nmessage user Who?\nPARAMETER stop "a"\nPARAMETER stop b\nparameter seed 0\n'
    )
    said = {
        "SYSTEM": ["two\nlines"],
        "MESSAGE": [("user", "Who?")],
        "PARAMETER stop": ["a", "b"],
        "PARAMETER seed": [0],
    }
    assert parts_said(read_modelfile(text)) == said
    parameters = 'stop                           "a"\nseed   0\nstop "\\n\\u200b"'
    assert parts_shown({"parameters": parameters})["PARAMETER stop"] == ["a", "\n\u200b"]
