"""Whatever the body of an error is, its words are shown, and a body without words is said to give no reason."""

import pytest
from odd_replies import ODD, PATHS, SILENT, SPEAKING, ask
from stand_in import StandIn

from cribsheet.errors import ModelError


def message(name: str, status: int, body: str | bytes) -> str:
    with StandIn() as server:
        server.faults.extend([(status, body)] * 40)
        with pytest.raises(ModelError) as caught:
            ask(name, server)
    return str(caught.value)


@pytest.mark.parametrize("body", SPEAKING)
@pytest.mark.parametrize("status", [400, 401, 503])
@pytest.mark.parametrize("name", PATHS)
def test_the_words_are_found(name: str, status: int, body: str) -> None:
    assert ": out of memory. " in message(name, status, SPEAKING[body]) + " "


@pytest.mark.slow
@pytest.mark.parametrize("body", ODD)
@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize("name", PATHS)
def test_an_odd_body_is_shown_in_short_on_one_line(name: str, status: int, body: str) -> None:
    said = message(name, status, ODD[body])
    assert len(said) < 700
    assert said.isprintable()


@pytest.mark.slow
@pytest.mark.parametrize("body", SILENT)
@pytest.mark.parametrize("status", [400, 401, 403, 500])
@pytest.mark.parametrize("name", PATHS)
def test_a_body_without_words_gives_no_reason(name: str, status: int, body: str) -> None:
    assert "it gave no reason." in message(name, status, body)


@pytest.mark.slow
@pytest.mark.parametrize("body", ['{"error": {"message": "out of memory", "code": 5}}', '{"detail": "out of memory"}'])
@pytest.mark.parametrize("name", PATHS)
def test_an_error_with_the_status_of_a_success_tells_its_reason(name: str, body: str) -> None:
    assert "answered with an error" in message(name, 200, body)
    assert "out of memory" in message(name, 200, body)
