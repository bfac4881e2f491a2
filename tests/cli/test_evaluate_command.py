"""`cribsheet evaluate` scores a frozen file on any rows."""

import json
from collections.abc import Callable
from inspect import isfunction, signature
from pathlib import Path

import pytest
from click.testing import Result
from engines import WrittenEngine
from ollama_server import OllamaServer

import cribsheet
from cribsheet.cli._scoring import METRICS
from cribsheet.corrections.guard import Guard
from cribsheet.dataset.examples import Demo
from cribsheet.frozen.running import direct_wiring
from cribsheet.frozen.sealing import read, save
from cribsheet.signature import Field, Signature
from frozen_toys import toy_prompt
from toys import write_rows

Run = Callable[..., Result]

QA_ROWS: list[dict[str, object]] = [
    {"question": "Who won?", "context": "Rovers won.", "answer": "Rovers"},
    {"question": "Who lost?", "context": "It rained all day.", "answer": {"unanswerable": "No match."}},
    {"question": "Who sang?", "context": "The wind blew.", "answer": {"unanswerable": None}},
]


def test_json_holds_the_score_with_its_interval_and_what_it_took(run: Run, served: Path) -> None:
    result = run("evaluate", served, "--data", "toy.jsonl", "--json")
    assert result.exit_code == 0
    summary = json.loads(result.stdout)
    assert (summary["score"], summary["n"]) == (0.5, 120)
    assert summary["low"] < 0.5 < summary["high"]
    assert summary["recall"] == {"negative": 0.0, "positive": 1.0}
    assert (summary["parse_failures"], summary["errors"]) == (0, 0)
    assert (summary["calls"], summary["cached_calls"]) == (120, 0)
    assert (summary["metric"], summary["model"]) == ("label_accuracy", "ollama_chat/smollm")
    assert summary["completion_tokens"] == 120
    assert summary["evaluated_tokens"] == summary["prompt_tokens"] > 0
    assert summary["seconds"] > 0


def test_labels_have_a_confusion_matrix_and_a_macro_f1(run: Run, served: Path) -> None:
    summary = json.loads(run("evaluate", served, "--data", "toy.jsonl", "--json").stdout)
    assert summary["confusion"] == {
        "outcomes": ["negative", "positive"],
        "counts": [[0, 60], [0, 60]],
        "unread": [0, 0],
    }
    assert summary["macro_f1"] == pytest.approx((0 + 2 / 3) / 2)
    told = run("evaluate", served, "--data", "toy.jsonl").stdout
    assert ["right,", "answered", "as", "negative", "positive"] in map(str.split, told.splitlines())
    assert "negative as positive 60" in told


def test_the_second_time_the_cache_of_the_workspace_answers(run: Run, served: Path) -> None:
    run("evaluate", served, "--data", "toy.jsonl", "--limit", 20)
    summary = json.loads(run("evaluate", served, "--data", "toy.jsonl", "--limit", 30, "--json").stdout)
    assert (summary["n"], summary["calls"], summary["cached_calls"]) == (30, 10, 20)


def test_the_table_fits_80_columns_and_progress_keeps_off_standard_output(run: Run, served: Path) -> None:
    result = run("evaluate", served, "--data", "toy.jsonl", "--limit", 10)
    assert "label_accuracy" in result.stdout
    assert "95 % interval" in result.stdout
    assert "negative 0.000, positive 1.000" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert "\x1b" not in result.stdout + result.stderr
    assert "scoring 10 rows" in result.stderr
    assert "10 of 10 rows, score so far 0.500" in result.stderr


def test_columns_are_renamed_by_map(run: Run, served: Path, folder: Path) -> None:
    (folder / "dev.csv").write_text("sentence,label,source\nSuperb.,positive,a\nDull.,negative,b\n")
    mapped = run("evaluate", served, "--data", "dev.csv", "--map", "sentence=text,label=sentiment", "--json")
    assert json.loads(mapped.stdout)["n"] == 2


def test_numbers_are_read_as_the_labels_that_they_stand_for(run: Run, served: Path, folder: Path) -> None:
    (folder / "dev.csv").write_text("text,sentiment\nSuperb.,1\nDull.,0\n")
    refused = run("evaluate", served, "--data", "dev.csv")
    assert refused.exit_code == 1
    assert "--labels 0=negative,1=positive" in refused.stderr
    named = run("evaluate", served, "--data", "dev.csv", "--labels", "0=negative,1=positive", "--json")
    assert json.loads(named.stdout)["recall"] == {"negative": 0.0, "positive": 1.0}
    wrong = run("evaluate", served, "--data", "dev.csv", "--labels", "0=negative,1=good")
    assert "'1' is to stand for 'good', which is no label of" in wrong.stderr
    unreadable = run("evaluate", served, "--data", "dev.csv", "--labels", "0:negative")
    assert (unreadable.exit_code, "Write value=label pairs" in unreadable.stderr) == (2, True)


def test_a_sample_is_drawn_by_its_seed(run: Run, served: Path) -> None:
    def scored(*options: object) -> dict[str, object]:
        result = run("evaluate", served, "--data", "toy.jsonl", "--json", *options)
        return {"n": json.loads(result.stdout)["n"], "recall": json.loads(result.stdout)["confusion"]["counts"]}

    assert scored("--sample", 31)["n"] == 31
    assert scored("--sample", 31) == scored("--sample", 31, "--seed", 0)
    assert len({str(scored("--sample", 31, "--seed", seed)) for seed in range(4)}) > 1
    assert scored("--limit", 20, "--sample", 31)["n"] == 20
    alone = run("evaluate", served, "--data", "toy.jsonl", "--seed", 1)
    assert (alone.exit_code, "--seed is about --sample" in alone.stderr) == (2, True)


def test_a_field_of_one_outcome_has_no_recall(run: Run, served: Path, folder: Path) -> None:
    text = Signature(name="T", instructions="", inputs=(Field(name="text"),), outputs=(Field(name="said"),))
    prompts = {"predict": toy_prompt(text)}
    frozen = read(served).model_copy(update={"prompts": prompts, "wiring": direct_wiring("predict", text)})
    save(frozen, folder / "text.prompt.json")
    write_rows(folder / "rows.jsonl", [{"text": "Superb.", "said": "negative"}])
    asked = ("evaluate", "text.prompt.json", "--data", "rows.jsonl", "--metric", "answer_f1")
    assert json.loads(run(*asked, "--json").stdout)["recall"] == {}
    assert "recall" not in run(*asked).stdout


@pytest.mark.parametrize("metric", ["exact_match", "record_accuracy"])
def test_decimals_are_compared_by_value_without_the_users_types(
    run: Run, served: Path, folder: Path, server: OllamaServer, metric: str
) -> None:
    price = Field(name="price", kind="decimal")  # type: ignore[call-arg]
    priced = Signature(name="P", instructions="", inputs=(Field(name="text"),), outputs=(price,))
    server.engine = WrittenEngine(" 1.5")
    prompts = {"predict": toy_prompt(priced)}
    frozen = read(served).model_copy(update={"prompts": prompts, "wiring": direct_wiring("predict", priced)})
    save(frozen, folder / "price.prompt.json")
    write_rows(folder / "rows.jsonl", [{"text": "It costs 1.50.", "price": "1.50"}])
    result = run("evaluate", "price.prompt.json", "--data", "rows.jsonl", "--metric", metric, "--json")
    assert json.loads(result.stdout)["score"] == 1.0


def test_each_of_several_outputs_has_its_own_figure(run: Run, served: Path, folder: Path, server: OllamaServer) -> None:
    outputs = (Field(name="price", kind="decimal"), Field(name="sold", kind="boolean"))  # type: ignore[call-arg]
    offer = Signature(name="O", instructions="", inputs=(Field(name="text"),), outputs=outputs)
    server.engine = WrittenEngine(" 1.5\nSold: no")
    prompts = {"predict": toy_prompt(offer)}
    frozen = read(served).model_copy(update={"prompts": prompts, "wiring": direct_wiring("predict", offer)})
    save(frozen, folder / "offer.prompt.json")
    write_rows(folder / "rows.jsonl", [{"text": "It costs 1.50.", "price": "1.50", "sold": True}])
    asked = ("evaluate", "offer.prompt.json", "--data", "rows.jsonl", "--metric", "exact_match")
    assert json.loads(run(*asked, "--json").stdout)["right"] == {"price": 1.0, "sold": 0.0}
    assert "price 1.000, sold 0.000" in run(*asked).stdout


def test_abstentions_have_precision_and_recall(run: Run, served_qa: Path, folder: Path) -> None:
    write_rows(folder / "qa.jsonl", QA_ROWS)
    result = run("evaluate", served_qa, "--data", "qa.jsonl", "--metric", "answer_f1", "--json")
    summary = json.loads(result.stdout)
    assert summary["recall"] == {"answered": 0.0, "unanswerable": 1.0}
    assert summary["abstention_precision"] == pytest.approx(2 / 3)
    assert summary["abstention_recall"] == 1.0
    assert summary["abstention_balanced"] == 0.5
    assert (summary["answerable"]["score"], summary["answerable"]["n"]) == (0.0, 1)
    assert (summary["uncorrected"], summary["risk_coverage"]) == (None, None)
    assert "abstention" in run("evaluate", served_qa, "--data", "qa.jsonl", "--metric", "answer_f1").stdout


def test_a_guarded_file_is_scored_without_its_guard_too_and_has_a_curve(
    run: Run, served_qa: Path, folder: Path, server: OllamaServer
) -> None:
    server.engine = WrittenEngine(" Rovers")
    guard = Guard(
        field="answer",
        context="context",
        lead=("question",),
        weights={"grounded": 6.0},
        intercept=-3.0,
        threshold=0.5,
    )
    program = read(folder / served_qa)
    prompt = program.prompts["predict"].with_corrections(guard)
    save(program.model_copy(update={"prompts": {"predict": prompt}}), folder / "guarded.prompt.json")
    write_rows(folder / "qa.jsonl", QA_ROWS)
    args = ("evaluate", "guarded.prompt.json", "--data", "qa.jsonl", "--metric", "answer_f1")
    summary = json.loads(run(*args, "--json").stdout)
    assert (summary["score"], summary["uncorrected"]["score"]) == (1.0, pytest.approx(1 / 3))
    assert summary["abstention_balanced"] == 1.0
    assert summary["risk_coverage"]["area"] == pytest.approx((0 + 1 / 2 + 2 / 3) / 3)
    assert summary["risk_coverage"]["curve"][0] == [pytest.approx(1 / 3), 0.0]
    assert summary["calls"] == 3
    told = run(*args).stdout
    assert "balanced accuracy 1.000" in told
    assert "uncorrected" in told
    assert "risk-coverage" in told
    assert "grounded +6.000, intercept -3.000, threshold 0.500" in run("show", "guarded.prompt.json").stdout


def test_parse_failures_and_crashed_rows_are_counted_apart(
    run: Run, served: Path, folder: Path, server: OllamaServer
) -> None:
    write_rows(
        folder / "rows.jsonl", [{"text": "x " * 5000, "sentiment": "positive"}, {"text": "y", "sentiment": "positive"}]
    )
    server.engine = WrittenEngine(" hm")
    result = run("evaluate", served, "--data", "rows.jsonl", "--json")
    summary = json.loads(result.stdout)
    assert (summary["parse_failures"], summary["errors"], summary["score"]) == (1, 1, 0.0)
    assert summary["unread"] == {"asked_again": 0, "rescued": 0, "rows": 1}
    assert "rows that crashed: 1, the first with The prompt exceeds the context window" in result.stderr
    assert "completions that could not be read: 1" in result.stderr


def test_a_task_of_the_workspace_brings_its_own_metric(run: Run, served: Path, folder: Path) -> None:
    _compiled_with(folder, served, metric="generous")
    task = folder / "programs" / "toy.py"
    task.write_text(
        "from cribsheet import Task\nfrom signatures.sentiment import Sentiment\n\n\n"
        "def generous(example, prediction, trace=None):\n    return 1.0\n\n\n"
        'task = Task(Sentiment, metric=generous, trainset="toy.jsonl")\n'
    )
    summary = json.loads(run("evaluate", "own.prompt.json", "--data", "toy.jsonl", "--limit", 4, "--json").stdout)
    assert (summary["metric"], summary["score"]) == ("generous", 1.0)


def test_a_metric_that_is_nowhere_is_a_failure_that_names_the_shipped_ones(
    run: Run, served: Path, folder: Path
) -> None:
    _compiled_with(folder, served, metric="generous")
    result = run("evaluate", "own.prompt.json", "--data", "toy.jsonl")
    assert result.exit_code == 1
    assert "'generous'" in result.stderr
    assert "--metric: exact_match, label_accuracy" in result.stderr
    assert run("evaluate", "own.prompt.json", "--data", "toy.jsonl", "--metric", "exact_match").exit_code == 0
    assert run("evaluate", "own.prompt.json", "--data", "toy.jsonl", "--metric", "bleu").exit_code == 2


def test_every_shipped_metric_is_found_by_its_name() -> None:
    exported = [getattr(cribsheet, name) for name in cribsheet.__all__]
    shipped = [one for one in exported if isfunction(one) and {"example", "prediction"} <= {*signature(one).parameters}]
    assert {one.__name__: one for one in shipped} == METRICS


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"text": "x", "sentiment": "positive"}\n{"text": "y"}\n', "dev.jsonl, line 2: no field 'sentiment'"),
        (b'{"text": "x", "sentiment": "mixed"}\n', "must be one of negative, positive but got 'mixed'"),
        (b"", "dev.jsonl is empty"),
        (b'{"text": "caf\xe9", "sentiment": "positive"}\n', "dev.jsonl, line 1: not UTF-8"),
    ],
)
def test_bad_rows_are_a_failure_that_names_the_line(
    run: Run, served: Path, folder: Path, server: OllamaServer, content: bytes, message: str
) -> None:
    (folder / "dev.jsonl").write_bytes(content)
    result = run("evaluate", served, "--data", "dev.jsonl")
    assert (result.exit_code, result.stdout) == (1, "")
    assert message in result.stderr
    assert server.requests == []


def test_empty_texts_are_scored_if_they_are_allowed(run: Run, served: Path, folder: Path) -> None:
    (folder / "dev.jsonl").write_text('{"text": " ", "sentiment": "positive"}\n')
    result = run("evaluate", served, "--data", "dev.jsonl")
    assert result.exit_code == 1
    assert "dev.jsonl, line 1: text is empty" in result.stderr
    assert run("evaluate", served, "--data", "dev.jsonl", "--allow-empty").exit_code == 0


def test_a_metrics_own_range_is_that_of_the_task(run: Run, served: Path, folder: Path) -> None:
    _compiled_with(folder, served, metric="generous")
    (folder / "programs" / "toy.py").write_text(
        "from cribsheet import Task\nfrom signatures.sentiment import Sentiment\n\n\n"
        "def generous(example, prediction, trace=None):\n    return 7\n\n\n"
        'task = Task(Sentiment, metric=generous, trainset="toy.jsonl", metric_range=(0, 10))\n'
    )
    summary = json.loads(run("evaluate", "own.prompt.json", "--data", "toy.jsonl", "--limit", 4, "--json").stdout)
    assert (summary["metric"], summary["score"]) == ("generous", 0.7)


def test_a_metric_that_raises_is_told_with_its_place_and_the_row(run: Run, served: Path, folder: Path) -> None:
    _compiled_with(folder, served, metric="broken")
    (folder / "programs" / "toy.py").write_text(
        "from cribsheet import Task\nfrom signatures.sentiment import Sentiment\n\n\n"
        "def broken(example, prediction, trace=None):\n    return 1 / len(prediction.sentiment[9:])\n\n\n"
        'task = Task(Sentiment, metric=broken, trainset="toy.jsonl")\n'
    )
    result = run("evaluate", "own.prompt.json", "--data", "toy.jsonl", "--limit", 4)
    assert result.exit_code == 1
    for part in (
        "The metric broken raised ZeroDivisionError",
        "programs/toy.py, line 6: return 1 / len(prediction.sentiment[9:])",
        "trainsets/toy.jsonl, line 1) with text='The film was superb.'",
        "Prediction(sentiment='positive')",
    ):
        assert part in result.stderr


@pytest.mark.parametrize("args", [("--map", "sentence"), ("--limit", "0"), ("--metric", "bleu")])
def test_malformed_options_are_misuse(run: Run, served: Path, args: tuple[str, str]) -> None:
    result = run("evaluate", served, "--data", "toy.jsonl", *args)
    assert result.exit_code == 2
    assert f"Invalid value for '{args[0]}'" in result.stderr


def test_rows_are_needed_and_looked_for_in_the_workspace(run: Run, served: Path) -> None:
    assert run("evaluate", served).exit_code == 2
    result = run("evaluate", served, "--data", "none.jsonl")
    assert result.exit_code == 1
    assert "no trainset 'none.jsonl'" in result.stderr


def test_other_weights_under_the_same_name_are_told(run: Run, served: Path, folder: Path) -> None:
    program = read(folder / served)
    model = program.model.model_copy(update={"digest": "sha256:0000"})
    save(program.model_copy(update={"model": model}), folder / "own.prompt.json")
    result = run("evaluate", "own.prompt.json", "--data", "toy.jsonl", "--limit", 1)
    assert result.exit_code == 0
    assert "ollama_chat/smollm has other weights than the file was compiled for" in result.stderr


@pytest.mark.model
def test_the_embedded_model_is_scored_and_replayed_from_the_cache(run: Run, embedded: Path) -> None:
    first = json.loads(run("evaluate", embedded, "--data", "sentiment.jsonl", "--limit", 8, "--json").stdout)
    again = json.loads(run("evaluate", embedded, "--data", "sentiment.jsonl", "--limit", 8, "--json").stdout)
    assert (first["calls"], again["calls"], again["cached_calls"]) == (8, 0, 8)
    assert first["score"] == again["score"] > 0.3


def _compiled_with(folder: Path, served: Path, *, metric: str) -> None:
    program = read(folder / served)
    results = program.results.model_copy(update={"metric": metric})
    save(program.model_copy(update={"results": results}), folder / "own.prompt.json")


def test_rows_that_are_demos_are_told_of(run: Run, served: Path) -> None:
    program = read(served)
    ((name, prompt),) = program.prompts.items()
    demo = Demo(inputs={"text": "The 7th film."}, outputs={"sentiment": "positive"})
    save(program.model_copy(update={"prompts": {name: prompt.model_copy(update={"demos": (demo,)})}}), served)
    rows = [{"text": "The 7th  film.", "sentiment": "positive"}, {"text": "Another film.", "sentiment": "negative"}]
    write_rows(Path("seen.jsonl"), rows)
    assert (
        "rows that are demonstrations in the prompt: 1 of 2." in run("evaluate", served, "--data", "seen.jsonl").stderr
    )
    write_rows(Path("new.jsonl"), rows[1:])
    assert "demonstrations" not in run("evaluate", served, "--data", "new.jsonl").stderr
