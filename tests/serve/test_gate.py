"""The log and the metrics tell what was done, and nothing of an input unless asked."""

import logging
from collections.abc import Callable

import pytest
from compiled_server import CompiledServer, wait_until

ROW = {"inputs": {"text": "a s3cret film"}}


@pytest.fixture(autouse=True)
def logged(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "cribsheet.serve")
    return caplog


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "cribsheet.serve"]


def test_the_log_has_a_line_for_each_request(
    serve: Callable[..., CompiledServer], logged: pytest.LogCaptureFixture
) -> None:
    server = serve()
    server.post("/v1/programs/toy", ROW)
    server.get("/s3cret?text=s3cret")
    server.post("/v1/programs/s3cret", ROW)
    wait_until(lambda: len(lines(logged)) >= 4)
    told = lines(logged)
    assert any(line.startswith("POST /v1/programs/{name} toy 200 ") for line in told)
    assert any(line.startswith("GET other - 404 ") for line in told)
    assert "s3cret" not in "\n".join(told)
    assert "s3cret" not in server.get("/metrics").text


def test_inputs_are_logged_if_asked(serve: Callable[..., CompiledServer], logged: pytest.LogCaptureFixture) -> None:
    serve(log_inputs=True).post("/v1/programs/toy", ROW)
    wait_until(
        lambda: 'toy {"inputs": {"text": "a s3cret film"}, "outputs": {"sentiment": "positive"}}' in lines(logged)
    )


def test_metrics_count_requests_outcomes_and_tokens(serve: Callable[..., CompiledServer]) -> None:
    server = serve()
    for text in ("boring", "lovely", "lovely"):
        server.post("/v1/programs/toy", {"inputs": {"text": text}})
    server.post("/v1/programs/toy", {"inputs": {}})
    wait_until(lambda: 'program="toy",status="422"' in server.get("/metrics").text)
    told = server.get("/metrics").text
    for line in (
        'cribsheet_requests_total{endpoint="/v1/programs/{name}",program="toy",status="200"} 3.0',
        'cribsheet_requests_total{endpoint="/v1/programs/{name}",program="toy",status="422"} 1.0',
        'cribsheet_outcomes_total{outcome="positive",output="sentiment",program="toy"} 2.0',
        'cribsheet_tokens_total{kind="completion",program="toy"} 3.0',
        'cribsheet_request_seconds_count{endpoint="/v1/programs/{name}"} 4.0',
        "cribsheet_slots_taken 0.0",
        'cribsheet_file_broken{program="toy"} 0.0',
    ):
        assert line in told.splitlines()
    assert "process_open_fds" in told


def test_balancers_may_ask_with_head(server: CompiledServer) -> None:
    with server.client() as client:
        for path in ("/", "/health", "/ready", "/api/version"):
            assert client.head(path).status_code == 200
