"""`export --verify` runs the written export, and compares its score with the recorded one."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from click.testing import Result
from engines import ScriptedEngine
from ollama_server import OllamaServer
from recording_server import HANG_UP
from script_server import ScriptServer

from cribsheet.export.verifying import VERIFIERS
from cribsheet.frozen import FrozenProgram
from cribsheet.frozen.loading import Program
from cribsheet.frozen.score import Score
from cribsheet.frozen.sealing import read, save
from cribsheet.frozen.tested import TestedRow, hash_of, path_beside, read_tested, to_lines
from cribsheet.layout.catalogue import layout_named
from cribsheet.models import Completion, Sampling
from cribsheet.prompts import Prompt
from toys import sentiment_rows, student, student_model, write_rows

Run = Callable[..., Result]
TOO_LONG = (400, {"error": {"message": "This model's maximum context length is 10 tokens."}})


@pytest.fixture
def served() -> Iterator[ScriptServer]:
    """A server of the model that `compiled` was compiled for."""
    with ScriptServer(student, "llama") as server:
        yield server


def verify(run: Run, file: Path, target: str, *more: object) -> Result:
    return run("export", file, "--to", target, "--out", f"exported.{target}", "--verify", *more)


def at(server: ScriptServer, target: str) -> tuple[str, ...]:
    """Return the option that leads an export to the server; a template is sent to the model of the file."""
    return () if target == "jinja" else ("--api-base", server.url)


def scores(result: Result) -> dict[str, str]:
    """Return the scores of the table: recorded, now, change."""
    return {line.split()[0]: line.split()[1] for line in result.stdout.splitlines() if len(line.split()) > 1}


@pytest.mark.slow
@pytest.mark.parametrize("target", [target for target in VERIFIERS if target not in ("dotprompt", "ollama")])
def test_an_export_scores_as_the_frozen_file_says(run: Run, compiled: Path, served: ScriptServer, target: str) -> None:
    check_that_it_scores_as_recorded(verify(run, compiled, target, *at(served, target)), compiled, target)


@pytest.mark.slow
def test_a_chat_scores_as_the_frozen_file_says(run: Run, compiled: Path, served: ScriptServer) -> None:
    as_chat(compiled)
    # `scripted` is no provider of LiteLLM's.
    options = ("--out", "exported.prompt", "--model", "openai/student", "--api-base", served.url)
    result = verify(run, compiled, "dotprompt", *options)
    check_that_it_scores_as_recorded(result, compiled, "dotprompt")


def test_a_model_that_ollama_made_scores_as_the_frozen_file_says(run: Run, compiled: Path, folder: Path) -> None:
    with OllamaServer(ScriptedEngine(student)) as server:
        early = verify(run, compiled, "ollama", "--api-base", server.url)
        assert early.exit_code == 1
        assert "Run `ollama create toy -f exported.ollama`, then export again." in early.stderr
        server.create("toy", (folder / "exported.ollama").read_text())
        check_that_it_scores_as_recorded(verify(run, compiled, "ollama", "--api-base", server.url), compiled, "ollama")
        as_chat(compiled)  # as if it was compiled again
        stale = verify(run, compiled, "ollama", "--api-base", server.url)
    assert stale.exit_code == 1
    assert "was not created from this Modelfile. These parts differ: SYSTEM, MESSAGE, TEMPLATE." in stale.stderr


def check_that_it_scores_as_recorded(result: Result, file: Path, target: str) -> None:
    assert result.exit_code == 0, result.output
    recorded = json.loads(file.read_text())["results"]["carriages"]["runtime" if target == "python" else "text"]
    told = scores(result)
    assert told["recorded"] == told["now"] == f"{recorded['score']:.3f}"
    assert told["change"] == "+0.000"
    assert "The score holds: the interval of the change, paired by row" in result.stdout
    assert "without an answer" not in result.stderr


@pytest.mark.slow
@pytest.mark.parametrize("target", ["openai", "python", "litellm", "dspy"])
def test_a_server_with_other_weights_is_found_out(run: Run, compiled: Path, served: ScriptServer, target: str) -> None:
    def contrary(prompt: Prompt, sampling: Sampling) -> Completion:
        told = student(prompt, sampling)
        first = told.first_token and {" positive": -2.0, " negative": -0.3}
        return told.model_copy(update={"text": " negative", "first_token": first})

    served.script = contrary
    result = verify(run, compiled, target, *at(served, target))
    assert result.exit_code == 1
    assert "The score does not hold" in result.stdout
    assert "Compare the server's weights" in result.stdout


def test_rows_of_your_own_are_compared_without_pairing(
    run: Run, compiled: Path, served: ScriptServer, folder: Path
) -> None:
    rows = [{"review": row["text"], "sentiment": row["sentiment"]} for row in sentiment_rows()]
    data = write_rows(folder / "more.jsonl", rows)
    options = ("--data", data, "--map", "review=text", "--limit", 40, "--model", "openai/other")
    result = verify(run, compiled, "openai", *at(served, "openai"), *options)
    assert result.exit_code == 0, result.output
    assert "on other rows" in result.stdout
    assert [request.body["model"] for request in served.requests] == ["other"] * 40


@pytest.mark.slow
@pytest.mark.parametrize("target", ["llamacpp", "python"])
def test_rows_that_fail_count_as_0_and_are_told(run: Run, compiled: Path, served: ScriptServer, target: str) -> None:
    served.faults.extend([(404, {}), TOO_LONG] if target == "python" else [TOO_LONG])
    result = verify(run, compiled, target, *at(served, target), "--limit", 4)
    assert "rows without an answer, which count as 0: 1, the first: " in result.stderr
    assert "does not fit the context window" in result.stderr


@pytest.mark.slow
@pytest.mark.parametrize("target", ["openai", "llamacpp", "python"])
def test_a_server_that_answers_nonsense_is_an_error(
    run: Run, compiled: Path, served: ScriptServer, target: str
) -> None:
    served.faults.extend([(404, {})] * (target == "python") + [(200, {"weather": "fine"})])
    result = verify(run, compiled, target, *at(served, target))
    assert result.exit_code == 1
    assert "weather" in result.stderr.splitlines()[-1]
    assert "Check" in result.stderr.splitlines()[-1]


@pytest.mark.slow
def test_a_server_that_nobody_started_is_an_error(run: Run, compiled: Path, served: ScriptServer) -> None:
    result = verify(run, compiled, "openai", "--api-base", "http://127.0.0.1:1")
    assert result.exit_code == 1
    assert "Nothing answers at http://127.0.0.1:1/v1" in result.stderr
    served.faults.extend([(HANG_UP, "")] * 99)
    result = verify(run, compiled, "python", "--api-base", served.url)
    assert result.exit_code == 1
    assert "did not answer all rows: " in result.stderr.splitlines()[-1]


def test_what_cannot_be_verified_is_refused_before_anything_is_written(
    run: Run, compiled: Path, pair: Path, folder: Path
) -> None:
    result = verify(run, compiled, "sft")
    assert result.exit_code == 1
    assert "answer nothing that can be verified" in result.stderr
    result = verify(run, pair, "openai", "--prompt", "judge")
    assert "exports one of its prompts: judge, answer" in result.stderr
    assert not list(folder.glob("exported.*"))


def test_options_that_do_not_go_together_are_wrong_usage(run: Run, compiled: Path) -> None:
    bare = run("export", compiled, "--to", "openai", "--verify")
    assert (bare.exit_code, "Say where to write it: --out PATH" in bare.stderr) == (2, True)
    for option, value in (("--limit", 3), ("--data", "x.jsonl"), ("--model", "a/b"), ("--api-base", "x")):
        lone = run("export", compiled, "--to", "openai", option, value)
        assert (lone.exit_code, f"{option} is for --verify" in lone.stderr) == (2, True)


def test_missing_test_rows_are_told_as_check_does(run: Run, compiled: Path, folder: Path) -> None:
    (folder / "toy.test.jsonl").unlink()
    result = verify(run, compiled, "jinja")
    assert result.exit_code == 1
    assert "name other rows with --data" in result.stderr


@pytest.mark.model
@pytest.mark.parametrize("target", [target for target in VERIFIERS if target not in ("dotprompt", "ollama")])
def test_an_embedded_model_is_served_by_its_own_engine(run: Run, embedded: Path, folder: Path, target: str) -> None:
    with_tested_rows(folder / embedded, ("A joy.", "Dull and stale.", "Not one bad view."))
    result = verify(run, embedded, target)
    assert "without an answer" not in result.stderr, result.stderr
    assert result.exit_code == 0, result.output


def as_chat(file: Path) -> None:
    """Make a frozen file's prompt a chat, and record what the student then scores as text."""
    program, rows = read(file), read_tested(file, read(file))
    prompt = program.prompts["predict"].model_copy(update={"layout": layout_named("chat")})
    program = program.model_copy(update={"prompts": {"predict": prompt}})
    text = Program(program.carried_by("text") or program, model=student_model())
    scores = [
        float(text.run(row.inputs, text.model).outputs == {"sentiment": row.outputs["sentiment"][0]}) for row in rows
    ]
    rows = [row.model_copy(update={"scores": {"text": score}}) for row, score in zip(rows, scores, strict=True)]
    mean = Score(score=sum(scores) / len(scores), low=0, high=1, n=len(scores))
    record(file, program, rows, carriages={"text": mean})


def with_tested_rows(file: Path, texts: tuple[str, ...]) -> None:
    """Give a frozen file test rows that its prompt scored 0 on."""
    scores = {"text": 0.0, "runtime": 0.0}
    rows = [TestedRow(inputs={"text": text}, outputs={"sentiment": ("positive",)}, scores=scores) for text in texts]
    record(file, read(file), rows)


def record(file: Path, program: FrozenProgram, rows: Sequence[TestedRow], **results: object) -> None:
    """Write a frozen file with its test rows."""
    lines = to_lines(rows)
    path_beside(file).write_text(lines, encoding="utf-8")
    updated = program.results.model_copy(update={"tested": hash_of(lines), **results})
    save(program.model_copy(update={"results": updated}), file)
