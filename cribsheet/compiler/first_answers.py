"""Stop a compile whose first answers show that no search can help."""

import random
from collections.abc import Sequence
from contextlib import suppress

from cribsheet.budget import BudgetExhausted
from cribsheet.errors import CompileError, ModelError
from cribsheet.models import Completion
from cribsheet.search.demos import balanced
from cribsheet.search.study import Study
from cribsheet.search.trial import Trial

_DEMOS = 4
_ROWS = 4
"""How many rows are tried with demonstrations before the compile gives up on the model."""
_SHOWN = 160  # the most characters of an answer that a message shows


def check_first_answers(study: Study, baseline: Trial, *, go_on: bool) -> None:
    """Raise a CompileError if the model's answers are empty or only thoughts, even with demonstrations.

    Text that cannot be parsed is no reason to stop, because small models often chat if they see no demonstrations.
    """
    completions = [call.answer.raw.completion for row in baseline.evaluation.rows for call in row.calls]
    if not completions or any(row.parse_failure is None for row in baseline.evaluation.rows if row.run):
        return
    texts = [one.text.strip() for one in completions if one.text.strip()]
    if texts:
        study.progress.stage(
            f"none of the first {len(completions)} answers can be read, such as {_shortened(texts[0])}: trying "
            "prompts with demonstrations"
        )
    elif not go_on and not _answers_with_demos(study):
        raise CompileError(f"{_seen(study.model.name, completions)} To continue the search anyway, give --go-on.")


def check_crashes(baseline: Trial) -> None:
    """Raise a CompileError if the user's code raised on every row with a readable answer, at least half of all rows."""
    answered = baseline.evaluation.rows
    rows = [row for row in answered if row.parse_failure is None]
    if rows and 2 * len(rows) >= len(answered) and all(row.place for row in rows):
        raise CompileError(
            f"The program raised on each of the first {len(rows)} rows, on the first one {rows[0].crash}. "
            "Correct its forward()."
        )


def _answers_with_demos(study: Study) -> bool:
    """Tell whether a prompt with a few demonstrations gets an answer that can be parsed."""
    demos = {
        name: balanced(signature, study.pools[name], size=_DEMOS, rng=random.Random(0))
        for name, signature in study.signatures.items()
    }
    candidate = study.candidate(study.layouts[0], demos, origin="first answers")
    candidate = candidate if study.fits(candidate) else study.bare()
    with suppress(BudgetExhausted, ModelError):
        return any(row.parse_failure is None and row.run for row in study.answer(candidate, study.val[:_ROWS]).rows)
    return False


def _seen(model: str, completions: Sequence[Completion]) -> str:
    """Return an error message: what the model answered, and how to fix it."""
    thoughts = [one.thought for one in completions if one.thought is not None]
    if not thoughts:
        return (
            f"All of the first {len(completions)} answers of {model} are empty. Check what the server's log says, and "
            "whether the model is a chat model with a chat template, or choose another model."
        )
    shown = next((f", such as {_shortened(thought)}" for thought in thoughts if thought), "")
    return (
        f"None of the first {len(completions)} answers of {model} can be used: {len(thoughts)} are thoughts that end "
        f"without an answer{shown}. Serve it with thinking off (llama-server: --reasoning off; vLLM: "
        """--default-chat-template-kwargs '{"enable_thinking": false}'), or choose a model that does not think."""
    )


def _shortened(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")
