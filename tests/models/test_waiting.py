"""Answers that never come can be given up."""

import threading
from collections.abc import Callable

import pytest
from configurations import CHAT, RAW
from stand_in import StandIn, Switches

from cribsheet.errors import AbandonedError
from cribsheet.models import Sampling, open_model
from cribsheet.models._waiting import Waiting
from cribsheet.models.retry import Retrying


def test_an_answer_comes_through_and_so_does_an_error() -> None:
    waiting = Waiting()
    assert waiting.for_answer(lambda: 5) == 5
    with pytest.raises(ZeroDivisionError):
        waiting.for_answer(lambda: 1 // 0)
    with pytest.raises(TimeoutError, match="its own"):
        waiting.for_answer(_raises_timeout)
    assert waiting.ages == []


def _raises_timeout() -> None:
    raise TimeoutError("its own")


def in_thread(work: Callable[[], object]) -> tuple[threading.Thread, list[object]]:
    results: list[object] = []

    def run() -> None:
        try:
            results.append(work())
        except AbandonedError as error:
            results.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread, results


def test_all_who_wait_are_let_go_and_so_is_who_asks_later() -> None:
    waiting, never = Waiting(), threading.Event()
    waiters = [in_thread(lambda: waiting.for_answer(never.wait)) for _ in range(3)]
    while len(waiting.ages) < 3:
        pass
    waiting.abandon()
    for thread, results in waiters:
        thread.join(10)
        assert [type(result) for result in results] == [AbandonedError]
    with pytest.raises(AbandonedError):
        waiting.for_answer(lambda: 5)
    never.set()


def test_a_pause_before_the_next_attempt_is_a_wait_too() -> None:
    waiting = Waiting()
    thread, _ = in_thread(lambda: waiting.sleep(60))
    while not waiting.ages:
        pass
    waiting.abandon()
    thread.join(10)
    assert (thread.is_alive(), waiting.ages) == (False, [])


@pytest.mark.parametrize("name", ["openai/model", "ollama/model"])
def test_a_server_that_hangs_does_not_hold_anybody(name: str) -> None:
    with StandIn(Switches(hangs_after=1)) as server:
        model = open_model(name, api_base=server.url + ("" if "ollama" in name else "/v1"), parallel=2)
        assert isinstance(model, Retrying)
        assert model.complete(RAW, Sampling()).text == " positive"
        waiters = [in_thread(lambda: model.complete(CHAT, Sampling())) for _ in range(5)]
        while len(model.under_way) < 2:
            pass
        model.abandon()
        for thread, results in waiters:
            thread.join(10)
            assert [type(result) for result in results] == [AbandonedError]
        model.close()


def test_a_pause_between_two_attempts_ends_too() -> None:
    with StandIn(Switches(loads=99)) as server:
        model = open_model("openai/model", api_base=f"{server.url}/v1")
        assert isinstance(model, Retrying)
        thread, results = in_thread(lambda: model.complete(CHAT, Sampling()))
        while not server.requests:
            pass
        model.abandon()
        thread.join(10)
        assert [type(result) for result in results] == [AbandonedError]
