"""Ask a teacher for the wording of a prompt."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from cribsheet.dataset.examples import Demo
from cribsheet.errors import ModelError
from cribsheet.layout import Layout
from cribsheet.models import Completer, Sampling
from cribsheet.models.thinking import without_thought
from cribsheet.prompts import Message, Prompt
from cribsheet.search.study import Study
from cribsheet.search.wording.words import are_apart, distinct
from cribsheet.signature import Field, Signature

MOST_PROPOSED = 8
"""The most sets of words that are asked for in one request."""
LONGEST_INSTRUCTIONS = 300
"""In characters. Small models do not follow longer instructions."""

_LONGEST_NAME = 30
_LONGEST_LABEL = 20
_SHOWN = 200
"""The most characters of a value that are shown to the teacher."""
_REPLY = Sampling(max_tokens=240)
_TEMPERATURE = 0.9
_LABEL = re.compile(
    r"^(?:the |new |my |your )*(?:instructions?|prompt|task)(?: (?:was|is))?(?: to)?\s*:\s*", re.IGNORECASE
)


Proposal = TypeVar("Proposal")


def from_teacher(study: Study, ask: Callable[[Completer], list[Proposal]]) -> list[Proposal]:
    """Return what the study's teacher proposes; nothing if there is no teacher. If it fails, the study notes that."""
    if study.teacher is None:
        return []
    try:
        return ask(study.teacher)
    except ModelError as error:
        study.notes.append(f"The teacher failed when it was asked for other words, so none are its own: {error}")
        return []


def proposed(signature: Signature, teacher: Completer, *, field: Field | None = None) -> list[Mapping[str, str]]:
    """Return the sets of words that a teacher proposes for the fields, or for the outcomes of `field`.

    The sets are for `Layout.words` or `Layout.verbalizers`. Unusable parts of the reply are dropped.

    Raises:
        ModelError: the teacher gives no completion.
    """
    if field is None:
        names = tuple(one.name for one in (*signature.inputs, *signature.outputs))
        reply = _said(teacher, _names_prompt(signature, names), _REPLY)
        return _usable(map(_names, _read_sets(reply, names, longest=_LONGEST_NAME)), names, _are_distinct)
    if not field.is_finite:
        return []
    reply = _said(teacher, _labels_prompt(signature, field), _REPLY)
    sets = _read_sets(reply, field.outcomes, longest=_LONGEST_LABEL)
    return _usable((words for words in sets if len(words) == len(field.outcomes)), field.outcomes, are_apart)


def instructions_from(signature: Signature, demos: Sequence[Demo], teacher: Completer, *, n: int) -> list[str]:
    """Return up to n instructions that a teacher infers from demos; the signature's own are not among them.

    The first is greedy, the others are sampled. Every other request does not show the signature's instructions. Each
    result is one paragraph of at most `LONGEST_INSTRUCTIONS` characters that repeats no three words in a row of a
    demo's inputs. Follows APE (Zhou et al. 2022, arXiv:2211.01910).

    Raises:
        ModelError: the teacher gives no completion.
    """
    prompts = [_instructions_prompt(signature, demos, told=told) for told in (signature.instructions, "")]
    shown = frozenset(run for demo in demos for value in demo.inputs.values() for run in _runs(str(value)))
    found = {signature.instructions.casefold(): ""}
    for seed in range(2 * n):
        sampling = Sampling(max_tokens=80, temperature=_TEMPERATURE if seed else 0.0, seed=seed)
        cleaned = clean_instructions(_said(teacher, prompts[seed % 2], sampling))
        if cleaned and not _runs(cleaned) & shown:
            found.setdefault(cleaned.casefold(), cleaned)
        if len(found) > n:
            break
    return [text for text in found.values() if text]


def clean_instructions(reply: str) -> str:
    """Return the instructions in a teacher's reply as one paragraph; empty if there are no usable ones.

    >>> clean_instructions('Instruction: "Sort the news\\nby topic."\\n\\nHope this helps!')
    'Sort the news by topic.'
    """
    first = next((part for part in re.split(r"\n\s*\n", reply.strip()) if part.strip()), "")
    text = " ".join(first.split()).lstrip("-*# ")
    text = _LABEL.sub("", text).strip("\"'`* “”")
    if len(text) > LONGEST_INSTRUCTIONS:
        text = text[: LONGEST_INSTRUCTIONS + 1]
        text = text[: max(text.rfind(end) for end in (". ", "! ", "? ", "。")) + 1]
    return text if len(re.findall(r"\w", text)) >= 8 else ""


def _said(teacher: Completer, prompt: Prompt, sampling: Sampling) -> str:
    """Return the teacher's reply, without the thought before it."""
    return without_thought(teacher.complete(prompt, sampling), prompt).text


def _names_prompt(signature: Signature, keys: Sequence[str]) -> Prompt:
    form = "; ".join(f"{key} = ..." for key in keys)
    described = [
        f"- {field.name}: {field.description}" if field.description else f"- {field.name}"
        for field in (*signature.inputs, *signature.outputs)
    ]
    return _asked(
        f"A text lists examples of this task: {signature.instructions}\n"
        "Each line of an example starts with the name of a field:\n" + "\n".join(described) + "\n"
        f"Propose {MOST_PROPOSED} other sets of names, short everyday words as books and web pages have them, "
        f"one set a line, in this form and nothing else:\n{form}"
    )


def _labels_prompt(signature: Signature, field: Field) -> Prompt:
    form = "; ".join(f"{outcome} = ..." for outcome in field.outcomes)
    return _asked(
        f"This is a task: {signature.instructions}\n"
        f"The {field.name.replace('_', ' ')} is one of: {', '.join(field.outcomes)}.\n"
        f"Propose {MOST_PROPOSED} sets of other words for these, one common word each, "
        f"one set a line, in this form and nothing else:\n{form}"
    )


def _instructions_prompt(signature: Signature, demos: Sequence[Demo], *, told: str) -> Prompt:
    layout = Layout(name="shown", style="raw")
    shown = [
        "\n".join(f"{layout.word(name)}: {_short(value)}" for name, value in {**demo.inputs, **demo.outputs}.items())
        for demo in demos
    ]
    examples = "\n\n".join(shown)
    given = f": {told}" if told else "."
    outputs = " and ".join(layout.word(field.name).lower() for field in signature.outputs)
    return _asked(
        f"Someone was given instructions{given}\nFor some inputs they wrote:\n\n{examples}\n\n"
        f"Write {'better' if told else 'such'} instructions, which lead to the right {outputs}, in one or two plain "
        "sentences and nothing else."
    )


def _runs(text: str) -> frozenset[str]:
    """Return all sequences of three words. In Chinese, text between two punctuation marks counts as one word."""
    words = re.findall(r"\w+", text.casefold())
    return frozenset(" ".join(words[place : place + 3]) for place in range(len(words) - 2))


def _short(value: object) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def _asked(text: str) -> Prompt:
    return Prompt(messages=(Message(role="user", content=text),))


def _read_sets(reply: str, keys: Sequence[str], *, longest: int) -> list[dict[str, str]]:
    """Return the sets of words in a reply, written as `key = word`, `key: word` or JSON, on one line or several.

    A new set begins when a key comes again. Longer keys are searched first, since one key may contain another.
    """
    names = "|".join(re.escape(key) for key in sorted(keys, key=len, reverse=True))
    pair = re.compile(rf"(?<!\w)[\"'`*]*({names})[\"'`*]*\s*(?:=|:|->|→|：)\s*([^;,\n|{{}}；，]*)", re.IGNORECASE)
    known = {key.casefold(): key for key in keys}
    sets: list[dict[str, str]] = []
    seen: set[str] = set(keys)
    for found in pair.finditer(reply):
        key, word = known[found.group(1).casefold()], found.group(2).strip(" \t\"'`*.[]()“”")
        if key in seen:
            sets.append({})
            seen = set()
        seen.add(key)
        if _is_usable(word, longest):
            sets[-1][key] = word
    return sets


def _names(words: Mapping[str, str]) -> dict[str, str]:
    """Return the names with a capital letter, without those that are equal to the field's own name."""
    return {key: word[:1].upper() + word[1:] for key, word in words.items() if word.casefold() != key.casefold()}


def _usable(
    sets: Iterable[Mapping[str, str]], keys: Sequence[str], is_clear: Callable[[Iterable[str]], bool]
) -> list[Mapping[str, str]]:
    """Return the sets that change something and give each key a different word."""
    clear = (words for words in sets if is_clear([words.get(key, key) for key in keys]))
    changed = ({key: word for key, word in words.items() if word != key} for words in clear)
    return distinct(words for words in changed if words)[:MOST_PROPOSED]


def _are_distinct(words: Iterable[str]) -> bool:
    listed = list(words)
    return len({word.casefold() for word in listed}) == len(listed)


def _is_usable(word: str, longest: int) -> bool:
    """Tell whether a word can stand in a prompt: letters, spaces and little else, and no mark of a layout."""
    return 0 < len(word) <= longest and re.fullmatch(r"[^\W\d_](?:[\w '’/-]*\w)?", word) is not None
