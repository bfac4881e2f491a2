"""Whatever is asked of a model is charged once, and the same in every run."""

import contextlib
import threading
import time
from collections.abc import Iterator, Mapping

import pytest

from cribsheet.budget import Budget, BudgetExhausted, SearchStopped
from cribsheet.budget.ledger import MOST_REFUSED, Bill, Ledger, Request
from cribsheet.budget.recording import Charged, Recorder, answer_items
from cribsheet.compiler.bridge import BARE
from cribsheet.errors import ContextOverflowError, ModelError, PromptError, PromptStyleError, RefusedError
from cribsheet.executor import Threads
from cribsheet.frozen import FrozenPrompt
from cribsheet.frozen.running import Run, direct_wiring, run_wired
from cribsheet.models import Completer, Completion, Sampling, Usage
from cribsheet.models.keys import completion_key
from cribsheet.models.scripted import ScriptedModel
from cribsheet.outcomes import Value
from cribsheet.prompts import Message, Prompt
from cribsheet.search.trial import Trial
from studies import arena, evaluator_of, fighter, leaning, numbered
from toys import SENTIMENT

WIRING = direct_wiring(BARE, SENTIMENT)


def ledger_of(budget: str, *, parallel: int = 1, prefix_tokens: int | None = None) -> Ledger:
    return Ledger(Budget.parse(budget), count_tokens=len, parallel=parallel, prefix_tokens=prefix_tokens)


def charged(ledger: Ledger, text: str, *, tokens: int, cached: int | None = 0, written: int = 0) -> float:
    usage = Usage(prompt_tokens=tokens, cached_tokens=cached, completion_tokens=written)
    return ledger.charge(Request(text, Prompt(text=text), Completion(text="", usage=usage, seconds=30)))


# What a request costs


def test_of_an_engine_that_keeps_prefixes_a_shared_one_is_free_whatever_it_had_cached() -> None:
    ledger = ledger_of("1k", prefix_tokens=0)
    assert charged(ledger, "a" * 90 + "b" * 10, tokens=100, cached=70, written=3) == 103
    assert charged(ledger, "a" * 90 + "c" * 10, tokens=100, cached=0) == 10
    assert charged(ledger, "b" * 100, tokens=100, cached=90) == 100
    assert ledger.tokens == 213


def test_a_server_that_reuses_nothing_is_charged_all_that_it_reads() -> None:
    ledger = ledger_of("10k")
    costs = [charged(ledger, "a" * 90 + str(row) * 10, tokens=100, cached=0, written=2) for row in range(8)]
    assert costs == [102] * 8


@pytest.mark.parametrize("cached", [0, 16, 48, 64, 90])
def test_a_server_is_charged_what_it_says_that_it_read(cached: int) -> None:
    ledger = ledger_of("10k")
    assert charged(ledger, "a" * 90 + "b" * 10, tokens=100, cached=0) == 100
    assert charged(ledger, "a" * 90 + "c" * 10, tokens=100, cached=cached) == 100 - cached


def test_what_a_server_had_read_before_this_compile_is_charged_all_the_same() -> None:
    cold, warm = ledger_of("10k"), ledger_of("10k")
    for row, prefix in enumerate("abab"):
        text = prefix * 90 + str(row) * 10
        charged(cold, text, tokens=100, cached=90 if row >= 2 else 0)
        charged(warm, text, tokens=100, cached=99)
    assert warm.spent == cold.spent == 220


def test_a_server_that_counts_no_tokens_is_charged_an_estimate() -> None:
    request = Request("key", Prompt(text="a" * 90), Completion(text="yes", usage=Usage()))
    assert ledger_of("1k").charge(request) == 93


def test_every_token_counts_if_no_prefix_cache_is_told_of() -> None:
    ledger = ledger_of("1k")
    charged(ledger, "a" * 100, tokens=100, cached=None)
    assert charged(ledger, "a" * 99, tokens=100, cached=None) == 100


def test_calls_and_minutes_are_counted_as_such() -> None:
    calls, minutes = ledger_of("2calls"), ledger_of("1m", parallel=2)
    assert charged(calls, "x", tokens=5) == 1
    assert charged(minutes, "x", tokens=5) == 0.25


def test_the_ledger_stops_at_the_limit_less_what_is_reserved() -> None:
    ledger = ledger_of("3calls")
    ledger.reserved = 2
    ledger.check()
    charged(ledger, "x", tokens=1)
    with pytest.raises(BudgetExhausted):
        ledger.check()


def test_a_request_is_charged_once_and_its_price_is_on_the_bill_of_each_that_makes_it() -> None:
    ledger, bills = ledger_of("1k"), (Bill(), Bill())
    usage = Usage(prompt_tokens=7, completion_tokens=2)
    request = Request("key", Prompt(text="x"), Completion(text="", usage=usage))
    for bill in (*bills, *bills):
        ledger.charge(request, bill)
    assert (ledger.spent, ledger.tokens, ledger.requests) == (9, 9, 1)
    assert [bill.price for bill in bills] == [9, 9]


@pytest.mark.parametrize(
    "other", [Sampling(max_tokens=2), Sampling(temperature=0.7), Sampling(seed=1), Sampling(top_logprobs=5)]
)
def test_the_same_prompt_sampled_otherwise_is_another_request(other: Sampling) -> None:
    model, ledger = ScriptedModel(lambda *_: "yes"), ledger_of("10calls")
    prompt, asked = Prompt(text="Is it?"), Charged(model, ledger)
    for sampling in (Sampling(), other, Sampling(), other):
        asked.complete(prompt, sampling)
    assert len(model.calls) == ledger.spent == 2
    assert completion_key(model, prompt, Sampling()) != completion_key(model, prompt, other)


def test_the_same_prompt_for_a_teacher_is_another_request() -> None:
    student, teacher = (ScriptedModel(lambda *_: "yes", name=f"scripted/{who}") for who in ("student", "teacher"))
    ledger = ledger_of("10calls")
    for model in (student, teacher, student):
        Charged(model, ledger).complete(Prompt(text="Is it?"), Sampling())
    assert (ledger.spent, len(student.calls), len(teacher.calls)) == (2, 1, 1)


def test_outside_of_rows_nothing_is_asked_that_the_budget_does_not_pay_for() -> None:
    model, ledger = ScriptedModel(lambda *_: "yes"), ledger_of("2calls")
    asked = Charged(model, ledger)
    for text in ("a", "b", "a"):
        asked.complete(Prompt(text=text), Sampling())
    with pytest.raises(BudgetExhausted):
        asked.complete(Prompt(text="c"), Sampling())
    assert asked.complete(Prompt(text="b"), Sampling()).text == "yes"
    assert len(model.calls) == ledger.spent == 2


# Rows


def asks(count: int, *, same: bool = False) -> object:
    """Return what asks so many questions for an item, all of its own unless they are the `same` for all items."""

    def answer(item: int, model: Recorder) -> int:
        for number in range(count):
            model.complete(Prompt(text=f"{0 if same else item}: {number}"), Sampling())
        return item

    return answer


def answered(
    ledger: Ledger, model: ScriptedModel, answer: object, *, rows: int, ignore_budget: bool = False
) -> Iterator[int]:
    executor = Threads(model.parallel)
    results = answer_items(
        ledger,
        answer,  # type: ignore[arg-type]
        range(rows),
        model=model,
        executor=executor,
        ignore_budget=ignore_budget,
    )
    with contextlib.closing(results):
        for result, _ in results:
            yield result  # type: ignore[misc]
            ledger.check()


def slow(prompt: Prompt, sampling: Sampling) -> str:
    time.sleep(0.001 * (len(prompt.full_text) % 3))
    return "yes"


@pytest.mark.parametrize("parallel", [1, 2, 4])
@pytest.mark.parametrize("each", [1, 3, 10])
def test_no_more_is_asked_than_the_budget_and_one_request_for_each_row_under_way(parallel: int, each: int) -> None:
    model, ledger = ScriptedModel(slow, parallel=parallel), ledger_of("25calls")
    with contextlib.suppress(BudgetExhausted):
        list(answered(ledger, model, asks(each), rows=100))
    assert len(model.calls) == ledger.spent == ledger.requests
    assert ledger.spent < 25 + parallel


@pytest.mark.parametrize("parallel", [2, 4])
def test_what_is_answered_and_charged_does_not_depend_on_which_thread_is_first(parallel: int) -> None:
    found = set()
    for _ in range(5):
        model, ledger = ScriptedModel(slow, parallel=parallel), ledger_of("50")
        with contextlib.suppress(BudgetExhausted):
            list(answered(ledger, model, asks(3), rows=100))
        found.add((ledger.spent, tuple(sorted(call.prompt.full_text for call in model.calls))))
    assert len(found) == 1


def test_what_several_rows_ask_at_once_is_asked_and_charged_once() -> None:
    model, ledger = ScriptedModel(slow, parallel=4), ledger_of("100calls")
    assert list(answered(ledger, model, asks(3, same=True), rows=12)) == list(range(12))
    assert len(model.calls) == ledger.spent == 3


def test_rows_under_way_when_the_caller_stops_are_charged() -> None:
    model, ledger = ScriptedModel(slow, parallel=4), ledger_of("100calls")
    results = answered(ledger, model, asks(2), rows=50)
    next(results)
    results.close()  # type: ignore[attr-defined]
    assert len(model.calls) == ledger.spent == 8


def test_what_a_row_asked_before_its_model_failed_is_charged() -> None:
    ledger = ledger_of("100calls")

    def fails(item: int, model: Recorder) -> None:
        model.complete(Prompt(text="x"), Sampling())
        raise ConnectionError

    with pytest.raises(ConnectionError):
        list(answered(ledger, ScriptedModel(slow), fails, rows=1))
    assert ledger.spent == 1


def test_a_budget_that_is_ignored_is_charged() -> None:
    model, ledger = ScriptedModel(slow, parallel=2), ledger_of("5calls")
    results = answer_items(
        ledger,
        asks(3),  # type: ignore[arg-type]
        range(4),
        model=model,
        executor=Threads(2),
        ignore_budget=True,
    )
    assert len(list(results)) == 4
    assert len(model.calls) == ledger.spent == 12


# Trials


def untold(prompt: Prompt, sampling: Sampling) -> str:
    """Answer without log-probabilities, whatever is asked for."""
    return " positive"


def test_both_calls_are_charged_if_no_first_token_is_told() -> None:
    study = arena(untold)
    study.extend(study.trial(fighter(study, 50)), 5)
    (model,) = {study.model}
    assert len(model.calls) == study.ledger.spent == study.trials[0].price == 10  # type: ignore[attr-defined]


def test_a_program_that_crashes_is_charged() -> None:
    def crashes(prompts: Mapping[str, FrozenPrompt], inputs: Mapping[str, Value], model: Completer) -> Run:
        run_wired(prompts, WIRING, inputs, model)
        raise ZeroDivisionError

    model = ScriptedModel(lambda *_: leaning(1.0))
    conditions = evaluator_of(model, run=crashes)
    study = arena()
    trial = Trial(fighter(study, 50), conditions)
    trial.extend(numbered(6))
    assert trial.evaluation.errors == 6
    assert len(model.calls) == conditions.ledger.spent == trial.price == 6


def test_a_program_that_hides_that_it_was_refused_does_not_get_a_row() -> None:
    def hides(prompts: Mapping[str, FrozenPrompt], inputs: Mapping[str, Value], model: Completer) -> Run:
        run = run_wired(prompts, WIRING, inputs, model)
        with contextlib.suppress(Exception):
            model.complete(Prompt(text=f"Sure? {inputs['text']}"), Sampling())
        return run

    model = ScriptedModel(lambda *_: leaning(1.0))
    trial = Trial(fighter(arena(), 50), evaluator_of(model, run=hides, budget="5calls"))
    with pytest.raises(BudgetExhausted):
        trial.extend(numbered(6))
    assert trial.rows == 2
    assert len(model.calls) == 5


def test_what_another_trial_paid_for_costs_nothing_but_has_its_price() -> None:
    study = arena()
    one, other = study.trial(fighter(study, 50)), study.trial(fighter(study, 50))
    for trial in (one, other):
        study.extend(trial, 8)
    assert study.ledger.spent == 8
    assert one.price == other.price == 8
    assert one.cost_of_asking == other.cost_of_asking == 1


def test_a_stop_by_hand_charges_the_row_under_way() -> None:
    lock = threading.Lock()

    def stops(prompt: Prompt, sampling: Sampling) -> Completion:
        with lock:
            study.ledger.is_stopped = len(study.model.calls) >= 4  # type: ignore[attr-defined]
        return leaning(1.0)

    study = arena(stops)
    with pytest.raises(SearchStopped):
        study.extend(study.trial(fighter(study, 50)), 8)
    assert study.ledger.spent == 4
    assert study.trials[0].rows == 3


# Prompts that the model does not accept


def refusing(*errors: Exception) -> ScriptedModel:
    """Return a model that raises these errors in turn, then answers."""
    left = list(errors)

    def answer(*_: object) -> str:
        if left:
            raise left.pop(0)
        return "yes"

    return ScriptedModel(answer)


@pytest.mark.parametrize("budget", ["9calls", "9k"])
@pytest.mark.parametrize(
    "error", [RefusedError("filtered"), ContextOverflowError("long"), PromptStyleError("no chats")]
)
def test_a_refused_prompt_is_charged_and_not_sent_again(budget: str, error: PromptError) -> None:
    model, ledger = refusing(error), ledger_of(budget)
    for _ in range(3):
        with pytest.raises(type(error)):
            Charged(model, ledger).complete(Prompt(text="Is it?"), Sampling())
    assert len(model.calls) == 1
    assert ledger.spent == {"calls": 1, "tokens": len("Is it?")}[ledger.budget.unit]


def test_a_row_whose_prompt_is_refused_is_charged_with_the_row() -> None:
    model, ledger, bill = refusing(RefusedError("filtered")), ledger_of("9calls"), Bill()

    def answer(item: str, asked: Recorder) -> str:
        try:
            return asked.complete(Prompt(text=item), Sampling()).text
        except PromptError as error:
            return str(error)

    found = answer_items(ledger, answer, ["a", "b"], model=model, executor=Threads(1), bill=bill)
    assert [text for text, _ in found] == ["filtered", "yes"]
    assert ledger.spent == bill.price == 2


@pytest.mark.parametrize(
    "refusals",
    [
        [(RefusedError("filtered"), False)] * MOST_REFUSED,
        [(PromptStyleError("model unloaded"), bool(at % 2)) for at in range(MOST_REFUSED)],
    ],
)
def test_a_model_that_accepts_no_prompt_any_more_ends_the_compile(refusals: list[tuple[PromptError, bool]]) -> None:
    ledger = ledger_of("99calls")

    def ask(number: int) -> None:
        error, is_chat = refusals[number]
        turn = Message(role="user", content=str(number))
        prompt = Prompt(messages=(turn,)) if is_chat else Prompt(text=str(number))
        Charged(refusing(error), ledger).complete(prompt, Sampling())

    for number in range(MOST_REFUSED - 1):
        with pytest.raises(PromptError):
            ask(number)
    with pytest.raises(ModelError, match=r"accepted none of the last 24 prompts\. The last refusal: ") as caught:
        ask(MOST_REFUSED - 1)
    assert not isinstance(caught.value, PromptError)


@pytest.mark.parametrize("error", [ContextOverflowError("long"), PromptStyleError("no chats")])
def test_prompts_that_are_too_long_or_of_one_style_do_not_end_it(error: PromptError) -> None:
    ledger = ledger_of("99calls")
    for number in range(MOST_REFUSED + 1):
        with pytest.raises(type(error)):
            Charged(refusing(error), ledger).complete(Prompt(text=str(number)), Sampling())
    assert ledger.spent == MOST_REFUSED + 1
