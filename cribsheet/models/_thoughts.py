"""Tell a model's thought from its answer."""

import re
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
    asked = (prompt.messages[-1].content if prompt.is_chat else prompt.text).rstrip().casefold()
    seen = prompt.full_text.casefold()
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
        tail = (tail + text.casefold())[-_LONGEST - len(text) :]
        if any(closing in tail[-len(closing) - len(text) + 1 :] for closing in _CLOSING):
            end = place
    return end


def _first_thought(text: str, marks: Sequence[tuple[str, str]]) -> Parts | None:
    """Split off the thought that a text begins with; None if there is none."""
    begun = text.strip()
    folded = begun.casefold()
    if stripped := _STRIPPED.match(begun):
        return Parts(begun[stripped.end() :], (stripped["said"] or stripped["begun"] or "").strip())
    for opening, closing in marks:
        is_open, end = folded.startswith(opening), folded.find(closing)
        # Some chat templates write the opening mark, so the text begins inside the thought.
        if end >= 0 and (is_open or opening not in folded[:end]):
            begins = len(opening) if is_open else 0
            return Parts(begun[end + len(closing) :], begun[begins:end].strip())
        if is_open or (len(folded) >= _SHORTEST and opening.startswith(folded)):
            return Parts("", begun[len(opening) :].strip())
    return _later_thought(begun, marks)


def _later_thought(text: str, marks: Sequence[tuple[str, str]]) -> Parts | None:
    """Split off a thought that begins on a later line; the answer is what follows it, else what precedes it."""
    folded = text.casefold()
    for opening, closing in marks:
        if begin := re.search(rf"\n\s*{re.escape(opening)}", folded):
            end = folded.find(closing, begin.end())
            after = text[end + len(closing) :] if end >= 0 else ""
            return Parts(
                after if after.strip() else text[: begin.start()],
                text[begin.end() : end if end >= 0 else None].strip(),
            )
    return None


def _unwrapped(answer: str, seen: str) -> str:
    """Return an answer without the marks around it, unless the prompt has such marks too."""
    answer = _ENDS.sub("", answer).lstrip()
    folded = answer.casefold()
    for opening, closing in _WRAPPINGS:
        if folded.startswith(opening) and opening not in seen:
            end = folded.find(closing)
            return answer[len(opening) : end if end >= 0 else None].strip()
    return answer
