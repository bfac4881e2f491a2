"""Tell a model's thought from its answer."""

import re
import string
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

from cribsheet.prompts import Prompt

_SHORTEST = 3  # the fewest characters that are recognized as the beginning of a mark; fewer may begin anything
_FINAL = "<|channel|>final<|message|>"
MARKS = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<seed:think>", "</seed:think>"),
    ("<budget:thinking>", "</budget:thinking>"),
    ("[think]", "[/think]"),
    ("◁think▷", "◁/think▷"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("<|start_thinking|>", "<|end_thinking|>"),
    ("<longcat_think>", "</longcat_think>"),
    ("<unused94>thought", "<unused95>"),
    ("<|channel>thought", "<channel|>"),
    ("<|channel|>analysis<|message|>", _FINAL),
    ("<|start|>assistant<|channel|>analysis<|message|>", _FINAL),
    ("<|start|>assistant<|channel|>", _FINAL),
    ("<|channel|>", _FINAL),
)
"""The marks before and after a thought, in lower case, as Qwen, DeepSeek, Seed, Magistral, Kimi, Command, LongCat,
MedGemma, Gemma, gpt-oss and others write them. Only the channel `final` of gpt-oss is meant for the user."""
_TAGS = (
    *((f"<{name}>", f"</{name}>") for name in ("reasoning", "reason", "thoughts", "reflection", "analysis")),
    *((f"<{name}>", f"</{name}>") for name in ("rationale", "scratchpad", "inner_monologue")),
    ("<start_working_out>", "<end_working_out>"),
)
"""Marks of small models that were trained with GRPO. A task's own field may be written in such tags too, so they mark
a thought only if the prompt does not have them."""
_WRAPPINGS = (
    *((f"<{name}>", f"</{name}>") for name in ("answer", "final_answer", "solution", "output", "response")),
    ("<|begin_of_solution|>", "<|end_of_solution|>"),
    ("<|start_response|>", "<|end_response|>"),
)
"""The marks around the answer after such a thought."""
_CONSTRAINED = re.compile(r"<\|channel\|>final\b[^|]*(<\|constrain\|>[^|]*)?<\|message\|>", re.IGNORECASE)
"""Matches the mark of gpt-oss before an answer of a given format: `<|channel|>final <|constrain|>json<|message|>`."""
_ENDS = re.compile(r"<\|(return|end|call)\|>.*", re.DOTALL | re.IGNORECASE)
"""Matches what gpt-oss writes after an answer, and all that follows."""
_STRIPPED = re.compile(r"analysis(?:(?P<said>.*?)assistantfinal|(?=[A-Z])(?P<begun>.*?)(assistant final|$))", re.DOTALL)
"""Matches gpt-oss's thought if the server has removed the marks and left their names: `analysisHm.assistantfinalyes`.
The names are in lower case and no space follows them, which tells them from words of an answer."""
_CLOSING = (
    *(closing for _, closing in (*MARKS, *_TAGS)),
    *(opening for opening, _ in _WRAPPINGS),
    "assistantfinal",
)
_LONGEST = max(map(len, _CLOSING))
_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)

Entry = TypeVar("Entry")


class Parts(NamedTuple):
    """A model's text, split into thought and answer."""

    answer: str
    """The text after the thought; the whole text if there is no thought."""
    thought: str | None
    """The thought without its marks; None if there is none."""


def told_apart(text: str, prompt: Prompt, *, thought: str | None = None) -> Parts:
    """Split a text into its thought and its answer; `thought` is a thought that the endpoint has already split off.

    A thought without a closing mark extends to the end of the text. Marks around the answer that follows are removed
    too. If the prompt itself ends with an opening mark, that mark is ignored, because the text after it is what the
    prompt asks for; so are `_TAGS` that the prompt has anywhere.

    >>> told_apart("<think>Easy.</think>\\n\\npositive", Prompt(text="Sentiment:"))
    Parts(answer='positive', thought='Easy.')
    >>> told_apart("<think>\\nOkay, the user", Prompt(text="Sentiment:"))
    Parts(answer='', thought='Okay, the user')
    """
    asked = _lowered((prompt.messages[-1].content if prompt.is_chat else prompt.text).rstrip())
    seen = _lowered(prompt.full_text)
    marks = [pair for pair in MARKS if not asked.endswith(pair[0])]
    marks += [pair for pair in _TAGS if pair[0] not in seen]
    thoughts = [] if thought is None else [thought.strip()]
    rest = _CONSTRAINED.sub(_FINAL, text)
    while (parts := _first_thought(rest, marks)) is not None:
        rest = parts.answer
        thoughts.append(parts.thought or "")
    return Parts(_unwrapped(rest, seen), "\n".join(thoughts)) if thoughts else Parts(text, None)


def after_thought(entries: Sequence[Entry], parts: Parts, text_of: Callable[[Entry], str]) -> Sequence[Entry]:
    """Return the completion's tokens that belong to the answer; empty if they cannot be identified.

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


def _end_of_marks(texts: Sequence[str]) -> int:
    """Return the index after the last closing mark's last token; a mark may span several tokens."""
    end, tail = 0, ""
    for place, text in enumerate(texts, start=1):
        tail = (tail + _lowered(text))[-_LONGEST - len(text) :]
        if any(closing in tail[-len(closing) - len(text) + 1 :] for closing in _CLOSING):
            end = place
    return end


def _first_thought(text: str, marks: Sequence[tuple[str, str]]) -> Parts | None:
    """Split off the thought that a text begins with; None if there is none."""
    begun = text.strip()
    folded = _lowered(begun)
    if stripped := _STRIPPED.match(begun):
        return Parts(begun[stripped.end() :], (stripped["said"] or stripped["begun"] or "").strip())
    if len(folded) >= _SHORTEST and any(opening.startswith(folded) for opening, _ in marks):
        return Parts("", "")
    if opened := next((pair for pair in marks if folded.startswith(pair[0])), None):
        end, resumes = _closed(folded, opened, marks)
        return Parts(begun[resumes:], begun[len(opened[0]) : end].strip())
    if later := _later_thought(begun, marks):
        return later
    for opening, closing in marks:
        end = folded.find(closing)
        # Some chat templates write the opening mark, so the text begins inside the thought.
        if end >= 0 and opening not in folded[:end]:
            return Parts(begun[end + len(closing) :], begun[:end].strip())
    return None


def _later_thought(text: str, marks: Sequence[tuple[str, str]]) -> Parts | None:
    """Split off a thought that begins on a later line; the answer is what follows it, else what precedes it."""
    folded = _lowered(text)
    for pair in marks:
        if begin := re.search(rf"\n\s*{re.escape(pair[0])}", folded):
            end, resumes = _closed(folded, pair, marks, begins=begin.end())
            after = text[resumes:]
            return Parts(after if after.strip() else text[: begin.start()], text[begin.end() : end].strip())
    return None


def _closed(
    folded: str, pair: tuple[str, str], marks: Sequence[tuple[str, str]], *, begins: int = 0
) -> tuple[int, int]:
    """Return where a thought ends and where the text resumes; both are the text's end if the thought is not closed.

    Small models may close a thought with a mark of another pair, such as `<think>Hm.</thinking>`.
    """
    for closings in ([pair[1]], [closing for _, closing in marks]):
        found = [(end, end + len(closing)) for closing in closings if (end := folded.find(closing, begins)) >= 0]
        if found:
            return min(found)
    return len(folded), len(folded)


def _unwrapped(answer: str, seen: str) -> str:
    """Return an answer without the marks around it, unless the prompt has such marks too."""
    answer = _ENDS.sub("", answer).lstrip()
    folded = _lowered(answer)
    for opening, closing in _WRAPPINGS:
        if folded.startswith(opening) and opening not in seen:
            end = folded.find(closing)
            return answer[len(opening) : end if end >= 0 else None].strip()
    return answer


def _lowered(text: str) -> str:
    """Return a text of the same length with its ASCII letters in lower case, so that places in both are the same."""
    return text.translate(_LOWER)
