"""Tell a model's thoughts from its answer, and have it finish thoughts that were cut."""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, TypeVar

from cribsheet.errors import ContextOverflowError
from cribsheet.models._base import Completion, Sampling, Usage
from cribsheet.models._estimate import estimate_tokens
from cribsheet.prompts import Prompt

THOUGHT_TOKENS = (512, 2048)
"""Tokens that a thought may take in addition to its answer: first so many, then so many."""
_ROOM = 16  # tokens that a chat template may add to a prompt
_SURE = 2  # thoughts in a row, after which the next one is expected
_GIVEN_UP = 3  # thoughts without an end: more would only cost
_HIDDEN = 8  # tokens of which none is text: more than a part of a character
_SHORTEST = 3  # characters of a mark that was cut: fewer may begin anything
_MARKS = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<seed:think>", "</seed:think>"),
    ("<budget:thinking>", "</budget:thinking>"),
    ("[think]", "[/think]"),
    ("◁think▷", "◁/think▷"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("<|start_thinking|>", "<|end_thinking|>"),
    ("<|channel>thought", "<channel|>"),
    ("<|channel|>analysis<|message|>", "<|channel|>final<|message|>"),
)
"""What stands before and after a thought, in lower case: of Qwen, DeepSeek, Seed, Magistral, Kimi, Command, Gemma,
gpt-oss and others."""
_LONGEST = max(len(closing) for _, closing in _MARKS)

Entry = TypeVar("Entry")
Ask = Callable[[Prompt, Sampling], Completion]


class Parts(NamedTuple):
    """A text, taken apart."""

    answer: str
    """What comes after the thought; the whole text if there is none."""
    thought: str | None
    """None if there is none."""


def told_apart(text: str, prompt: Prompt, *, thought: str | None = None) -> Parts:
    """Return the answer and the thought in a text; `thought` is what the endpoint itself took out of it.

    A thought that is not closed goes on to the end. A mark that ends the prompt is the prompt's own: what follows
    it is what was asked for.

    >>> told_apart("<think>Easy.</think>\\n\\npositive", Prompt(text="Sentiment:"))
    Parts(answer='positive', thought='Easy.')
    >>> told_apart("<think>\\nOkay, the user", Prompt(text="Sentiment:"))
    Parts(answer='', thought='Okay, the user')
    """
    asked = (prompt.messages[-1].content if prompt.is_chat else prompt.text).rstrip().casefold()
    marks = [pair for pair in _MARKS if not asked.endswith(pair[0])]
    thoughts = [] if thought is None else [thought.strip()]
    rest = text
    while (parts := _first_thought(rest, marks)) is not None:
        rest = parts.answer
        thoughts.append(parts.thought or "")
    return Parts(rest.lstrip(), "\n".join(thoughts)) if thoughts else Parts(text, None)


def without_thought(completion: Completion, prompt: Prompt) -> Completion:
    """Return the completion with the thought taken out of its text; the same one if there is none."""
    answer, thought = told_apart(completion.text, prompt, thought=completion.thought)
    if answer == completion.text:
        return completion
    return completion.model_copy(update={"text": answer, "thought": thought, "first_token": None, "logprobs": None})


def is_only_thought(completion: Completion, prompt: Prompt) -> bool:
    """Tell whether a completion has a thought, and no answer after it."""
    told = without_thought(completion, prompt)
    return told.thought is not None and not told.text.strip()


def after_thought(entries: Sequence[Entry], parts: Parts, text_of: Callable[[Entry], str]) -> Sequence[Entry]:
    """Return those of a completion's tokens that belong to the answer; none if that cannot be told.

    >>> after_thought(["<think>", "Hm", "</", "think>", "\\n\\n", "yes"], Parts("yes", "Hm"), str)
    ['yes']
    """
    if parts.thought is None:
        return entries
    texts = [text_of(entry) for entry in entries]
    begins = _end_of_marks(texts)
    while begins < len(texts) and not texts[begins].strip():
        begins += 1
    said, answer = "".join(texts[begins:]).lstrip(), parts.answer
    is_answer = bool(said and answer) and (said.startswith(answer) or answer.startswith(said))
    return entries[begins:] if is_answer else []


@dataclass
class _Habit:
    """What is known of how a model thinks."""

    thinks: bool = False
    """Whether a thought was seen."""
    tokens: int = 0
    """The least of `THOUGHT_TOKENS` that all thoughts so far fitted in."""
    in_a_row: int = 0
    """Thoughts that the last requests met, without one between that met none."""
    unended: int = 0
    """Thoughts in a row that did not end with the most tokens."""
    may_hide: bool = True
    """Whether an empty text may still be a thought that the endpoint does not show."""


class Thinking:
    """Asks a model that thinks for more tokens than its answer takes, once a thought of it was seen."""

    def __init__(self) -> None:
        self._chat, self._raw = _Habit(), _Habit(may_hide=False)  # most models think over chats alone
        self._finding_out = threading.Lock()

    def complete(self, ask: Ask, prompt: Prompt, sampling: Sampling, *, window: int) -> Completion:
        """Return the completion, with what all attempts took; its text is empty if the thought did not end.

        A stop sequence, such as a line's end, would end a thought too. So after a thought, they are looked for here,
        in the answer. One that stops at once leaves nothing to see: the first empty text of a chat is asked for anew,
        to find out whether it was a thought.
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
            with self._finding_out:  # what one request finds out, others need not
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
    """Return what the model answers if it has tokens for a thought; `first` is the attempt without, if any."""
    attempts = list(first)
    for tokens in _budgets(habit, prompt, sampling, attempts, window=window):
        more = sampling.model_copy(update={"max_tokens": sampling.max_tokens + tokens})
        try:
            completion = ask(prompt.model_copy(update={"stop": ()}), more)
        except ContextOverflowError:
            attempts = attempts or [ask(prompt, sampling)]  # without tokens for a thought there may be room
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
    """Yield the tokens for thoughts to try, as far as the context window has room for them."""
    prompt_tokens = attempts[0].usage.prompt_tokens if attempts else 0
    room = window - sampling.max_tokens - _ROOM - (prompt_tokens or estimate_tokens(prompt.full_text))
    asked = -1
    for tokens in THOUGHT_TOKENS:
        granted = max(0, min(tokens, room))
        if tokens >= habit.tokens and granted > asked:
            asked, habit.tokens = granted, tokens
            yield granted


def _end_of_marks(texts: Sequence[str]) -> int:
    """Return how many tokens there are up to the last closing mark, which may be made of several."""
    end, tail = 0, ""
    for place, text in enumerate(texts, start=1):
        tail = (tail + text.casefold())[-_LONGEST - len(text) :]
        if any(closing in tail[-len(closing) - len(text) + 1 :] for _, closing in _MARKS):
            end = place
    return end


def _first_thought(text: str, marks: Sequence[tuple[str, str]]) -> Parts | None:
    """Return the thought that a text begins with, and what comes after it; None if there is none."""
    begun = text.strip()
    folded = begun.casefold()
    for opening, closing in marks:
        is_open, end = folded.startswith(opening), folded.find(closing)
        # Some templates open the thought themselves, so that the text begins inside it.
        if end >= 0 and (is_open or opening not in folded[:end]):
            begins = len(opening) if is_open else 0
            return Parts(begun[end + len(closing) :], begun[begins:end].strip())
        if is_open or (len(folded) >= _SHORTEST and opening.startswith(folded)):
            return Parts("", begun[len(opening) :].strip())
    return None


def _is_thought(completion: Completion) -> bool:
    """Tell whether a completion is a thought without an answer, shown or not."""
    if completion.text.strip():
        return False
    first = completion.first_token or {"": 0.0}
    likeliest = max(first, key=first.__getitem__).strip().casefold()
    is_hidden = not completion.text and completion.usage.completion_tokens >= _HIDDEN
    is_cut = is_hidden and completion.finish_reason == "length"
    return completion.thought is not None or is_cut or any(likeliest == opening for opening, _ in _MARKS)


def _may_be_thought(first: Completion, prompt: Prompt) -> bool:
    """Tell whether a text took tokens that are not shown, and a stop sequence may have ended it."""
    return not first.text.strip() and bool(prompt.stop) and first.usage.completion_tokens > 1


def _stopped(completion: Completion, stop: Sequence[str]) -> Completion:
    """Return the completion as it would be if the endpoint had known the stop sequences."""
    ends = [place for sequence in stop if (place := completion.text.find(sequence)) >= 0]
    if not ends:
        return completion
    return completion.model_copy(update={"text": completion.text[: min(ends)], "finish_reason": "stop"})


def _charged(attempts: Sequence[Completion], *, answer: Completion) -> Completion:
    """Return one of the attempts with what all of them took."""
    cached = [one.usage.cached_tokens for one in attempts if one.usage.cached_tokens is not None]
    usage = Usage(
        prompt_tokens=sum(one.usage.prompt_tokens for one in attempts),
        cached_tokens=sum(cached) if cached else None,
        completion_tokens=sum(one.usage.completion_tokens for one in attempts),
    )
    thought = answer.thought or ("" if _is_thought(answer) else None)
    took = {"usage": usage, "seconds": sum(one.seconds for one in attempts)}
    return answer.model_copy(update=took | {"thought": answer.thought if thought is None else thought})
