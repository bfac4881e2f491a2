"""Compile each shipped task with its default command, and record its scores.

    python benchmarks/tasks.py [--only TASK …] [--again] [--workspace DIR] [--model NAME]

Each task is compiled in one workspace, whose cache keeps all completions. So a run that was stopped continues where
it stopped, and compiling again costs no completion. A task that has its figures is skipped, unless `--again` is given.
The figures are written to benchmarks/results/tasks.json as soon as they are there, and into the task's page,
docs/tasks/TASK.md, together with its compiled prompt. Prints a Markdown table of all tasks.
"""

import argparse
import json
import re
import resource
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cribsheet.settings import DEFAULT_MODEL
from cribsheet.workspace import builtin, new_workspace

ROOT = Path(__file__).resolve().parents[1]
PAGES = ROOT / "docs" / "tasks"
RESULTS = ROOT / "benchmarks" / "results" / "tasks.json"
BEGIN, END = "<!-- written by benchmarks/tasks.py -->", "<!-- up to here -->"
SCORES = {
    "baseline": "zero-shot prompt",
    "decided": "zero-shot prompt, decided by log-probabilities",
    "words_alone": "words alone",
    "compiled": "compiled",
}


def measured(task: str, workspace: Path, model: str) -> dict[str, Any]:
    """Compile a task with its default command, and return its figures and its prompts."""
    out, before, start = workspace / f"{task}.prompt.json", _cpu_seconds(), time.monotonic()
    report = json.loads(_run(workspace, "optimize", task, "--model", model, "--out", str(out), "--json"))
    took = {"seconds": round(time.monotonic() - start), "cpu_seconds": round(_cpu_seconds() - before)}
    shown = json.loads(_run(workspace, "cribsheet", "show", str(out), "--json"))
    figures = {name: report.get(name) for name in (*SCORES, "gain", "metric", "model", "interrupted", "calls")}
    prompts = {name: _text(prompt) for name, prompt in shown["prompts"].items()}
    return {"task": task, **figures, **took, "prompts": prompts}


def page(text: str, cell: Mapping[str, Any]) -> str:
    """Return a page with the figures and prompts of a task between its marks."""
    block = "\n".join([BEGIN, "", *_figures(cell), "", *_prompts(cell), END])
    return re.sub(f"{re.escape(BEGIN)}.*?{re.escape(END)}", lambda _: block, text, flags=re.DOTALL)


def table(cells: Mapping[str, Mapping[str, Any]]) -> str:
    """Return one line for each task."""
    lines = [f"| task | metric | {' | '.join(SCORES.values())} | gain | n |", f"| --- |{' --- |' * (len(SCORES) + 3)}"]
    for task, cell in sorted(cells.items()):
        scores = " | ".join(_spread(cell[name]) for name in SCORES)
        lines.append(f"| {task} | {cell['metric']} | {scores} | {_gain(cell['gain'])} | {cell['compiled']['n']} |")
    return "\n".join(lines)


def _figures(cell: Mapping[str, Any]) -> list[str]:
    lines = [f"| {cell['metric']}, n={cell['compiled']['n']} | score, 95 % interval |", "| --- | --- |"]
    lines += [f"| {said} | {_spread(cell[name])} |" for name, said in SCORES.items() if cell.get(name)]
    lines += [f"| gain over the better zero-shot prompt | {_gain(cell['gain'])} |", ""]
    stopped = " The search was stopped by hand before its budget was used up." if cell["interrupted"] else ""
    lines.append(f"For {cell['model']}, seed 0, the default budget.{stopped}")
    return lines


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
    program = str(Path(sys.executable).with_name(command[0]))
    done = subprocess.run([program, *command[1:]], cwd=workspace, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed; its message is above.")
    return done.stdout


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Measure the missing tasks, write the pages, print the table."""
    options = _options()
    cells = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.is_file() else {}
    if not options.workspace.is_dir():
        new_workspace(options.workspace)
    for task in options.only:
        if task in cells and not options.again:
            continue
        print(f"compiling {task} …", file=sys.stderr, flush=True)
        cells[task] = measured(task, options.workspace.resolve(), options.model)
        RESULTS.write_text(json.dumps(cells, indent=2, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")
    for task, cell in cells.items():
        path = PAGES / f"{task}.md"
        if path.is_file():
            path.write_text(page(path.read_text(encoding="utf-8"), cell), encoding="utf-8")
    print(table(cells))


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
