"""Measure how close a race comes to a full evaluation of all candidates on all rows.

    python benchmarks/racing.py [--data DIR] [--candidates 24] [--rows 240] [--seeds 25] [--cache DIR] [--toy]

The candidates are demo sets for SST-2 in two layouts, drawn once, with the sizes that `race` draws. Each seed shuffles
the candidates and the rows. First all candidates answer all rows. Then they race with a quarter of the tokens that this
took. The race's winner is judged by its score on all rows, compared with the highest score of any candidate there. (The
highest of many scores is partly luck, which makes the comparison hard for the race. The column "by merit" is what a
search chooses after all candidates have answered all rows.) Tokens are those that the budget charges: the tokens
written, and those read that a prefix cache would not hold, given the order of the prompts.

All seeds share one completion cache, which `--cache` keeps, so the model is asked once for each candidate and row. Then
the first race runs again with an empty cache and a fresh engine, to measure what its prefix cache really holds.
`--toy` uses a script instead of the model and writes nothing. `--data` names a folder with `sst2/train.csv`. Prints
Markdown, writes benchmarks/results/racing.json, and returns 1 if a limit is exceeded.
"""

import argparse
import contextlib
import json
import math
import os
import platform
import random
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean, median
from typing import NamedTuple

from cribsheet.budget import Budget, BudgetExhausted
from cribsheet.budget.ledger import Ledger
from cribsheet.compiler.bridge import BARE, DspyProgram, as_module
from cribsheet.dataset.examples import Row
from cribsheet.dataset.rows import load_rows
from cribsheet.evaluation.metrics import label_accuracy
from cribsheet.executor import Threads
from cribsheet.frozen.running import direct_wiring, run_wired
from cribsheet.layout.catalogue import layout_named
from cribsheet.models import Model, open_model
from cribsheet.models.cache import CachedModel, CompletionCache, Meter
from cribsheet.progress import Silent
from cribsheet.search.candidate import Candidate
from cribsheet.search.demos import balanced, short
from cribsheet.search.evaluator import Evaluator
from cribsheet.search.race import Listed, Race
from cribsheet.search.study import Study
from cribsheet.signature import Signature
from cribsheet.workspace import builtin
from racing_toy import toy_model, toy_rows

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "racing.json"
MODEL = "embedded/smollm2-135m"
SST2 = {"sentence": "text", "label": "sentiment"}
LAYOUTS, SIZES = ("plain", "instructed"), (4, 8, 12)
POOL = 300
"""How many rows demos are drawn from. Candidates answer none of these rows."""
MOST_LOST = 0.01
MOST_SHARE = 0.25
LAST_ROW = 200
"""Tokens reserved for the last row, which exceeds the allowance."""
LEAST_CACHED = 0.8


class Figure(NamedTuple):
    """One line of the table of limits."""

    what: str
    figure: str
    limit: str
    holds: bool


@dataclass(frozen=True)
class Heat:
    """The results of one seed: the full evaluation, and the race."""

    seed: int
    mean: float
    """The mean score of all candidates on all rows, which a random candidate would have on average."""
    best: float
    """The highest score on all rows."""
    settled: float
    """The score of the candidate that a search chooses, by score and merit, if all have answered all rows."""
    chosen: float
    """The score on all rows of the race's winner."""
    entered: int
    """How many candidates answered a first block of rows."""
    rows: int
    """How many rows the winner had answered in the race."""
    all_tokens: int
    """The tokens of the full evaluation."""
    race_tokens: int
    """The tokens of the race."""
    race_prompt_tokens: int
    """The tokens of all prompts in the race, including those that the prefix cache held."""

    @property
    def lost(self) -> float:
        """How far the score of the race's winner is below the highest score."""
        return self.best - self.chosen

    @property
    def share(self) -> float:
        """The tokens of the race as a share of those of the full evaluation."""
        return self.race_tokens / self.all_tokens

    @property
    def cached(self) -> float:
        """A lower bound for the share of prompt tokens that a cache held; written tokens count as read."""
        return 1 - self.race_tokens / self.race_prompt_tokens


class Track:
    """The task, the rows, the candidates and the model of all races."""

    def __init__(self, model: Model, signature: Signature, rows: Sequence[Row], *, candidates: int, answered: int):
        self._model, self._signature = model, signature
        shuffled = random.Random(0).sample(list(rows), len(rows))
        self._val, self._pool = shuffled[:answered], shuffled[answered:][:POOL]
        self._numbers = range(candidates)

    def heat(self, seed: int, cache: CompletionCache) -> Heat:
        """Answer all rows with all candidates, then race them."""
        everything = self._study(seed, cache, Meter(), limit=math.inf)
        for candidate in self._candidates(everything, seed):
            everything.extend(everything.trial(candidate), len(everything.val))
        scores = {trial.uncorrected.key: trial.mean for trial in everything.trials}
        settled = max(everything.trials, key=lambda trial: fmean(trial.ranks))
        meter = Meter()
        race = self.race(seed, cache, meter, allowance=allowance_of(everything.ledger.tokens))
        choice = race.best
        return Heat(
            seed=seed,
            mean=fmean(scores.values()),
            best=max(scores.values()),
            settled=settled.mean,
            chosen=scores[choice.uncorrected.key] if choice else 0.0,
            entered=len(race.trials),
            rows=choice.rows if choice else 0,
            all_tokens=everything.ledger.tokens,
            race_tokens=race.ledger.tokens,
            race_prompt_tokens=meter.prompt_tokens + meter.completion_cached_tokens,
        )

    def race(self, seed: int, cache: CompletionCache, meter: Meter, *, allowance: float) -> Study:
        """Race all candidates with an allowance of tokens; return the study, which holds the winner."""
        study = self._study(seed, cache, meter, limit=allowance)
        with contextlib.suppress(BudgetExhausted):
            Race(study, allowance).run(Listed(self._candidates(study, seed)), keep=1)
        return study

    def _candidates(self, study: Study, seed: int) -> list[Candidate]:
        """Return the candidates, which are always the same, in the seed's order."""
        drawn, rng = [], random.Random(0)
        for number in self._numbers:
            layout = layout_named(LAYOUTS[number % len(LAYOUTS)])
            size = SIZES[number // len(LAYOUTS) % len(SIZES)]
            demos = balanced(self._signature, short(study.pools[BARE]), size=size, rng=rng)
            drawn.append(study.candidate(layout, {BARE: demos}, origin=f"{size} demos, {layout.name}"))
        return random.Random(seed).sample(drawn, len(drawn))

    def _study(self, seed: int, cache: CompletionCache, meter: Meter, *, limit: float) -> Study:
        model, wiring = CachedModel(self._model, cache, meter=meter), direct_wiring(BARE, self._signature)
        evaluator = Evaluator(
            run=lambda prompts, inputs, completer: run_wired(prompts, wiring, inputs, completer),
            model=model,
            metric=label_accuracy,
            ledger=Ledger(Budget(limit, "tokens"), count_tokens=model.count_tokens, prefix_tokens=model.prefix_tokens),
            executor=Threads(model.parallel),
        )
        return Study(
            signatures={BARE: self._signature},
            train=self._pool,
            val=random.Random(seed).sample(self._val, len(self._val)),
            evaluator=evaluator,
            progress=Silent(),
            rng=random.Random(seed),
        )


def allowance_of(all_tokens: int) -> float:
    """Return the tokens that a race may spend, given those of the full evaluation."""
    return MOST_SHARE * all_tokens - LAST_ROW


def heats_of(track: Track, options: argparse.Namespace) -> list[Heat]:
    """Run one heat for each seed."""
    with tempfile.TemporaryDirectory(prefix="cribsheet-bench-") as folder:
        cache = CompletionCache(options.cache or folder)
        heats = []
        for seed in range(options.seeds):
            heats.append(track.heat(seed, cache))
            print(f"seed {seed}: {heats[-1].chosen:.3f} of {heats[-1].best:.3f}", file=sys.stderr)
        cache.close()
    return heats


def served(signature: Signature, rows: Sequence[Row], options: argparse.Namespace, *, allowance: float) -> float:
    """Run the first race with a fresh engine and an empty cache; return the share of prompt tokens from caches."""
    model, meter = open_model(MODEL), Meter()
    track = Track(model, signature, rows, candidates=options.candidates, answered=options.rows)
    with tempfile.TemporaryDirectory(prefix="cribsheet-bench-") as folder:
        try:
            track.race(0, CompletionCache(folder), meter, allowance=allowance)
        finally:
            model.close()
    return meter.cached_share or 0.0


def figures_of(heats: Sequence[Heat], by_engine: float | None) -> list[Figure]:
    """Return the medians, each with its limit."""
    lost, share = median(heat.lost for heat in heats), median(heat.share for heat in heats)
    cached = {"by the budget's count": median(heat.cached for heat in heats)}
    if by_engine is not None:
        cached["by the engine's"] = by_engine
    return [
        Figure("score below the best of all on all rows", f"{lost:.3f}", f"{MOST_LOST:g}", lost <= MOST_LOST + 1e-9),
        Figure("tokens, of all on all rows", f"{share:.1%}", f"{MOST_SHARE:.0%}", share <= MOST_SHARE),
        *(
            Figure(
                f"prompt tokens in a race that caches serve, {whose}",
                f"{part:.1%}",
                f"at least {LEAST_CACHED:.0%}",
                part >= LEAST_CACHED,
            )
            for whose, part in cached.items()
        ),
    ]


def report(heats: Sequence[Heat], figures: Sequence[Figure]) -> None:
    """Print the tables."""
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}\n")
    print("| seed | mean of all | best | by merit | the race's | entered | its rows | tokens, all | tokens, race |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for heat in heats:
        print(
            f"| {heat.seed} | {heat.mean:.3f} | {heat.best:.3f} | {heat.settled:.3f} | {heat.chosen:.3f} "
            f"| {heat.entered} | {heat.rows} | {heat.all_tokens:,} | {heat.race_tokens:,} ({heat.share:.1%}) |"
        )
    print("\n| median | figure | limit |\n| --- | --- | --- |")
    for one in figures:
        print(f"| {one.what} | {one.figure}{'' if one.holds else ' (!)'} | {one.limit} |")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the tables, write the JSON; return 1 if a limit is exceeded."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--candidates", type=int, default=24)
    parser.add_argument("--rows", type=int, default=240)
    parser.add_argument("--seeds", type=int, default=25)
    parser.add_argument("--cache", type=Path, help="a folder for completions; a temporary one by default")
    parser.add_argument("--toy", action="store_true", help="use a script instead of the embedded model")
    options = parser.parse_args(arguments)
    signature = DspyProgram(as_module(builtin().task("sentiment")[1].program)).signature
    if options.toy:
        model, rows = toy_model(), toy_rows()
    else:
        model = open_model(MODEL)
        rows = load_rows(options.data / "sst2" / "train.csv", signature, mapping=SST2)
    track = Track(model, signature, rows, candidates=options.candidates, answered=options.rows)
    try:
        heats = heats_of(track, options)
    finally:
        model.close()
    share = None if options.toy else served(signature, rows, options, allowance=allowance_of(heats[0].all_tokens))
    figures = figures_of(heats, share)
    report(heats, figures)
    if not options.toy:
        RESULTS.parent.mkdir(parents=True, exist_ok=True)
        content = {
            "candidates": options.candidates,
            "rows": options.rows,
            "figures": [one._asdict() for one in figures],
            "heats": [asdict(heat) for heat in heats],
        }
        RESULTS.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return 0 if all(one.holds for one in figures) else 1


if __name__ == "__main__":
    raise SystemExit(main())
