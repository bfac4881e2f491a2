"""Measure the overhead of `cribsheet serve`, and how it behaves under load.

python benchmarks/serving.py overhead                    # 1 and 16 clients, 5,000 requests each
python benchmarks/serving.py overhead --count 100000     # handles and memory over a long run
python benchmarks/serving.py embedded                    # 8 clients and the embedded model, beside ask --jsonl
python benchmarks/serving.py stop                        # SIGTERM amid 50 requests
python benchmarks/serving.py fuzz --seconds 600          # schemathesis against the OpenAPI document
"""

import argparse
import asyncio
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cribsheet.cli.serve import command as serve
from cribsheet.compiler.compile import Settings, compile_task
from cribsheet.frozen import save
from cribsheet.frozen.loading import load
from cribsheet.models import WAYS, Completion, Model, Options, Sampling, Usage
from cribsheet.models.scripted import ScriptedModel
from cribsheet.prompts import Prompt
from cribsheet.workspace import builtin

INSTANT = "instant/model"
SLOW = "slow/model"
EMBEDDED = "embedded/smollm2-135m"
PATH = "/v1/programs/sentiment"
TEXTS = [f"It was the {count}th film of the evening, and not one bad view in it." for count in range(60)]


def answers(prompt: Prompt, sampling: Sampling) -> Completion:
    """Answer at once."""
    first = {" positive": -0.2, " negative": -1.9} if sampling.top_logprobs else None
    return Completion(text=" positive", first_token=first, usage=Usage(prompt_tokens=300, completion_tokens=1))


def slowly(prompt: Prompt, sampling: Sampling) -> Completion:
    """Answer after 30 milliseconds."""
    time.sleep(0.03)
    return answers(prompt, sampling)


def open_stand_ins() -> None:
    """Make the models that answer without an engine known under their names."""

    class Instant(ScriptedModel):
        def complete(self, prompt: Prompt, sampling: Sampling) -> Completion:
            return self._script(prompt, sampling)  # type: ignore[return-value]  # nothing is recorded

    def opened(script: object, parallel: int):  # type: ignore[no-untyped-def]
        def way(name: str, options: Options) -> Model:
            return Instant(script, name=name, parallel=options.parallel or parallel)  # type: ignore[arg-type]

        return way

    WAYS["instant"], WAYS["slow"] = opened(answers, 4), opened(slowly, 1)


def compiled(folder: Path) -> Path:
    """Compile the built-in task of sentiment, and return its frozen file."""
    model = WAYS["instant"](INSTANT, Options())
    workspace = builtin()
    settings = Settings(optimizer="labeled", budget="100calls")
    save(
        compile_task("sentiment", settings, workspace=workspace, model=model).program, folder / "sentiment.prompt.json"
    )
    return folder / "sentiment.prompt.json"


class Served:
    """A server that runs as a separate process."""

    def __init__(self, file: Path, model: str, *options: str) -> None:
        command = [sys.executable, __file__, "serve", str(file), "--port", "0", "--model", model, *options]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        said = self.process.stderr or ()
        first = next((line for line in said if " at http" in line), "")
        self.address = first.partition(" at ")[2].partition(". ")[0]
        subprocess.Popen(["cat"], stdin=self.process.stderr, stdout=subprocess.DEVNULL)

    def figures(self) -> tuple[float, int]:
        """Return the memory in MiB, and the number of open handles."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8")
        kilobytes = next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))
        return int(kilobytes) / 1024, len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def end(self) -> int:
        """Stop the server, and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


def request_of(text: str) -> bytes:
    """Return the bytes of a request."""
    body = json.dumps({"inputs": {"text": text}}).encode()
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def client(
    address: str, texts: Sequence[str], seconds: list[float], *, pause: float = 0.0, delay: float = 0.0
) -> int:
    """Ask for each text over one connection; return the number of errors. A request is due after every pause."""
    host, port = address.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    errors, due = 0, time.perf_counter() + delay
    for text in texts:
        due += pause
        if pause and due > time.perf_counter():
            await asyncio.sleep(due - time.perf_counter())
        body = json.dumps({"inputs": {"text": text}}).encode()
        head = (
            f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        started = time.perf_counter()
        writer.write(head.encode() + body)
        told = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        await reader.readexactly(int(told.partition("content-length: ")[2].partition("\r")[0]))
        seconds.append(time.perf_counter() - started)
        errors += not told.startswith("http/1.1 200")
    writer.close()
    return errors


async def clients(address: str, *, count: int, number: int, rate: float) -> tuple[list[float], int, float]:
    """Let several clients ask; return the seconds of each request, the number of errors and the wall-clock time."""
    seconds: list[float] = []
    texts = [TEXTS[place % len(TEXTS)] for place in range(count // number)]
    pause = number / rate if rate else 0.0
    started = time.perf_counter()
    delays = [pause * place / number for place in range(number)]
    asking = (client(address, texts, seconds, pause=pause, delay=delay) for delay in delays)
    errors = await asyncio.gather(*asking)
    return seconds, sum(errors), time.perf_counter() - started


def overhead(file: Path, count: int) -> None:
    """Print the time of requests whose engine answers at once."""
    served = Served(file, INSTANT)
    asyncio.run(clients(served.address, count=500, number=4, rate=0))
    before = served.figures()
    print(f"{'clients':>8} {'requests':>9} {'rate':>10} {'median ms':>10} {'p99 ms':>8} {'errors':>7}")
    for number, rate in ((1, 0), (16, 100), (16, 300), (16, 0)):
        seconds, errors, wall = asyncio.run(clients(served.address, count=count, number=number, rate=rate))
        ordered = sorted(seconds)
        median, last = 1000 * statistics.median(ordered), 1000 * ordered[int(0.99 * len(ordered))]
        told = f"{len(ordered) / wall:.0f}/s" + ("" if rate else " max")
        print(f"{number:>8} {len(ordered):>9} {told:>10} {median:>10.2f} {last:>8.2f} {errors:>7}", flush=True)
        if count > 20_000:
            break  # one long run tells whether anything grows
    after = served.figures()
    print(f"memory {before[0]:.1f} MiB -> {after[0]:.1f} MiB, handles {before[1]} -> {after[1]}")
    served.end()
    print(f"the program alone, called by 1 and by 16 threads: {alone(file, 1):.2f} and {alone(file, 16):.2f} ms")


def alone(file: Path, threads: int) -> float:
    """Return the median milliseconds of a call inside a process, without a server."""
    program, model = load(file), WAYS["instant"](INSTANT, Options())
    seconds: list[float] = []

    def call() -> None:
        for text in TEXTS * 2:
            started = time.perf_counter()
            program.answer({"text": text}, model)
            seconds.append(time.perf_counter() - started)

    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(call) for _ in range(threads)]:
            done.result()
    return 1000 * statistics.median(seconds)


def embedded(file: Path, rows: int) -> None:
    """Print how many rows a second 8 clients get, beside `ask --jsonl` on the same rows, in turn three times."""
    texts = [f"{TEXTS[place % len(TEXTS)]} Really, {place}." for place in range(rows)]
    served = Served(file, EMBEDDED)
    asyncio.run(clients(served.address, count=8, number=1, rate=0))
    for _ in range(3):
        alone = asked(file, texts)
        started = time.perf_counter()
        asyncio.run(share(served.address, texts))
        wall = time.perf_counter() - started
        print(f"{rows} rows: ask --jsonl {alone:.2f} rows/s, 8 clients {rows / wall:.2f} rows/s", flush=True)
    served.end()


def asked(file: Path, texts: Sequence[str]) -> float:
    """Return the rows per second of `ask --jsonl`, without the start of the process and the model."""
    walls = []
    for part in (texts[:8], texts):
        source = file.with_name("rows.jsonl")
        source.write_text("".join(json.dumps({"text": text}) + "\n" for text in part), encoding="utf-8")
        command = [sys.executable, "-m", "cribsheet", "ask", str(file), "--model", EMBEDDED, "--jsonl", str(source)]
        started = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        walls.append(time.perf_counter() - started)
    return (len(texts) - 8) / (walls[1] - walls[0])


async def share(address: str, texts: Sequence[str]) -> None:
    """Let 8 clients ask for a share of the texts each."""
    await asyncio.gather(*(client(address, texts[place::8], []) for place in range(8)))


def stop(file: Path) -> None:
    """Print what becomes of 50 requests when the server is told to stop amid them."""
    served = Served(file, SLOW)

    async def all_of_them() -> list[str]:
        asking = [asyncio.ensure_future(fate(served.address, delay=place * 0.03)) for place in range(50)]
        await asyncio.sleep(0.6)
        served.process.send_signal(signal.SIGTERM)
        return await asyncio.gather(*asking)

    told = Counter(asyncio.run(all_of_them()))
    print(f"of 50 requests: {dict(told)}; exit code {served.process.wait(60)}")


async def fate(address: str, *, delay: float) -> str:
    """Ask once after a delay; return the status of the reply, or how the request was refused."""
    await asyncio.sleep(delay)
    host, port = address.removeprefix("http://").split(":")
    try:
        reader, writer = await asyncio.open_connection(host, int(port))
    except ConnectionRefusedError:
        return "no connection"
    try:
        writer.write(request_of(TEXTS[0]))
        return (await reader.readuntil(b"\r\n\r\n")).decode().split(" ")[1]
    except (ConnectionError, asyncio.IncompleteReadError):
        return "cut off"


def fuzz(file: Path, seconds: int) -> None:
    """Let schemathesis look for requests that the server answers otherwise than its OpenAPI document says."""
    served = Served(file, INSTANT)
    tool = str(Path(sys.executable).with_name("schemathesis"))
    command = [tool, "run", f"{served.address}/openapi.json", "--no-color", "--max-time", str(seconds // 2)]
    for checks in (("--exclude-checks", "positive_data_acceptance"), ("--include-path-regex", "^/v1/programs")):
        found = subprocess.run([*command, *checks], capture_output=True, text=True, cwd=file.parent, check=False)
        print("\n".join(line for line in found.stdout.splitlines() if "generated" in line or "in " in line[:60])[-600:])
        print("exit code", found.returncode)
    served.end()


def main() -> None:
    """Measure what was asked for."""
    open_stand_ins()
    if sys.argv[1:2] == ["serve"]:
        serve(sys.argv[2:], prog_name="serve")
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("overhead", "embedded", "stop", "fuzz"))
    parser.add_argument("--count", type=int, default=5000, help="requests of each measurement of `overhead`")
    parser.add_argument("--rows", type=int, default=160, help="rows of `embedded`")
    parser.add_argument("--seconds", type=int, default=600, help="how long `fuzz` looks")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file = compiled(Path(folder))
        if options.what == "overhead":
            overhead(file, options.count)
        elif options.what == "embedded":
            embedded(file, options.rows)
        elif options.what == "stop":
            stop(file)
        else:
            fuzz(file, options.seconds)


if __name__ == "__main__":
    main()
