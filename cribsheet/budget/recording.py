"""Charge a ledger for the requests of rows."""

import math
from collections import deque
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from typing import TypeVar

from cribsheet.budget.ledger import Bill, Ledger, Request
from cribsheet.budget.limits import BudgetExhausted
from cribsheet.executor import Executor
from cribsheet.models import Completion, Model, Sampling
from cribsheet.models.keys import completion_key
from cribsheet.prompts import Prompt

Item = TypeVar("Item")
Result = TypeVar("Result")


def answer_items(
    ledger: Ledger,
    answer: Callable[[Item, "Recorder"], Result],
    items: Iterable[Item],
    *,
    model: Model,
    executor: Executor,
    bill: Bill | None = None,
    ignore_budget: bool = False,
) -> Generator[tuple[Result, "Recorder"], None, None]:
    """Yield the result of `answer` for each item, with the recorder that it was given.

    `answer` asks its model through the recorder. The items' requests are charged in the order of the items. What is
    left of the budget is divided among the items under way. An item that has used up its part is refused its next
    request. So each item under way exceeds the budget by one request at most, and which items do does not depend on
    the threads. Items that are under way when the caller stops are charged too.
    """
    recorders: deque[Recorder] = deque()

    def recorded(item: Item) -> tuple[Item, Recorder]:
        allowance = math.inf if ignore_budget else _part(ledger, recorders, parallel=executor.parallel)
        recorders.append(Recorder(ledger, model, allowance=allowance))
        return item, recorders[-1]

    results = executor.map(lambda pair: answer(*pair), map(recorded, items))
    try:
        for result in results:
            recorder = recorders.popleft()
            recorder.settle(bill)
            yield result, recorder
    finally:
        results.close()
        for recorder in recorders:
            recorder.settle(bill)


def _part(ledger: Ledger, recorders: Iterable["Recorder"], *, parallel: int) -> float:
    """Return what one more row may spend beside the rows under way."""
    allowances = [recorder.allowance for recorder in recorders]
    return (ledger.left - sum(allowances)) / max(1, parallel - len(allowances))


class Recorder:
    """Passes the requests of one row on to a model, and charges them when the row is done."""

    def __init__(self, ledger: Ledger, model: Model, *, allowance: float):
        self.allowance = allowance
        """What the row may spend, in the budget's unit. Its last request may exceed it."""
        self.is_cut = False
        """Whether a request was refused because the allowance was used up. The row then has no answer."""
        self.cost = 0.0
        """What was charged for the row."""
        self._ledger, self._model = ledger, model
        self._requests: list[Request] = []
        self._new: deque[Request] = deque()
        """Requests that were not charged before the row began, and whose cost is not estimated yet."""
        self._keys: set[str] = set()
        self._opened = ledger.requests
        self._spent = 0.0
        self._prefixes = ledger.prefixes.copy()

    def complete(self, prompt: Prompt, sampling: Sampling) -> Completion:
        """Return the model's completion.

        Raises:
            BudgetExhausted: the row has used up its allowance; `is_cut` is then True.
            ModelError: the model gives no completion.
        """
        key = completion_key(self._model, prompt, sampling)
        is_new = key not in self._keys and not self._ledger.has_charged(key, before=self._opened)
        if is_new and self._estimated() >= self.allowance:
            self.is_cut = True
            raise BudgetExhausted
        request = self._ledger.ask(key, self._model, prompt, sampling)
        self._requests.append(request)
        self._keys.add(key)
        if is_new:
            self._new.append(request)
        return request.answer

    def settle(self, bill: Bill | None) -> None:
        """Charge the requests of the row."""
        self.cost += sum(self._ledger.charge(request, bill) for request in self._requests)
        self._requests.clear()

    def _estimated(self) -> float:
        """Return what the requests of the row will cost, as far as they were made."""
        while self.allowance < math.inf and self._new:
            self._spent += self._ledger.estimate(self._new.popleft(), self._prefixes)
        return self._spent


@dataclass(frozen=True)
class Charged:
    """A model whose requests are charged at once. It is for requests that belong to no row."""

    model: Model
    ledger: Ledger
    bill: Bill | None = None

    def complete(self, prompt: Prompt, sampling: Sampling) -> Completion:
        """Return the model's completion.

        Raises:
            BudgetExhausted: the budget is spent, and the request was not made before.
            SearchStopped: the search was stopped by Ctrl-C.
            ModelError: the model gives no completion.
        """
        key = completion_key(self.model, prompt, sampling)
        if not self.ledger.has_charged(key):
            self.ledger.check()
        request = self.ledger.ask(key, self.model, prompt, sampling)
        self.ledger.charge(request, self.bill)
        return request.answer
