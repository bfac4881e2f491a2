"""Measure how much longer two simultaneous compiles take than one.

    python benchmarks/two_at_once.py [--task NAME] [--budget 2k] [--rounds 3]

Each compile runs the command `optimize` in its own process and workspace, so it does not find the other's completions.
Rounds of one compile and of two compiles take turns, so that other programs on the machine disturb both alike. The
ratio is that of the medians. The load average shows whether other programs run. Two compiles share the cores, so the
best possible ratio is 2. To compare other ways of waiting, set GOMP_SPINCOUNT or OMP_WAIT_POLICY; Cribsheet keeps your
setting. Prints a Markdown table; returns 1 if the ratio is above 2.5.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from cribsheet.models import weights
from cribsheet.models.cores import SPIN_COUNT, spin_setting, usable_cores
from cribsheet.settings import DEFAULT_MODEL
from cribsheet.workspace import new_workspace

MOST = 2.5
_OPTIMIZE = "import sys; from cribsheet.cli import optimize_main; sys.exit(optimize_main())"


def seconds(compiles: int, *, task: str, budget: str) -> float:
    """Start a number of compiles at once; return the seconds until the last one ends."""
    with tempfile.TemporaryDirectory(prefix="cribsheet-two-") as folder:
        workspaces = [new_workspace(Path(folder) / str(number)).root for number in range(compiles)]
        command = [sys.executable, "-c", _OPTIMIZE, task, "--budget", budget]
        start = time.perf_counter()
        running = [subprocess.Popen(command, cwd=root, stdout=subprocess.DEVNULL) for root in workspaces]
        codes = [process.wait() for process in running]
        if any(codes):
            raise SystemExit(f"A compile of {task} ended with the exit codes {codes}; its message is above.")
        return time.perf_counter() - start


def measure(task: str, budget: str, rounds: int) -> float:
    """Print a line for each round; return the ratio of the time of two compiles to that of one."""
    print("| round | one | two at once | load average before |\n| --- | --- | --- | --- |")
    taken: dict[int, list[float]] = {1: [], 2: []}
    for number in range(1, rounds + 1):
        load = os.getloadavg()[0]
        for compiles, times in taken.items():
            times.append(seconds(compiles, task=task, budget=budget))
        print(f"| {number} | {taken[1][-1]:.1f} s | {taken[2][-1]:.1f} s | {load:.1f} |", flush=True)
    return median(taken[2]) / median(taken[1])


def main() -> int:
    """Measure the ratio, and compare it with the limit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", default="sentiment")
    parser.add_argument("--budget", default="2k")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    weights.pull(DEFAULT_MODEL, directory=weights.models_directory())
    print(f"{usable_cores()} cores, {spin_setting() or f'GOMP_SPINCOUNT={SPIN_COUNT}'}\n")
    ratio = measure(options.task, options.budget, options.rounds)
    print(f"\nTwo at once take {ratio:.2f} times as long as one; the limit is {MOST}.")
    return int(ratio > MOST)


if __name__ == "__main__":
    sys.exit(main())
