"""Choose demonstrations, and their order."""

import random
from collections import defaultdict
from collections.abc import Iterable, Sequence

from cribsheet.examples import Demo, Example
from cribsheet.outcomes import UNANSWERABLE
from cribsheet.signature import Signature


def demos_of(signature: Signature, rows: Iterable[Example]) -> tuple[Demo, ...]:
    """Return the demonstrations that rows hold for a predictor; none where they lack one of its fields."""
    names = [field.name for field in (*signature.inputs, *signature.outputs)]
    return tuple(
        Demo(
            inputs={field.name: getattr(row, field.name) for field in signature.inputs},
            outputs={field.name: getattr(row, field.name) for field in signature.outputs},
        )
        for row in rows
        if all(name in row.inputs or name in row.outputs for name in names)
    )


def outcome_of(signature: Signature, demo: Demo) -> str:
    """Return the outcome of a demonstration's last output: the one that demos are balanced over."""
    field = signature.outputs[-1]
    return field.outcome_of(demo.outputs[field.name])


def balanced(signature: Signature, pool: Sequence[Demo], *, size: int, rng: random.Random) -> tuple[Demo, ...]:
    """Return up to `size` random demos, as many of each outcome as can be, in random order."""
    by_outcome: dict[str, list[Demo]] = defaultdict(list)
    for demo in pool:
        by_outcome[outcome_of(signature, demo)].append(demo)
    queues = [rng.sample(demos, len(demos)) for _, demos in sorted(by_outcome.items())]
    rng.shuffle(queues)
    picked: list[Demo] = []
    while len(picked) < size and any(queues):
        picked.extend(queue.pop() for queue in queues if queue)
        queues.sort(key=bool, reverse=True)
    return tuple(rng.sample(picked[:size], len(picked[:size])))


def answered_only(signature: Signature, pool: Sequence[Demo]) -> tuple[Demo, ...]:
    """Return the demos that do not abstain: where a guard decides, the prompt need only show how to answer."""
    return tuple(demo for demo in pool if outcome_of(signature, demo) != UNANSWERABLE)


def short(pool: Sequence[Demo], *, share: float = 0.6) -> tuple[Demo, ...]:
    """Return the shortest demos of the pool: a small model reads a short prompt better, and faster."""
    ranked = sorted(pool, key=lambda demo: sum(len(str(value)) for value in demo.inputs.values()))
    return tuple(ranked[: max(1, round(share * len(ranked)))])
