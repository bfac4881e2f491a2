"""Measure how much time the framework itself adds to a compile.

    python benchmarks/overhead.py [--task NAME] [--budget 10k] [--only replay embedded]

`replay` compiles twice with a model that answers at once, until more than 2,000 rows are answered. In the second
compile, all completions come from the cache on disk, so its time is that of the framework. `embedded` compiles with the
embedded model in a new workspace. It measures the time outside the completions, and how many prompt tokens came from
the prefix cache or the completion cache. Imports and the loading of weights are not timed.
Prints a Markdown table and writes benchmarks/results/overhead.json.
"""

import argparse
import hashlib
import json
import os
import platform
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from cribsheet.compiler.bridge import DspyProgram, as_module
from cribsheet.compiler.compile import Compiled, Settings, compile_task
from cribsheet.models import Completion, Model, Sampling, Usage, open_model
from cribsheet.models.scripted import ScriptedModel
from cribsheet.prompts import Prompt
from cribsheet.report.report import meter_summary
from cribsheet.workspace import FOLDERS, Workspace

RESULTS = Path(__file__).resolve().parent / "results" / "overhead.json"
MODEL = "embedded/smollm2-135m"
EVALUATIONS = 2_000
MOST_SECONDS = 10.0
MOST_SHARE = 0.05
LEAST_CACHED = 0.8
_ALTERNATIVES = 60


class Figure(NamedTuple):
    """One line of the table."""

    what: str
    figure: str
    limit: str
    holds: bool


def replay(workspace: Workspace, task: str, budget: str) -> tuple[list[Figure], dict[str, Any]]:
    """Compile twice with a model that answers at once; return the figures of the second compile."""
    settings = Settings(budget="4000calls")
    first = compile_task(task, settings, workspace=workspace, model=_instant_model(workspace, task))
    again = compile_task(task, settings, workspace=workspace, model=_instant_model(workspace, task))
    rows = again.program.provenance.evaluations
    seconds = again.seconds * EVALUATIONS / rows
    figures = [
        Figure("calls of the second compile", f"{again.meter.calls:,}", "0", again.meter.calls == 0),
        Figure("rows answered", f"{rows:,}", f"at least {EVALUATIONS:,}", rows >= EVALUATIONS),
        Figure(
            f"{EVALUATIONS:,} cached evaluations", f"{seconds:.1f} s", f"{MOST_SECONDS:g} s", seconds < MOST_SECONDS
        ),
    ]
    return figures, {"first": _facts(first), "again": _facts(again)}


def embedded(workspace: Workspace, task: str, budget: str) -> tuple[list[Figure], dict[str, Any]]:
    """Compile with the embedded model; return the share of time outside the model, and of cached prompt tokens."""
    model = open_model(MODEL)
    try:
        model.count_tokens("load the weights")
        compiled = compile_task(task, Settings(model=MODEL, budget=budget), workspace=workspace, model=model)
    finally:
        model.close()
    own = 1 - compiled.meter.model_seconds / compiled.seconds
    cached = compiled.meter.cached_share or 0.0
    figures = [
        Figure("time outside the model's completions", f"{own:.1%}", f"{MOST_SHARE:.0%}", own < MOST_SHARE),
        Figure("prompt tokens from caches", f"{cached:.1%}", f"at least {LEAST_CACHED:.0%}", cached >= LEAST_CACHED),
    ]
    return figures, _facts(compiled)


MEASURES: dict[str, Callable[[Workspace, str, str], tuple[list[Figure], dict[str, Any]]]] = {
    "replay": replay,
    "embedded": embedded,
}


def _instant_model(workspace: Workspace, task: str) -> Model:
    """Return a model with a fixed answer for each prompt, and with as many alternatives as a real model reports."""
    (output, *_) = DspyProgram(as_module(workspace.task(task)[1].program)).signature.outputs
    words = output.closed_outcomes

    def answer(prompt: Prompt, sampling: Sampling) -> Completion:
        text, digest = prompt.full_text, hashlib.sha256(prompt.full_text.encode()).digest()
        usage = Usage(prompt_tokens=len(text) // 4, cached_tokens=0, completion_tokens=2)
        if not words:
            said = text.split()[-40:]
            start = digest[0] % len(said)
            return Completion(text=" " + " ".join(said[start : start + 2]), logprobs=(-0.5, -0.2), usage=usage)
        told = {f" {word}": -1 - digest[place] / 64 for place, word in enumerate(words)}
        others = {f" other{number}": -6 - number / 10 for number in range(_ALTERNATIVES)}
        return Completion(
            text=max(told, key=told.__getitem__),
            first_token=told | others if sampling.top_logprobs else None,
            usage=usage,
        )

    return ScriptedModel(answer, name="scripted/instant")


def _facts(compiled: Compiled) -> dict[str, Any]:
    return {
        **meter_summary(compiled.meter),
        "evaluations": compiled.program.provenance.evaluations,
        "candidates": compiled.program.provenance.candidates,
        "model_seconds": round(compiled.meter.model_seconds, 3),
        "seconds": round(compiled.seconds, 3),
    }


def _new_workspace(folder: str) -> Workspace:
    for name in FOLDERS:
        (Path(folder) / name).mkdir()
    return Workspace(Path(folder))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, write the JSON; return 1 if a limit is exceeded."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--task", default="topic")
    parser.add_argument("--budget", default="10k", help="the budget of the compile with the embedded model")
    parser.add_argument("--only", nargs="*", choices=list(MEASURES), default=list(MEASURES))
    options = parser.parse_args(arguments)
    figures, reports = [], {}
    for name in options.only:
        with tempfile.TemporaryDirectory(prefix="cribsheet-bench-") as folder:
            found, reports[name] = MEASURES[name](_new_workspace(folder), options.task, options.budget)
            figures += found
    print(f"{options.task}, Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}\n")
    print("| what | figure | limit |\n| --- | --- | --- |")
    for one in figures:
        print(f"| {one.what} | {one.figure}{'' if one.holds else ' (!)'} | {one.limit} |")
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    content = {"task": options.task, "figures": [one._asdict() for one in figures], "reports": reports}
    RESULTS.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return 0 if all(one.holds for one in figures) else 1


if __name__ == "__main__":
    raise SystemExit(main())
