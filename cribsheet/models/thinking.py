"""Request completions of models that think before they answer."""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from cribsheet.errors import ContextOverflowError
from cribsheet.models._base import Completion, Sampling, Usage
from cribsheet.models._estimate import estimate_tokens
from cribsheet.models._thoughts import MARKS, told_apart
from cribsheet.prompts import Prompt

THOUGHT_TOKENS = (512, 2048)
"""Tokens granted to a thought in addition to those of the answer: the first attempt gets 512, the second 2048."""
_ROOM = 16  # tokens that a chat template may add to a prompt
_SURE = 2  # after this many thoughts in a row, the next request grants tokens for a thought at once
_GIVEN_UP = 3  # after this many unfinished thoughts in a row, no more tokens are spent on thoughts
_HIDDEN = 8  # this many tokens without any text are a hidden thought, not just parts of one character
Ask = Callable[[Prompt, Sampling], Completion]


def without_thought(completion: Completion, prompt: Prompt) -> Completion:
    """Return the completion with the thought removed from its text; unchanged if it has no thought."""
    answer, thought = told_apart(completion.text, prompt, thought=completion.thought)
    if answer == completion.text:
        return completion
    return completion.model_copy(update={"text": answer, "thought": thought, "first_token": None, "logprobs": None})


def is_only_thought(completion: Completion, prompt: Prompt) -> bool:
    """Return whether a completion has a thought but no answer after it."""
    told = without_thought(completion, prompt)
    return told.thought is not None and not told.text.strip()


@dataclass
class _Habit:
    """What earlier requests have shown about a model's thinking."""

    thinks: bool = False
    """Whether any request led to a thought."""
    tokens: int = 0
    """The number of tokens, from `THOUGHT_TOKENS`, that the next thought is granted first; it never goes down."""
    in_a_row: int = 0
    """How many of the latest requests led to a thought, without interruption."""
    unended: int = 0
    """How many thoughts in a row did not end even with the most tokens."""
    may_hide: bool = True
    """Whether it is still open if an empty text is a thought that the endpoint hides."""


class Thinking:
    """Requests completions, granting extra tokens for a thought once the model has been seen to think."""

    def __init__(self) -> None:
        self._chat, self._raw = _Habit(), _Habit(may_hide=False)  # most models think only in chats
        self._finding_out = threading.Lock()

    def complete(self, ask: Ask, prompt: Prompt, sampling: Sampling, *, window: int) -> Completion:
        """Return the completion, with the usage of all attempts; its text is empty if the thought did not end.

        A stop sequence, such as a newline, would also end a thought. So if a thought is expected, the request has no
        stop sequences, and the answer is cut at them afterwards. If a stop sequence ended a hidden thought, the text
        is empty. So the first empty text of a chat is requested again without stop sequences, to see if it was one.
        """
        habit = self._chat if prompt.is_chat else self._raw
        longer = partial(_longer, habit, ask, prompt, sampling, window=window)
        gave_up = habit.unended >= _GIVEN_UP
        if habit.in_a_row >= _SURE and not gave_up:
            return longer(())
        first = ask(prompt, sampling)
        if _is_thought(first):
            return _charged([first], answer=first) if gave_up else longer([first])
        if not gave_up and _may_be_thought(first, prompt):
            with self._finding_out:  # one request finds out for all threads
                if habit.may_hide and not habit.thinks:
                    habit.may_hide = False
                    return longer([first])
            if habit.thinks:
                return longer([first])
        habit.in_a_row = 0
        return first


def _longer(
    habit: _Habit, ask: Ask, prompt: Prompt, sampling: Sampling, first: Sequence[Completion], *, window: int
) -> Completion:
    """Return the answer with tokens granted for a thought; `first` holds the attempt without them, if there was one."""
    attempts = list(first)
    for tokens in _budgets(habit, prompt, sampling, attempts, window=window):
        more = sampling.model_copy(update={"max_tokens": sampling.max_tokens + tokens})
        try:
            completion = ask(prompt.model_copy(update={"stop": ()}), more)
        except ContextOverflowError:
            attempts = attempts or [ask(prompt, sampling)]  # it may fit without tokens for a thought
            break
        attempts.append(_stopped(completion, prompt.stop))
        if not _is_thought(completion) or completion.finish_reason == "stop":
            break
    habit.unended = habit.unended + 1 if _is_thought(attempts[-1]) else 0
    if any(_is_thought(one) or one.thought is not None for one in attempts):
        habit.thinks, habit.in_a_row = True, habit.in_a_row + 1
        return _charged(attempts, answer=attempts[-1])
    habit.in_a_row = 0
    return _charged(attempts, answer=attempts[0])


def _budgets(
    habit: _Habit, prompt: Prompt, sampling: Sampling, attempts: Sequence[Completion], *, window: int
) -> Iterator[int]:
    """Yield the numbers of tokens to grant to a thought, limited by the room in the context window."""
    prompt_tokens = attempts[0].usage.prompt_tokens if attempts else 0
    room = window - sampling.max_tokens - _ROOM - (prompt_tokens or estimate_tokens(prompt.full_text))
    asked = -1
    for tokens in THOUGHT_TOKENS:
        granted = max(0, min(tokens, room))
        if tokens >= habit.tokens and granted > asked:
            asked, habit.tokens = granted, tokens
            yield granted


def _is_thought(completion: Completion) -> bool:
    """Return whether a completion is a thought without an answer, even if the endpoint hides the thought."""
    if completion.text.strip():
        return False
    first = completion.first_token or {"": 0.0}
    likeliest = max(first, key=first.__getitem__).strip().casefold()
    is_hidden = not completion.text and completion.usage.completion_tokens >= _HIDDEN
    is_cut = is_hidden and completion.finish_reason == "length"
    return completion.thought is not None or is_cut or any(likeliest == opening for opening, _ in MARKS)


def _may_be_thought(first: Completion, prompt: Prompt) -> bool:
    """Return whether an empty text may be a hidden thought that a stop sequence has ended."""
    return not first.text.strip() and bool(prompt.stop) and first.usage.completion_tokens > 1


def _stopped(completion: Completion, stop: Sequence[str]) -> Completion:
    """Return the completion cut at the stop sequences, as if the endpoint had applied them."""
    ends = [place for sequence in stop if (place := completion.text.find(sequence)) >= 0]
    if not ends:
        return completion
    return completion.model_copy(update={"text": completion.text[: min(ends)], "finish_reason": "stop"})


def _charged(attempts: Sequence[Completion], *, answer: Completion) -> Completion:
    """Return the attempt `answer`, with the tokens and seconds of all attempts added up."""
    cached = [one.usage.cached_tokens for one in attempts if one.usage.cached_tokens is not None]
    usage = Usage(
        prompt_tokens=sum(one.usage.prompt_tokens for one in attempts),
        cached_tokens=sum(cached) if cached else None,
        completion_tokens=sum(one.usage.completion_tokens for one in attempts),
    )
    thought = answer.thought or ("" if _is_thought(answer) else None)
    took = {"usage": usage, "seconds": sum(one.seconds for one in attempts)}
    return answer.model_copy(update=took | {"thought": answer.thought if thought is None else thought})
