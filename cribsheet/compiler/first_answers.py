"""Stop a compile whose first answers show that no search can help."""

import random
from collections.abc import Sequence
from contextlib import suppress

from cribsheet.budget import BudgetExhausted
from cribsheet.errors import CompileError, ModelError
from cribsheet.evaluation.evaluate import RowResult
from cribsheet.frozen import FrozenPrompt
from cribsheet.frozen.running import Call
from cribsheet.layout.parsing import ParseFailure, parse
from cribsheet.models import Completion
from cribsheet.search.candidate import Candidate
from cribsheet.search.demos import balanced
from cribsheet.search.holding import held
from cribsheet.search.study import Study
from cribsheet.search.trial import Trial
from cribsheet.text import counted

_DEMOS = 4
_ROWS = 4
"""How many rows are tried with demonstrations before the compile gives up on the model."""
_LEAST = 0.01
"""A decision is of no use if the outcomes together have less probability than this, and the model writes none.

With four demonstrations, SmolLM2-135M gives the 24 outcomes of `intent` 0.05 on the best of four rows, and those of
`topic_zh` 0.04. More demonstrations and a readout make use of that. A model that thinks first gives far less.
"""
_SHOWN = 160  # the most characters of an answer that a message shows
_FORM = (
    "If the server gives all answers a form, such as JSON, turn that off. Otherwise check that it applies the chat "
    "template of this model, or choose another model."
)
_LOG = (
    "Check what the server's log says, and whether the model is a chat model with a chat template, or choose another "
    "model."
)
_THINKING_OFF = (
    "Serve it with thinking off (llama-server: --reasoning off; vLLM: "
    """--default-chat-template-kwargs '{"enable_thinking": false}'), or choose a model that does not think."""
)
_OTHER_MODEL = "Choose another model, such as a larger one."


def check_first_answers(study: Study, baseline: Trial, *, go_on: bool) -> None:
    """Raise a CompileError if none of the model's answers is of use, even with demonstrations.

    Without demonstrations, small models often chat, so a few rows are tried with some before the compile gives up. If
    log-probabilities decide, an answer is of use if the model writes an outcome, or if the outcomes have a noticeable
    probability.
    """
    answered = [row for row in baseline.evaluation.rows if row.run]
    completions = [call.answer.raw.completion for row in answered for call in row.calls]
    if not completions or any(_is_of_use(row, baseline.uncorrected) for row in answered):
        return
    texts = [one.text.strip() for one in completions if one.text.strip()]
    if texts:
        told = f"{_none_can(completions, 'read')}, such as {_shortened(texts[0])}: trying prompts with demonstrations"
        study.progress.stage(f"{told[0].lower()}{told[1:]}")
        if not all(study.pools.values()):  # rows lack a predictor's field, so demonstrations are bootstrapped later
            return
    if not go_on and not _answers_with_demos(study):
        seen = _seen(study.model.name, completions, is_served=bool(study.model.endpoint))
        raise CompileError(f"{seen} To continue the search anyway, give --go-on.")


def _is_of_use(row: RowResult, candidate: Candidate) -> bool:
    """Tell whether a row's answer can be read, or is decided by more than a residue of the probability."""
    if row.run is None or row.parse_failure is not None:
        return False
    return all(
        (call.answer.raw.unassigned or 0.0) <= 1 - _LEAST or _is_written(call, candidate.prompts[call.predictor])
        for call in row.calls
    )


def _is_written(call: Call, prompt: FrozenPrompt) -> bool:
    """Tell whether the model's own text can be read."""
    return not isinstance(parse(prompt.layout, prompt.signature, call.answer.raw.completion.text), ParseFailure)


def check_crashes(baseline: Trial) -> None:
    """Raise a CompileError if the user's code raised on every row with a readable answer, at least half of all rows."""
    answered = baseline.evaluation.rows
    rows = [row for row in answered if row.parse_failure is None]
    if rows and 2 * len(rows) >= len(answered) and all(row.place for row in rows):
        raise CompileError(
            f"The program raised on each of the first {counted(len(rows), 'row')}, on the first one {rows[0].crash}. "
            "Correct its forward()."
        )


def _answers_with_demos(study: Study) -> bool:
    """Tell whether a prompt with some demonstrations gets an answer that is of use, as a chat or raw, free or held."""
    demos = {
        name: balanced(signature, study.pools[name], size=_DEMOS, rng=random.Random(0))
        for name, signature in study.signatures.items()
    }
    first = {layout.style == "raw": layout for layout in reversed(study.layouts)}
    free = [study.candidate(layout, demos, origin="first answers") for layout in first.values()]
    candidates = [*free, *filter(None, (held(study, one) for one in free))]
    try:
        return any(_is_answered(study, one) for one in [*filter(study.fits, candidates)] or [study.bare()])
    except BudgetExhausted:  # nobody knows; that the budget is too small is said next
        return True


def _is_answered(study: Study, candidate: Candidate) -> bool:
    with suppress(ModelError):
        return any(_is_of_use(row, candidate) for row in study.answer(candidate, study.val[:_ROWS]).rows)
    return False


def _seen(model: str, completions: Sequence[Completion], *, is_served: bool) -> str:
    """Return an error message: what the model answered, and how to fix it."""
    thoughts = [one.thought for one in completions if one.thought is not None]
    texts = [one.text for one in completions if one.text.strip()]
    if texts and len(thoughts) < len(completions):
        return (
            f"{_none_can(completions, 'read', model)}, with demonstrations neither, such as "
            f"{_shortened(texts[0])}. {_FORM if is_served else _OTHER_MODEL}"
        )
    if not thoughts:
        return f"{_all_are_empty(completions, model)}. {_LOG if is_served else _OTHER_MODEL}"
    shown = next((f", such as {_shortened(thought)}" for thought in thoughts if thought), "")
    return (
        f"{_none_can(completions, 'used', model)}: {_thoughts(len(thoughts))} without an answer{shown}. "
        f"{_THINKING_OFF if is_served else 'Choose a model that does not think.'}"
    )


def _none_can(completions: Sequence[Completion], be: str, model: str = "") -> str:
    of = f" of {model}" if model else ""
    if len(completions) == 1:
        return f"The first answer{of} cannot be {be}"
    return f"None of the first {len(completions)} answers{of} can be {be}"


def _all_are_empty(completions: Sequence[Completion], model: str) -> str:
    if len(completions) == 1:
        return f"The first answer of {model} is empty"
    return f"All of the first {len(completions)} answers of {model} are empty"


def _thoughts(number: int) -> str:
    return "1 is a thought that ends" if number == 1 else f"{number} are thoughts that end"


def _shortened(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")
