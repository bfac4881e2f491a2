"""Measure how much faster bootstrapping is if a served teacher gets parallel requests.

    python benchmarks/bootstrapping.py

A local server with OpenAI's API answers each request after a pause. It is called through LiteLLM, like a real one.
"""

import argparse
import json
import random
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cribsheet.budget import Budget
from cribsheet.budget.ledger import Ledger
from cribsheet.compiler.bridge import BARE
from cribsheet.dataset.examples import Row
from cribsheet.evaluation.metrics import label_accuracy
from cribsheet.executor import Threads
from cribsheet.frozen.running import direct_wiring, run_wired
from cribsheet.models import Model, Sampling, open_model
from cribsheet.progress import Silent
from cribsheet.prompts import Message, Prompt
from cribsheet.search.bootstrap.runs import bootstrap
from cribsheet.search.bootstrap.teaching import TeacherSettings
from cribsheet.search.evaluator import Evaluator
from cribsheet.search.study import Study
from cribsheet.signature import Field, Signature
from cribsheet.signature.types import Label

SENTIMENT = Signature(
    name="Sentiment",
    instructions="Say whether the text is negative or positive.",
    inputs=(Field(name="text"),),
    outputs=(Field(name="sentiment", type=Label(labels=("negative", "positive"))),),
)
ANSWER = {
    "id": "1",
    "object": "chat.completion",
    "created": 1,
    "model": "teacher",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "positive"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 30, "completion_tokens": 1, "total_tokens": 31},
}


def server_of(latency: float) -> ThreadingHTTPServer:
    """Return a running server that calls every text positive after `latency` seconds."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            time.sleep(latency)
            content = json.dumps(ANSWER).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Print nothing, so that the output has only the figures."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def study_of(teacher: Model, rows: int) -> Study:
    """Return a study with a given number of rows, all of them positive."""
    wiring = direct_wiring(BARE, SENTIMENT)
    examples = tuple(
        Row({"text": f"Film {number} was superb."}, {"sentiment": ("positive",)}) for number in range(rows)
    )
    return Study(
        signatures={BARE: SENTIMENT},
        train=examples,
        val=examples[:1],
        evaluator=Evaluator(
            run=lambda prompts, inputs, completer: run_wired(prompts, wiring, inputs, completer),
            model=teacher,
            metric=label_accuracy,
            ledger=Ledger(Budget.parse("1M"), count_tokens=teacher.count_tokens),
            executor=Threads(1),
        ),
        progress=Silent(),
        rng=random.Random(0),
    )


def seconds_of(address: str, *, rows: int, parallel: int) -> float:
    """Return how many seconds it takes to bootstrap the rows without a completion cache."""
    teacher = open_model("openai/teacher", api_base=address, parallel=parallel)
    try:
        hello = Prompt(messages=(Message(role="user", content="Hello"),))
        teacher.complete(hello, Sampling(max_tokens=1))  # the first call imports LiteLLM
        study = study_of(teacher, rows)
        started = time.perf_counter()
        harvest = bootstrap(study, study.zero_shot(), TeacherSettings(rows=rows, share=1.0, samples=1))
        seconds = time.perf_counter() - started
    finally:
        teacher.close()
    if harvest.passed != rows:
        raise SystemExit(f"Only {harvest.passed} of {rows} rows passed, so the measured time is meaningless.")
    return seconds


def main() -> None:
    """Print the serial time, the parallel time and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=150)
    parser.add_argument("--latency", type=float, default=0.2, help="of the server, in seconds")
    parser.add_argument("--parallel", type=int, default=4)
    options = parser.parse_args()
    server = server_of(options.latency)
    address = f"http://127.0.0.1:{server.server_port}/v1"
    serial, parallel = (seconds_of(address, rows=options.rows, parallel=number) for number in (1, options.parallel))
    server.shutdown()
    print(f"{options.rows} rows, {options.latency * 1000:g} ms an answer")
    print(f"one at a time: {serial:.2f} s")
    print(f"{options.parallel} at once: {parallel:.2f} s, {parallel / serial:.1%} of that")


if __name__ == "__main__":
    main()
