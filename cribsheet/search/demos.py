"""Choose demonstrations, and their order."""

import random
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from cribsheet.dataset.examples import Demo, Row
from cribsheet.outcomes import UNANSWERABLE
from cribsheet.signature import Field, Signature

Item = TypeVar("Item")


def counted_demos(demos: Mapping[str, Sequence[Demo]]) -> str:
    """Return how many demos the predictors are shown, for a candidate's origin.

    >>> counted_demos({"find": (), "answer": ()})
    '0 demos'
    """
    numbers = list(dict.fromkeys(map(len, demos.values())))
    return f"{' and '.join(map(str, numbers))} {'demo' if numbers == [1] else 'demos'}"


def demos_of(signature: Signature, rows: Iterable[Row]) -> tuple[Demo, ...]:
    """Return the demos that rows give for a predictor. A row that lacks one of its fields gives none."""
    names = [field.name for field in (*signature.inputs, *signature.outputs)]
    return tuple(
        Demo(
            inputs={field.name: row.values[field.name] for field in signature.inputs},
            outputs={field.name: row.values[field.name] for field in signature.outputs},
        )
        for row in rows
        if all(name in row.inputs or name in row.outputs for name in names)
    )


def by_outcome(signature: Signature, demos: Sequence[Demo]) -> list[list[Demo]]:
    """Return the demos of each outcome of the last output that has several, in the order of the outcomes' names."""
    found = [_of_outcomes(field, demos) for field in reversed(signature.outputs)]
    groups = next((one for one in found if len(one) > 1), found[0])
    return [group for _, group in sorted(groups.items())]


def _of_outcomes(field: Field, demos: Iterable[Demo]) -> dict[str, list[Demo]]:
    groups: dict[str, list[Demo]] = defaultdict(list)
    for demo in demos:
        groups[field.outcome_of(demo.outputs[field.name])].append(demo)
    return groups


def balanced(
    signature: Signature, pool: Sequence[Demo], *, size: int, rng: random.Random, answered: bool = False
) -> tuple[Demo, ...]:
    """Return up to `size` random demos, as many of each outcome as can be, in random order.

    With `answered`, none of them abstains, unless all demos of the pool do.
    """
    drawn = (answered_only(signature, pool) or pool) if answered else pool
    queues = [rng.sample(group, len(group))[::-1] for group in by_outcome(signature, drawn)]
    return tuple(in_turn(queues, size=size, rng=rng))


def in_turn(queues: list[list[Item]], *, size: int, rng: random.Random) -> list[Item]:
    """Return up to `size` items in random order, taken from the queues in turn, one at a time."""
    rng.shuffle(queues)
    rounds = range(max(map(len, queues), default=0))
    picked = [queue[number] for number in rounds for queue in queues if number < len(queue)][:size]
    return rng.sample(picked, len(picked))


def answered_only(signature: Signature, pool: Sequence[Demo]) -> tuple[Demo, ...]:
    """Return the demos whose last output is no abstention. If a guard abstains, they need only show how to answer."""
    field = signature.outputs[-1]
    return tuple(demo for demo in pool if field.outcome_of(demo.outputs[field.name]) != UNANSWERABLE)


def short(pool: Sequence[Demo], *, share: float = 0.6) -> tuple[Demo, ...]:
    """Return the shortest demos of the pool: a small model reads a short prompt better, and faster."""
    ranked = sorted(pool, key=lambda demo: sum(len(str(value)) for value in demo.inputs.values()))
    return tuple(ranked[: max(1, round(share * len(ranked)))])
