"""A compile goes on without what a server refuses, and says so; rows that are too long are named."""

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import dspy
import pytest
from stand_in import StandIn, Switches

from cribsheet import Task, answer_f1, label_accuracy
from cribsheet.compiler.compile import Compiled, Settings, compile_task
from cribsheet.errors import CompileError, UnreachableError
from cribsheet.frozen.sealing import read, to_text
from cribsheet.models import open_model
from cribsheet.models.litellm import LiteLLMModel
from cribsheet.models.retry import Retrying
from cribsheet.models.scripted import ScriptedModel
from cribsheet.progress import Silent
from cribsheet.workspace import Workspace, new_workspace
from toys import sentiment_rows, student, write_rows


class Sentiment(dspy.Signature):
    """Say whether the text is negative or positive."""

    text: str = dspy.InputField()
    sentiment: Literal["negative", "positive"] = dspy.OutputField()


TOY = Task(Sentiment, metric=label_accuracy, trainset="toy.jsonl")
LONG = "The film went on and on. " * 60


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = new_workspace(tmp_path / "ws")
    write_rows(made.root / "trainsets" / "toy.jsonl", sentiment_rows())
    return made


def compiled(workspace: Workspace, server: StandIn, name: str = "openai/model", **settings: Any) -> Compiled:
    base = server.url + ("" if name.startswith("ollama") else "/v1")
    options = Settings(**{"model": name, "api_base": base, "budget": "300calls", "optimizer": "labeled", **settings})
    return compile_task(TOY, options, workspace=workspace)


def styles(done: Compiled) -> set[str]:
    return {prompt.layout.style for prompt in done.program.prompts.values()}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["openai/model", "ollama/model"])
def test_without_raw_completions_raw_layouts_are_left_out_with_a_note(workspace: Workspace, name: str) -> None:
    with StandIn(Switches(raw=404)) as server:
        done = compiled(workspace, server, name)
    assert "raw" not in styles(done)
    assert done.program.results.compiled.score == 1.0
    assert any("raw layouts were left out" in note and "status 404" in note for note in done.program.notes)


@pytest.mark.slow
def test_without_chats_chat_layouts_are_left_out_and_the_baseline_is_raw(workspace: Workspace) -> None:
    with StandIn(Switches(chat=405)) as server:
        done = compiled(workspace, server)
    assert styles(done) == {"raw"}
    assert done.program.results.baseline.score == 1.0
    assert any("chat layouts were left out" in note for note in done.program.notes)


@pytest.mark.slow
@pytest.mark.parametrize("refuses_after", [0, 40])
def test_what_is_refused_is_noted_and_compiling_again_gives_the_same_bytes(
    workspace: Workspace, refuses_after: int
) -> None:
    refused = frozenset({"seed", "stop", "logprobs"})
    with StandIn(Switches(refuses=refused, status=422, refuses_after=refuses_after)) as server:
        first = compiled(workspace, server)
        again = compiled(workspace, server)
    assert again.meter.calls == 1, "one stored prompt is asked anew"
    assert to_text(again.program) == to_text(first.program)
    notes = "\n".join(first.program.notes)
    assert "refuses the parameter `seed`" in notes
    assert "refuses the parameter `stop`: completions are cut at the stop sequences afterwards" in notes
    assert ("reports no log-probabilities" in notes) == (refuses_after == 0)


@pytest.mark.slow
def test_the_probe_is_part_of_the_budget(workspace: Workspace) -> None:
    with StandIn() as server:
        done = compiled(workspace, server, budget="150calls")
    assert server.completions <= 150
    assert done.meter.calls == server.completions


@pytest.mark.slow
def test_other_weights_under_the_same_name_make_another_file(workspace: Workspace) -> None:
    with StandIn() as server:
        first = compiled(workspace, server)
        server.switches = Switches(weights="b")
        with pytest.warns(RuntimeWarning, match="other weights under the name openai/model"):
            other = compiled(workspace, server)
    assert (first.program.results.compiled.score, other.program.results.baseline.score) == (1.0, 0.0)
    assert other.meter.calls > 50


@pytest.mark.slow
def test_the_window_that_a_server_tells_is_frozen(workspace: Workspace) -> None:
    with StandIn(Switches(telling="vllm", window=600)) as server:
        assert compiled(workspace, server).program.model.context_window == 600
        given = compiled(workspace, server, context_window=500).program.model.context_window
        assert given == 500
        with pytest.raises(CompileError, match=r"--context-window 800 is more than the 600 tokens"):
            compiled(workspace, server, context_window=800)


# Rows that are too long


def with_long_rows(workspace: Workspace, *places: int) -> None:
    rows = sentiment_rows()
    for place in places:
        rows[place] = {**rows[place], "text": f"{LONG} It was {place}. {rows[place]['text']}"}
    write_rows(workspace.root / "trainsets" / "toy.jsonl", rows)


def compiled_with(workspace: Workspace, **settings: Any) -> Compiled:
    model = ScriptedModel(student, name="scripted/student", context_window=200)
    return compile_task(TOY, Settings(**{"budget": "700calls", **settings}), workspace=workspace, model=model)


def splits_of(workspace: Workspace) -> dict[str, set[int]]:
    """Return which rows of the toy trainset are where, by their places from 1."""
    from cribsheet.compiler.bridge import DspyProgram, as_module
    from cribsheet.dataset.rows import load_rows
    from cribsheet.dataset.splits import split

    signature = DspyProgram(as_module(Sentiment)).signature
    rows = load_rows(workspace.trainset("toy.jsonl"), signature)
    places = {row.id: place for place, row in enumerate(rows, 1)}
    parts = split(rows, signature, seed=0)
    return {name: {places[row.id] for row in getattr(parts, name)} for name in ("train", "val", "test")}


def a_place_in(workspace: Workspace, parts: set[str]) -> int:
    """Make one row too long that comes to be in one of these parts; return its place from 1."""
    for place in range(120):
        with_long_rows(workspace, place)
        if any(place + 1 in places for part, places in splits_of(workspace).items() if part in parts):
            return place + 1
    raise AssertionError("no row is in that part")


def test_one_row_too_long_is_named_and_left_out(workspace: Workspace) -> None:
    place = a_place_in(workspace, {"train", "val"})
    done = compiled_with(workspace)
    [note] = [note for note in done.program.notes if "too long" in note]
    assert "1 row is too long for the context window of 200 tokens and left out of the search" in note
    assert f"row {place} (" in note
    assert all(LONG not in str(demo.inputs) for prompt in done.program.prompts.values() for demo in prompt.demos)
    assert done.program.results.gain.low > 0


def test_a_test_row_that_is_too_long_counts_as_0_and_is_named(workspace: Workspace) -> None:
    place = a_place_in(workspace, {"test"})
    done = compiled_with(workspace)
    notes = [note for note in done.program.notes if "got no answer" in note]
    assert notes[0].startswith(f"1 of 36 test rows got no answer and counts as 0: row {place}.")
    assert done.program.results.compiled.n == 36


def test_more_than_a_few_end_the_compile_unless_they_are_allowed(workspace: Workspace) -> None:
    with_long_rows(workspace, *range(0, 60, 5))
    with pytest.raises(CompileError) as caught:
        compiled_with(workspace)
    said = str(caught.value)
    assert (
        "of 84 rows are too long for the context window of 200 tokens of scripted/student, and at most 4 may be" in said
    )
    assert "left out: row " in said
    assert "more. Shorten them" in said
    assert "--context-window" in said
    assert "--long-rows" in said
    assert compiled_with(workspace, long_rows=12).program.results.compiled.n == 36


def test_a_row_whose_answer_is_too_long_is_named_and_left_out(workspace: Workspace) -> None:
    class Noun(dspy.Signature):
        """Say what the text is about."""

        text: str = dspy.InputField()
        noun: str = dspy.OutputField()

    rows = [{"text": row["text"], "noun": row["text"].split()[1]} for row in sentiment_rows()]
    for place in (3, 40, 77, 110):
        rows[place]["noun"] = "word " * 400
    task = Task(Noun, metric=answer_f1, trainset=rows)
    with StandIn(Switches(free=" film", telling="vllm", window=600, tokenizer="vllm")) as server:
        options = Settings(model="openai/model", api_base=f"{server.url}/v1", budget="300calls", optimizer="labeled")
        done = compile_task(task, options, workspace=workspace)
        with pytest.raises(CompileError, match=r"at most 0 may be left out: row \d+ \(an answer of 8\d\d tokens"):
            compile_task(task, replace(options, long_rows=0), workspace=workspace)
    [note] = [note for note in done.program.notes if "too long" in note]
    assert "(an answer of 8" in note
    assert all(prompt.decoding.max_tokens < 30 for prompt in done.program.prompts.values())


@pytest.mark.slow
def test_a_server_that_leaves_cached_tokens_out_of_its_count_makes_no_long_row_short(workspace: Workspace) -> None:
    place = a_place_in(workspace, {"train", "val"})
    with StandIn(Switches(window=100_000)) as server:  # it tells of 7 tokens for every prompt
        done = compiled(workspace, server, "ollama/model", context_window=180, budget="300calls")
    [note] = [note for note in done.program.notes if "too long" in note]
    assert f"row {place} (" in note


def test_none_may_be_left_out_if_the_user_says_so(workspace: Workspace) -> None:
    with_long_rows(workspace, *range(0, 120, 30))
    with pytest.raises(CompileError, match="and at most 0 may be left out"):
        compiled_with(workspace, long_rows=0)


@pytest.mark.slow
def test_rows_are_not_left_out_for_an_estimate_that_is_too_high(workspace: Workspace) -> None:
    """Ollama has no tokenizer: what a prompt really took tells how far estimates are from above."""
    with_long_rows(workspace, 16)
    estimated = open_model("ollama/model").count_tokens(LONG)
    with StandIn(Switches(window=100_000)) as server:
        done = compiled(workspace, server, "ollama/model", context_window=estimated // 2, budget="300calls")
    assert not any("too long" in note for note in done.program.notes)


# Ctrl-C


class Waits(Silent):
    """Keeps the notices, and calls `wakes` at each one that tells of a wait."""

    def __init__(self, wakes: Callable[[], object]) -> None:
        self.notices: list[str] = []
        self._wakes = wakes

    def notice(self, text: str) -> None:
        self.notices.append(text)
        if "Waiting up to" in text:
            self._wakes()


def at(port: int, **switches: Any) -> StandIn:
    return StandIn(Switches(**switches), port=port)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["openai/model", "ollama/model"])
def test_a_server_that_is_restarted_amid_a_compile_is_waited_for(workspace: Workspace, name: str) -> None:
    with ExitStack() as servers, StandIn(Switches(dies_after=40)) as server:
        port = int(server.url.rpartition(":")[2])
        progress = Waits(lambda: servers.enter_context(at(port)))
        base = server.url + ("" if name.startswith("ollama") else "/v1")
        options = Settings(model=name, api_base=base, budget="300calls", optimizer="labeled")
        done = compile_task(TOY, options, workspace=workspace, progress=progress)
    assert done.program.results.compiled.score == 1.0
    assert len([text for text in progress.notices if "Nothing answers at" in text]) == 1


def test_a_server_that_stays_down_ends_the_compile_and_what_it_answered_is_kept(workspace: Workspace) -> None:
    with StandIn(Switches(dies_after=40)) as server:
        port = int(server.url.rpartition(":")[2])
        options = Settings(model="openai/model", api_base=f"{server.url}/v1", budget="300calls", optimizer="labeled")
        model = Retrying(LiteLLMModel(options.model, api_base=options.api_base), sleep=lambda seconds: None)
        with pytest.raises(UnreachableError, match=r"Gave up .* the same command goes on from here"):
            compile_task(TOY, options, workspace=workspace, model=model)
    with at(port) as again:
        resumed = compile_task(TOY, options, workspace=workspace)
    shutil.rmtree(workspace.cache)
    with at(port) as anew:
        whole = compile_task(TOY, options, workspace=workspace)
    assert to_text(resumed.program) == to_text(whole.program)
    assert again.completions + 40 == anew.completions + 1, "one is asked anew, to know the weights by"


HANGING = """
import sys
from cribsheet.cli import optimize_main
sys.argv = ["optimize", *sys.argv[1:]]
optimize_main()
"""


@pytest.mark.slow
@pytest.mark.parametrize(("name", "answered", "freezes"), [("openai/model", 40, True), ("ollama/model", 5, False)])
def test_a_second_ctrl_c_ends_a_compile_that_waits_for_a_server_that_hangs(
    workspace: Workspace, name: str, answered: int, freezes: bool
) -> None:
    (workspace.root / "programs" / "toy.py").write_text(
        "from cribsheet import Task, answer_f1, label_accuracy\nfrom signatures.sentiment import Sentiment\n\n"
        'task = Task(Sentiment, metric=label_accuracy, trainset="toy.jsonl")\n'
    )
    with StandIn(Switches(hangs_after=answered)) as server:
        base = server.url + ("" if name.startswith("ollama") else "/v1")
        process = subprocess.Popen(
            [sys.executable, "-c", HANGING, "toy", "--model", name, "--api-base", base, "--budget", "2000calls"],
            cwd=workspace.root,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stderr
        while server.completions <= answered:
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        said = ""
        while "Stopping" not in said:
            said = process.stderr.readline()
            assert said, "it ended at the first Ctrl-C"
        process.send_signal(signal.SIGINT)
        # The server never answers, and its client would wait for minutes.
        out, err = process.communicate(timeout=60)
    assert f"of {name} at {base}, the first requested" in said
    assert "Press Ctrl-C again" in said
    assert "Traceback" not in err
    file = workspace.root / "toy.prompt.json"
    assert (process.returncode, file.exists()) == ((0, True) if freezes else (130, False))
    if freezes:
        program = read(file)
        assert program.provenance.interrupted
        assert program.results.rows == "valset"
        assert "Next: cribsheet ask toy.prompt.json" in out
