"""Try models on random server configurations, to find tracebacks, hangs or unclear messages.

    python benchmarks/fuzz_servers.py --count 10000 --seed 0

Each configuration sets up the test server `tests/servers/stand_in.py`: what it refuses and how, the format of its
answers, the address that a user gives for it, and the proxies in the environment. A model is probed and asked for
completions. If the server can answer at all, the model has to return the answer. Otherwise its error message has to
name the cause and say what to do.
"""

import argparse
import random
import re
import sys
import time
import traceback
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "servers"))

from configurations import drawn, outcome

from cribsheet.models.litellm import import_litellm

_EVERY = 500


def main() -> None:
    """Run the configurations, and print how they ended."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1000, help="how many configurations")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    import_litellm()  # now, since it takes seconds that would count towards a hang
    rng, ends, started = random.Random(options.seed), Counter[str](), time.monotonic()
    failures = 0
    for number in range(1, options.count + 1):
        configuration = drawn(rng)
        try:
            ends[_plain(outcome(configuration))] += 1
        except AssertionError as error:
            failures += 1
            print(f"{number}: {error}\n{''.join(traceback.format_exception(error.__cause__))}", flush=True)
        if number % _EVERY == 0:
            print(f"{number} in {time.monotonic() - started:.0f} s, {failures} failures", file=sys.stderr, flush=True)
    for end, count in ends.most_common():
        print(f"{count:6} {end}")
    print(f"{options.count} configurations, {failures} tracebacks, hangs, or messages without a cause or a remedy")
    sys.exit(failures > 0)


def _plain(end: str) -> str:
    """Return a message without the parts that differ from server to server."""
    end = re.sub(r"'[^']*'|\"[^\"]*\"|\{.*\}|<.*>", "…", end)
    return re.sub(r"(https?://)?[\w.]+:\d+\S*", "ADDRESS", end)[:160]


if __name__ == "__main__":
    main()
