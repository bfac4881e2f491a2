"""Compare an exported Python module with the runtime: its answers, and how soon it asks.

    python benchmarks/exported.py FILE.prompt.json … [--rows 200] [--starts 7] [--only same start]

`same` answers the test rows beside each file (and rows of the task's trainset after them) with the embedded model in
this process, then with the exported module through the engine's own server. `start` runs each way in a new process and
takes the time until its first request for a completion arrives, the median of some starts in turn; so does DSPy, with a
`dspy.Predict` of the same fields. Prints a Markdown table and writes benchmarks/results/exported.json.
"""

import argparse
import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cribsheet.export import export
from cribsheet.frozen import FrozenProgram, read
from cribsheet.frozen.loading import Program
from cribsheet.frozen.tested import path_beside
from cribsheet.layout.parsing import ParseFailure
from cribsheet.models.embedded import EmbeddedModel
from cribsheet.outcomes import to_json
from cribsheet.workspace import builtin

RESULTS = Path(__file__).resolve().parent / "results" / "exported.json"
LEAST_SAME = 0.99
Row = dict[str, Any]


def same_answers(path: Path, rows: int) -> dict[str, Any]:
    """Return how many rows the exported module answers as the runtime does."""
    frozen = read(path)
    program = Program(frozen)
    inputs = list(_rows(path, frozen, [field.name for field in program.inputs]))[:rows]
    model = EmbeddedModel(frozen.model.name, context_window=frozen.model.context_window)
    try:
        ours = [_plain(program.answer(row, model).outputs) for row in inputs]
        module = _module(frozen)
        client = module.connect(api_base=model.address, api="openai")
        theirs = [_theirs(module, client, row) for row in inputs]
    finally:
        model.close()
    same = sum(one == other for one, other in zip(ours, theirs, strict=True))
    return {"file": path.name, "rows": len(inputs), "same": same, "share": same / len(inputs)}


def _rows(path: Path, frozen: FrozenProgram, names: Sequence[str]) -> Iterator[Row]:
    """Yield the inputs of the recorded test rows, then of the trainset that ships under the task's name."""
    beside = path_beside(path)
    files = [beside, builtin().root / "trainsets" / f"{frozen.task}.jsonl"]
    seen = set()
    for line in (line for file in files if file.is_file() for line in file.read_text(encoding="utf-8").splitlines()):
        row = json.loads(line)
        row = row.get("inputs", row)
        inputs = {name: row[name] for name in names}
        if (key := json.dumps(inputs)) not in seen:
            seen.add(key)
            yield inputs


def _theirs(module: Any, client: Any, row: Row) -> object:
    try:
        outputs = module.answer(client, **row).summary()
    except module.UnreadableCompletionError:
        return None
    return {name: outputs[name] for name in (field.name for field in module.PROGRAM.outputs)}


def _plain(outputs: Any) -> object:
    return None if isinstance(outputs, ParseFailure) else {name: to_json(value) for name, value in outputs.items()}


def _module(frozen: FrozenProgram) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        exported = export(frozen, "python", path=str(Path(folder) / "exported_module.py"))
        Path(exported.file_name).write_text(exported.text, encoding="utf-8")
        spec = importlib.util.spec_from_file_location("exported_module", exported.file_name)
        if spec is None or spec.loader is None:
            raise SystemExit(f"{exported.file_name} cannot be imported.")
        module = sys.modules["exported_module"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module


def starts(path: Path, count: int) -> dict[str, float]:
    """Return the median seconds until the first request, by the way that it is made."""
    frozen = read(path)
    inputs = next(_rows(path, frozen, [field.name for field in Program(frozen).inputs]))
    options = [part for name, value in inputs.items() for part in (f"--{name.replace('_', '-')}", str(value))]
    with tempfile.TemporaryDirectory() as folder, _server() as (url, arrivals):
        script = Path(folder) / "exported.py"
        script.write_text(export(frozen, "python", path=str(script)).text, encoding="utf-8")
        given = json.dumps(inputs)
        code = f"from exported import answer, connect; answer(connect(api='ollama', api_base={url!r}), **{given})"
        load = (
            f"import cribsheet; cribsheet.load({str(path.resolve())!r}, model='ollama/x', api_base={url!r})(**{given})"
        )
        fields = f"{', '.join(inputs)} -> {', '.join(list(frozen.prompts.values())[-1].signature.output_names)}"
        predict = (  # it asks, then fails: the server's answer is not in DSPy's format
            f"import contextlib, dspy\ndspy.configure(lm=dspy.LM('ollama_chat/x', api_base={url!r}, cache=False))\n"
            f"with contextlib.suppress(Exception): dspy.Predict({fields!r})(**{given})"
        )
        commands = {
            "python -c pass": [sys.executable, "-c", "pass"],
            "the module as a command": [sys.executable, str(script), *options, "--api", "ollama", "--api-base", url],
            "the module, imported": [sys.executable, "-c", code],
            "cribsheet.load": [sys.executable, "-c", load],
            "dspy.Predict": [sys.executable, "-c", predict],
        }
        taken: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(count + 1):  # the first one writes the byte code
            for name, command in commands.items():
                taken[name].append(_until_asked(command, arrivals, Path(folder)))
    return {name: statistics.median(times[1:]) for name, times in taken.items()}


def _until_asked(command: Sequence[str], arrivals: list[float], folder: Path) -> float:
    """Return the seconds until a process made its first request, or until it ended if it made none."""
    arrivals.clear()
    begun = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=_environment(), check=False)
    ended = time.perf_counter()
    if done.returncode:
        raise SystemExit(f"{command[:3]} failed: {done.stderr[-500:]}")
    return (arrivals[0] if arrivals else ended) - begun


def _environment() -> Mapping[str, str]:
    return os.environ | {"PYTHONPATH": os.environ.get("PYTHONPATH", str(RESULTS.parents[2]))}


@contextmanager
def _server() -> Iterator[tuple[str, list[float]]]:
    """Serve one word in the shape of Ollama's API; yield the address, and when requests came."""
    arrivals: list[float] = []
    entry = {"token": " positive", "logprob": -0.1}
    reply = {"response": " positive", "message": {"content": "positive"}, "done_reason": "stop", "done": True}
    reply |= {"prompt_eval_count": 9, "eval_count": 1, "logprobs": [{**entry, "top_logprobs": [entry]}]}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            if self.path in ("/api/generate", "/api/chat"):
                arrivals.append(time.perf_counter())
            self.rfile.read(int(self.headers["Content-Length"]))
            content = json.dumps(reply).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Keep the output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", arrivals
    server.shutdown()


def main() -> None:
    """Measure what was asked for, print it, and write it down."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--rows", type=int, default=200)
    parser.add_argument("--starts", type=int, default=7)
    parser.add_argument("--only", nargs="+", choices=["same", "start"], default=["same", "start"])
    options = parser.parse_args()
    found = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.is_file() else {}
    found |= {"python": platform.python_version(), "machine": platform.machine(), "load": os.getloadavg()[0]}
    if "same" in options.only:
        found["same"] = [same_answers(path, options.rows) for path in options.files]
        print("| file | rows | the same answer | target |\n| --- | --- | --- | --- |")
        for one in found["same"]:
            print(f"| {one['file']} | {one['rows']} | {one['same']} ({one['share']:.1%}) | {LEAST_SAME:.0%} |")
    if "start" in options.only:
        found["start"] = starts(options.files[0], options.starts)
        print("\n| until the first request | milliseconds |\n| --- | --- |")
        for name, seconds in found["start"].items():
            print(f"| {name} | {1000 * seconds:.0f} |")
    RESULTS.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
