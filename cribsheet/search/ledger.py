"""Charge a compile for everything that it asks of a model or a teacher."""

import math
from collections import deque
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from cribsheet.budget import Budget, BudgetExhausted, SearchStopped
from cribsheet.errors import AbandonedError
from cribsheet.executor import Executor
from cribsheet.models import Completion, Model, Sampling
from cribsheet.models.keys import KeyLocks, completion_key
from cribsheet.prompts import Prompt
from cribsheet.search.prefixes import Everything, OneSlot, Prefixes

Item = TypeVar("Item")
Result = TypeVar("Result")

_CLOSING_TOKENS = 6


class Request(NamedTuple):
    """A prompt that a model was asked, with its completion."""

    key: str
    """The same for equal requests; see `completion_key`."""
    prompt: Prompt
    completion: Completion


class _Charge(NamedTuple):
    cost: float
    place: int
    """Its number among all charges, from 0."""


@dataclass
class Bill:
    """The requests of one part of a compile, such as a trial, and their cost."""

    cost: float = 0.0
    """What was charged, in the budget's unit. Requests that another part had paid for are free."""
    price: float = 0.0
    """What its distinct requests cost, whichever part paid for them. It tells what further requests will cost."""
    keys: set[str] = field(default_factory=set)
    """The keys of its requests."""


class Ledger:
    """Asks models on behalf of a compile, and charges each distinct request once.

    Two requests are the same if they have the same key in the completion cache. Completions are remembered, so no
    request is made twice. A request that fails is not charged.

    The cost of a request is computed from its completion, even if the completion comes from the cache. Requests are
    charged in the order of the rows, no matter which thread was first. So running a compile again costs the same.

    `prefix_tokens` is how many tokens of earlier prompts the engine keeps, including the last prompt. The tokens that
    a prompt shares with a kept prompt are free. Which prompts are kept is derived from the order of the prompts alone.
    What the engine really reused also depends on what it was asked before this compile.

    A server does not tell how much it keeps: `prefix_tokens` is None. It is charged the tokens that it reports to have
    read. If it reused more than the prompts of this compile explain, because it was warm, the difference is charged
    too.
    """

    def __init__(
        self,
        budget: Budget,
        *,
        count_tokens: Callable[[str], int],
        parallel: int = 1,
        prefix_tokens: int | None = None,
    ):
        self.budget = budget
        self.spent = 0.0
        self.tokens = 0
        self.reserved = 0.0
        self.is_stopped = False
        """Set by Ctrl-C: the row under way is the last one."""
        self.is_abandoned = False
        """Set by a second Ctrl-C: no model is asked any more, not even for the row under way."""
        self.prefixes: Prefixes = Everything() if prefix_tokens is None else OneSlot(prefix_tokens)
        """The prompts that the engine holds, as far as the charged prompts tell."""
        self._is_known = prefix_tokens is not None
        self._count_tokens = count_tokens
        self._parallel = parallel
        self._completions: dict[str, Completion] = {}
        self._charges: dict[str, _Charge] = {}
        self._locks = KeyLocks()

    @property
    def left(self) -> float:
        """What may still be spent, without what is reserved."""
        return self.budget.limit - self.spent - self.reserved

    @property
    def holds_prompts(self) -> bool:
        """Whether the engine keeps earlier prompts, so that asking one again reads hardly any token."""
        return isinstance(self.prefixes, OneSlot) and self.prefixes.capacity > 0

    @property
    def requests(self) -> int:
        """How many distinct requests were charged."""
        return len(self._charges)

    def has_charged(self, key: str, *, before: int | None = None) -> bool:
        """Tell whether a request was charged; with `before`, whether it was among the first `before` charges."""
        charge = self._charges.get(key)
        return charge is not None and (before is None or charge.place < before)

    def ask(self, key: str, model: Model, prompt: Prompt, sampling: Sampling) -> Completion:
        """Return the completion of a request, from memory if it was made before. `charge` has to be called later.

        Raises:
            SearchStopped: if a second Ctrl-C ended all requests.
            ModelError: the model gives no completion.
        """
        with self._locks.of(key):
            if key not in self._completions:
                if self.is_abandoned:
                    raise SearchStopped
                try:
                    self._completions[key] = model.complete(prompt, sampling)
                except AbandonedError as error:
                    raise SearchStopped from error
            return self._completions[key]

    def charge(self, request: Request, bill: Bill | None = None) -> float:
        """Charge a request unless it was charged before; return the cost, in the budget's unit."""
        cost = 0.0
        if request.key not in self._charges:
            tokens = self._tokens(request, self.prefixes)
            cost = self._cost(request, tokens)
            self._charges[request.key] = _Charge(cost, place=len(self._charges))
            self.tokens += tokens
            self.spent += cost
        if bill is not None:
            bill.cost += cost
            bill.price += 0.0 if request.key in bill.keys else self._charges[request.key].cost
            bill.keys.add(request.key)
        return cost

    def add(self, *, calls: int, tokens: int) -> None:
        """Charge requests that were made before the search, to find out what an endpoint can do."""
        self.tokens += tokens
        self.spent += {"tokens": float(tokens), "calls": float(calls), "minutes": 0.0}[self.budget.unit]

    def estimate(self, request: Request, prefixes: Prefixes) -> float:
        """Return what a request will cost if the engine holds these prefixes, and add the request to them."""
        return self._cost(request, self._tokens(request, prefixes))

    def check(self) -> None:
        """Raise BudgetExhausted if nothing is left, SearchStopped if the search was stopped by Ctrl-C."""
        self.check_stopped()
        if self.left <= 0:
            raise BudgetExhausted

    def check_stopped(self) -> None:
        """Raise SearchStopped if the search was stopped by Ctrl-C."""
        if self.is_stopped:
            raise SearchStopped

    def answer(
        self,
        answer: Callable[[Item, "Recorder"], Result],
        items: Iterable[Item],
        *,
        model: Model,
        executor: Executor,
        bill: Bill | None = None,
        ignore_budget: bool = False,
    ) -> Generator[tuple[Result, "Recorder"], None, None]:
        """Yield the result of `answer` for each item, with the recorder that it was given.

        `answer` asks its model through the recorder. The items' requests are charged in the order of the items.
        What is left of the budget is divided among the items under way. An item that has used up its part is refused
        its next request. So each item under way exceeds the budget by one request at most, and which items do does
        not depend on the threads. Items that are under way when the caller stops are charged too.
        """
        recorders: deque[Recorder] = deque()

        def recorded(item: Item) -> tuple[Item, Recorder]:
            allowance = math.inf if ignore_budget else self._part(recorders, parallel=executor.parallel)
            recorders.append(Recorder(self, model, allowance=allowance))
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

    def _part(self, recorders: Iterable["Recorder"], *, parallel: int) -> float:
        """Return what one more row may spend beside the rows under way."""
        allowances = [recorder.allowance for recorder in recorders]
        return (self.left - sum(allowances)) / max(1, parallel - len(allowances))

    def _cost(self, request: Request, tokens: int) -> float:
        seconds = request.completion.seconds / self._parallel
        return {"tokens": float(tokens), "calls": 1.0, "minutes": seconds / 60}[self.budget.unit]

    def _tokens(self, request: Request, prefixes: Prefixes) -> int:
        """Return how many tokens a request costs if the engine holds these prefixes, and add the request to them."""
        completion = request.completion
        if not completion.usage.prompt_tokens:  # the server counts nothing
            return self._count_tokens(request.prompt.full_text) + self._count_tokens(completion.text)
        return self._read(request, prefixes) + completion.usage.completion_tokens

    def _read(self, request: Request, prefixes: Prefixes) -> int:
        """Return how many tokens of the prompt are charged."""
        usage = request.completion.usage
        shared = prefixes.read(request.prompt.full_text, tokens=usage.prompt_tokens)
        if usage.cached_tokens is None:
            return usage.prompt_tokens
        explained = self._after(request, shared)
        return explained if self._is_known else max(explained, usage.evaluated_tokens)

    def _after(self, request: Request, shared: int) -> int:
        """Return how many tokens the prompt has after its first `shared` characters, which were read before."""
        usage = request.completion.usage
        if not shared:
            return usage.prompt_tokens
        # The template closes the last turn anew; the last token is always read, for its log-probabilities.
        template = _CLOSING_TOKENS if request.prompt.is_chat and not request.prompt.begun else 0
        return min(usage.prompt_tokens, max(1, self._count_tokens(request.prompt.full_text[shared:]) + template))


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
        request = Request(key, prompt, self._ledger.ask(key, self._model, prompt, sampling))
        self._requests.append(request)
        self._keys.add(key)
        if is_new:
            self._new.append(request)
        return request.completion

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
        completion = self.ledger.ask(key, self.model, prompt, sampling)
        self.ledger.charge(Request(key, prompt, completion), self.bill)
        return completion
