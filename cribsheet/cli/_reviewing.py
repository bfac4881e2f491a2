"""Ask a person about each kept call, line by line."""

import json
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TextIO

import click

from cribsheet.cli._terminal import note
from cribsheet.dataset.calls import Call
from cribsheet.dataset.row_files import Dropped, RowFile
from cribsheet.errors import DataError
from cribsheet.outcomes import UNANSWERABLE, Unanswerable, Value, is_absent, to_json, to_text
from cribsheet.signature import Field, Signature
from cribsheet.text import listed

_LONG = 3000
"""How many characters of a value are shown at first."""
_JOINERS = "\u200c\u200d"
_WORDS = ("accept", "mend", "drop", "later", "view", "quit")
_ASK = "[a]ccept, [m]end, [d]rop, [l]ater, [v]iew in full, [q]uit: "

Deed = Literal["accepted", "mended", "dropped", "later", "known"]


class _Stopped(Exception):
    """The reviewer quits, or there is no more input."""


@dataclass(frozen=True)
class Reviewed:
    """What came of the calls."""

    deeds: Counter[Deed]
    left: int
    """How many were not decided."""
    is_interrupted: bool = False
    """Whether Ctrl-C ended the review."""

    def told(self, out: Path) -> str:
        """Return the counts in a sentence."""
        counts = ", ".join(f"{self.deeds[deed]} {deed}" for deed in ("accepted", "mended", "dropped"))
        added = self.deeds["accepted"] + self.deeds["mended"]
        known = f", {self.deeds['known']} there already" * (self.deeds["known"] > 0)
        return f"{counts}{known}; {self.left} left. {added} {'row was' if added == 1 else 'rows were'} added to {out}."


class Review:
    """Shows calls and writes down at once what the reviewer says of each."""

    def __init__(self, signature: Signature, rows: RowFile, dropped: Dropped) -> None:
        self._signature, self._rows, self._dropped = signature, rows, dropped

    def run(self, calls: Sequence[Call], source: TextIO) -> Reviewed:
        """Ask about each call until the reviewer quits, or the input ends."""
        deeds: Counter[Deed] = Counter()
        lines, is_interrupted = _Lines(source), False
        try:
            for number, call in enumerate(calls, 1):
                note(f"\n{number} of {len(calls)}{_facts(call)}")
                note(self._shown(call))
                deeds[self._decide(call, lines)] += 1
        except _Stopped:
            note("")
        except KeyboardInterrupt:
            is_interrupted = True
            note("")
        return Reviewed(deeds, len(calls) - deeds.total() + deeds["later"], is_interrupted)

    def _decide(self, call: Call, lines: "_Lines") -> Deed:
        """Ask until the call is decided."""
        while True:
            word, _, rest = lines.ask(_ASK).partition(" ")
            match _meant(word):
                case "accept" if not rest:
                    if deed := self._added(call, call.outputs):
                        return deed
                case "mend":
                    outputs = self._mended(call, rest.strip(), lines)
                    if outputs is not None and (deed := self._added(call, outputs)):
                        return deed
                case "drop" if not rest:
                    self._dropped.add(call.inputs)
                    return "dropped"
                case "later" if not rest:
                    return "later"
                case "view" if not rest:
                    note(self._shown(call, limit=None))
                case "quit" if not rest:
                    raise _Stopped
                case _:
                    note("Write a, m, d, l, v or q. With one output, `m VALUE` mends it at once.")

    def _added(self, call: Call, outputs: Mapping[str, Any]) -> Deed | None:
        """Add the row, and return what was done; None if it cannot be a row."""
        values = {name: to_json(value) for name, value in (*call.inputs.items(), *outputs.items())}
        try:
            self._rows.checked(values)
        except DataError as error:
            note(f"This cannot be a row: {error}")
            return None
        if not self._rows.add(values):
            note(f"{self._rows.path} has got a row with these inputs meanwhile, so nothing was added.")
            return "known"
        return "accepted" if outputs == call.outputs else "mended"

    def _mended(self, call: Call, said: str, lines: "_Lines") -> dict[str, Any] | None:
        """Return the outputs that the reviewer writes; None if one does not fit."""
        fields = self._signature.outputs
        if said and len(fields) > 1:
            note(f"There are several outputs. Write m alone; you are then asked for {_names(fields)}.")
            return None
        outputs: dict[str, Any] = dict(call.outputs)
        try:
            for field in fields:
                text = said or lines.ask(f"{field.name} ({_kind(field)}; empty keeps it): ")
                outputs[field.name] = written_value(field, text) if text else outputs[field.name]
        except ValueError as error:
            note(f"{error}. Nothing was changed.")
            return None
        return outputs

    def _shown(self, call: Call, *, limit: int | None = _LONG) -> str:
        inputs = {name: to_text(value) for name, value in call.inputs.items()}
        values = inputs | {name: _as_written(value) for name, value in call.outputs.items()}
        width = max(map(len, values))
        return "\n".join(f"  {name:<{width}}  {_in_place(value, width + 4, limit)}" for name, value in values.items())


class _Lines:
    """Reads what the reviewer writes."""

    def __init__(self, source: TextIO) -> None:
        self._source = source

    def ask(self, question: str) -> str:
        """Return the next line, without blanks around it."""
        click.echo(question, err=True, nl=False)
        try:
            line = self._source.readline()
        except UnicodeDecodeError as error:
            raise DataError(f"Standard input is not {error.encoding}. Write in that encoding.") from None
        if not line:
            raise _Stopped
        return line.strip()


def written_value(field: Field, text: str) -> Any:
    """Return what a reviewer wrote for an output, as JSON.

    The beginning of a label is enough if no other begins so. `unanswerable` abstains, and `unanswerable: why` says
    why. A text that begins with a quote, a bracket or a brace and is JSON is read as JSON, such as a list of accepted
    answers.

    Raises:
        ValueError: if it does not fit the field.
    """
    word, colon, why = text.partition(":")
    if field.abstains and word.strip().casefold() == UNANSWERABLE:
        return {UNANSWERABLE: (why.strip() or None) if colon else None}
    if field.is_finite and not field.accepts(text):
        return to_json(field.value_of(_begun(field, text)))
    value = _as_json(text)
    listed = value if isinstance(value, list) and not field.accepts(value) else [value]
    typed: list[Value] = [field.coerce(one) for one in listed]
    return to_json(typed[0]) if listed != value else [to_json(one) for one in typed]


def _begun(field: Field, text: str) -> str:
    """Return the only outcome that begins with a text."""
    folded = text.casefold()
    same = [outcome for outcome in field.outcomes if outcome.casefold() == folded]
    begun = same or [outcome for outcome in field.outcomes if outcome.casefold().startswith(folded)]
    if len(begun) != 1:
        raise ValueError(f"{field.name} must be one of {listed(field.outcomes)}, not {text[:80]!r}")
    return begun[0]


def _as_json(text: str) -> Any:
    if not text.startswith(('"', "[", "{")):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _meant(word: str) -> str:
    """Return the command that a word, or its beginning, stands for; empty if there is none."""
    folded = word.casefold()
    return next((one for one in _WORDS if folded and one.startswith(folded)), "")


def _facts(call: Call) -> str:
    """Return how sure a call is, and when it was."""
    told = "no probability" if call.kept.probability is None else f"probability {call.kept.probability:.2f}"
    facts = [told, visible(call.kept.time[:16].replace("T", " ")), f"asked {call.times} times" * (call.times > 1)]
    return "".join(f" · {fact}" for fact in facts if fact)


def _as_written(value: Value) -> str:
    """Return an output as a reviewer would write it."""
    if not is_absent(value):
        return to_text(value)
    reason = value.reason if isinstance(value, Unanswerable) else None
    return f"{UNANSWERABLE}: {reason}" if reason else UNANSWERABLE


def _in_place(value: str, indent: int, limit: int | None) -> str:
    shown = visible(value)
    if limit is not None and len(shown) > limit:
        shown = f"{shown[:limit]}… ({len(shown) - limit:,} more characters)"
    return shown.replace("\n", "\n" + " " * indent)


def visible(text: str) -> str:
    """Return a text with an escape for each character that would change what a terminal shows.

    >>> visible("a\\x1b[2Jb")
    'a\\\\x1b[2Jb'
    """
    if text.isprintable():
        return text
    return "".join(
        char
        if char in "\n\t" or char in _JOINERS or unicodedata.category(char) not in ("Cc", "Cf")
        else repr(char)[1:-1]
        for char in text
    )


def _kind(field: Field) -> str:
    words = listed(field.outcomes) if field.is_finite else field.type.noun
    return f"{words} or {UNANSWERABLE}" if field.abstains and not field.is_finite else words


def _names(fields: Sequence[Field]) -> str:
    return ", ".join(field.name for field in fields)
