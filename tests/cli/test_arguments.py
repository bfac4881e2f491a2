"""Arguments that are not text in UTF-8."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from ollama_server import OllamaServer

Run = Callable[..., Result]
LATIN_1 = os.fsdecode(b"caf\xe9")
"""What Python makes of an argument of these bytes."""
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
"""A process that reads its arguments as ASCII."""


@pytest.mark.parametrize(
    ("args", "option"),
    [
        (("ask", "FILE", "--text", LATIN_1), "'--text'"),
        (("evaluate", "FILE", "--data", "trainsets/toy.jsonl", "--map", f"{LATIN_1}=text"), "'--map'"),
        (("evaluate", "FILE", "--data", "trainsets/toy.jsonl", "--model", f"openai/{LATIN_1}"), "'--model'"),
        (("evaluate", "FILE", "--data", "trainsets/toy.jsonl", "--api-base", LATIN_1), "'--api-base'"),
        (("optimize", LATIN_1), "'TASK'"),
        (("optimize", "toy", "--optimizer", LATIN_1), "'--optimizer'"),
        (("show", "FILE", "--prompt", LATIN_1), "'--prompt'"),
        (("models", "pull", LATIN_1), "'NAME|PATH|hf:REPO/FILE'"),
        (("doctor", "--model", LATIN_1), "'--model'"),
    ],
)
def test_an_argument_that_is_not_utf_8_is_misuse_that_names_the_byte(
    run: Run, served: Path, args: tuple[str, ...], option: str
) -> None:
    result = run(*(served if arg == "FILE" else arg for arg in args))
    assert result.exit_code == 2
    assert f"Invalid value for {option}: " in result.stderr
    assert "is not UTF-8, byte 0xe9 at offset " in result.stderr
    assert "Give it in UTF-8." in result.stderr


def test_half_of_a_surrogate_pair_is_named_too(run: Run, served: Path) -> None:
    result = run("ask", served, "--text", "a\ud800")
    assert result.exit_code == 2
    assert "is not UTF-8, half of a surrogate pair at position 1. Give it in UTF-8." in result.stderr


@pytest.mark.slow
def test_utf_8_is_read_in_a_locale_of_another_encoding(folder: Path, served: Path, server: OllamaServer) -> None:
    done = _in_ascii(folder, "ask", served, "--text", "北京")
    assert (done.returncode, done.stdout) == (0, b"positive\n")
    assert "Text: 北京\n" in server.prompts[-1]
    (folder / "x.csv").write_text("文,sentiment\na,positive\n", encoding="utf-8")
    done = _in_ascii(folder, "evaluate", served, "--data", "x.csv", "--map", "文=text")
    assert done.returncode == 0, done.stderr


def test_a_name_in_a_locale_of_another_encoding_is_told_what_to_set(folder: Path, served: Path) -> None:
    done = _in_ascii(folder, "evaluate", served, "--data", "trainsets/toy.jsonl", "--model", "ollama_chat/北京")
    assert done.returncode == 2
    assert b"cannot be read as ascii, in which Python takes arguments here. Set PYTHONUTF8=1" in done.stderr


def test_a_file_may_have_any_name_but_for_one_that_an_export_has_inside(run: Run, folder: Path, served: Path) -> None:
    name = f"{LATIN_1}.jsonl"
    os.rename("trainsets/toy.jsonl", name)
    assert run("evaluate", served, "--data", name, "--limit", "3").exit_code == 0
    result = run("export", served, "--to", "ollama", "--out", LATIN_1)
    assert result.exit_code == 1
    assert "is a name that is not UTF-8" in result.stderr


@pytest.mark.slow
def test_a_compile_takes_files_of_any_name(run: Run, folder: Path, server: OllamaServer) -> None:
    name, out = f"{LATIN_1}.jsonl", f"{LATIN_1}.prompt.json"
    os.rename("trainsets/toy.jsonl", name)
    options = ("--model", "ollama_chat/smollm", "--api-base", server.url, "--budget", "400calls")
    result = run("optimize", "toy", *options, "--optimizer", "labeled", "--trainset", name, "--out", out)
    assert result.exit_code == 0, result.stderr
    assert run("ask", out, "--text", "Fine.").exit_code == 0


def _in_ascii(folder: Path, *args: object) -> "subprocess.CompletedProcess[bytes]":
    command: list[Any] = [sys.executable, "-m", "cribsheet", *map(str, args)]
    return subprocess.run(command, cwd=folder, env={**os.environ, **ASCII}, capture_output=True, check=False)
