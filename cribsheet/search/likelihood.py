"""Tell how likely a model finds the right answer of a row."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from cribsheet.calibration import GoOn
from cribsheet.continuing import GoingOn
from cribsheet.evaluate import RowResult
from cribsheet.frozen import FrozenPrompt
from cribsheet.guard import terms
from cribsheet.models import Completer
from cribsheet.outcomes import Unanswerable
from cribsheet.running import Run
from cribsheet.spans import is_end


def weighed(row: RowResult, prompts: Mapping[str, FrozenPrompt], model: Completer) -> RowResult:
    """Return a row with the likelihood of its shortest right answer, where its one predictor writes spans.

    What that asks of the model joins what was asked for the answer. Other rows come back as they are, as do those
    that the model was not asked about.
    """
    if row.run is None or len(row.run.calls) != 1:
        return row
    (call,) = row.run.calls
    prompt, answer = prompts[call.predictor], call.answer
    accepted = _accepted(row, prompt)
    if accepted is None or answer.prompt.is_chat:
        return row
    going_on = GoingOn(answer.prompt.model_copy(update={"stop": ()}), model)
    found = likelihood(accepted, going_on, stops=answer.prompt.stop)
    told = replace(answer, further=(*answer.further, *going_on.asked))
    return replace(row, run=Run(row.run.prediction, (replace(call, answer=told),)), likelihood=found)


def _accepted(row: RowResult, prompt: FrozenPrompt) -> str | None:
    if prompt.decoding.extract_from is None:
        return None
    answers = row.example.outputs.get(prompt.signature.outputs[0].name, ())
    return min((str(one) for one in answers if not isinstance(one, Unanswerable)), key=len, default=None)


def likelihood(text: str, go_on: GoOn, *, stops: Sequence[str]) -> float | None:
    """Return the probability that a model writes a text and ends there, as a geometric mean over its words and the end.

    Whatever the case, along the likeliest tokens that spell it. A token that is not told counts as the least likely
    of those that are, and ends the count. By words, not tokens, it is the same for layouts after which a model
    spells in other tokens. None where `go_on` tells nothing.
    """
    logprob, said, rest = 0.0, "", text
    while True:
        told = go_on(said)
        if not told:
            return None
        if not rest:
            ends = [told[token] for token in told if is_end(token, stops)]
            logprob += math.log(sum(map(math.exp, ends))) if ends else min(told.values())
            break
        spelling = [token for token in told if _spells(token if said else token.lstrip(" "), rest)]
        if not spelling:
            logprob += min(told.values())
            break
        token = max(spelling, key=told.__getitem__)
        logprob += told[token]
        rest = rest[len(token if said else token.lstrip(" ")) :]
        said += token
    return math.exp(logprob / (sum(1 for _ in terms(text)) + 1))


def _spells(token: str, rest: str) -> bool:
    return bool(token) and rest.lower().startswith(token.lower())
