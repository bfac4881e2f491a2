"""DSPy's side of the comparison, on an engine that answers at once."""

import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import dspy
import pytest

from cribsheet.executor import Threads
from cribsheet.outcomes import Unanswerable
from versus.engine import CutOff, EngineLM, Limit, Remembered, Reply
from versus.tasks import TASKS, Ask, Bench
from versus.theirs import METHODS, Conditions, gram_vectors, measure, outcome_in
from versus.tracking import Tracker

NEED_MORE = {"dspy.MIPROv2": "optuna", "dspy.SIMBA": "numpy", "dspy.KNNFewShot": "numpy"}
SEARCHING = [name for name in METHODS if name not in ("dspy.Predict", "dspy.LabeledFewShot", "dspy.KNNFewShot")]


pytestmark = pytest.mark.filterwarnings("ignore:Implementing custom LMs:DeprecationWarning")


class Positive:
    """Writes "positive" into each field that it is asked for, but for one row that it cannot answer."""

    def __init__(self, unreadable: str = "\0") -> None:
        self.unreadable = unreadable
        self.asked = 0

    def ask(self, messages: Sequence[Mapping[str, Any]], *, max_tokens: int, temperature: float, seed: int) -> Reply:
        self.asked += 1
        wanted = re.findall(r"`\[\[ ## (\w+) ## \]\]`", messages[-1]["content"])
        text = "".join(f"[[ ## {name} ## ]]\npositive\n\n" for name in wanted)
        unreadable = self.unreadable in messages[-1]["content"]
        return Reply("Well." if unreadable else text, prompt_tokens=100, cached_tokens=60, completion_tokens=10)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return TASKS["sentiment"](tmp_path, tmp_path)


def conditions(tmp_path: Path, *, cutoff: float, engine: Positive | None = None) -> Conditions:
    return Conditions(engine or Positive(), cutoff, limit=20, log=tmp_path / "log")


def test_a_model_counts_what_it_reads_anew_and_writes_and_asks_nothing_twice() -> None:
    engine, limit = Positive(), Limit()
    lm = EngineLM(engine, limit)
    lm("Good?")
    lm("Good?")
    lm.copy(rollout_id=1, temperature=1.0)("Bad?")
    assert engine.asked == limit.cost.calls == 2
    assert limit.cost.tokens == 100


def test_what_an_earlier_prompt_began_with_counts_as_read_although_another_slot_reads_it_again() -> None:
    limit = Limit()
    reply = Reply("", prompt_tokens=100, cached_tokens=0, completion_tokens=0)
    for prompt in ("demos and row 1", "other", "demos and row 2"):
        limit.add(prompt, reply)
    assert limit.cost.evaluated_tokens == 100 + 100 + 7


def test_a_model_stops_once_its_limit_is_reached_and_not_as_an_exception() -> None:
    lm = EngineLM(Positive(), Limit(60))
    lm("One?")
    lm("Two?")
    with pytest.raises(CutOff, match="100 tokens"):
        lm("Three?")
    assert not issubclass(CutOff, Exception)


def test_a_run_that_was_stopped_counts_what_it_asked_again_but_asks_for_nothing(tmp_path: Path) -> None:
    def asked_twice(engine: Positive, seed: int) -> Limit:
        limit = Limit()
        for temperature in (0.0, 1.0):
            chat = [{"role": "user", "content": "Good?"}]
            limit.add("Good?", Remembered(engine, tmp_path).ask(chat, max_tokens=9, temperature=temperature, seed=seed))
        return limit

    first, again, other_seed = Positive(), Positive(), Positive()
    before, after = asked_twice(first, 1), asked_twice(again, 1)
    asked_twice(other_seed, 2)
    assert (first.asked, again.asked, other_seed.asked) == (2, 0, 1)  # a greedy answer hangs on no seed
    assert after.cost.tokens == before.cost.tokens
    assert after.cost.seconds > before.cost.seconds == 0


def test_of_requests_that_wait_for_the_one_slot_each_counts_its_own_seconds(tmp_path: Path) -> None:
    class Slow(Positive):
        def ask(self, *args: Any, **options: Any) -> Reply:
            time.sleep(0.1)
            return super().ask(*args, **options)

    remembered, limit = Remembered(Slow(), tmp_path), Limit()

    def ask(number: int) -> Reply:
        return remembered.ask([{"role": "user", "content": f"{number}"}], max_tokens=9, temperature=0.0, seed=0)

    start = time.monotonic()
    list(Threads(4).map(ask, range(4)))
    passed = time.monotonic() - start
    for number in range(4):
        limit.add(f"{number}", ask(number))
    assert 0.4 <= limit.cost.seconds <= passed


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_each_optimizer_gets_a_score_or_says_why_not(method: str, bench: Bench, tmp_path: Path) -> None:
    pytest.importorskip(NEED_MORE.get(method, "dspy"))
    cell = measure(bench, method, 0, conditions(tmp_path, cutoff=20_000))
    assert cell.n == 20
    assert cell.score is not None
    assert 0.2 < cell.score < 0.8


@pytest.mark.parametrize("method", SEARCHING)
def test_an_optimizer_that_passes_the_limit_is_cut_off(method: str, bench: Bench, tmp_path: Path) -> None:
    pytest.importorskip(NEED_MORE.get(method, "dspy"))
    cell = measure(bench, method, 0, conditions(tmp_path, cutoff=1_000))
    assert cell.note.startswith("cut off at")
    assert 1_000 <= cell.compiling.tokens <= 1_000 + 8 * 50
    assert cell.n == 20


def test_unreadable_answers_score_nothing_and_are_counted(bench: Bench, tmp_path: Path) -> None:
    text = bench.test_rows(0)[3].inputs["text"]
    cell = measure(bench, "dspy.Predict", 0, conditions(tmp_path, cutoff=1.0, engine=Positive(str(text))))
    assert (cell.unreadable, cell.crashed, cell.scores[3]) == (1, 0, 0.0)


def test_the_best_program_is_the_one_with_the_highest_score_on_enough_rows(bench: Bench) -> None:
    tracker, program = Tracker(Ask), Ask(bench.signature)
    lm = EngineLM(Positive(), Limit())
    for instructions, score, rows in (("Poor.", 0.2, 40), ("Good.", 0.9, 40), ("Lucky.", 1.0, 3)):
        program.answer.signature = bench.signature.with_instructions(instructions)
        for number in range(rows):
            with dspy.context(lm=lm, callbacks=[tracker]):
                program(text=f"{number}")
            tracker.note({"text": f"{number}"}, score)
    found = tracker.best(Ask(bench.signature))
    assert found is not None
    assert found[0].answer.signature.instructions == "Good."
    assert found[1] == 40
    assert tracker.best(Ask(bench.signature), min_rows=100) is None


def test_the_word_for_an_abstention_counts_as_one_where_there_may_be_one(bench: Bench, tmp_path: Path) -> None:
    grounded = TASKS["grounded_qa"](tmp_path, tmp_path)
    assert outcome_in(" Unanswerable.", grounded) == Unanswerable()
    assert outcome_in("unanswered", grounded) == "unanswered"
    assert outcome_in("unanswerable", bench) == "unanswerable"


def test_texts_with_common_characters_have_closer_vectors() -> None:
    one, like, other = gram_vectors(["a warm film", "a warm play", "tax law"])
    closeness = [sum(a * b for a, b in zip(one, vector, strict=True)) for vector in (one, like, other)]
    assert closeness[0] == pytest.approx(1.0)
    assert closeness[1] > closeness[2]
