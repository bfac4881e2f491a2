"""`doctor --model` shows what a server can do; bad addresses are one sentence."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from decision_server import DecisionServer
from stand_in import StandIn, Switches

Run = Callable[..., Result]


def flat(text: str) -> str:
    return " ".join(text.split())


def test_it_shows_what_a_server_can_do_and_what_it_refuses(run: Run) -> None:
    refused = frozenset({"seed", "stop"})
    with StandIn(Switches(refuses=refused, raw=405, telling="vllm", tokenizer="vllm", window=2048)) as server:
        result = run("doctor", "--model", "openai/model", "--api-base", f"{server.url}/v1")
    assert result.exit_code == 0
    said = flat(result.stdout)
    for wanted in (
        f"address {server.url}/v1",
        "context window 2048",
        "chats yes; 3 log-probabilities; takes max_tokens, temperature, n, logit_bias; refuses or ignores seed, stop, "
        "grammar, response_format",
        "raw completions no: ",
        "status 405",
        "tokenizer asked at /tokenize, as vllm has it",
        "root org/model-a",
    ):
        assert wanted in said
    assert "Note: openai/model completes no raw prompts" in result.stderr


def test_it_is_there_for_machines_too(run: Run) -> None:
    with StandIn(Switches(telling="digest")) as server:
        report = json.loads(run("doctor", "--model", "ollama/model", "--api-base", server.url, "--json").stdout)
    assert report["model"] == "ollama/model"
    assert report["digest"].startswith("sha256:")
    assert report["capabilities"]["raw"]["works"]
    assert report["capabilities"]["chat"]["granted"] == {
        "logprobs": 20,
        "seed": 1,
        "temperature": 1,
        "stop": 4,
        "format": 0,
    }


def test_a_decision_model_is_asked_to_decide(run: Run) -> None:
    with DecisionServer(lambda state, asked, options: [0.75, 0.25]) as server:
        result = run("doctor", "--model", "systemone/decider", "--api-base", server.url)
    assert result.exit_code == 0
    assert [request.path for request in server.requests].count("/v1/systemone") == 1
    said = flat(result.stdout)
    assert "decisions yes; a probability for each option" in said
    assert "chats no: it writes no text" in said


def test_a_server_without_decisions_is_found_out(run: Run) -> None:
    with StandIn() as server:
        result = run("doctor", "--model", "systemone/decider", "--api-base", server.url)
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"{server.url} answers neither /v1/systemone nor /v1/decisions" in flat(result.stderr)


def test_it_asks_anew_and_keeps_the_answer_for_compiles(run: Run, folder: Path) -> None:
    with StandIn(Switches(refuses=frozenset({"seed"}))) as server:
        ask = ("doctor", "--model", "openai/model", "--api-base", f"{server.url}/v1", "--json")
        assert json.loads(run(*ask).stdout)["capabilities"]["chat"]["granted"]["seed"] == 0
        server.switches = Switches()
        assert json.loads(run(*ask).stdout)["capabilities"]["chat"]["granted"]["seed"] == 1


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--model", "openai/x", "--api-base", "http://[::1"), "--api-base is 'http://[::1', which is not the address"),
        (("--model", "ollama/x", "--api-base", "h:99999"), "--api-base is 'h:99999', which is not the address"),
        (("--model", "openai/x", "--api-base", "http://127.0.0.1:9/v1"), "Nothing answers at http://127.0.0.1:9/v1"),
        (("--model", "nobody"), "does not say who runs it"),
        (("--api-base", "http://127.0.0.1:9"), "--api-base needs a model"),
    ],
)
def test_what_is_wrong_is_one_sentence(run: Run, args: tuple[str, ...], message: str) -> None:
    result = run("doctor", *args)
    assert result.exit_code in (1, 2)
    assert message in flat(result.stderr)
    assert "Traceback" not in result.stderr


def test_a_key_that_cannot_be_sent_is_a_sentence_in_the_checks(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_API_KEY", "secret\nkey")
    result = run("doctor", "--json")
    assert result.exit_code == 0
    [check] = [check for check in json.loads(result.stdout)["checks"] if check["name"] == "ollama server"]
    assert check["mend"].startswith("The key in OLLAMA_API_KEY cannot be sent")
    assert "secret" not in result.stdout


@pytest.mark.parametrize("value", ["http://[::1", "my host", "h:http", "ftp://h"])
def test_a_bad_ollama_host_is_a_sentence_in_the_checks(run: Run, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_HOST", value)
    result = run("doctor", "--json")
    assert result.exit_code == 0
    [check] = [check for check in json.loads(result.stdout)["checks"] if check["name"] == "ollama server"]
    assert check["mend"].startswith(f"OLLAMA_HOST is {value!r}, which is not the address of a server")


@pytest.mark.model
def test_the_embedded_model_has_everything(run: Run) -> None:
    said = flat(run("doctor", "--model", "embedded/smollm2-135m").stdout)
    assert "raw completions yes; any number of log-probabilities" in said
