"""Studies of the toy task, for tests of optimizers."""

import contextlib
import random
from pathlib import Path

from cribsheet.bridge import BARE
from cribsheet.executor import Threads
from cribsheet.metrics import label_accuracy
from cribsheet.progress import Silent
from cribsheet.rows import load_rows
from cribsheet.running import direct_wiring, run_wired
from cribsheet.search.budget import Budget, BudgetExhausted, Ledger
from cribsheet.search.study import Study
from cribsheet.search.trial import Conditions
from cribsheet.splits import split
from cribsheet.workspace import builtin
from toys import SENTIMENT, sentiment_rows, student_model, write_rows


def study_of(folder: Path, *, budget: str, seed: int = 0) -> Study:
    """Return a study of the toy task, its baseline answered."""
    path = write_rows(folder / "toy.jsonl", sentiment_rows())
    splits = split(load_rows(path, SENTIMENT), SENTIMENT, seed=0)
    model, wiring = student_model(), direct_wiring(BARE, SENTIMENT)
    conditions = Conditions(
        run=lambda prompts, inputs, completer: run_wired(prompts, wiring, inputs, completer),
        model=model,
        metric=label_accuracy,
        ledger=Ledger(Budget.parse(budget), count_tokens=model.count_tokens),
        executor=Threads(1),
    )
    study = Study(
        signatures={BARE: SENTIMENT},
        train=splits.train,
        val=splits.val,
        conditions=conditions,
        progress=Silent(),
        rng=random.Random(seed),
    )
    study.extend(study.trial(study.zero_shot()), 16)
    return study


def search(name: str, study: Study) -> Study:
    """Run an optimizer to the end of its budget."""
    with contextlib.suppress(BudgetExhausted):
        builtin().optimizer(name).search(study)
    return study
