"""Limits hold, and a client that hangs up frees its slot."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from compiled_server import CompiledServer, ask, slots, wait_until

from cribsheet.errors import ContextOverflowError, ModelError, RefusedError, TransientError, UnreachableError
from cribsheet.models import Sampling
from cribsheet.models.scripted import ScriptedModel
from cribsheet.prompts import Prompt
from serve_toys import HeldModel

ROW = {"inputs": {"text": "lovely"}}


@pytest.fixture
def held() -> Iterator[HeldModel]:
    model = HeldModel()
    yield model
    model.go.set()


def test_who_may_not_wait_is_told_to_come_again(serve: Callable[..., CompiledServer], held: HeldModel) -> None:
    server = serve(model=held, queue=2)
    with ThreadPoolExecutor(3) as pool:
        waiting = [pool.submit(ask, server) for _ in range(3)]
        wait_until(lambda: slots(server) == (1, 2))
        refused = ask(server)
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "1")
        assert "1 request is being answered and 2 wait" in refused.json()["error"]["message"]
        held.go.set()
        assert [one.result().status_code for one in waiting] == [200] * 3
    wait_until(lambda: slots(server) == (0, 0))


def test_an_answer_that_takes_too_long_is_given_up(serve: Callable[..., CompiledServer], held: HeldModel) -> None:
    server = serve(model=held, timeout=0.2)
    late = ask(server)
    assert late.status_code == 408
    assert "within 0.2 seconds" in late.json()["error"]["message"]
    assert slots(server)[0] == 1  # the model is still busy with it
    held.go.set()
    wait_until(lambda: slots(server) == (0, 0))
    assert ask(server).status_code == 200


@pytest.mark.slow
def test_who_hangs_up_leaves_the_queue(serve: Callable[..., CompiledServer], held: HeldModel) -> None:
    server = serve(model=held, queue=1)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(ask, server)
        wait_until(lambda: slots(server) == (1, 0))
        for _ in range(20):
            with server.client() as client, pytest.raises(httpx.ReadTimeout):
                client.post("/v1/programs/toy", json=ROW, timeout=0.05)
            wait_until(lambda: slots(server) == (1, 0))
        held.go.set()
        assert first.result().status_code == 200
    assert len(held.calls) == 1
    wait_until(lambda: 'status="499"} 20.0' in server.get("/metrics").text)


def test_a_program_asks_nothing_more_once_its_client_hung_up(
    serve: Callable[..., CompiledServer], held: HeldModel
) -> None:
    server = serve(model=held)
    with server.client() as client, pytest.raises(httpx.ReadTimeout):
        client.post("/v1/programs/toy:batch", json={"inputs": [ROW["inputs"]] * 5}, timeout=0.1)
    wait_until(lambda: 'status="499"} 1.0' in server.get("/metrics").text)
    held.go.set()
    wait_until(lambda: slots(server) == (0, 0))
    assert len(held.calls) == 1


def test_rows_of_a_batch_keep_their_order_and_their_errors(serve: Callable[..., CompiledServer]) -> None:
    def answer(prompt: Prompt, sampling: Sampling) -> str:
        if "7" in prompt.full_text:
            raise ContextOverflowError("It is too long.")
        time.sleep(0.01 if "3" in prompt.full_text else 0)
        return " negative" if "5" in prompt.full_text else " positive"

    server = serve(model=ScriptedModel(answer, parallel=3), queue=0)
    reply = server.post("/v1/programs/toy:batch", {"inputs": [{"text": f"row {number}"} for number in range(10)]})
    told = [one.get("outputs", {}).get("sentiment") or one["error"]["type"] for one in reply.json()["answers"]]
    assert told == ["positive"] * 5 + ["negative", "positive", "prompt_refused", "positive", "positive"]


def test_a_row_of_a_batch_that_does_not_fit_is_named(server: CompiledServer) -> None:
    reply = server.post("/v1/programs/toy:batch", {"inputs": [{"text": "a"}, {"text": 1}]})
    assert reply.status_code == 422
    assert reply.json()["error"]["message"].startswith("inputs.1: text must be text")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (ContextOverflowError("Too long."), 422, "prompt_refused"),
        (RefusedError("A filter."), 422, "prompt_refused"),
        (UnreachableError("Nothing answers."), 503, "model_unreachable"),
        (TransientError("Busy."), 503, "model_failed"),
        (ModelError("Broken."), 502, "model_failed"),
        (ZeroDivisionError("s3cret"), 500, "internal_error"),
    ],
    ids=lambda value: str(value),
)
def test_errors_of_the_model_have_a_status_and_a_reason(
    serve: Callable[..., CompiledServer],
    error: Exception,
    status: int,
    kind: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(prompt: Prompt, sampling: Sampling) -> str:
        raise error

    server = serve(model=ScriptedModel(fail))
    reply = ask(server)
    assert (reply.status_code, reply.json()["error"]["type"]) == (status, kind)
    assert "s3cret" not in reply.text + caplog.text
    assert slots(server) == (0, 0)


def test_a_text_that_cannot_be_read_is_told_as_such(serve: Callable[..., CompiledServer]) -> None:
    reply = ask(serve(model=ScriptedModel(lambda prompt, sampling: " It depends")))
    assert (reply.status_code, reply.json()["error"]["type"]) == (502, "unreadable_completion")
