"""Repeat a request without the parameters that the server refuses."""

import re
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple, TypeVar

from cribsheet.errors import ModelError
from cribsheet.models._base import Kind
from cribsheet.models.capabilities import Capabilities, Endpoint

Reply = TypeVar("Reply")

REFUSING = frozenset({400, 406, 415, 422, 500, 501})
"""The HTTP statuses with which servers refuse a parameter."""
_SURE = 3
"""How many times in a row a request has to fail with status 500 before its parameters are suspected."""
_LOWER: Mapping[str, tuple[int, ...]] = {"logprobs": (20, 10, 5, 2, 0), "stop": (4, 1, 0)}
"""Smaller sizes to try. vLLM grants 20 log-probabilities; OpenAI grants 5 for raw prompts, and 4 stops."""
_NAMES: Mapping[str, str] = {
    "logprobs": r"log_?probs|log.probabilit|n_probs",
    "stop": r"\bstops?\b",
    "grammar": r"\bgrammar\b|structured_outputs",
    "response_format": r"response_format|json_schema|\bschema\b",
    "max_tokens": r"\bmax_tokens\b",
    "n": r"['\"`]n['\"`]|\bn (must|should|is|has|>|=)|best_of|number of (choices|completions)",
}
"""Patterns for the names of parameters in error messages, if the bare name is not enough."""


class Failure(NamedTuple):
    """A server's error reply to a request."""

    status: int
    words: str
    """The complete error message."""
    error: ModelError
    """The error to raise if leaving out parameters does not help."""


def may_pass(status: int) -> bool:
    """Tell whether a failure with this HTTP status may not happen again if the request is repeated."""
    return status in (408, 429) or (status >= 500 and status != 501)


class Refused(Exception):
    """Raised by a function that sends a request, if the server answers with one of the statuses `REFUSING`."""

    def __init__(self, failure: Failure):
        super().__init__(failure.words)
        self.failure = failure


class Refusals:
    """How much of each optional parameter a server accepts, learnt from its refusals. Safe to use from several threads.

    Each parameter has a size: the number of log-probabilities or stops, 1 for any other parameter. Size 0 leaves the
    parameter out, except that `max_tokens` is then sent under its newer name, `max_completion_tokens`.
    """

    def __init__(self) -> None:
        self._granted: dict[tuple[Kind, str], int] = {}
        self._silent: dict[Kind, int] = {"raw": 0, "chat": 0}
        """Number of failures since the last success that had status 500 and named no parameter."""
        self._lock = threading.Lock()

    def granted(self, kind: Kind, wanted: Mapping[str, int]) -> dict[str, int]:
        """Return the wanted sizes, lowered to what the server is known to accept."""
        return {name: min(size, self._granted.get((kind, name), size)) for name, size in wanted.items()}

    def adopt(self, capabilities: Capabilities, worked: set[Kind]) -> None:
        """Take over the result of a probe, and add the kinds of prompts that it completed to `worked`."""
        kinds: tuple[tuple[Kind, Endpoint], ...] = (("raw", capabilities.raw), ("chat", capabilities.chat))
        for kind, endpoint in kinds:
            self._grant(kind, endpoint.granted)
            if endpoint.works and endpoint.granted:
                worked.add(kind)

    def _grant(self, kind: Kind, sizes: Mapping[str, int]) -> None:
        with self._lock:
            self._granted.update({(kind, name): size for name, size in sizes.items()})

    def ask(
        self,
        kind: Kind,
        wanted: Mapping[str, int],
        send: Callable[[Mapping[str, int]], Reply],
        *,
        insists: bool = False,
    ) -> tuple[Reply, Mapping[str, int]]:
        """Send a request, again with smaller sizes if the server refuses it; return the reply and the sizes used.

        A failure with status 500 may pass by itself, so a parameter is lowered only if it fails `_SURE` times in a row.
        If the failure names no parameter, it is raised the first time, so that the caller can wait, and looked into if
        the next request fails too. With `insists`, it is looked into at once.

        Raises:
            ModelError: smaller sizes do not help.
        """
        sizes = self.granted(kind, wanted)
        try:
            reply = send(sizes)
        except Refused as refused:
            failure = refused.failure
            named = _named(failure.words, sizes)
            self._silent[kind] += failure.status == 500 and not named
            if failure.status == 500 and not (named or insists or self._silent[kind] > 1):
                raise failure.error from refused
            reply, sizes = self._with_less(send, sizes, failure)
            lowered = {name: size for name, size in sizes.items() if size < wanted[name]}
            self._grant(kind, lowered)
        self._silent[kind] = 0
        return reply, sizes

    def _with_less(
        self, send: Callable[[Mapping[str, int]], Reply], sizes: dict[str, int], failure: Failure
    ) -> tuple[Reply, dict[str, int]]:
        """Lower the parameter that the server names, step by step; if that does not help, try all parameters."""
        if failure.status == 500:
            with suppress(Refused):
                return _sent(send, sizes, failures=1), sizes
        first = failure
        while len(named := _named(failure.words, sizes)) == 1:
            (name,) = named
            sizes = sizes | {name: _lower(name, sizes[name], failure.words)}
            try:
                return send(sizes), sizes
            except Refused as refused:
                failure = refused.failure
        return _found_out(send, sizes, first)


def _sent(send: Callable[[Mapping[str, int]], Reply], sizes: Mapping[str, int], *, failures: int = 0) -> Reply:
    """Send a request, again after a failure with status 500, which may pass; `failures` is how often it failed before.

    Raises:
        Refused: it failed `_SURE` times in a row, or with another status.
    """
    while True:
        try:
            return send(sizes)
        except Refused as refused:
            failures += 1
            if refused.failure.status != 500 or failures >= _SURE:
                raise


def _found_out(
    send: Callable[[Mapping[str, int]], Reply], sizes: dict[str, int], failure: Failure
) -> tuple[Reply, dict[str, int]]:
    """Send no optional parameter, then add them back one by one; raise the failure if even the first step fails."""
    # A request without a token limit might run for minutes, so both names of the limit are tried.
    for least in dict.fromkeys((sizes.get("max_tokens", 0), 0)):
        kept = {name: least if name == "max_tokens" else 0 for name in sizes}
        try:
            reply = send(kept)
        except Refused:
            continue
        break
    else:
        raise failure.error
    for name, size in sizes.items():
        while size > kept[name]:
            try:
                reply, kept = _sent(send, kept | {name: size}), kept | {name: size}
            except Refused as refused:
                size = _lower(name, size, refused.failure.words)
            else:
                break
    return reply, kept


def _named(words: str, sizes: Mapping[str, int]) -> list[str]:
    """Return the parameters that a message names, among those with a size above 0."""
    patterns = {name: _NAMES.get(name, rf"\b{re.escape(name)}\b") for name, size in sizes.items() if size}
    return [name for name, pattern in patterns.items() if re.search(pattern, words, re.IGNORECASE)]


def _lower(name: str, size: int, words: str) -> int:
    """Return the next smaller size to try: a limit that the message names, else the next step of `_LOWER`."""
    lower = [step for step in _LOWER.get(name, (0,)) if step < size]
    told = [number for digits in re.findall(r"\b\d{1,4}\b", words) if 1 < (number := int(digits)) < size]
    if name in _LOWER and told:
        return max([number for number in told if number > lower[0]], default=lower[0])
    return lower[0]


def sizes_of(**wanted: Any) -> dict[str, int]:
    """Return the size of each parameter: a list's length, the number of log-probabilities, 1 for any other value.

    >>> sizes_of(logprobs=8, stop=["a", "b"], seed=0, n=None)
    {'logprobs': 8, 'stop': 2, 'seed': 1}
    """
    return {
        name: len(value) if isinstance(value, list) else int(value) if name == "logprobs" else 1
        for name, value in wanted.items()
        if value is not None
    }


def within(given: Mapping[str, Any], sizes: Mapping[str, int]) -> dict[str, Any]:
    """Return the parameters to send: those of size 0 are left out, and lists are cut to their size.

    >>> within({"seed": 1, "stop": ["a", "b"], "n": 2}, {"seed": 0, "stop": 1, "n": 1})
    {'stop': ['a'], 'n': 2}
    """
    return {
        name: value[: sizes[name]] if isinstance(value, list) else value
        for name, value in given.items()
        if sizes.get(name)
    }


def refused_of(wanted: Mapping[str, int], sizes: Mapping[str, int]) -> tuple[str, ...]:
    """Return the parameters that were left out or whose list was cut. Fewer log-probabilities do not count as refused.

    >>> refused_of({"logprobs": 64, "stop": 6, "seed": 1}, {"logprobs": 20, "stop": 4, "seed": 0})
    ('stop', 'seed')
    """
    less = [name for name in wanted if sizes[name] < wanted[name] and (name != "logprobs" or not sizes[name])]
    return tuple(name for name in less if name != "max_tokens")
