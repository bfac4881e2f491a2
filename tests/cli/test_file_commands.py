"""`show`, `seal` and `export` read frozen files, and refuse what is none."""

import json
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from cribsheet.export import TARGETS
from cribsheet.frozen.sealing import read, save, seal_of
from frozen_toys import toy_program, toy_prompt
from toys import sentiment_rows, write_rows

Run = Callable[..., Result]

READERS = (
    ("show",),
    ("ask", "{file}", "--text", "x"),
    ("export", "--to", "jinja"),
    ("evaluate", "--data", "toy.jsonl"),
)


def _args(command: tuple[str, ...], file: str) -> list[str]:
    return [arg.format(file=file) for arg in command] if "{file}" in command else [*command, file]


def _newer(text: str) -> str:
    content = json.loads(text) | {"format": 99}
    return json.dumps(content | {"sha256": seal_of(content)})


@pytest.mark.parametrize("command", READERS, ids=lambda command: command[0])
@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (None, "There is no file"),
        (lambda text: text.replace("All style", "All hype"), "was edited after it was sealed"),
        (lambda text: text[: len(text) // 2], "not valid JSON"),
        (lambda text: _newer(text), "has format 99, and this version of Cribsheet reads format 2. Upgrade"),
        (lambda text: '{"text": "a row"}', "not a frozen file"),
        (lambda text: "\udcff", "cannot be read"),
    ],
    ids=["missing", "edited", "truncated", "newer", "other", "binary"],
)
def test_a_file_that_is_no_sealed_frozen_file_is_refused_by_each_command(
    run: Run, embedded: Path, folder: Path, command: tuple[str, ...], edit: Callable[[str], str] | None, message: str
) -> None:
    text = (folder / embedded).read_text(encoding="utf-8")
    (folder / embedded).unlink()
    if edit:
        (folder / embedded).write_bytes(edit(text).encode("utf-8", "surrogateescape"))
    result = run(*_args(command, str(embedded)))
    assert (result.exit_code, result.stdout) == (1, "")
    assert message in result.stderr


# show


def test_show_tells_scores_origin_and_the_exact_text(run: Run, embedded: Path) -> None:
    result = run("show", embedded)
    assert result.exit_code == 0
    for wanted in (
        "toy, compiled for embedded/smollm2-135m",
        "0.900    0.800 to 0.950",
        "+0.300 to +0.500",
        "race, seed 0; 20 candidates scored, 500 rows answered",
        "40000 tokens; 39,000 tokens spent",
        "8 demos, plain",
        "b179c9523d0e",
        "plain (raw)",
        "2 (1 negative, 1 positive)",
        "negative -0.700, positive -0.690",
    ):
        assert wanted in result.stdout
    assert result.stdout.endswith(
        "Text: A joy from start to finish.\nSentiment: positive\n\n"
        "Text: All style, not one idea.\nSentiment: negative\n\nText: «text»\nSentiment:\n"
    )


def test_show_names_the_guard_and_long_lines_of_a_prompt_stay_whole(run: Run, served_qa: Path) -> None:
    text = run("show", served_qa).stdout
    assert "2 (1 answered, 1 unanswerable)" in text
    assert "Question: «question»\nContext: «context»\nAnswer:" in text


def test_show_gives_machines_all_of_it(run: Run, embedded: Path) -> None:
    summary = json.loads(run("show", embedded, "--json").stdout)
    assert summary["results"]["gain"] == {"mean": 0.4, "low": 0.3, "high": 0.5, "n": 100}
    prompt = summary["prompts"]["predict"]
    assert prompt["text"].endswith("Text: «text»\nSentiment:")
    assert (prompt["layout"], prompt["demos"], prompt["stop"]) == ("plain", 2, ["\n"])
    (calibration,) = prompt["corrections"]
    assert calibration["biases"] == {"negative": -0.7, "positive": -0.69}


def test_show_picks_one_prompt_of_several(run: Run, pair: Path) -> None:
    assert run("show", pair).stdout.count("\nPrompt ") == 2
    result = run("show", pair, "--prompt", "answer")
    assert "Prompt answer" in result.stdout
    assert "Prompt judge" not in result.stdout
    assert "<user>\nQuestion: «question»" in result.stdout
    result = run("show", pair, "--prompt", "none")
    assert result.exit_code == 2
    assert "Use one of these: judge, answer" in result.stderr


# seal


def test_an_edited_file_is_sealed_anew(run: Run, embedded: Path, folder: Path) -> None:
    path = folder / embedded
    path.write_text(path.read_text().replace("All style", "All hype"))
    assert run("show", embedded).exit_code == 1
    result = run("seal", embedded)
    assert result.exit_code == 0
    assert "Its scores are from before the edit" in result.stdout
    assert read(path).prompts["predict"].demos[1].inputs["text"].startswith("All hype")


def test_a_file_that_was_not_edited_stays_as_it_is(run: Run, embedded: Path, folder: Path) -> None:
    before = (folder / embedded).stat().st_mtime_ns
    assert "was not edited" in run("seal", embedded).stdout
    assert (folder / embedded).stat().st_mtime_ns == before


def test_a_file_that_is_damaged_or_newer_is_not_sealed(run: Run, embedded: Path, folder: Path) -> None:
    path = folder / embedded
    text = path.read_text()
    for damaged, message in (
        (text[:300], "not valid JSON"),
        (text.replace('"format": 2', '"format": 99'), "format 99"),
        (text.replace('"demos"', '"examples"'), "is not a frozen file"),
    ):
        path.write_text(damaged)
        result = run("seal", embedded)
        assert result.exit_code == 1
        assert message in result.stderr
        assert path.read_text() == damaged


# export


# A Dotprompt file holds no raw prompts, such as this one, and litellm and dspy need further files.
@pytest.mark.slow
@pytest.mark.parametrize("target", [target for target in TARGETS if target not in ("dotprompt", "dspy", "litellm")])
def test_an_export_goes_to_standard_output_and_advice_to_standard_error(
    run: Run, embedded: Path, folder: Path, target: str
) -> None:
    printed = run("export", embedded, "--to", target)
    assert printed.exit_code == 0
    assert "All style, not one idea." in printed.stdout
    assert "Note: " in printed.stderr
    written = run("export", embedded, "--to", target, "--out", "deep/out")
    assert written.stdout == ""
    assert "Wrote deep/out." in written.stderr
    assert "deep/out" in written.stderr.replace("Wrote deep/out.", "")
    assert (folder / "deep" / "out").is_file()


def test_an_export_of_several_files_is_written_side_by_side(run: Run, embedded: Path, folder: Path) -> None:
    result = run("export", embedded, "--to", "litellm")
    assert result.exit_code == 2
    assert "Say where to write them: --out toy.yaml" in result.stderr
    names = ("deep/out.yaml", "deep/out_litellm.py", "deep/out_litellm.json")
    result = run("export", embedded, "--to", "litellm", "--out", names[0])
    assert [f"Wrote {name}." in result.stderr for name in names] == [True] * 3
    assert read(folder / names[2]).task == "toy"


def test_a_further_file_replaces_only_one_of_the_same_export(run: Run, embedded: Path, folder: Path) -> None:
    (folder / "out_litellm.py").write_text("# mine", encoding="utf-8")
    result = run("export", embedded, "--to", "litellm", "--out", "out.yaml")
    assert result.exit_code == 1
    assert "out_litellm.py already exists and was not written by this export; refusing to overwrite it" in result.stderr
    assert not (folder / "out.yaml").exists()
    (folder / "out_litellm.py").unlink()
    assert run("export", embedded, "--to", "litellm", "--out", "out.yaml").exit_code == 0
    (folder / "out_litellm.py").write_text("# of another version", encoding="utf-8")
    assert run("export", embedded, "--to", "litellm", "--out", "out.yaml").exit_code == 0


@pytest.mark.parametrize(
    ("target", "options"), [("jinja", {}), ("sft", {"--rows": "rows.jsonl"}), ("sft", {"--traces": "rows.jsonl"})]
)
def test_an_export_is_not_written_over_what_it_reads(
    run: Run, embedded: Path, folder: Path, target: str, options: dict[str, str]
) -> None:
    write_rows(folder / "rows.jsonl", sentiment_rows())
    out = options.get("--rows") or options.get("--traces") or embedded
    before = (folder / out).read_bytes()
    result = run("export", embedded, "--to", target, *chain(*options.items()), "--out", folder / out)
    assert result.exit_code == 2
    assert f"--out {folder / out} is a file that this command reads. Name another file." in result.stderr
    assert (folder / out).read_bytes() == before


def test_rows_for_fine_tuning_take_options_that_other_targets_refuse(run: Run, embedded: Path) -> None:
    result = run("export", embedded, "--to", "sft", "--mix", "answer-only=1", "--seed", "3")
    assert result.exit_code == 0
    assert json.loads(result.stdout.split("\n")[0])["kind"] == "answer-only"
    for option in (("--seed", "0"), ("--rows", "toy.jsonl"), ("--map", "a=text"), ("--every-row",)):
        refused = run("export", embedded, "--to", "jinja", *option)
        assert (refused.exit_code, refused.stdout) == (1, "")
        assert "jinja takes no --rows, --map, --traces, --form, --mix, --seed or --every-row" in refused.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--map", "a=text"), "--map is about the rows of --rows. Give --rows too, or leave --map out."),
        (("--every-row",), "--every-row is about the rows of --rows. Give --rows too, or leave --every-row out."),
    ],
)
def test_an_option_about_rows_needs_rows(run: Run, embedded: Path, options: tuple[str, ...], message: str) -> None:
    result = run("export", embedded, "--to", "sft", *options)
    assert result.exit_code == 2
    assert message in result.stderr


def test_columns_of_the_tasks_own_trainset_are_mapped_as_the_task_says(run: Run, embedded: Path, folder: Path) -> None:
    rows = [{"review": f"It is {number}.", "sentiment": "positive"} for number in range(40)]
    write_rows(folder / "trainsets" / "toy.jsonl", rows)
    text = (folder / "programs" / "toy.py").read_text()
    (folder / "programs" / "toy.py").write_text(text.replace('.jsonl")', '.jsonl", mapping={"review": "text"})'))
    result = run("export", embedded, "--to", "sft", "--rows", "trainsets/toy.jsonl", "--every-row")
    assert result.exit_code == 0, result.stderr
    assert len(result.stdout.splitlines()) == 42
    write_rows(folder / "other.jsonl", rows)
    refused = run("export", embedded, "--to", "sft", "--rows", "other.jsonl", "--every-row")
    assert refused.exit_code == 1
    assert "map the columns to the fields, for example with --map review=text" in refused.stderr


def test_a_template_is_exported_to_the_byte(run: Run, embedded: Path) -> None:
    assert run("export", embedded, "--to", "jinja").stdout.endswith("\nSentiment:")


def test_one_of_several_prompts_is_exported_by_name(run: Run, pair: Path) -> None:
    result = run("export", pair, "--to", "jinja")
    assert result.exit_code == 2
    assert "Name one with --prompt: judge, answer" in result.stderr
    assert run("export", pair, "--to", "jinja", "--prompt", "none").exit_code == 2
    assert "Sentiment:" in run("export", pair, "--to", "jinja", "--prompt", "judge").stdout


def test_an_unknown_target_is_misuse_and_an_unwritable_place_a_failure(run: Run, embedded: Path) -> None:
    result = run("export", embedded, "--to", "excel")
    assert result.exit_code == 2
    assert "'excel' is not one of" in result.stderr
    result = run("export", embedded, "--to", "jinja", "--out", "programs/toy.py/x")
    assert result.exit_code == 1
    assert "cannot be written" in result.stderr


@pytest.mark.parametrize("change", [{"notes": ("word " * 200_000,)}, {"task": "x" * 1_000_000}])
def test_what_is_too_long_to_read_is_cut_in_tables_and_whole_as_json(
    run: Run, folder: Path, change: dict[str, Any]
) -> None:
    file = folder / "long.prompt.json"
    save(toy_program().model_copy(update=change), file)
    (value,) = (value[0] if isinstance(value, tuple) else value for value in change.values())
    told = run("show", file).stdout
    assert len(told) < 20_000
    assert value[:40] in told
    assert value.strip() in run("show", file, "--json").stdout


def test_long_instructions_are_shown_whole(run: Run, folder: Path) -> None:
    instructions = "Say what the text is. " * 40_000
    prompt = toy_prompt(layout="instructed").model_copy(update={"instructions": instructions})
    file = folder / "long.prompt.json"
    save(toy_program(prompt), file)
    assert instructions.strip() in run("show", file).stdout


def test_a_name_without_its_ending_gets_the_file_that_is_meant(run: Run, folder: Path) -> None:
    (folder / "rooms.prompt.json").write_text("{}", encoding="utf-8")
    assert "There is no file rooms. Did you mean rooms.prompt.json?" in run("show", "rooms").stderr
