"""Leave out rows that are too long for the model, if there are only a few."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

from cribsheet.budget.recording import Charged
from cribsheet.dataset.examples import Row
from cribsheet.errors import CompileError, ContextOverflowError
from cribsheet.frozen import FrozenPrompt
from cribsheet.frozen.running import prompt_text
from cribsheet.models import Sampling
from cribsheet.outcomes import Value
from cribsheet.search.candidate import Candidate
from cribsheet.search.study import Study
from cribsheet.text import counted

FEW = 0.05
"""The default share of the rows that may be left out."""
_TRIED = 3  # rows that the token estimates may be calibrated by, if the model refuses some
_NAMED = 3  # rows that a message names
_SHOWN = 40
_MANY = 50
"""From this many labels on, they are what makes a prompt long."""


class Long(NamedTuple):
    """A row that is too long for the model."""

    number: int
    """Its position in the trainset, counted from 1."""
    row: Row
    tokens: int
    """The tokens of its zero-shot prompt with the completion, or those of its answer."""
    is_answer: bool = False
    """Whether it is the answer that is too long."""

    def __str__(self) -> str:
        if self.is_answer:
            text = max((str(values[0]) for values in self.row.outputs.values() if values), key=len)
            return f"row {self.number} (an answer of {self.tokens:,} tokens, {text[:_SHOWN]!r}…)"
        text = max(map(str, self.row.inputs.values()), key=len)
        return f"row {self.number} ({self.tokens:,} tokens, {text[:_SHOWN]!r}…)"


def calibrate(study: Study, candidate: Candidate) -> None:
    """Calibrate the study's token estimates by a row for which the model reports the true number of prompt tokens."""
    model = Charged(study.model, study.ledger)
    (prompt, *_) = candidate.prompts.values()
    names = [field.name for field in prompt.signature.inputs]
    for row in [row for row in study.val if set(names) <= set(row.inputs)][:_TRIED]:
        rendered = prompt_text(prompt, {name: row.inputs[name] for name in names})
        # The baseline makes the same request, so the cache answers that one and it is paid for only once.
        sampling = Sampling(max_tokens=prompt.decoding.max_tokens, top_logprobs=prompt.decoding.top_logprobs)
        with suppress(ContextOverflowError):
            study.lengths.calibrate(rendered, model.complete(rendered, sampling).usage.prompt_tokens)
            return


def leave_out_long_rows(
    study: Study, candidate: Candidate, numbers: Mapping[str, int], *, most: int | None
) -> Sequence[Long]:
    """Remove from the study the rows whose zero-shot prompt or answer is too long for the model, and return them.

    Long answers are removed first, because every prompt has to leave room for the longest answer of the demo
    pool. This concerns the demo pool and the valset. `numbers` has each row's position in the trainset, by row id;
    `most` is how many rows may be left out, None for 1 in 20.

    Raises:
        CompileError: if more rows are too long, or the prompt is too long without any row.
    """
    rows = [*study.train, *study.val]
    allowed = max(1, int(FEW * len(rows))) if most is None else most
    answers = _long_answers(study, candidate, numbers)
    _check_allowed(study, answers, rows, allowed)
    if answers:
        study.leave_out({one.row.id for one in answers})
        candidate = study.zero_shot()
    _check_bare_prompt(study, candidate)
    inputs = too_long(study, candidate, [*study.train, *study.val], numbers)
    _check_allowed(study, [*answers, *inputs], rows, allowed)
    if inputs:
        study.leave_out({one.row.id for one in inputs})
    return [*answers, *inputs]


def _check_allowed(study: Study, long: Sequence[Long], rows: Sequence[Row], allowed: int) -> None:
    """Raise a CompileError if these are more rows than may be left out, or none would be left."""
    kept = [sum(row.id not in {one.row.id for one in long} for row in part) for part in (study.train, study.val)]
    if len(long) > allowed or (long and not all(kept)):
        raise CompileError(
            f"{len(long)} of {len(rows)} rows are too long for the context window of {study.model.context_window:,} "
            f"tokens of {study.model.name}, and at most {allowed} may be left out: {named(long)}. Shorten them, give "
            "the model a larger window with --context-window, or allow more to be left out with --long-rows."
        )


def _long_answers(study: Study, candidate: Candidate, numbers: Mapping[str, int]) -> list[Long]:
    """Return the rows of the demo pool whose answer does not fit the context window after a bare prompt."""
    long: dict[str, Long] = {}
    for prompt in candidate.prompts.values():
        # A prompt that does not fit even without an answer is not the rows' fault.
        room = study.model.context_window - study.lengths.inputs(prompt, _blank(prompt)) + prompt.decoding.max_tokens
        for row in study.train if room > 0 else ():
            tokens = study.lengths.answer_beyond(room, prompt.signature, prompt.layout, row)
            if tokens:
                long[row.id] = Long(numbers.get(row.id, 0), row, tokens, is_answer=True)
    return sorted(long.values(), key=lambda one: one.tokens, reverse=True)


def _blank(prompt: FrozenPrompt) -> Mapping[str, Value]:
    return {field.name: field.type.blank for field in prompt.signature.inputs}


def _check_bare_prompt(study: Study, candidate: Candidate) -> None:
    """Raise a CompileError if a prompt with empty inputs does not fit the context window."""
    for prompt in candidate.prompts.values():
        tokens = study.lengths.inputs(prompt, _blank(prompt))
        if tokens > study.model.context_window:
            raise CompileError(
                f"The prompt of {prompt.signature.name} takes {tokens:,} tokens without any input, more than the "
                f"context window of {study.model.context_window:,} tokens of {study.model.name}. {_shorter(prompt)}, "
                "or give the model a larger window with --context-window."
            )


def _shorter(prompt: FrozenPrompt) -> str:
    """Say how a prompt can be made shorter."""
    counts = {one.name: len(one.type.labelled.outcomes) for one in prompt.signature.outputs if one.type.labelled}
    name, labels = max(counts.items(), key=lambda item: item[1], default=("", 0))
    if labels < _MANY:
        return "Shorten the signature's instructions and descriptions"
    return (
        f"It names the {labels:,} labels of {name!r}. Use fewer labels, for example groups of them, and a "
        "further predictor that chooses within a group"
    )


def too_long(study: Study, candidate: Candidate, rows: Sequence[Row], numbers: Mapping[str, int]) -> list[Long]:
    """Return the rows on which a candidate's prompt does not fit the context window, the longest first."""
    window, ordered = study.model.context_window, sorted(rows, key=_bytes, reverse=True)
    rest = study.lengths.row(candidate, ordered[-1])
    long = []
    for row in ordered:
        if rest + _bytes(row) <= window:  # a token has at least one byte, so this row and all shorter ones fit
            break
        tokens = study.lengths.row(candidate, row)
        if tokens > window:
            long.append(Long(numbers.get(row.id, 0), row, tokens))
    return long


def note_on(long: Sequence[Long], study: Study) -> str:
    """Return a sentence about the rows that were left out."""
    rows = f"{counted(len(long), 'row')} {'is' if len(long) == 1 else 'are'}"
    window = f"the context window of {study.model.context_window:,} tokens"
    return f"{rows} too long for {window} and left out of the search: {named(long)}."


def named(long: Sequence[Long]) -> str:
    """List the first few rows for a message, and say how many more there are."""
    more = f" and {len(long) - _NAMED} more" if len(long) > _NAMED else ""
    return ", ".join(map(str, long[:_NAMED])) + more


def _bytes(row: Row) -> int:
    return sum(len(str(value).encode(errors="replace")) for value in row.inputs.values())
