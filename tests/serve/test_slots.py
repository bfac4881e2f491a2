"""Slots are given in order, and a wait that is cancelled leaves the queue."""

import asyncio

import pytest

from cribsheet.serve.refusals import Refusal
from cribsheet.serve.slots import Slots


def test_those_who_wait_get_slots_in_order() -> None:
    async def steps() -> list[int]:
        slots, order = Slots(1, queue=3), []

        async def work(number: int) -> None:
            await slots.take()
            order.append(number)
            await asyncio.sleep(0)
            slots.give()

        await asyncio.gather(*(work(number) for number in range(4)))
        assert (slots.taken, slots.waiting) == (0, 0)
        return order

    assert asyncio.run(steps()) == [0, 1, 2, 3]


def test_more_than_may_wait_are_refused_but_for_the_patient() -> None:
    async def steps() -> None:
        slots = Slots(1, queue=0)
        await slots.take()
        with pytest.raises(Refusal) as refused:
            await slots.take()
        assert refused.value.status == 429
        assert refused.value.headers["Retry-After"] == "1"
        patient = asyncio.ensure_future(slots.take(is_patient=True))
        await asyncio.sleep(0)
        assert slots.waiting == 1
        slots.give()
        await patient

    asyncio.run(steps())


def test_a_cancelled_wait_loses_no_slot() -> None:
    async def steps() -> None:
        slots = Slots(1, queue=2)
        await slots.take()
        first, second = (asyncio.ensure_future(slots.take()) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.sleep(0)
        assert slots.waiting == 1
        slots.give()  # the second has its slot now, but does not know yet
        second.cancel()
        await asyncio.wait([first, second])
        assert (slots.taken, slots.waiting) == (0, 0)

    asyncio.run(steps())
