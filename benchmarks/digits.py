"""Compare labels that are digits with the same labels as number words.

    python benchmarks/digits.py [--seeds 0 1 2] [--budget 20k]

Compiles the task `stars` (a review, 1 to 5 stars) with the optimizer `labeled`, once with the labels 1 to 5 and once
with "one" to "five", from the same rows. A digit is often two tokens, a blank and the digit, so a decision that looked
at the first token alone would not see it. Prints the accuracy on the testset for each seed.
"""

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import dspy

from cribsheet import Task
from cribsheet.compiler.compile import compile_task
from cribsheet.evaluation.metrics import label_accuracy
from cribsheet.evaluation.scores import paired_gain
from cribsheet.models import open_model
from cribsheet.settings import DEFAULT_MODEL, Settings
from cribsheet.workspace import builtin, new_workspace

WORDS = ("one", "two", "three", "four", "five")


class Digits(dspy.Signature):
    """Say how many stars from 1 to 5 the text gives."""

    text: str = dspy.InputField()
    stars: Literal[1, 2, 3, 4, 5] = dspy.OutputField()


class Words(dspy.Signature):
    """Say how many stars from one to five the text gives."""

    text: str = dspy.InputField()
    stars: Literal["one", "two", "three", "four", "five"] = dspy.OutputField()


def rows(*, as_words: bool) -> list[dict[str, Any]]:
    """Return the rows of the task `stars`."""
    lines = (builtin().root / "trainsets" / "stars.jsonl").read_text(encoding="utf-8").splitlines()
    found = [json.loads(line) for line in lines]
    return [{**row, "stars": WORDS[row["stars"] - 1]} for row in found] if as_words else found


def scores(seed: int, budget: str, *, as_words: bool) -> Sequence[float]:
    """Compile, and return the scores of the test rows."""
    task = Task(Words if as_words else Digits, metric=label_accuracy, trainset=rows(as_words=as_words))
    settings = Settings(optimizer="labeled", budget=budget, seed=seed)
    with tempfile.TemporaryDirectory(prefix="cribsheet-digits-") as folder:
        workspace = new_workspace(Path(folder) / "workspace")
        compiled = compile_task(task, settings, workspace=workspace, model=open_model(DEFAULT_MODEL))
        return [row.scores["runtime"] for row in compiled.tested]


def main() -> None:
    """Measure each seed, then the difference over all test rows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--budget", default="20k")
    options = parser.parse_args()
    print("| seed | test rows | digits | words |\n| --- | --- | --- | --- |")
    all_digits: list[float] = []
    all_words: list[float] = []
    for seed in options.seeds:
        digits, words = (scores(seed, options.budget, as_words=as_words) for as_words in (False, True))
        both = min(len(digits), len(words))
        all_digits += digits[:both]
        all_words += words[:both]
        print(f"| {seed} | {both} | {sum(digits[:both]) / both:.3f} | {sum(words[:both]) / both:.3f} |", flush=True)
    gain = paired_gain(all_words, all_digits)
    print(f"\ndigits less words: {gain.mean:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}], n={len(all_digits)}")


if __name__ == "__main__":
    main()
