"""Answer a typed question of a decision endpoint with the probabilities of a program's output."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from cribsheet.outcomes import ANSWERED, UNANSWERABLE
from cribsheet.serve.refusals import Refusal
from cribsheet.serve.shares import Shares
from cribsheet.signature import Field

_LEVELS = "score"


@dataclass(frozen=True)
class Question:
    """A typed question, in whichever of the two forms it was asked."""

    name: str | None
    """Its name: an output of the program, or anything if there is only one output."""
    kind: Literal["choice", "noul", "score"]
    """`choice`: one of the options. `noul`: the probability of yes. `score`: a level, the lowest first."""
    options: tuple[str, ...] = ()
    """The options of a choice, the levels of a score, or what false and true mean; empty if that is clear."""


@dataclass(frozen=True)
class Decision:
    """The answer to a question."""

    probabilities: tuple[float, ...]
    """The probability of each option or level; of false and true for a yes-or-no question."""
    chosen: int
    """The place of the option that the program answered."""

    @property
    def score(self) -> float:
        """The expected level, 0 for the lowest."""
        return sum(place * share for place, share in enumerate(self.probabilities))

    @property
    def confidence(self) -> float:
        """How sure the choice is: 0 if all options are as likely, 1 if it is certain."""
        count = len(self.probabilities)
        return max(0.0, (count * self.probabilities[self.chosen] - 1) / (count - 1)) if count > 1 else 1.0


def asked_field(question: Question, fields: Sequence[Field]) -> Field:
    """Return the output that a question asks for.

    Raises:
        Refusal: if the program has several outputs, none of that name.
    """
    if len(fields) == 1:
        return fields[0]
    found = next((field for field in fields if field.name == question.name), None)
    if found is None:
        names = ", ".join(field.name for field in fields)
        raise _misfit(f"The question {question.name!r} is no output. Name each question after one: {names}.")
    return found


def options_of(question: Question, field: Field) -> tuple[str, ...]:
    """Return the outcome that each option of a question stands for.

    Raises:
        Refusal: if the program cannot answer this question.
    """
    if question.kind == "noul":
        return _sides(question, field)
    if question.kind == _LEVELS:
        return _levels(question, field)
    wanted = tuple(_outcome(option, field) for option in question.options)
    if len(set(wanted)) < len(wanted) or set(wanted) - {UNANSWERABLE} != set(_own(field)):
        raise _misfit(f"The options of a question about {field.name} must be {_listed(field)}.")
    return wanted


def decided(wanted: Sequence[str], outcome: str, shares: Shares) -> Decision | None:
    """Return the decision; None if the program abstained and that is no option.

    If it is no option, the probabilities are those on the condition that there is an answer.
    """
    if outcome not in wanted:
        return None
    told = [shares.get(option, 0.0) for option in wanted]
    total = sum(told)
    even = 1 / len(wanted)
    return Decision(tuple(share / total if total else even for share in told), wanted.index(outcome))


def _sides(question: Question, field: Field) -> tuple[str, ...]:
    """Return the outcomes that mean no and yes."""
    own = _own(field)
    if own == (ANSWERED,):  # a written answer: is there one?
        return (UNANSWERABLE, ANSWERED)
    if field.type.no_and_yes:
        return field.type.no_and_yes
    if len(own) == 2 and len(question.options) == 2:
        sides = tuple(_outcome(option, field) for option in question.options)
        if set(sides) == set(own):
            return sides
    raise _misfit(f"{field.name} is not yes or no. Ask a choice between {_listed(field)}.")


def _levels(question: Question, field: Field) -> tuple[str, ...]:
    own = _own(field)
    if not _is_scale(own):
        raise _misfit(f"{field.name} is no scale of numbers. Ask a choice between {_listed(field)}.")
    if len(question.options) != len(own):
        raise _misfit(f"{field.name} has {len(own)} levels, {', '.join(own)}. Give one criterion for each.")
    return own


def _own(field: Field) -> tuple[str, ...]:
    """Return the outcomes besides `unanswerable`."""
    return tuple(outcome for outcome in field.outcomes if outcome != UNANSWERABLE)


def _outcome(option: str, field: Field) -> str:
    """Return the outcome of an option's name, which may differ in case; the name itself if there is none."""
    folded: Mapping[str, str] = {outcome.casefold(): outcome for outcome in field.outcomes}
    return option if option in field.outcomes else folded.get(option.strip().casefold(), option)


def _is_scale(outcomes: Sequence[str]) -> bool:
    try:
        numbers = [float(outcome) for outcome in outcomes]
    except ValueError:
        return False
    return len(numbers) > 1 and numbers == sorted(numbers)


def _listed(field: Field) -> str:
    abstains = f"; {UNANSWERABLE} may be one of them" if field.abstains else ""
    return f"{', '.join(_own(field))}{abstains}"


def _misfit(message: str) -> Refusal:
    return Refusal(422, message, kind="invalid_question")
