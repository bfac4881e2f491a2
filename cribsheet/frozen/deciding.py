"""Decide a finite outcome by the log-probabilities of the outcomes' words."""

import math
from collections.abc import Mapping, Sequence

from cribsheet.corrections import Answer
from cribsheet.frozen.prompt import FrozenPrompt
from cribsheet.layout.decisions import decided_field, likeliest, spelling_of, token_logprobs
from cribsheet.layout.parsing import ParseFailure, parse_field
from cribsheet.layout.questions import answered_logprobs
from cribsheet.layout.scoring import MANY, Alternative, Scoring
from cribsheet.models import Completer, Completion, Sampling
from cribsheet.models.next_token import NextTokens, alternatives_of
from cribsheet.models.thinking import without_thought
from cribsheet.prompts import Prompt
from cribsheet.signature import Field

WIDE = 2000
"""How many alternatives to request if the usual number contains no outcome; some servers report fewer."""


def decide(prompt: FrozenPrompt, rendered: Prompt, model: Completer) -> Answer | None:
    """Return the most likely outcome; None if the model reports no log-probabilities.

    The model is asked for one token. If a token is only the beginning of a word and that could change the decision,
    the model is asked again with this beginning as a prefill. In a chat, this works only if the model accepts a
    prefill. If it does not, or if no alternative begins a word, the text that the model writes is parsed. If that text
    names no outcome either, all outcomes are equally likely.
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


def told_shares(prompt: FrozenPrompt, answer: Answer, *, weighs_text: bool) -> tuple[Mapping[str, float], float]:
    """Return the share of each outcome, and the probability of none.

    The shares of an answer that was written are empty. With `weighs_text`, they are those that the first token tells,
    if the output is finite and the model reports log-probabilities.
    """
    if answer.shares is not None:
        return answer.shares, answer.unassigned or 0.0
    field = decided_field(prompt.signature) if weighs_text else None
    told = alternatives_of(answer.prompt, answer.completion) if field else None
    if field is None or not told:
        return {}, 0.0
    logprobs, unassigned = Scoring(spelling_of(prompt.layout, prompt.signature, field), told).scores()
    return {outcome: math.exp(logprob) for outcome, logprob in logprobs.items()}, unassigned


class _Deciding:
    """Makes the requests for one decision."""

    def __init__(self, prompt: FrozenPrompt, field: Field, rendered: Prompt, model: Completer):
        self.asked: list[tuple[Prompt, Completion]] = []
        """All prompts that were sent, with their completions."""
        self._prompt, self._field, self._rendered, self._model = prompt, field, rendered, model
        self._spelling = spelling_of(prompt.layout, prompt.signature, field)
        self._has_many = len(self._spelling.words) > MANY

    def ask(self, alternatives: int) -> Completion:
        """Return a completion of one token, with this number of alternatives."""
        return self._complete(Sampling(max_tokens=1, top_logprobs=alternatives))

    def scored(self, told: Sequence[Alternative]) -> Scoring:
        """Score the outcomes by the first token's alternatives, making further requests if needed."""
        usual = self._prompt.decoding.top_logprobs
        scoring = self._gone_on(told, usual)
        if scoring.is_silent and usual <= len(told) < WIDE:
            more = alternatives_of(self._rendered, self.ask(WIDE))
            scoring = self._gone_on(more, WIDE, calls=scoring.calls) if more else scoring
        if scoring.needs_text:
            scoring.hear(*self._written())
        return scoring

    def _gone_on(self, told: Sequence[Alternative], alternatives: int, *, calls: int = 0) -> Scoring:
        scoring = Scoring(self._spelling, told, calls=calls)
        next_tokens = NextTokens(self._rendered, self._model, Sampling(max_tokens=1, top_logprobs=alternatives))
        scoring.go_on(next_tokens.after)
        self.asked += next_tokens.asked
        return scoring

    def _written(self) -> tuple[str | None, float | None]:
        """Return the outcome that the model writes, and its log-probability if the text is nothing but its word.

        The outcome is None if the text names none.
        """
        told = int(self._has_many)
        written = self._complete(Sampling(max_tokens=self._prompt.decoding.max_tokens, top_logprobs=told))
        value = parse_field(self._prompt.layout, self._field, written.text)
        if isinstance(value, ParseFailure):
            return None, None
        outcome = self._field.outcome_of(value)
        is_word = written.text.strip().casefold() == self._spelling.words[outcome].casefold()
        return outcome, math.fsum(written.logprobs) if is_word and written.logprobs else None

    def _complete(self, sampling: Sampling) -> Completion:
        completion = without_thought(self._model.complete(self._rendered, sampling), self._rendered)
        self.asked.append((self._rendered, completion))
        return completion
