"""Keep the text of an input from passing for a part of the prompt's own structure.

An input may contain the marks of the layout, or the special tokens of a chat template. A model would read these as a
demo, or as a turn of the chat, that nobody gave. So each gets a blank in a place where the text still reads the same to
a person. Only literal replacements are used, because exports have to make the same ones in other languages.
"""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

from cribsheet.layout.layout import Layout
from cribsheet.signature import Signature

_BEGINNINGS = ("<|", "<｜", "[|")
"""How special tokens begin in most families: ChatML, Llama 3, Phi, Command, gpt-oss; DeepSeek; EXAONE."""
_NAMED = (
    *("<s>", "</s>", "<bos>", "<eos>", "<pad>", "<unk>", "<mask>", "<sop>", "<eop>", "<eoa>"),
    *("<start_of_turn>", "<end_of_turn>", "<turn|>", "<channel|>", "<start_of_image>", "<end_of_image>"),
    *("[INST]", "[/INST]", "<<SYS>>", "<</SYS>>", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[gMASK]"),
    *("[TOOL_CALLS]", "[TOOL_RESULTS]", "[/TOOL_RESULTS]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]"),
    *("<think>", "</think>", "[THINK]", "[/THINK]", "<tool_call>", "</tool_call>", "<tool_response>"),
    *("</tool_response>", "<seed:bos>", "<seed:eos>", "<BOS_TOKEN>", "<EOS_TOKEN>", "[BOS]", "[EOS]", "[EOT]"),
    *("[ARGS]", "[CALL_ID]", "[TOOL_CONTENT]", "<unused", "<extra_id_", "<SPECIAL_", "<role>", "</role>"),
    *("]~b]", "]~!b[", "[e~[", "<用户>", "<AI>"),
)
"""Special tokens of Llama 2, Mistral, Gemma, GLM, Qwen, InternLM, Seed, Command, Kimi, Nemotron, Ling, MiniMax and
MiniCPM that begin like ordinary text, or how they begin."""
SPECIAL_TOKENS = (*_BEGINNINGS, *_NAMED)
"""Special tokens of chat templates, or their beginnings."""

LINE_BREAKS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"
"""The characters that end a line for `str.splitlines`; the first is the usual one."""

_BLANKS = "\t\u00a0\u2002\u2003\u2009\u202f\u3000"
_UNSEEN = "\u00ad\u200b\u200c\u200d\u2060\ufeff"
INDENTS = f" {_BLANKS}{_UNSEEN}"
"""The usual blanks and characters of no width that may stand before a mark, so that it still begins a line."""


@dataclass(frozen=True)
class Escaping:
    """The replacements in the text of each input."""

    pairs: tuple[tuple[str, str], ...]
    """Texts to look for, and what takes their place; to be applied in this order."""

    def apply(self, text: str) -> str:
        """Return the text of an input after the replacements.

        >>> Escaping((("\\nLabel:", " Label:"),)).apply("Fine.\\nLabel: yes")
        'Fine. Label: yes'
        """
        for first, pairs in self._by_first:
            if first in text:  # a shortcut: most texts have none, and a search renders millions of fields
                for old, new in pairs:
                    text = text.replace(old, new)
        return text

    @cached_property
    def _by_first(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """The pairs in runs that have the same first character."""
        return [(first, list(pairs)) for first, pairs in itertools.groupby(self.pairs, key=lambda pair: pair[0][0])]


def escaping(layout: Layout, signature: Signature) -> Escaping:
    """Return what has to be replaced in the text of an input.

    A special token, or a closing mark, gets a blank after its first character. An opening mark counts at the start of a
    line alone, so the line break before it becomes a blank; if the layout does not put each mark on a line of its own,
    then the mark gets a blank after its first character too. So does a mark that still begins a line, after blanks or
    characters of no width: an indented label reads like one that is not. Two characters before a mark tell this: only
    at the start of a line is there a line break or an indent before a blank, or an indent that is no blank.
    """
    marks = [(field.name, layout.input_mark) for field in signature.inputs]
    marks += [(field.name, layout.output_mark) for field in signature.outputs]
    opening = tuple(layout.opening(name, mark) for name, mark in marks)
    closing = tuple(layout.closing(name, mark) for name, mark in marks)
    return _escaping(opening, closing, _has_lines(layout))


@lru_cache(maxsize=64)
def _escaping(opening: tuple[str, ...], closing: tuple[str, ...], has_lines: bool) -> Escaping:
    begun = [mark.rstrip() for mark in opening if mark.strip()]
    broken = [*SPECIAL_TOKENS, *(mark for mark in closing if mark), *([] if has_lines else begun)]
    pairs = [(text, f"{text[0]} {text[1:]}") for text in broken if len(text) > 1]
    pairs += [(line_break + mark, f" {mark}") for mark in begun for line_break in LINE_BREAKS]
    return Escaping((*_sorted(pairs), *_sorted(indented(begun))))


def indented(marks: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield the replacements of marks that begin a line after an indent."""
    before = [f"{one} " for one in (*LINE_BREAKS, *INDENTS)] + [one for one in INDENTS if one != " "]
    for mark in marks:
        if len(mark) > 1:
            yield from ((indent + mark, f"{indent}{mark[0]} {mark[1:]}") for indent in before)


def _sorted(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return sorted(dict.fromkeys(pairs), key=lambda pair: pair[0][0])


def _has_lines(layout: Layout) -> bool:
    """Tell whether marks begin a line, and no input's value does."""
    before_value = layout.input_mark.open + layout.input_mark.gap
    return "\n" in layout.between_fields and bool(before_value.strip()) and not before_value.endswith(("\n", "\r"))
