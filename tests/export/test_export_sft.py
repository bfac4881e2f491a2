"""Rows for fine-tuning are the frozen prompt's own form, of rows that no score was measured on."""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from cribsheet.dataset.examples import Row
from cribsheet.dataset.rows import load_rows
from cribsheet.dataset.splits import split
from cribsheet.dataset.traces import Trace, write_traces
from cribsheet.errors import DataError, ExportError
from cribsheet.export import Training, export
from cribsheet.export._training import read_mix
from cribsheet.frozen import FrozenProgram, FrozenPrompt
from cribsheet.frozen.running import prompt_text
from cribsheet.layout.catalogue import layout_named
from cribsheet.layout.rendering import render_outputs
from cribsheet.signature import REASONING
from export_cases import all_cases, program_of, prompt_of, sentiment_demos
from frozen_toys import toy_program
from toys import SENTIMENT, sentiment_rows, write_rows

CHAT = prompt_of(layout_named("chat"), SENTIMENT, ())
PLAIN = prompt_of(layout_named("plain"), SENTIMENT, ())


def rows_of(program: FrozenProgram, **training: Any) -> list[dict[str, Any]]:
    text = export(program, "sft", training=Training.model_validate(training)).text
    return [json.loads(line) for line in text.splitlines()]


def compiled(prompt: FrozenPrompt, folder: Path) -> tuple[FrozenProgram, str, set[str]]:
    """Return a program, the trainset that it was compiled with, and the inputs of the demo pool."""
    path = write_rows(folder / "rows.jsonl", sentiment_rows())
    splits = split(load_rows(path, SENTIMENT), SENTIMENT, seed=0)
    program = program_of(prompt)
    provenance = program.provenance.model_copy(update={"splits": splits.hashes})
    return (
        program.model_copy(update={"provenance": provenance}),
        str(path),
        {str(row.inputs["text"]) for row in splits.train},
    )


def traced(folder: Path, rationales: Mapping[str, tuple[str, ...]]) -> str:
    """Write traces with these rationales for each text; one that begins with a star is hinted."""
    write_traces(
        folder / "traces.jsonl",
        [
            Trace(
                row=text,
                predictor="predict",
                inputs={"text": text},
                outputs={REASONING: rationale.lstrip("*"), "sentiment": "positive"},
                score=1,
                teacher="scripted/teacher",
                sample=number,
                hinted=rationale.startswith("*"),
            )
            for text, given in rationales.items()
            for number, rationale in enumerate(given)
        ],
    )
    return str(folder / "traces.jsonl")


RATIONALES = {"Superb.": ("It praises.", "Superb is praise."), "Lovely.": ("*It is kind.",), "Bright.": ("It shines.",)}


def test_a_row_of_each_form_is_the_zero_shot_prompt_with_its_answer() -> None:
    demos = sentiment_demos(("Dull.", "Superb."))
    chat = rows_of(program_of(CHAT.model_copy(update={"demos": demos})))
    asked = {row["messages"][-2]["content"]: row["messages"] for row in chat}
    for text, label in (("Dull.", "negative"), ("Superb.", "positive")):
        turns = [one.model_dump() for one in prompt_text(CHAT, {"text": text}).messages]
        assert asked[turns[-1]["content"]] == [*turns, {"role": "assistant", "content": label}]
    raw = rows_of(program_of(PLAIN.model_copy(update={"demos": demos})))
    assert {(row["prompt"], row["completion"]) for row in raw} == {
        (prompt_text(PLAIN, {"text": "Dull."}).text, " negative"),
        (prompt_text(PLAIN, {"text": "Superb."}).text, " positive"),
    }
    turned = rows_of(program_of(CHAT.model_copy(update={"demos": demos})), form="completion")
    assert turned[0]["prompt"] + turned[0]["completion"] in [row["messages"] for row in chat]


def test_every_layout_and_signature_has_the_answers_that_its_demos_show() -> None:
    for prompt, _ in all_cases()[2::3]:
        found = {row.get("completion") or row["messages"][-1]["content"] for row in rows_of(program_of(prompt))}
        shown = {render_outputs(prompt.layout, prompt.signature, demo.outputs) for demo in prompt.demos}
        assert found <= shown | {answer.lstrip(" ") for answer in shown}


def test_a_line_is_one_line_for_every_reader() -> None:
    demos = sentiment_demos(("a\u2028b\u2029c\x85d\x0be",))
    text = export(program_of(PLAIN.model_copy(update={"demos": demos})), "sft").text
    assert len(text.splitlines()) == 1
    assert json.loads(text)["prompt"] == prompt_text(PLAIN, {"text": demos[0].inputs["text"]}).text


def test_rows_of_the_testset_and_the_valset_are_left_out(tmp_path: Path) -> None:
    program, path, pool = compiled(PLAIN, tmp_path)
    found = rows_of(program, rows=path)
    assert {row["prompt"] for row in found} == {prompt_text(PLAIN, {"text": text}).text for text in pool}
    assert len(rows_of(program, rows=path, every_row=True)) == 120 > len(found)


def test_empty_texts_are_exported_if_they_are_allowed(tmp_path: Path) -> None:
    path = str(write_rows(tmp_path / "rows.jsonl", [*sentiment_rows(), {"text": " ", "sentiment": "positive"}]))
    with pytest.raises(DataError, match="text is empty"):
        rows_of(program_of(PLAIN), rows=path, every_row=True)
    assert len(rows_of(program_of(PLAIN), rows=path, every_row=True, allow_empty=True)) == 121


@pytest.mark.parametrize("id_of", [lambda row: row.id, lambda row: "of another label"], ids=["same", "other"])
def test_traces_of_held_out_rows_are_left_out_if_the_rows_are_given(
    tmp_path: Path, id_of: Callable[[Row], str]
) -> None:
    program, path, pool = compiled(PLAIN, tmp_path)
    rows = load_rows(path, SENTIMENT)
    traces = [
        Trace(
            row=id_of(row),
            predictor="predict",
            inputs=row.inputs,
            outputs={REASONING: "So.", "sentiment": row.outputs["sentiment"][0]},
            score=1,
            teacher="t",
            sample=0,
        )
        for row in rows
    ]
    write_traces(tmp_path / "traces.jsonl", traces)
    mix = read_mix("zero-shot-cot")
    assert len(rows_of(program, rows=path, traces=str(tmp_path / "traces.jsonl"), mix=mix)) == len(pool)


def test_rows_that_split_otherwise_are_refused(tmp_path: Path) -> None:
    program, _, _ = compiled(PLAIN, tmp_path)
    path = str(write_rows(tmp_path / "others.jsonl", sentiment_rows()[:60]))
    with pytest.raises(ExportError, match="does not split as the rows of the compile did"):
        rows_of(program, rows=path)
    assert len(rows_of(program, rows=path, every_row=True)) == 60


def test_each_rationale_of_a_row_is_a_row_and_hinted_ones_are_marked(tmp_path: Path) -> None:
    found = rows_of(program_of(CHAT), traces=traced(tmp_path, RATIONALES), mix=read_mix("zero-shot-cot"))
    said = {row["messages"][-1]["content"].split("\n")[0]: row["hinted"] for row in found}
    assert said == {"It praises.": False, "Superb is praise.": False, "It is kind.": True, "It shines.": False}
    assert {row["origin"] for row in found} == {"trace of scripted/teacher"}
    assert len(rows_of(program_of(CHAT), traces=traced(tmp_path, RATIONALES))) == 3


def test_few_shot_rows_show_rationales_for_other_inputs(tmp_path: Path) -> None:
    found = rows_of(program_of(PLAIN), traces=traced(tmp_path, RATIONALES), mix=read_mix("few-shot-cot"))
    for row in found:
        *shown, asked = row["prompt"].split("Text: ")[1:]
        assert 2 <= len(shown) <= 4
        assert asked.split("\n")[0] not in [one.split("\n")[0] for one in shown]


def test_the_shares_of_a_mix_are_kept(tmp_path: Path) -> None:
    program, path, _ = compiled(PLAIN, tmp_path)
    traces = traced(tmp_path, {f"Text {number}.": ("Why.", "So.") for number in range(10)})
    mix = read_mix("few-shot-cot=1, zero-shot-cot=1, answer-only=2")
    found = rows_of(program, rows=path, traces=traces, mix=mix)
    counts = Counter(row["kind"] for row in found)
    assert counts["few-shot-cot"] == counts["zero-shot-cot"] > 10
    assert abs(counts["answer-only"] - 2 * counts["few-shot-cot"]) <= 1


def test_a_share_that_cannot_be_filled_is_refused() -> None:
    program = program_of(PLAIN.model_copy(update={"demos": sentiment_demos(("a", "b"))}))
    for mix in ("zero-shot-cot,answer-only", "answer-only,zero-shot-cot"):
        with pytest.raises(ExportError, match="wants 50% zero-shot-cot, but of 2 examples, 0 can be that"):
            rows_of(program, mix=read_mix(mix))
    with pytest.raises(ExportError, match="nothing to train on"):
        rows_of(program_of(PLAIN))


def test_the_seed_alone_decides_the_bytes(tmp_path: Path) -> None:
    program, path, _ = compiled(PLAIN, tmp_path)
    first, again, other = (rows_of(program, rows=path, seed=seed) for seed in (0, 0, 1))
    assert first == again != other
    assert sorted(map(repr, first)) == sorted(map(repr, other))


def test_a_raw_prompt_makes_no_chats() -> None:
    with pytest.raises(ExportError, match="Give --form completion"):
        rows_of(program_of(PLAIN.model_copy(update={"demos": sentiment_demos(("a",))})), form="chat")


def test_rows_of_a_program_are_no_rows_of_one_of_its_prompts(tmp_path: Path) -> None:
    program = toy_program().model_copy(update={"prompts": {"a": PLAIN, "b": PLAIN}})
    with pytest.raises(ExportError, match="Give --traces instead"):
        export(program, "sft", prompt="a", training=Training(rows=str(tmp_path / "rows.jsonl")))


def test_another_target_takes_no_training() -> None:
    with pytest.raises(ExportError, match=r"jinja takes no --rows, --map, .* or --every-row .* those are for sft"):
        export(program_of(PLAIN), "jinja", training=Training())


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("cot", "'cot' is no kind of row"),
        ("answer-only,answer-only", "'answer-only' is twice in the mix"),
        ("answer-only=-1", "must be a positive number but is '-1'"),
        ("answer-only=x", "must be a positive number but is 'x'"),
        ("answer-only=nan", "must be a positive number but is 'nan'"),
        ("answer-only=1e999999999", "must be a positive number but is '1e999999999'"),
    ],
)
def test_a_mix_that_cannot_be_read_is_refused(text: str, told: str) -> None:
    with pytest.raises(ExportError, match=told):
        read_mix(text)


@pytest.mark.parametrize("mix", [{}, {"answer-only": 0}, {"answer-only": -1}, {"answer-only": 1, "cot": 1}])
def test_a_mix_in_python_has_positive_shares_of_known_kinds(mix: Mapping[str, int]) -> None:
    with pytest.raises(ValidationError):
        Training.model_validate({"mix": mix})


def test_a_mix_without_shares_has_equal_ones() -> None:
    assert read_mix("few-shot-cot,answer-only") == {"few-shot-cot": Fraction(1, 2), "answer-only": Fraction(1, 2)}
