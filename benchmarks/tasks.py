"""Compile each shipped task with its default command, and record its scores.

    python benchmarks/tasks.py [--only TASK …] [--again] [--workspace DIR] [--model NAME]

Each task is compiled in one workspace, whose cache keeps all completions. So a run that was stopped continues where
it stopped, and compiling again costs no completion. A task that has its figures is skipped, unless `--again` is given.
The figures are written to benchmarks/results/tasks.json as soon as they are there, and into the task's page,
docs/tasks/TASK.md, together with its compiled prompt. A table of all tasks is written into docs/results.md, and
printed. The figures of another model than the default one have a file of their own. Those of Gemma 3 270M also have a
column in that table.
"""

import argparse
import json
import re
import resource
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cribsheet.frozen.sealing import read, save
from cribsheet.frozen.tested import path_beside
from cribsheet.outcomes import ANSWERED, UNANSWERABLE
from cribsheet.settings import DEFAULT_MODEL
from cribsheet.workspace import builtin, new_workspace

ROOT = Path(__file__).resolve().parents[1]
PAGES = ROOT / "docs" / "tasks"
OVERVIEW = ROOT / "docs" / "results.md"
RESULTS = ROOT / "benchmarks" / "results" / "tasks.json"
SECOND = "embedded/gemma-3-270m"
"""The second model that has a column in the table."""
BEGIN, END = "<!-- written by benchmarks/tasks.py -->", "<!-- up to here -->"
SCORES = {
    "baseline": "zero-shot prompt",
    "decided": "zero-shot prompt, decided by log-probabilities",
    "words_alone": "words alone",
    "constant": "constant answer",
    "compiled": "compiled",
    "as_text": "the compiled prompt as plain text",
}


def measured(task: str, workspace: Path, model: str) -> dict[str, Any]:
    """Compile a task with its default command, and return its figures and its prompts.

    If the compile stops because the model's first answers cannot be read, it is told to continue.
    """
    out, before, start = workspace / f"{task}.prompt.json", _cpu_seconds(), time.monotonic()
    command = ("optimize", task, "--model", model, "--out", str(out), "--json")
    said = _said(workspace, *command)
    report = json.loads(said or _run(workspace, *command, "--go-on"))
    took = {"seconds": round(time.monotonic() - start), "cpu_seconds": round(_cpu_seconds() - before)}
    shown = json.loads(_run(workspace, "cribsheet", "show", str(out), "--json"))
    figures = {name: report.get(name) for name in (*SCORES, "gain", "metric", "model", "interrupted", "calls")}
    figures["went_on"] = not said
    figures["constant"] = (report["constant"] or {}).get("score")
    figures["as_text"] = shown["results"]["carriages"].get("text")
    figures["unread"] = shown["results"]["unread"]
    prompts = {name: _text(prompt) for name, prompt in shown["prompts"].items()}
    held_by = sorted({prompt["held_by"] for prompt in shown["prompts"].values()} - {"nothing"})
    return {"task": task, **figures, **took, **_tested(workspace, out), "held_by": held_by, "prompts": prompts}


def page(text: str, cell: Mapping[str, Any]) -> str:
    """Return a page with the figures and prompts of a task between its marks."""
    return between_marks(text, [*_figures(cell), "", *_prompts(cell)[:-1]])


def between_marks(text: str, lines: Sequence[str]) -> str:
    """Return a page with these lines between its marks."""
    block = "\n".join([BEGIN, "", *lines, "", END])
    return re.sub(f"{re.escape(BEGIN)}.*?{re.escape(END)}", lambda _: block, text, flags=re.DOTALL)


def table(cells: Mapping[str, Mapping[str, Any]], second: Mapping[str, Mapping[str, Any]]) -> str:
    """Return one line for each task, with the score and the gain of the second model, if they were measured."""
    lines = [
        "| task | n | better zero-shot prompt | words alone | constant answer | compiled | gain | "
        f"compiled for {SECOND}; gain |",
        f"|{' --- |' * 8}",
    ]
    for task, cell in sorted(cells.items()):
        better = max(filter(None, (cell["baseline"], cell["decided"])), key=lambda score: float(score["score"]))
        scores = " | ".join(map(_spread, (better, cell["words_alone"], cell["constant"], cell["compiled"])))
        other = f"{_spread(second[task]['compiled'])}; {_gain(second[task]['gain'])}" if task in second else "–"
        of_task = f"| [{task}](tasks/{task}.md) | {cell['compiled']['n']} | {scores} | {_gain(cell['gain'])} |"
        lines.append(f"{of_task} {other} |")
    return "\n".join(lines)


def overview(cells: Mapping[str, Mapping[str, Any]], second: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the lines of the page of results: the table, and how many answers of all tasks cannot be read."""
    by_model = {DEFAULT_MODEL: cells, SECOND: second}
    unread = [unreadable(model, own) for model, own in by_model.items() if own]
    return [table(cells, second), "", *(f"- {sentence}" for sentence in unread)]


def unreadable(model: str, cells: Mapping[str, Mapping[str, Any]]) -> str:
    """Return a sentence that says how many answers of all tasks together cannot be read."""
    rows = sum(cell["compiled"]["n"] for cell in cells.values())
    now = sum(cell["unreadable"] for cell in cells.values())
    freely = sum(cell["unreadable"] if (free := cell["unreadable_freely"]) is None else free for cell in cells.values())
    return (
        f"With {model}, {now} of {rows} answers could not be read. Written freely and asked for once, it would be "
        f"{freely}."
    )


def results_of(model: str) -> Path:
    """Return the file of a model's figures."""
    return RESULTS if model == DEFAULT_MODEL else RESULTS.with_name(f"tasks.{Path(model).name}.json")


def _tested(workspace: Path, frozen: Path) -> dict[str, Any]:
    """Run the compiled program on its recorded test rows again, from the cache; count what cannot be read."""
    with path_beside(frozen).open(encoding="utf-8") as file:
        recorded = [json.loads(line) for line in file]
    rows = workspace / "cache" / "tested.jsonl"
    with rows.open("w", encoding="utf-8") as file:
        for row in recorded:
            accepted = {name: values[0] for name, values in row["outputs"].items()}
            file.write(json.dumps(row["inputs"] | accepted) + "\n")
    summary = _evaluated(workspace, frozen, rows)
    free = _freed(frozen, workspace / "cache" / "freed.prompt.json")
    unread_freely = _evaluated(workspace, free, rows)["parse_failures"] if free else None
    return {
        "unreadable": summary["parse_failures"],
        "unreadable_freely": unread_freely,
        "recall": summary["recall"],
    }


def _evaluated(workspace: Path, frozen: Path, rows: Path) -> dict[str, Any]:
    summary: dict[str, Any] = json.loads(
        _run(workspace, "cribsheet", "evaluate", str(frozen), "--data", str(rows), "--json")
    )
    return summary


def _freed(frozen: Path, out: Path) -> Path | None:
    """Save a program whose answers are neither held to their types nor asked for again; None if it is the same."""
    program = read(frozen)
    free = {"held_by": "nothing", "asks_again": False}
    prompts = {
        name: prompt.model_copy(update={"decoding": prompt.decoding.model_copy(update=free)})
        for name, prompt in program.prompts.items()
    }
    if prompts == program.prompts:
        return None
    save(program.model_copy(update={"prompts": prompts}), out)
    return out


def _figures(cell: Mapping[str, Any]) -> list[str]:
    lines = [f"| {cell['metric']}, n={cell['compiled']['n']} | score, 95 % interval |", "| --- | --- |"]
    lines += [f"| {said} | {_spread(cell[name])} |" for name, said in SCORES.items() if cell.get(name)]
    lines += [f"| gain over the better zero-shot prompt | {_gain(cell['gain'])} |", ""]
    stopped = " The search was stopped by hand before its budget was used up." if cell["interrupted"] else ""
    model = f"For {cell['model']}, seed 0, the default budget, in {cell['cpu_seconds']} s of processor time.{stopped}"
    lines += [
        model,
        "",
        f"- Answers that could not be read: {cell['unreadable']} of {cell['compiled']['n']}.{_freely(cell)}",
    ]
    if cell["went_on"]:
        lines.append("- The compile stopped, since no first answer could be read, and was continued with `--go-on`.")
    if cell["held_by"]:
        lines.append(f"- Held to their types by: {', '.join(cell['held_by'])}.")
    if UNANSWERABLE in cell["recall"]:
        abstains, answers = cell["recall"][UNANSWERABLE], cell["recall"][ANSWERED]
        lines.append(f"- It abstains on {abstains:.0%} of the rows that have no answer.")
        lines.append(f"- It answers {answers:.0%} of the others, rightly or not.")
    return lines


def _freely(cell: Mapping[str, Any]) -> str:
    """Tell how many answers could not be read if they were written freely, and asked for once."""
    number = cell.get("unreadable_freely")
    return "" if number is None else f" Written freely and asked for once, it would be {number}."


def _prompts(cell: Mapping[str, Any]) -> list[str]:
    lines = ["## The compiled prompt", ""]
    for name, text in cell["prompts"].items():
        lines += [f"Predictor `{name}`:", ""] if len(cell["prompts"]) > 1 else []
        lines += ["````text", text, "````", ""]
    return lines


def _text(prompt: Mapping[str, Any]) -> str:
    """Return a prompt's text, or its messages, each under its role."""
    turns = [f"<{turn['role']}>\n{turn['content']}" for turn in prompt["messages"]]
    return "\n".join(turns) or str(prompt["text"])


def _spread(score: Mapping[str, Any] | None) -> str:
    return f"{score['score']:.3f} [{score['low']:.3f}, {score['high']:.3f}]" if score else "–"


def _gain(gain: Mapping[str, Any]) -> str:
    return f"{gain['mean']:+.3f} [{gain['low']:+.3f}, {gain['high']:+.3f}]"


def _run(workspace: Path, *command: str) -> str:
    said = _said(workspace, *command)
    if not said:
        raise SystemExit(f"{' '.join(command)} failed; its message is above.")
    return said


def _said(workspace: Path, *command: str) -> str:
    """Return what a command of this environment prints; nothing if it fails."""
    program = str(Path(sys.executable).with_name(command[0]))
    done = subprocess.run([program, *command[1:]], cwd=workspace, stdout=subprocess.PIPE, text=True, check=False)
    return "" if done.returncode else done.stdout


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Measure the missing tasks, write the pages, print the table."""
    options = _options()
    results = results_of(options.model)
    cells = _read(results)
    if not options.workspace.is_dir():
        new_workspace(options.workspace)
    for task in options.only:
        if task in cells and not options.again:
            continue
        print(f"compiling {task} …", file=sys.stderr, flush=True)
        cells[task] = measured(task, options.workspace.resolve(), options.model)
        results.write_text(json.dumps(cells, indent=2, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")
    _write_pages()


def _write_pages() -> None:
    cells = _read(RESULTS)
    for task, cell in cells.items():
        path = PAGES / f"{task}.md"
        if path.is_file():
            path.write_text(page(path.read_text(encoding="utf-8"), cell), encoding="utf-8")
    lines = overview(cells, _read(results_of(SECOND)))
    OVERVIEW.write_text(between_marks(OVERVIEW.read_text(encoding="utf-8"), lines), encoding="utf-8")
    print("\n".join(lines))


def _read(results: Path) -> dict[str, Any]:
    cells: dict[str, Any] = json.loads(results.read_text(encoding="utf-8")) if results.is_file() else {}
    return cells


def _options() -> argparse.Namespace:
    known = sorted(path.stem for path in (builtin().root / "programs").glob("*.py"))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=known, default=known, metavar="TASK")
    parser.add_argument("--again", action="store_true", help="compile tasks again that have their figures")
    parser.add_argument("--workspace", type=Path, default=ROOT / "build" / "tasks", help="keeps the completions")
    parser.add_argument("--model", default=DEFAULT_MODEL)
    return parser.parse_args()


if __name__ == "__main__":
    main()
