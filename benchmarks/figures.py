"""Measure the figures of the README again.

    python benchmarks/figures.py [--data DIR] [--only NAME …]

Each figure comes from commands that a user would type, run one after the other in an empty folder with an empty cache.
`--data` names a folder with `sst2/train.csv` and `sst2/dev.csv` (columns sentence, label). Figures that need it are
skipped without it. Prints a Markdown table and writes benchmarks/results/figures.json.
"""

import argparse
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "figures.json"
SST2 = "sentence=text,label=sentiment"


class Bench:
    """An empty workspace, so that no completion comes from an older run's cache."""

    def __init__(self, data: Path):
        self.data = data
        self.folder = Path(tempfile.mkdtemp(prefix="cribsheet-bench-"))
        self.run("cribsheet", "new", "ws")
        self.workspace = self.folder / "ws"

    def run(self, *command: str, cwd: Path | None = None) -> str:
        """Run a command of this Python environment and return its output."""
        program = str(Path(sys.executable).with_name(command[0]))
        done = subprocess.run(
            [program, *command[1:]], cwd=cwd or self.folder, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr}")
        return done.stdout

    def optimize(self, *options: str) -> dict[str, Any]:
        """Compile in the workspace and return the report of `optimize --json`."""
        return dict(json.loads(self.run("optimize", *options, "--json", cwd=self.workspace)))

    def evaluate(self, *options: str) -> dict[str, Any]:
        """Evaluate in the workspace and return the report of `cribsheet evaluate --json`."""
        return dict(json.loads(self.run("cribsheet", "evaluate", *options, "--json", cwd=self.workspace)))


def compiling(bench: Bench, task: str) -> list[dict[str, Any]]:
    """Compile a built-in task on its own rows, twice."""
    command = ["optimize", task]
    first = bench.optimize(task)
    before = (bench.workspace / first["out"]).read_bytes()
    again = bench.optimize(task)
    same = (bench.workspace / again["out"]).read_bytes() == before
    return [
        row(f"{task}: zero-shot, test rows", spread(first["baseline"]), command, first),
        row(f"{task}: compiled, test rows", spread(first["compiled"]), command, first),
        row(f"{task}: gain", spread(first["gain"], "mean"), command, first),
        row(
            f"{task}: the same command again",
            f"{'the same bytes' if same else 'OTHER BYTES'}, {again['calls']} calls, "
            f"{again['seconds'] / first['seconds']:.1%} of the time",
            command,
            again,
        ),
    ]


def sst2(bench: Bench) -> list[dict[str, Any]]:
    """Compile for SST-2, then score both prompts on rows of its dev set."""
    train, dev = bench.data / "sst2" / "train.csv", bench.data / "sst2" / "dev.csv"
    if not dev.is_file():
        return [row("SST-2", f"skipped: there is no {dev}", [], {})]
    options = ["--trainset", str(train), "--map", SST2]
    scoring = ["--data", str(dev), "--map", SST2, "--limit", "300"]
    rows = []
    for optimizer, budget in (("zero_shot", "20k"), ("race", "40k")):
        out = f"sst2-{optimizer}.prompt.json"
        made = bench.optimize("sentiment", *options, "--optimizer", optimizer, "--budget", budget, "--out", out)
        scored = bench.evaluate(out, *scoring)
        rows.append(row(f"SST-2 dev, 300 rows: {optimizer}", spread(scored), ["optimize", "sentiment", "…"], made))
    rows.insert(0, row("SST-2, test rows: zero-shot prompt", spread(made["baseline"]), [], made))
    return rows


def runtime(bench: Bench) -> list[dict[str, Any]]:
    """Measure the time to import the package, and to load, render and parse a frozen prompt."""
    bench.optimize("sentiment")
    path = bench.workspace / "sentiment.prompt.json"
    code = (
        "import time, cribsheet\n"
        "from cribsheet.layout.parsing import parse\n"
        f"program = cribsheet.load({str(path)!r})\n"
        "prompt = program.frozen.prompts['predict']\n"
        "start = time.perf_counter()\n"
        "for number in range(500):\n"
        "    program.render(text=f'Row {number}.')\n"
        "    parse(prompt.layout, prompt.signature, ' positive')\n"
        "print((time.perf_counter() - start) / 500 * 1e3)\n"
        "start = time.perf_counter()\n"
        f"for _ in range(50): cribsheet.load({str(path)!r})\n"
        "print((time.perf_counter() - start) / 50 * 1e3)\n"
    )
    each, load = map(float, bench.run("python", "-c", code).split())
    bare, imported = seconds_of("pass"), seconds_of("import cribsheet")
    return [
        row("import cribsheet, beyond Python's own start", f"{(imported - bare) * 1e3:.0f} ms", [], {}),
        row("render + parse of a frozen prompt, a call", f"{each:.2f} ms", [], {}),
        row("load of a frozen prompt", f"{load:.2f} ms", [], {}),
    ]


def seconds_of(code: str, *, times: int = 7) -> float:
    """Return the median wall-clock time of a fresh interpreter that runs the code."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True, env=environment)
        taken.append(time.perf_counter() - start)
    return sorted(taken)[times // 2]


def row(what: str, figure: str, command: list[str], report: dict[str, Any]) -> dict[str, Any]:
    """Return one line of the table."""
    return {"what": what, "figure": figure, "command": " ".join(command), "report": report}


def spread(score: dict[str, Any], name: str = "score") -> str:
    """Return a score with its interval."""
    n = f", n={score['n']}" if "n" in score else ""
    return f"{score[name]:.3f} [{score['low']:.3f}, {score['high']:.3f}]{n}"


FIGURES: dict[str, Callable[[Bench], list[dict[str, Any]]]] = {
    "grounded_qa": lambda bench: compiling(bench, "grounded_qa"),
    "sentiment": lambda bench: compiling(bench, "sentiment"),
    "topic": lambda bench: compiling(bench, "topic"),
    "sst2": sst2,
    "runtime": runtime,
}


def main() -> None:
    """Measure the selected figures, print the table, and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--only", nargs="*", choices=list(FIGURES), default=list(FIGURES))
    options = parser.parse_args()
    rows = []
    for name in options.only:
        bench = Bench(options.data.resolve())
        print(f"measuring {name} …", file=sys.stderr)
        rows += FIGURES[name](bench)
        shutil.rmtree(bench.folder)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    rows.append(row("peak memory of any command", f"{peak:.0f} MB", [], {}))
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}\n")
    print("| what | figure |\n| --- | --- |")
    for one in rows:
        print(f"| {one['what']} | {one['figure']} |")
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(rows, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
