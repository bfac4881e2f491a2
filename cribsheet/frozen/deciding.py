"""Decide a finite outcome by what a model tells of the outcomes' words."""

import math
from collections.abc import Mapping, Sequence

from cribsheet.corrections import Answer
from cribsheet.frozen.schema import FrozenPrompt
from cribsheet.layout.decisions import decided_field, likeliest, spelling_of, token_logprobs
from cribsheet.layout.parsing import ParseFailure, parse_field
from cribsheet.layout.questions import answered_logprobs
from cribsheet.layout.scoring import Alternative, Scoring
from cribsheet.models import Completer, Completion, Sampling
from cribsheet.models.next_token import NextTokens, alternatives_of
from cribsheet.models.thinking import without_thought
from cribsheet.prompts import Prompt
from cribsheet.signature import Field

WIDE = 2000
"""How many alternatives to ask for if the usual ones hold no outcome; some servers tell fewer."""


def decide(prompt: FrozenPrompt, rendered: Prompt, model: Completer) -> Answer | None:
    """Return the likeliest outcome, None if the model tells no log-probabilities.

    The model is asked for one token, and goes on from what may begin a word where that could change the decision.
    A chat goes on only if the model can begin its answer. If it cannot, or nothing that is told begins a word, the
    answer that the model writes is read. If that is no outcome either, all outcomes are equally likely.
    """
    field = decided_field(prompt.signature)
    if field is None:
        return None
    deciding = _Deciding(prompt, field, rendered, model)
    completion = deciding.ask(prompt.decoding.top_logprobs)
    logprobs: Mapping[str, float]
    if completion.first_token is not None and rendered.question is not None:
        logprobs, unassigned = answered_logprobs(prompt.layout, field, completion.first_token), 0.0
    elif completion.first_token is not None and prompt.decoding.decide_by == "token":
        logprobs, unassigned = token_logprobs(prompt.layout, field, completion.first_token), 0.0
    else:
        told = alternatives_of(rendered, completion)
        if told is None:
            return None
        logprobs, unassigned = deciding.scored(told).scores()
    shares = {outcome: math.exp(logprob) for outcome, logprob in logprobs.items()}
    outputs, probability = likeliest(field, shares)
    return Answer(
        outputs,
        rendered,
        completion,
        text=completion.text,
        logprobs=logprobs,
        shares=shares,
        probability=probability,
        unassigned=unassigned,
        further=tuple(deciding.asked[1:]),
    )


class _Deciding:
    """The requests of one decision."""

    def __init__(self, prompt: FrozenPrompt, field: Field, rendered: Prompt, model: Completer):
        self.asked: list[tuple[Prompt, Completion]] = []
        """All that was asked, and said."""
        self._prompt, self._field, self._rendered, self._model = prompt, field, rendered, model
        self._spelling = spelling_of(prompt.layout, prompt.signature, field)

    def ask(self, alternatives: int) -> Completion:
        """Return the first token, with so many alternatives."""
        return self._complete(Sampling(max_tokens=1, top_logprobs=alternatives))

    def scored(self, told: Sequence[Alternative]) -> Scoring:
        """Return the scoring of what is told of the first token, with what is asked further."""
        usual = self._prompt.decoding.top_logprobs
        scoring = self._gone_on(told, usual)
        if scoring.is_silent and usual <= len(told) < WIDE:
            more = alternatives_of(self._rendered, self.ask(WIDE))
            scoring = self._gone_on(more, WIDE, calls=scoring.calls) if more else scoring
        if scoring.needs_text:
            scoring.hear(self._written())
        return scoring

    def _gone_on(self, told: Sequence[Alternative], alternatives: int, *, calls: int = 0) -> Scoring:
        scoring = Scoring(self._spelling, told, calls=calls)
        next_tokens = NextTokens(self._rendered, self._model, Sampling(max_tokens=1, top_logprobs=alternatives))
        scoring.go_on(next_tokens.after)
        self.asked += next_tokens.asked
        return scoring

    def _written(self) -> str | None:
        """Return the outcome that the model writes, None if its text is none of them."""
        text = self._complete(Sampling(max_tokens=self._prompt.decoding.max_tokens)).text
        value = parse_field(self._prompt.layout, self._field, text)
        return None if isinstance(value, ParseFailure) else self._field.outcome_of(value)

    def _complete(self, sampling: Sampling) -> Completion:
        completion = without_thought(self._model.complete(self._rendered, sampling), self._rendered)
        self.asked.append((self._rendered, completion))
        return completion
