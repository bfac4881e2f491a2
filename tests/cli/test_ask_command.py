"""`cribsheet ask` answers one row or a file of rows."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from engines import WrittenEngine
from ollama_server import OllamaServer

from cribsheet.dataset.examples import Demo
from cribsheet.frozen import FrozenProgram
from cribsheet.frozen.running import direct_wiring
from cribsheet.frozen.sealing import read, save
from cribsheet.signature import Field, Signature
from frozen_toys import toy_prompt
from toys import SENTIMENT

Run = Callable[..., Result]


def test_the_answer_alone_goes_to_standard_output(run: Run, served: Path) -> None:
    result = run("ask", served, "--text", "Superb.")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "positive\n", "")


def test_the_help_of_a_file_lists_its_inputs(run: Run, served_qa: Path) -> None:
    result = run("ask", served_qa, "--help")
    assert "--question TEXT" in result.stdout
    assert "--context TEXT" in result.stdout


def test_the_help_of_a_file_names_its_output(run: Run, served_qa: Path) -> None:
    told = " ".join(run("ask", served_qa, "--help").stdout.split())
    assert re.search(r"Answer with \S+, compiled for \S+\. Its output is answer\. ", told)


def test_json_holds_the_outputs_and_what_is_known_of_them(run: Run, served: Path) -> None:
    result = run("ask", served, "--text", "Superb.", "--json")
    assert json.loads(result.stdout) == {
        "sentiment": "positive",
        "probability": None,
        "probability_note": "There is none: the answer was written as text, and no guard judged it.",
        "unassigned": None,
        "decided_by": "text",
        "model_text": " positive",
        "changes": [],
    }


def test_an_unanswerable_question_is_said_to_be_so(run: Run, served_qa: Path) -> None:
    inputs = ("--question", "Who is Anne Frank?", "--context", "Gravity is a force.")
    assert run("ask", served_qa, *inputs).stdout == "unanswerable\n"
    assert json.loads(run("ask", served_qa, *inputs, "--json").stdout)["answer"] == {"unanswerable": None}


def test_a_dash_reads_standard_input_once(run: Run, served_qa: Path, server: OllamaServer) -> None:
    result = run("ask", served_qa, "--question", "Why?", "--context", "-", input="Grüße\nund mehr\n")
    assert result.exit_code == 0
    assert "Grüße\nund mehr\n" in server.prompts[-1]
    result = run("ask", served_qa, "--question", "-", "--context", "-", input="x")
    assert result.exit_code == 2
    assert "standard input is already used for question" in result.stderr


def test_standard_input_that_is_not_utf_8_is_misuse(run: Run, served: Path) -> None:
    result = run("ask", served, "--text", "-", input=b"caf\xe9")
    assert result.exit_code == 2
    assert "not UTF-8" in result.stderr


@pytest.mark.parametrize("empty", ["", " \n", "\u200b"])
def test_an_empty_text_is_misuse_unless_a_demonstration_has_one(
    run: Run, served: Path, folder: Path, server: OllamaServer, empty: str
) -> None:
    result = run("ask", served, "--text", empty)
    assert result.exit_code == 2
    assert "--text is empty. No demonstration of the prompt has an empty one, so the answer" in result.stderr
    _write(folder / "in.jsonl", [{"text": empty}])
    (row,) = json.loads(f"[{run('ask', served, '--jsonl', 'in.jsonl').stdout}]")
    assert row["error"].startswith("text is empty.")
    assert server.requests == []
    demos = (Demo(inputs={"text": " "}, outputs={"sentiment": "positive"}),)
    save(read(served).model_copy(update={"prompts": {"predict": toy_prompt(demos=demos)}}), folder / served)
    assert run("ask", served, "--text", empty).stdout == "positive\n"


def test_a_default_that_its_own_type_does_not_allow_is_told(run: Run, served: Path, folder: Path) -> None:
    note = Field(name="note", has_default=True, default=None)
    _save_with(folder, served, SENTIMENT.model_copy(update={"inputs": (Field(name="text"), note)}))
    result = run("ask", "car.prompt.json", "--text", "Superb.")
    assert (result.exit_code, "note must be text but got None" in result.stderr) == (2, True)
    _write(folder / "in.jsonl", [{"text": "Superb."}])
    assert "note must be text but got None" in run("ask", "car.prompt.json", "--jsonl", "in.jsonl").stdout


def test_an_empty_input_that_may_be_none_or_empty_is_answered(
    run: Run, served: Path, folder: Path, server: OllamaServer
) -> None:
    text, note = Field(name="text"), Field(name="note", has_default=True, default="")
    city = Field(name="city", abstains=True, optional=True, has_default=True, default="Oslo")
    _save_with(folder, served, SENTIMENT.model_copy(update={"inputs": (text, note, city)}))
    result = run("ask", "car.prompt.json", "--text", "Superb.", "--note", "", "--city", "")
    assert (result.exit_code, result.stdout) == (0, "positive\n")
    assert "Oslo" not in server.prompts[-1]
    _write(folder / "in.jsonl", [{"text": "Superb.", "city": ""}, {"text": "Superb.", "city": None}])
    empty, none = json.loads(f"[{','.join(run('ask', 'car.prompt.json', '--jsonl', 'in.jsonl').stdout.splitlines())}]")
    assert "Write null if it has no value" in empty["error"]
    assert none["sentiment"] == "positive"


def test_nul_in_an_input_is_misuse(run: Run, served: Path, server: OllamaServer) -> None:
    result = run("ask", served, "--text", "-", input="Superb.\0")
    assert result.exit_code == 2
    assert "text has the character NUL at position 7." in result.stderr
    assert server.requests == []


def test_a_missing_or_unknown_input_is_misuse_that_names_the_right_ones(run: Run, served_qa: Path) -> None:
    result = run("ask", served_qa, "--question", "Why?")
    assert result.exit_code == 2
    assert "Missing option '--context'. The file takes --question, --context" in result.stderr
    result = run("ask", served_qa, "--query", "Why?")
    assert result.exit_code == 2
    assert "No such option '--query'. The file takes --question, --context, or --jsonl." in result.stderr


@pytest.mark.parametrize(
    ("option", "hint"),
    [("--texts", "Did you mean '--text'? "), ("--question", ""), ("--jsom", "Did you mean '--json'? ")],
)
def test_an_unknown_option_is_told_which_ones_the_file_takes(run: Run, served: Path, option: str, hint: str) -> None:
    result = run("ask", served, option, "Why?")
    assert result.exit_code == 2
    assert f"No such option '{option}'. {hint}The file takes --text, or --jsonl." in result.stderr


def test_options_before_the_file_are_misuse_that_shows_the_order(run: Run, served: Path) -> None:
    result = run("ask", "--text", "Superb.", served)
    assert result.exit_code == 2
    assert "cribsheet ask FILE --text" in result.stderr


def test_an_input_named_like_an_option_of_ask_keeps_out_of_its_way(run: Run, served: Path, folder: Path) -> None:
    car = Signature(
        name="Car",
        instructions="Judge the car.",
        inputs=(Field(name="model"), Field(name="is_new", kind="boolean"), Field(name="age_in_years", kind="integer")),
        outputs=(Field(name="text", kind="label", labels=("positive", "negative")),),
    )
    _save_with(folder, served, car)
    result = run("ask", "car.prompt.json", "--input-model", "T", "--is-new", "false", "--age-in-years", "9", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["text"] == "positive"
    result = run("ask", "car.prompt.json", "--input-model", "T", "--is-new", "maybe", "--age-in-years", "9")
    assert result.exit_code == 2
    assert "is_new must be true or false but got 'maybe'" in result.stderr


def test_several_outputs_are_named(run: Run, served: Path, folder: Path, server: OllamaServer) -> None:
    two = Signature(
        name="Two",
        instructions="Judge.",
        inputs=(Field(name="text"),),
        outputs=(Field(name="kind"), Field(name="is_good", kind="boolean")),
    )
    _save_with(folder, served, two)
    server.engine = WrittenEngine(" film\nIs good: yes")
    assert run("ask", "car.prompt.json", "--text", "x").stdout == "kind: film\nis_good: true\n"


def test_a_completion_that_cannot_be_read_is_a_failure_that_quotes_it(
    run: Run, served: Path, server: OllamaServer
) -> None:
    server.engine = WrittenEngine(" hard to tell")
    result = run("ask", served, "--text", "Hm.")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "The model wrote ' hard to tell'" in result.stderr


def test_an_unknown_model_is_a_failure_that_says_what_to_use(run: Run, served: Path) -> None:
    result = run("ask", served, "--text", "x", "--model", "tiny")
    assert result.exit_code == 1
    assert "embedded/tiny" in result.stderr


def test_a_server_that_is_not_there_is_a_failure_that_says_how_to_start_it(run: Run, served: Path) -> None:
    result = run("ask", served, "--text", "x", "--api-base", "http://127.0.0.1:9")
    assert result.exit_code == 1
    assert "Nothing answers at http://127.0.0.1:9. Start Ollama with `ollama serve`" in result.stderr


# A file of rows


def test_an_unanswered_row_counts_as_one_even_if_an_output_is_named_error(
    run: Run, served: Path, folder: Path, server: OllamaServer
) -> None:
    named = Signature(
        name="Named",
        instructions="Judge.",
        inputs=(Field(name="text"),),
        outputs=(Field(name="error", kind="label", labels=("positive", "negative")),),
    )
    _save_with(folder, served, named)
    server.engine = WrittenEngine(" hard to tell")
    _write(folder / "in.jsonl", [{"text": "Hm."}])
    result = run("ask", "car.prompt.json", "--jsonl", "in.jsonl")
    assert "Answered 0 of 1 row. 1 row has an error instead: " in result.stderr


def test_a_field_of_a_row_that_is_named_error_is_kept(
    run: Run, served: Path, folder: Path, server: OllamaServer
) -> None:
    server.engine = WrittenEngine(" hard to tell")
    _write(folder / "in.jsonl", [{"text": "Hm.", "error": "E404"}, {"text": "Hm."}])
    result = run("ask", served, "--jsonl", "in.jsonl", "--out", "out.jsonl")
    kept, other = _rows(folder / "out.jsonl")
    assert kept["error"] == "E404"
    assert str(kept["error_2"]).startswith("the completion cannot be read: ")
    assert set(other) == {"text", "error_2"}
    assert "Note: the field 'error' is taken, so 'error_2' says why a row has no outputs." in result.stderr


def test_an_input_that_is_named_error_is_kept(run: Run, served: Path, folder: Path, server: OllamaServer) -> None:
    signature = Signature(
        name="Log",
        instructions="Judge.",
        inputs=(Field(name="error"),),
        outputs=(Field(name="text", kind="label", labels=("positive", "negative")),),
    )
    _save_with(folder, served, signature)
    server.engine = WrittenEngine(" hard to tell")
    _write(folder / "in.jsonl", [{"error": "E404"}])
    (row,) = json.loads(f"[{run('ask', 'car.prompt.json', '--jsonl', 'in.jsonl').stdout}]")
    assert (row["error"], set(row)) == ("E404", {"error", "error_2"})


@pytest.mark.parametrize("said", [" inf", " 1e999", " nan", f" 1{'0' * 400}"])
def test_a_number_that_json_cannot_hold_is_no_output(
    run: Run, served: Path, folder: Path, server: OllamaServer, said: str
) -> None:
    signature = Signature(
        name="Sum", instructions="Add.", inputs=(Field(name="text"),), outputs=(Field(name="sum", kind="number"),)
    )
    _save_with(folder, served, signature)
    server.engine = WrittenEngine(said)
    _write(folder / "in.jsonl", [{"text": "x"}])
    row = json.loads(run("ask", "car.prompt.json", "--jsonl", "in.jsonl").stdout, parse_constant=pytest.fail)
    assert "sum has no finite number in" in row["error"]
    result = run("ask", "car.prompt.json", "--text", "x", "--json")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "sum has no finite number in" in result.stderr


def test_a_file_of_rows_is_answered_in_order_keeping_its_other_columns(run: Run, served: Path, folder: Path) -> None:
    rows = [{"id": 7, "text": "Superb."}, {"id": 8, "text": "好极了。\u2028Wirklich."}]
    _write(folder / "in.jsonl", rows)
    result = run("ask", served, "--jsonl", "in.jsonl", "--out", "out.jsonl")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "Answered 2 of 2 rows into out.jsonl." in result.stderr
    assert _rows(folder / "out.jsonl") == [{**row, "sentiment": "positive"} for row in rows]


def test_rows_go_through_a_pipe(run: Run, served: Path) -> None:
    result = run("ask", served, "--jsonl", "-", input='{"text": "Superb."}\n\n')
    assert json.loads(result.stdout) == {"text": "Superb.", "sentiment": "positive"}


def test_a_row_that_cannot_be_answered_has_an_error_in_place_of_outputs(
    run: Run, served: Path, folder: Path, server: OllamaServer
) -> None:
    _write(folder / "in.jsonl", [{"text": "x " * 5000}, {"text": "short", "sentiment": "negative"}])
    run("ask", served, "--jsonl", "in.jsonl", "--out", "out.jsonl")
    long, short = _rows(folder / "out.jsonl")
    assert "context window" in long["error"]
    assert short == {"text": "short", "sentiment": "positive"}
    server.engine = WrittenEngine(" hm")
    result = run("ask", served, "--jsonl", "in.jsonl", "--out", "out.jsonl")
    assert [set(row) for row in _rows(folder / "out.jsonl")] == [{"text", "error"}, {"text", "error"}]
    assert result.exit_code == 1
    assert "Answered 0 of 2 rows into out.jsonl. 2 rows have an error instead. The first: " in result.stderr


@pytest.mark.parametrize(
    ("bad", "kept", "message"),
    [
        ('{"review": "x"}', {"review": "x"}, "no field 'text'; it has review. Give each row text."),
        ('{"text": 3}', {"text": 3}, "text must be text but got 3"),
        ('{"text": null}', {"text": None}, "text must be text but got None"),
        ('{"text": "\\ud800"}', {"text": "\ud800"}, "text has half of a surrogate pair"),
        ('{"text": "a\\u0000b"}', {"text": "a\0b"}, "text has the character NUL at position 1"),
        ('{"text": "x", "score": 1e999}', {"text": "x"}, "score has a number that JSON cannot hold, inf"),
        ('{"text": "x", "more": {"a": NaN}}', {"text": "x"}, "more has a number that JSON cannot hold"),
    ],
)
def test_one_row_that_cannot_be_asked_has_an_error_and_the_others_their_answers(
    run: Run, served: Path, folder: Path, server: OllamaServer, bad: str, kept: dict[str, object], message: str
) -> None:
    (folder / "in.jsonl").write_text(f'{{"text": "Superb."}}\n{bad}\n{{"text": "Fine."}}\n')
    result = run("ask", served, "--jsonl", "in.jsonl", "--out", "out.jsonl")
    first, second, third = _rows(folder / "out.jsonl")
    assert [first, third] == [{"text": text, "sentiment": "positive"} for text in ("Superb.", "Fine.")]
    error = str(second.pop("error"))
    assert (second, error.startswith(f"in.jsonl, line 2: {message}")) == (kept, True)
    assert result.exit_code == 1
    last = result.stderr.splitlines()[-1]
    assert last == f"Answered 2 of 3 rows into out.jsonl. 1 row has an error instead: {error}"
    assert len(server.prompts) == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"text": "x"}\n{"text": \n', "in.jsonl, line 2: not JSON"),
        ('{"text": "x"}\n\n["x"]\n', "in.jsonl, line 3: '[\"x\"]' is not an object"),
        ("\n", "in.jsonl has no rows"),
    ],
)
def test_a_bad_line_is_named_before_any_row_is_answered(
    run: Run, served: Path, folder: Path, server: OllamaServer, content: str, message: str
) -> None:
    (folder / "in.jsonl").write_text(content)
    result = run("ask", served, "--jsonl", "in.jsonl", "--out", "out.jsonl")
    assert result.exit_code == 1
    assert message in result.stderr
    assert server.requests == []
    assert not (folder / "out.jsonl").exists()


def test_files_that_cannot_be_read_or_written_are_failures(run: Run, served: Path, folder: Path) -> None:
    result = run("ask", served, "--jsonl", "none.jsonl")
    assert result.exit_code == 1
    assert "none.jsonl cannot be read: No such file or directory" in result.stderr
    _write(folder / "in.jsonl", [{"text": "x"}])
    result = run("ask", served, "--jsonl", "in.jsonl", "--out", folder / "none" / "out.jsonl")
    assert result.exit_code == 1
    assert "cannot be written" in result.stderr


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--jsonl", "in.jsonl", "--text", "x"), "--text was given too"),
        (("--text", "x", "--out", "out.jsonl"), "Give --jsonl too"),
        (("--jsonl", "in.jsonl", "--json"), "--jsonl always writes JSON, and --json is for one row."),
        (("--jsonl", "in.jsonl", "--out", "in.jsonl"), "is the same file as --jsonl"),
    ],
)
def test_options_that_do_not_go_together_are_misuse(
    run: Run, served: Path, folder: Path, args: tuple[str, ...], message: str
) -> None:
    _write(folder / "in.jsonl", [{"text": "x"}])
    result = run("ask", served, *args)
    assert result.exit_code == 2
    assert message in result.stderr


# Programs with code of their own


def test_a_program_with_code_of_its_own_runs_through_its_workspace(
    run: Run, served: Path, folder: Path, server: OllamaServer
) -> None:
    (folder / "programs" / "twice.py").write_text(
        "import dspy\nfrom cribsheet import Task, label_accuracy\nfrom signatures.sentiment import Sentiment\n\n\n"
        "class Twice(dspy.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.first = dspy.Predict(Sentiment)\n"
        "        self.second = dspy.Predict(Sentiment)\n\n"
        "    def forward(self, text):\n"
        "        return self.second(text=f'{text} ({self.first(text=text.upper()).sentiment})')\n\n\n"
        'task = Task(Twice, metric=label_accuracy, trainset="toy.jsonl")\n'
    )
    program = read(folder / served)
    prompts = {"first": toy_prompt(), "second": toy_prompt()}
    changes = {"task": "twice", "prompts": prompts, "wiring": None}
    save(program.model_copy(update=changes), folder / "twice.prompt.json")
    assert run("ask", "twice.prompt.json", "--text", "Fine.").stdout == "positive\n"
    assert server.prompts == ["Text: FINE.\nSentiment:", "Text: Fine. (positive)\nSentiment:"]


@pytest.mark.parametrize("value", ["float('nan')", "object()", "{1: object()}"])
def test_an_output_of_a_programs_own_code_that_json_cannot_hold_is_said(
    run: Run, served: Path, folder: Path, value: str
) -> None:
    (folder / "programs" / "odd.py").write_text(
        "import dspy\nfrom cribsheet import Task, label_accuracy\nfrom signatures.sentiment import Sentiment\n\n\n"
        "class Odd(dspy.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.first = dspy.Predict(Sentiment)\n"
        "        self.second = dspy.Predict(Sentiment)\n\n"
        "    def forward(self, text):\n"
        f"        return dspy.Prediction(sentiment={value})\n\n\n"
        'task = Task(Odd, metric=label_accuracy, trainset="toy.jsonl")\n'
    )
    program = read(folder / served)
    changes = {"task": "odd", "prompts": {"first": toy_prompt(), "second": toy_prompt()}, "wiring": None}
    save(program.model_copy(update=changes), folder / "odd.prompt.json")
    result = run("ask", "odd.prompt.json", "--text", "Fine.", "--json")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "The program of odd returned sentiment = " in result.stderr
    assert "which JSON cannot hold" in result.stderr


def test_a_program_whose_code_is_elsewhere_or_another_says_so(run: Run, pair: Path, folder: Path) -> None:
    result = run("ask", pair, "--text", "Fine.")
    assert result.exit_code == 1
    assert "holds prompts for judge, answer, but the task 'toy'" in result.stderr
    (folder / "programs" / "toy.py").unlink()
    result = run("ask", pair, "--text", "Fine.")
    assert result.exit_code == 1
    assert "needs the code of the task 'toy' between its prompts, and that task is not in" in result.stderr


# The embedded model


@pytest.mark.model
def test_an_embedded_file_is_answered_without_dspy_or_litellm(embedded: Path) -> None:
    code = (
        "import sys\nfrom cribsheet.cli import main\n"
        f"sys.argv = ['cribsheet', 'ask', {str(embedded)!r}, '--text', 'A joy.', '--json']\n"
        "try: main()\nexcept SystemExit: pass\n"
        "print([m for m in ('dspy', 'litellm', 'ollama', 'httpx', 'diskcache') if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "[]\n"
    answer = json.loads(done.stdout)
    assert answer["sentiment"] in ("negative", "positive")
    assert 0.5 <= answer["probability"] <= 1


def _save_with(folder: Path, served: Path, signature: Signature) -> None:
    program: FrozenProgram = read(folder / served)
    wiring = direct_wiring("predict", signature)
    changes = {"prompts": {"predict": toy_prompt(signature)}, "wiring": wiring}
    save(program.model_copy(update=changes), folder / "car.prompt.json")


def _write(path: Path, rows: list[dict[str, object]]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def _rows(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]
