"""Files that change are taken up; a broken one never replaces one that answers."""

import http.client
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from compiled_server import CompiledServer, wait_until

from cribsheet.cli._programs import open_program
from cribsheet.errors import FrozenFileError, ServeError
from cribsheet.frozen import save
from cribsheet.models.scripted import ScriptedModel
from cribsheet.serve.engines import Engines, Wanted
from cribsheet.serve.programs import Programs, name_of
from cribsheet.workspace import builtin
from frozen_toys import toy_program, toy_prompt
from toys import QA


def programs_of(*paths: Path) -> Programs:
    engines = Engines(lambda frozen: Wanted(frozen.model, lambda: ScriptedModel({})), parallel=None, queue=1)
    return Programs(paths, lambda path: open_program(path, builtin()), engines)


def test_a_file_that_changes_is_taken_up(serve: Callable[..., CompiledServer]) -> None:
    server = serve()
    before = server.get("/v1/models/toy").json()["digest"]
    save(toy_program(toy_prompt(QA)), server.files["toy"])
    wait_until(lambda: server.get("/v1/models/toy").json()["digest"] != before)
    reply = server.post("/v1/programs/toy", {"inputs": {"question": "Where?", "context": "In Rome."}})
    assert reply.json()["outputs"] == {"answer": "Rome"}
    assert "question" in str(server.get("/openapi.json").json()["paths"]["/v1/programs/toy"])


def test_a_file_that_changes_while_a_body_is_sent_is_taken_up(serve: Callable[..., CompiledServer]) -> None:
    server = serve()
    connection = http.client.HTTPConnection(server.address.removeprefix("http://"), timeout=30)
    body = json.dumps({"inputs": {"question": "Where?", "context": "In Rome."}}).encode()
    connection.putrequest("POST", "/v1/programs/toy")
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body[:10])
    wait_until(lambda: server.serving.in_progress)
    save(toy_program(toy_prompt(QA)), server.files["toy"])
    wait_until(lambda: "question" in str(server.get("/v1/programs").json()))
    connection.send(body[10:])
    reply = connection.getresponse()
    assert (reply.status, json.load(reply)["outputs"]) == (200, {"answer": "Rome"})
    connection.close()


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["edit", "truncate", "remove"])
def test_a_broken_file_leaves_the_former_version_answering(
    serve: Callable[..., CompiledServer], damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    server = serve()
    file = server.files["toy"]
    sound = file.read_text()
    if damage == "edit":
        file.write_text(sound.replace("Say whether", "Tell whether"))
    elif damage == "truncate":
        file.write_text(sound[:200])
    else:
        file.unlink()
    wait_until(lambda: server.get("/ready").json()["files"])
    ready = server.get("/ready")
    assert ready.status_code == 200  # the former version is ready
    assert str(file) in ready.json()["files"]["toy"]
    assert server.post("/v1/programs/toy", {"inputs": {"text": "lovely"}}).status_code == 200
    assert "the former version goes on answering" in caplog.text
    assert 'cribsheet_file_broken{program="toy"} 1.0' in server.get("/metrics").text
    file.write_text(sound)
    wait_until(lambda: not server.get("/ready").json()["files"])


def test_a_model_is_opened_once_for_all_programs_and_closed_when_none_needs_it(tmp_path: Path) -> None:
    opened: list[str] = []
    closed: list[str] = []

    class Model(ScriptedModel):
        def close(self) -> None:
            closed.append(self.name)

    def chosen(frozen):  # type: ignore[no-untyped-def]
        def opening() -> Model:
            opened.append(frozen.model.name)
            return Model({}, name=frozen.model.name)

        return Wanted(frozen.model, opening)

    for name in ("one", "two"):
        save(toy_program(), tmp_path / f"{name}.prompt.json")
    files = sorted(tmp_path.iterdir())
    programs = Programs(files, lambda path: open_program(path, builtin()), Engines(chosen, parallel=None, queue=1))
    assert opened == ["scripted/student"]
    other = toy_program()
    other = other.model_copy(update={"model": other.model.model_copy(update={"name": "scripted/other"})})
    save(other, files[0])
    programs.reload()
    assert (opened, closed) == (["scripted/student", "scripted/other"], [])
    save(other, files[1])
    programs.reload()
    assert (opened, closed) == (["scripted/student", "scripted/other"], ["scripted/student"])


def test_a_broken_file_stops_the_start(tmp_path: Path) -> None:
    file = tmp_path / "toy.prompt.json"
    save(toy_program(), file)
    file.write_text(json.dumps(json.loads(file.read_text()) | {"task": "other"}))
    with pytest.raises(FrozenFileError, match="edited after it was sealed"):
        programs_of(file)


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        save(toy_program(), tmp_path / folder / "toy.prompt.json")
    with pytest.raises(ServeError, match="would both be called 'toy'"):
        programs_of(tmp_path / "a" / "toy.prompt.json", tmp_path / "b" / "toy.prompt.json")


@pytest.mark.parametrize("name", ["a:b.prompt.json", "a\nb.json", "a\udcff.prompt.json"])
def test_names_that_no_address_can_hold_are_refused(name: str) -> None:
    with pytest.raises(ServeError, match="Rename"):
        name_of(Path(name))
