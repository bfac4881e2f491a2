"""Studies with a teacher that is written by hand."""

import random
from collections.abc import Mapping

from cribsheet.budget import Budget
from cribsheet.budget.ledger import Ledger
from cribsheet.compiler.bridge import BARE
from cribsheet.dataset.examples import Row
from cribsheet.evaluation.metrics import label_accuracy
from cribsheet.executor import Threads
from cribsheet.frozen import Wire, Wiring
from cribsheet.frozen.running import direct_wiring, run_wired
from cribsheet.models.scripted import Script, ScriptedModel
from cribsheet.progress import Silent
from cribsheet.prompts import Prompt
from cribsheet.search.evaluator import Evaluator
from cribsheet.search.study import Study
from cribsheet.signature import Field, Signature
from toys import SENTIMENT

FIND = Signature(
    name="Find", instructions="Write the word that judges.", inputs=(Field(name="text"),), outputs=(Field(name="word"),)
)
JUDGE = Signature(name="Judge", instructions="Judge the word.", inputs=(Field(name="word"),), outputs=SENTIMENT.outputs)
CHAIN = Wiring(
    order=("find", "judge"),
    inputs={"find": {"text": Wire(source=None, field="text")}, "judge": {"word": Wire(source="find", field="word")}},
    outputs={"sentiment": Wire(source="judge", field="sentiment")},
)


def rows_of(count: int, *, start: int = 0) -> tuple[Row, ...]:
    """Return rows `text 10`, `text 11` …, every other one negative, all of two digits."""
    return tuple(
        Row({"text": f"text {10 + number}"}, {"sentiment": ("negative" if number % 2 else "positive",)})
        for number in range(start, start + count)
    )


def right(row: int) -> str:
    """Return the right answer of the row whose text says that number."""
    return "negative" if row % 2 else "positive"


def row_asked(prompt: Prompt) -> int:
    """Return the number of the row that stands last in the prompt."""
    return int(prompt.full_text.rsplit("text ", 1)[-1][:2])


def lesson(
    script: Script | None = None, *, rows: int = 6, budget: str = "500calls", is_chain: bool = False, parallel: int = 1
) -> Study:
    """Return a study whose student follows the script; it answers in text, never by log-probabilities."""
    model = ScriptedModel(script or (lambda prompt, sampling: " nothing"), name="scripted/student", parallel=parallel)
    signatures: Mapping[str, Signature] = {"find": FIND, "judge": JUDGE} if is_chain else {BARE: SENTIMENT}
    wiring = CHAIN if is_chain else direct_wiring(BARE, SENTIMENT)
    return Study(
        signatures=signatures,
        train=rows_of(rows),
        val=rows_of(20, start=50),
        evaluator=Evaluator(
            run=lambda prompts, inputs, completer: run_wired(prompts, wiring, inputs, completer),
            model=model,
            metric=label_accuracy,
            ledger=Ledger(Budget.parse(budget), count_tokens=model.count_tokens),
            executor=Threads(1),
        ),
        progress=Silent(),
        rng=random.Random(0),
        tells_logprobs=False,
    )
