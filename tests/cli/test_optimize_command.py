"""`optimize` compiles a task into a frozen file."""

import gzip
import json
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from engines import WrittenEngine
from ollama_server import OllamaServer

from cribsheet.frozen.sealing import read
from toys import sentiment_rows

Run = Callable[..., Result]
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def optimize(run: Run, server: OllamaServer) -> Run:
    """Compile with few calls of a server that answers at once."""

    def optimize(*args: object) -> Result:
        options = ("--model", "ollama_chat/smollm", "--api-base", server.url)
        return run("optimize", *options, "--optimizer", "labeled", "--budget", "400calls", *args)

    return optimize


@pytest.mark.slow
def test_a_compile_ends_with_a_table_the_file_and_the_next_command(optimize: Run, folder: Path) -> None:
    result = optimize("toy")
    assert result.exit_code == 0
    program = read(folder / "toy.prompt.json")
    for wanted in ("zero-shot", "compiled", "gain", "95 % interval", "ollama_chat/smollm", "8 demos", "calls"):
        assert wanted in result.stdout
    assert f"layout {program.prompts['predict'].layout.name}" in result.stdout
    assert "The interval of the gain includes 0: it may be chance." in result.stdout
    assert result.stdout.endswith('toy.prompt.json\nNext: cribsheet ask toy.prompt.json --text "…"\n')
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert "asking the zero-shot prompt" in result.stderr


@pytest.mark.slow
def test_json_goes_to_standard_output_alone(optimize: Run, folder: Path) -> None:
    result = optimize("toy", "--json", "--out", "deep/er/x.json")
    summary = json.loads(result.stdout)
    program = read(folder / "deep" / "er" / "x.json")
    assert summary["out"] == "deep/er/x.json"
    assert summary["model"] == "ollama_chat/smollm"
    assert summary["baseline"] == program.results.baseline.model_dump()
    assert summary["compiled"] == program.results.compiled.model_dump()
    assert {key: summary["gain"][key] for key in ("mean", "low", "high")} == program.results.gain.model_dump(
        exclude={"n"}
    )
    assert summary["calls"] > 50
    assert summary["cached_calls"] == 0
    assert summary["evaluated_tokens"] == summary["prompt_tokens"] > summary["calls"]
    assert summary["completion_tokens"] > 0
    assert summary["seconds"] > 0
    assert summary["prefix_cached_tokens"] is None, "this server does not tell"
    assert (summary["completion_cached_tokens"], summary["cached_share"]) == (0, 0.0)


def test_a_sample_of_a_packed_table_with_numbers_for_labels_compiles(optimize: Run, folder: Path) -> None:
    lines = [f"{row['text']},{int(row['sentiment'] == 'positive')}\n" for row in sentiment_rows()]
    (folder / "train.csv.gz").write_bytes(gzip.compress("".join(["text,sentiment\n", *lines]).encode()))
    options = ("--trainset", "train.csv.gz", "--limit", 100, "--sample", 60)
    assert "--labels 0=negative,1=positive" in optimize("toy", *options).stderr
    result = optimize("toy", *options, "--labels", "0=negative,1=positive", "--json")
    assert result.exit_code == 0
    summary = json.loads(result.stdout)
    assert summary["words_alone"]["n"] == summary["compiled"]["n"] <= 18
    assert any(note.startswith("Words alone do as well") for note in summary["notes"])
    program = read(folder / "toy.prompt.json")
    assert (program.provenance.limit, program.provenance.sample) == (100, 60)
    assert program.results.words_alone is not None


@pytest.mark.slow
def test_empty_texts_compile_if_they_are_allowed(optimize: Run, folder: Path) -> None:
    with (folder / "trainsets" / "toy.jsonl").open("a") as file:
        file.write('{"text": "", "sentiment": "positive"}\n')
    result = optimize("toy")
    assert result.exit_code == 1
    assert "toy.jsonl, line 121: text is empty. Fill it in, or remove the row" in result.stderr
    assert optimize("toy", "--allow-empty").exit_code == 0


@pytest.mark.slow
def test_the_same_compile_again_asks_nothing_and_leaves_the_file_as_it_is(optimize: Run, folder: Path) -> None:
    optimize("toy")
    path = folder / "toy.prompt.json"
    before = (path.stat().st_mtime_ns, path.stat().st_ino)
    result = optimize("toy")
    assert "toy.prompt.json (unchanged)" in result.stdout
    assert "0 calls," in result.stdout
    assert "100 % of " in result.stdout
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == before


@pytest.mark.slow
def test_a_task_is_found_by_path_and_by_module_too(optimize: Run, folder: Path) -> None:
    assert optimize("programs/toy.py").exit_code == 0
    (folder / "toy.prompt.json").unlink()
    assert optimize("programs.toy").exit_code == 0
    assert (folder / "toy.prompt.json").is_file()


def test_rows_of_ones_own_are_mapped(optimize: Run, folder: Path) -> None:
    rows = [f"The film number {number} was {'superb' if number % 2 else 'dull'}.,{number % 2}" for number in range(60)]
    labels = {"0": "negative", "1": "positive"}
    lines = ["sentence,label", *(f"{text},{labels[label]}" for text, label in (row.split(",") for row in rows))]
    (folder / "mine.csv").write_text("\n".join(lines))
    result = optimize("toy", "--trainset", "mine.csv", "--map", "sentence=text,label=sentiment")
    assert result.exit_code == 0


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("nothing",), "There is no task 'nothing'. Known tasks: toy, "),
        (("nothing.py",), "There is no file nothing.py"),
        (("no.such.module",), "no.such.module cannot be imported"),
        (("toy", "--optimizer", "magic"), "There is no optimizer 'magic'. Known optimizers: "),
        (("toy", "--map", "sentence"), "--map 'sentence' cannot be read"),
        (("toy", "--budget", "lots"), "'lots' is no budget. Write a number of tokens (40k)"),
        (("toy", "--budget", "-3k"), "is no budget"),
        (("toy", "--seed", "x"), "'x' is not a valid integer"),
        (("toy", "--out", "programs"), "programs is a folder"),
        (("toy", "--out", "trainsets/toy.jsonl"), "already exists and is not a frozen file"),
        ((), "Missing argument 'TASK'"),
    ],
)
def test_misuse_is_told_before_any_work(
    optimize: Run, server: OllamaServer, args: tuple[str, ...], message: str
) -> None:
    result = optimize(*args)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in " ".join(result.stderr.split())
    assert server.requests == []


def test_a_place_that_cannot_be_written_is_told_before_any_work(
    optimize: Run, server: OllamaServer, folder: Path
) -> None:
    result = optimize("toy", "--out", folder / "programs" / "toy.py" / "x.prompt.json")
    assert result.exit_code == 1
    assert "x.prompt.json cannot be written" in result.stderr
    assert server.requests == []


@pytest.mark.slow
def test_an_older_or_damaged_frozen_file_is_replaced(optimize: Run, folder: Path) -> None:
    (folder / "toy.prompt.json").write_text('{"format": 1, "tas')
    (folder / "empty").touch()
    assert optimize("toy").exit_code == 0
    assert optimize("toy", "--out", "empty").exit_code == 0
    assert optimize("toy", "--out", "empty", "--seed", 1).exit_code == 0
    assert read(folder / "empty").provenance.seed == 1


def test_a_task_that_does_not_run_is_a_failure(optimize: Run, folder: Path) -> None:
    (folder / "programs" / "broken.py").write_text("import cribsheet\n\ntask = cribsheet.Taks()\n")
    result = optimize("broken")
    assert result.exit_code == 1
    assert "broken.py does not run at line 3: AttributeError" in result.stderr


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--trainset", "none.jsonl"), "no trainset 'none.jsonl'"),
        (("--map", "text=label"), "'label' is not a field"),
        (("--budget", "20calls"), "too small for one candidate"),
        (("--model", "tiny"), "does not say who runs it"),
        (("--model", "ollama_chat/none"), "Run `ollama pull none`"),
    ],
)
def test_failures_say_what_to_do(optimize: Run, folder: Path, args: tuple[str, ...], message: str) -> None:
    result = optimize("toy", *args)
    assert (result.exit_code, result.stdout) == (1, "")
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert not (folder / "toy.prompt.json").exists()


def test_a_cache_that_cannot_be_used_costs_one_warning(optimize: Run, folder: Path) -> None:
    (folder / "cache").rmdir()
    (folder / "cache").write_text("not a folder")
    result = optimize("toy")
    assert result.exit_code == 0
    assert result.stderr.count("Warning: The completion cache in") == 1


def test_ctrl_c_freezes_the_best_so_far(start: Start, server: OllamaServer, folder: Path) -> None:
    server.delay = 0.02
    server.engine = WrittenEngine(" negative")
    options = ("--model", "ollama_chat/smollm", "--api-base", server.url, "--budget", "20000calls")
    process = start("optimize", "toy", *options)
    assert process.stderr is not None
    said = ""
    while "learning" not in said:
        said = process.stderr.readline()
        assert said, "the compile ended before its search began"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert read(folder / "toy.prompt.json").provenance.interrupted
    assert "stopped by hand" in err
    assert "Next: cribsheet ask" in out


@pytest.mark.slow
@pytest.mark.model
def test_the_embedded_model_is_compiled_for_and_asked(start: Start, folder: Path) -> None:
    options = ("--optimizer", "labeled", "--budget", "5k", "--json")
    out, err = start("optimize", "toy", *options).communicate(timeout=200)
    summary = json.loads(out)
    assert summary["model"] == "embedded/smollm2-135m", err
    assert summary["compiled"]["n"] >= 10
    out, err = start("cribsheet", "ask", summary["out"], "--text", "The film was lovely.").communicate(timeout=60)
    assert out in ("positive\n", "negative\n"), err
