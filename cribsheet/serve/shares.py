"""Tell the probability of each outcome of a program's output, after all corrections."""

import math
from collections.abc import Mapping

from cribsheet.corrections import Answer, Guard
from cribsheet.frozen import FrozenProgram, Wire
from cribsheet.frozen.running import Run
from cribsheet.layout.decisions import decided_field
from cribsheet.outcomes import ANSWERED, UNANSWERABLE
from cribsheet.signature import Field

Shares = Mapping[str, float]


def shares_of(run: Run, frozen: FrozenProgram, field: Field) -> Shares | None:
    """Return the probability of each outcome; None if none was estimated.

    An output that is written has the outcomes `answered` and `unanswerable`, and only a guard estimates these.
    """
    if not run.calls:
        return _certain(field)
    wire = frozen.wiring.outputs.get(field.name) if frozen.wiring else None
    answer = _answer_of(run, wire)
    if wire is None or answer is None:
        return None
    if answer.shares is not None:
        return _guarded(answer.shares, answer.standing)
    return _written(answer) if answer.evidence and answer.evidence.field == wire.field else None


def _certain(field: Field) -> Shares:
    """Return the shares if the inputs alone show that there is no answer."""
    return {outcome: float(outcome == UNANSWERABLE) for outcome in field.outcomes}


def _answer_of(run: Run, wire: Wire | None) -> Answer | None:
    return next((call.answer for call in run.calls if wire and call.predictor == wire.source), None)


def _guarded(shares: Shares, standing: float | None) -> Shares:
    """Return the shares with the guard's probability that there is an answer."""
    if standing is None:
        return shares
    closed = math.fsum(share for outcome, share in shares.items() if outcome != UNANSWERABLE)
    scaled = {outcome: standing * share / closed if closed else 0.0 for outcome, share in shares.items()}
    return scaled | {UNANSWERABLE: 1 - standing}


def _written(answer: Answer) -> Shares | None:
    if answer.standing is not None:
        return {ANSWERED: answer.standing, UNANSWERABLE: 1 - answer.standing}
    if answer.evidence is None or answer.evidence.abstention < 1:
        return None
    return {ANSWERED: 0.0, UNANSWERABLE: 1.0}  # the model itself wrote that there is no answer


def may_decide(frozen: FrozenProgram, field: Field) -> bool:
    """Tell whether answers can have a probability for each outcome of an output.

    It is not known for sure before an answer: the model may report no log-probabilities.
    """
    wire = frozen.wiring.outputs.get(field.name) if frozen.wiring else None
    if wire is None or wire.source is None or len(field.outcomes) < 2:
        return False
    prompt = frozen.prompts[wire.source]
    if decided_field(prompt.signature) is not None and prompt.decoding.decide_by != "text":
        return True
    guard = prompt.correction(Guard)
    return guard is not None and guard.field == wire.field and not field.is_finite
