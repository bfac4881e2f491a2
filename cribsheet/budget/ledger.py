"""Charge a compile for everything that it asks of a model or a teacher."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from cribsheet.budget.limits import Budget, BudgetExhausted, SearchStopped
from cribsheet.budget.prefixes import Everything, OneSlot, Prefixes
from cribsheet.errors import AbandonedError, ModelError, PromptError, PromptStyleError, RefusedError
from cribsheet.models import Completion, Model, Sampling
from cribsheet.models.keys import KeyLocks
from cribsheet.prompts import Prompt

MOST_REFUSED = 24
"""How many prompts a model may refuse in a row before the compile ends."""

_CLOSING_TOKENS = 6


class Request(NamedTuple):
    """A prompt that a model was asked, with its completion."""

    key: str
    """The same for equal requests; see `completion_key`."""
    prompt: Prompt
    completion: Completion
    """Empty if the model does not accept the prompt."""
    refusal: PromptError | None = None
    """Why the model does not accept the prompt; None if it does."""

    @property
    def answer(self) -> Completion:
        """The completion; PromptError if the model does not accept the prompt."""
        if self.refusal is not None:
            raise self.refusal
        return self.completion


class _Charge(NamedTuple):
    cost: float
    place: int
    """Its number among all charges, from 0."""


@dataclass
class Bill:
    """The requests of one part of a compile, such as a trial, and their cost."""

    price: float = 0.0
    """What its distinct requests cost, whichever part paid for them. It tells what further requests will cost."""
    keys: set[str] = field(default_factory=set)
    """The keys of its requests."""


class Ledger:
    """Asks models on behalf of a compile, and charges each distinct request once.

    Two requests are the same if they have the same key in the completion cache. Completions are remembered, so no
    request is made twice. A prompt that the model does not accept is charged too, by an estimate of its tokens. Other
    failures end the compile.

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
        self._requests: dict[str, Request] = {}
        self._refused_in_a_row: list[Request] = []
        self._charges: dict[str, _Charge] = {}
        self._locks = KeyLocks()

    @property
    def left(self) -> float:
        """The part of the budget that is neither spent nor reserved."""
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

    def ask(self, key: str, model: Model, prompt: Prompt, sampling: Sampling) -> Request:
        """Return a request with its completion or its refusal, from memory if it was made before.

        `charge` has to be called later.

        Raises:
            SearchStopped: if a second Ctrl-C ended all requests.
            ModelError: the model gives no completion, or has refused many prompts in a row.
        """
        with self._locks.of(key):
            if key not in self._requests:
                if self.is_abandoned:
                    raise SearchStopped
                started = time.perf_counter()
                try:
                    self._requests[key] = Request(key, prompt, model.complete(prompt, sampling))
                    self._refused_in_a_row.clear()
                except AbandonedError as error:
                    raise SearchStopped from error
                except PromptError as error:
                    nothing = Completion(text="", seconds=time.perf_counter() - started)
                    self._requests[key] = Request(key, prompt, nothing, refusal=error)
                    self._check_accepts_some(self._requests[key])
            return self._requests[key]

    def _check_accepts_some(self, refused: Request) -> None:
        """Raise ModelError if the model has refused so many prompts in a row that no search can help.

        A server that refuses one style of prompts may accept the other. Prompts that are too long do not count.
        """
        self._refused_in_a_row.append(refused)
        last = self._refused_in_a_row[-MOST_REFUSED:]
        styles = {one.prompt.is_chat for one in last if isinstance(one.refusal, PromptStyleError)}
        is_of_no_use = len(styles) > 1 or all(isinstance(one.refusal, RefusedError) for one in last)
        if len(last) == MOST_REFUSED and is_of_no_use:
            raise ModelError(
                f"The model has accepted none of the last {MOST_REFUSED} prompts. The last refusal: {refused.refusal} "
                "When that is corrected, run the command again; the completions so far are in the cache."
            )

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
