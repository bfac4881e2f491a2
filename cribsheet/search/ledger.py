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
    """What a model was asked, and said."""

    key: str
    """What tells requests apart; see `completion_key`."""
    prompt: Prompt
    completion: Completion


class _Charge(NamedTuple):
    cost: float
    place: int
    """Among all charges, in their order."""


@dataclass
class Bill:
    """What one part of a compile, such as a trial, asked for."""

    cost: float = 0.0
    """What was charged for it, in the budget's unit: nothing for requests that another part had paid for."""
    price: float = 0.0
    """What its distinct requests cost when they were first asked, by any part: estimates what further ones cost."""
    keys: set[str] = field(default_factory=set)
    """Its requests."""


class Ledger:
    """Asks models on behalf of a compile, and charges each distinct request once.

    Two requests are the same if the completion cache has the same key for them. A completion is remembered, so
    no request is made twice. A request that fails is not charged.

    Costs are read off completions, cached or not, and charged in the order of rows, whichever thread was first. So
    they are the same if a compile is run again. `prefix_tokens` is how many tokens of prompts, the last one included,
    the engine is known to keep. Then what a prompt shares with those that it still holds, going by their order, is
    free: how much was really served from there would depend on what the engine did before.

    Of other engines, such as a server, nobody knows what they keep: None. They are charged what they say that they
    read. If they had read more before than this compile explains, that is charged too, so that a warm server does not
    stretch the budget.
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
        """Set by hand: the next row is the last."""
        self.is_abandoned = False
        """Set by hand: nothing more is asked, not even for the row under way."""
        self.prefixes: Prefixes = Everything() if prefix_tokens is None else OneSlot(prefix_tokens)
        """What the engine holds, going by the prompts charged so far."""
        self._is_known = prefix_tokens is not None
        self._count_tokens = count_tokens
        self._parallel = parallel
        self._completions: dict[str, Completion] = {}
        self._charges: dict[str, _Charge] = {}
        self._locks = KeyLocks()

    @property
    def left(self) -> float:
        """What may still be spent before what is reserved."""
        return self.budget.limit - self.spent - self.reserved

    @property
    def holds_prompts(self) -> bool:
        """Whether the engine keeps prompts, so that one that is asked again is hardly read."""
        return isinstance(self.prefixes, OneSlot) and self.prefixes.capacity > 0

    @property
    def requests(self) -> int:
        """How many distinct requests were charged."""
        return len(self._charges)

    def has_charged(self, key: str, *, before: int | None = None) -> bool:
        """Tell whether a request is paid for, or was one of the first so many that were."""
        charge = self._charges.get(key)
        return charge is not None and (before is None or charge.place < before)

    def ask(self, key: str, model: Model, prompt: Prompt, sampling: Sampling) -> Completion:
        """Return the completion of a request that is charged later; from memory if it was asked before.

        Raises:
            SearchStopped: if nothing more is to be asked.
            SearchStopped: if the answer is not waited for any longer.
            ModelError: as the model does.
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
        """Count a request, once; return what it costs, in the budget's unit: 0 if it was charged before."""
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
        """Count what was asked before, to find out what an endpoint can do."""
        self.tokens += tokens
        self.spent += {"tokens": float(tokens), "calls": float(calls), "minutes": 0.0}[self.budget.unit]

    def estimate(self, request: Request, prefixes: Prefixes) -> float:
        """Return what a request will be charged if the engine holds these prefixes, which take it in."""
        return self._cost(request, self._tokens(request, prefixes))

    def check(self) -> None:
        """Raise BudgetExhausted if nothing is left, SearchStopped if the search was stopped by hand."""
        self.check_stopped()
        if self.left <= 0:
            raise BudgetExhausted

    def check_stopped(self) -> None:
        """Raise SearchStopped if the search was stopped by hand."""
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
        """Yield what `answer` gives for each item, with what it asked, charged in the order of the items.

        `answer` asks its model through the recorder. What is left of the budget is divided among the items under
        way; an item that has used up its part is refused its next request. So at most one request for each item
        under way goes beyond the budget, and which one does not depend on which thread was first. Items that
        are under way when the caller stops are charged too.
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
        """Return what one more row may spend, beside those under way."""
        allowances = [recorder.allowance for recorder in recorders]
        return (self.left - sum(allowances)) / max(1, parallel - len(allowances))

    def _cost(self, request: Request, tokens: int) -> float:
        seconds = request.completion.seconds / self._parallel
        return {"tokens": float(tokens), "calls": 1.0, "minutes": seconds / 60}[self.budget.unit]

    def _tokens(self, request: Request, prefixes: Prefixes) -> int:
        """Return how many tokens a request is charged if the engine holds these prefixes, which take it in."""
        completion = request.completion
        if not completion.usage.prompt_tokens:  # the server counts nothing
            return self._count_tokens(request.prompt.full_text) + self._count_tokens(completion.text)
        return self._read(request, prefixes) + completion.usage.completion_tokens

    def _read(self, request: Request, prefixes: Prefixes) -> int:
        """Return how many of the prompt's tokens are charged."""
        prompt, usage = request.prompt, request.completion.usage
        # The embedded engine continues an answer that is begun as a raw prompt.
        shared = prefixes.read(
            prompt.full_text, tokens=usage.prompt_tokens, is_chat=prompt.is_chat and not prompt.begun
        )
        if usage.cached_tokens is None:
            return usage.prompt_tokens
        explained = self._after(request, shared)
        return explained if self._is_known else max(explained, usage.evaluated_tokens)

    def _after(self, request: Request, shared: int) -> int:
        """Return how many of the prompt's tokens come after what it shares with prompts that were read before."""
        usage = request.completion.usage
        if not shared:
            return usage.prompt_tokens
        # The template closes the last turn anew; the last token is always read, for its log-probabilities.
        template = _CLOSING_TOKENS if request.prompt.is_chat and not request.prompt.begun else 0
        return min(usage.prompt_tokens, max(1, self._count_tokens(request.prompt.full_text[shared:]) + template))


class Recorder:
    """A model for the time of one row: it keeps what the row asks, in order, to be charged when the row is done."""

    def __init__(self, ledger: Ledger, model: Model, *, allowance: float):
        self.allowance = allowance
        """What the row may spend, in the budget's unit; its last request may go beyond it."""
        self.is_cut = False
        """Whether a request was refused, so that the row has no answer."""
        self.cost = 0.0
        """What was charged for the row."""
        self._ledger, self._model = ledger, model
        self._requests: list[Request] = []
        self._new: deque[Request] = deque()
        """Requests that were not paid for when the row began, and whose cost is not estimated yet."""
        self._keys: set[str] = set()
        self._opened = ledger.requests
        self._spent = 0.0
        self._prefixes = ledger.prefixes.copy()

    def complete(self, prompt: Prompt, sampling: Sampling) -> Completion:
        """Return what the model says.

        Raises:
            BudgetExhausted: if the row has used up its part of the budget; see `is_cut`.
            ModelError: as the model does.
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
        """Charge what the row asked."""
        self.cost += sum(self._ledger.charge(request, bill) for request in self._requests)
        self._requests.clear()

    def _estimated(self) -> float:
        """Return what the row will be charged so far."""
        while self.allowance < math.inf and self._new:
            self._spent += self._ledger.estimate(self._new.popleft(), self._prefixes)
        return self._spent


@dataclass(frozen=True)
class Charged:
    """A model whose requests are charged as they are made, for what is asked outside of rows."""

    model: Model
    ledger: Ledger
    bill: Bill | None = None

    def complete(self, prompt: Prompt, sampling: Sampling) -> Completion:
        """Return what the model says.

        Raises:
            BudgetExhausted: if nothing is left to pay for a request that was not made before.
            SearchStopped: if the search was stopped by hand.
            ModelError: as the model does.
        """
        key = completion_key(self.model, prompt, sampling)
        if not self.ledger.has_charged(key):
            self.ledger.check()
        completion = self.ledger.ask(key, self.model, prompt, sampling)
        self.ledger.charge(Request(key, prompt, completion), self.bill)
        return completion
