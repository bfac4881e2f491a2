"""A key is asked for if a server expects one, and it is never shown."""

import pytest
from odd_replies import PATHS, ask
from stand_in import StandIn

from cribsheet.errors import ModelError
from cribsheet.models._api_keys import checked_key

VARIABLES = {
    "openai/model": "OPENAI_API_KEY",
    "hosted_vllm/model": "HOSTED_VLLM_API_KEY",
    "ollama/model": "OLLAMA_API_KEY",
    "systemone/model": "SYSTEMONE_API_KEY",
}


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in VARIABLES.values():
        monkeypatch.delenv(variable, raising=False)


def refusal(name: str, status: int, words: str) -> str:
    with StandIn() as server:
        server.faults.append((status, {"error": words}))
        with pytest.raises(ModelError) as caught:
            ask(name, server)
    return str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize("name", PATHS)
def test_a_server_that_expects_a_key_is_told_so_with_the_variable(name: str) -> None:
    said = refusal(name, 401, "no key")
    assert said.endswith(f"expects a key, but none was sent: no key. Set {VARIABLES[name]} to its key.")
    said = refusal(name, 403, "forbidden")
    assert f"refused access with status 403: forbidden. If it expects a key, set {VARIABLES[name]}. Otherwise" in said


@pytest.mark.parametrize("name", PATHS)
def test_a_key_that_the_server_repeats_is_not_shown(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLES[name], "sk-123456789")
    said = refusal(name, 401, "wrong key sk-123456789")
    assert f"does not accept the key: wrong key …. Set {VARIABLES[name]} to a key that it accepts." in said


@pytest.mark.parametrize(
    ("key", "what"), [("sk-secret\nb", "a line break"), ("sk-secreté", "not ASCII"), (" sk-secret", "a space")]
)
@pytest.mark.parametrize("name", PATHS)
def test_a_key_that_no_header_takes_is_said_without_it(
    name: str, key: str, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLES[name], key)
    with (
        StandIn() as server,
        pytest.raises(ModelError, match=f"The key in {VARIABLES[name]} cannot be sent.*{what}") as it,
    ):
        ask(name, server)
    assert "secret" not in str(it.value)


@pytest.mark.parametrize("key", ["sk-abc_DEF.123", "a+b/c==", "~!x"])
def test_a_usual_key_is_taken(key: str) -> None:
    assert checked_key(key, source="OPENAI_API_KEY") == key
