"""The tasks that ship compile from their own rows; evidence_qa with two predictors in one file."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from cribsheet import Settings, compile_task
from cribsheet.cli._root import cli
from cribsheet.models import WAYS, Completion, Sampling, Usage
from cribsheet.models.scripted import ScriptedModel
from cribsheet.prompts import Prompt
from cribsheet.workspace import Workspace, builtin, new_workspace

TRAINSETS = builtin().root / "trainsets"
WRITTEN = {
    "translate_zh_en": "english",
    "translate_en_zh": "chinese",
    "summarize": "summary",
    "summarize_zh": "summary",
    "arithmetic": "answer",
}
"""By task, the output that is scored."""


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return new_workspace(tmp_path / "ws")


def rows_of(task: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in (TRAINSETS / f"{task}.jsonl").read_text("utf-8").splitlines()]


def knowing(task: str, *, gives: str) -> ScriptedModel:
    """Return a model that knows the rows: it writes the outputs of the row that the prompt ends with."""
    rows = rows_of(task)
    given = next(iter(rows[0]))

    def answer(prompt: Prompt, sampling: Sampling) -> Completion:
        text = prompt.full_text
        row = max(rows, key=lambda row: text.rfind(str(row[given])))
        said = row[gives]
        reasons = f"{row['reasoning']}\n{'Answer' if 'Answer:' in text else 'answer'}: " if "reasoning" in row else ""
        usage = Usage(prompt_tokens=len(text) // 4, cached_tokens=0, completion_tokens=8)
        return Completion(text=f" {reasons}{said[0] if isinstance(said, list) else said}", usage=usage)

    return ScriptedModel(answer, name=f"scripted/{task}")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("task", "gives"),
    list(WRITTEN.items()),
)
def test_a_written_task_gives_a_model_that_knows_the_answers_full_marks(
    workspace: Workspace, task: str, gives: str
) -> None:
    settings = Settings(budget="120calls", optimizer="labeled")
    found = compile_task(task, settings, workspace=workspace, model=knowing(task, gives=gives))
    assert found.program.results.compiled.score > 0.95
    assert all(prompt.demos for prompt in found.program.prompts.values())


def quoting(prompt: Prompt, sampling: Sampling) -> Completion:
    """Quote the evidence of the row that is asked about, then answer with the row's answer; or abstain twice."""
    text, rows = prompt.full_text, rows_of("evidence_qa")
    row = max(rows, key=lambda row: text.rfind(str(row["question"])))
    finds = str(row["context"])[:40] in text[text.rfind(str(row["question"])) - 600 :]
    said = row["evidence" if finds else "answer"]
    return Completion(
        text=" unanswerable" if isinstance(said, dict) else f" {said[0] if isinstance(said, list) else said}"
    )


@pytest.mark.slow
def test_evidence_and_answer_are_frozen_as_one_file_that_runs_without_dspy(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = ScriptedModel(quoting, name="scripted/quoting")
    settings = Settings(budget="300calls", optimizer="labeled")
    found = compile_task("evidence_qa", settings, workspace=workspace, model=model)
    out = workspace.root / "evidence_qa.prompt.json"
    found.save(out)
    assert found.program.results.compiled.score > 0.9
    # Both predictors' demos are the rows' own: nothing was bootstrapped.
    assert all(prompt.demos for prompt in found.program.prompts.values())
    assert found.program.provenance.taught is None
    row = next(row for row in rows_of("evidence_qa") if isinstance(row["answer"], str))
    code = (
        "import json, sys\n"
        "import cribsheet\n"
        "from cribsheet.models import Completion\n"
        "from cribsheet.models.scripted import ScriptedModel\n"
        "said = iter([' It opens at six.', ' at six'])\n"
        "model = ScriptedModel(lambda prompt, sampling: Completion(text=next(said)))\n"
        f"program = cribsheet.load({str(out)!r}, model=model)\n"
        f"answer = program(question={row['question']!r}, context='The market is large. It opens at six.')\n"
        "print(json.dumps([answer.evidence, answer.answer, 'dspy' in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert json.loads(done.stdout or "null") == ["It opens at six.", "at six", False], done.stderr
    # Rows with or without evidence can be scored.
    monkeypatch.setitem(WAYS, "scripted", lambda *_: model)
    monkeypatch.chdir(workspace.root)
    for rows in (rows_of("evidence_qa")[:5], [{**row, "evidence": None} for row in rows_of("evidence_qa")[:5]]):
        kept = [{name: value for name, value in row.items() if value is not None} for row in rows]
        data = workspace.root / "rows.jsonl"
        data.write_text("".join(json.dumps(row) + "\n" for row in kept), encoding="utf-8")
        result = CliRunner().invoke(cli, ["evaluate", str(out), "--data", str(data), "--json"])
        assert result.exit_code == 0, result.output
        assert json.loads(result.stdout)["n"] == 5
