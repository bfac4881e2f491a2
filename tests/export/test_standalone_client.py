"""The client of exported modules reads what the runtime's own models read, and says what goes wrong."""

import math
import socket
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from compiled_server import CompiledServer
from odd_replies import ODD, SPEAKING
from openai_server import OpenAIServer
from recording_server import HANG_UP, RecordingServer
from script_server import ScriptServer, told
from stand_in import StandIn, Switches
from stand_in_shapes import SHAPES, SOUND

from cribsheet.errors import ContextOverflowError, ModelError, TransientError, UnknownModelError, UnreachableError
from cribsheet.export.standalone.client import Client, connect
from cribsheet.export.standalone.program import Program
from cribsheet.export.standalone.server import ATTEMPTS
from cribsheet.frozen.running import direct_wiring
from cribsheet.models import Completion, Model, Sampling
from cribsheet.models.litellm import LiteLLMModel
from cribsheet.models.ollama import OllamaModel
from cribsheet.models.scripted import ScriptedModel
from cribsheet.prompts import Message, Prompt
from frozen_toys import toy_program, toy_prompt

RAW = Prompt(text="Text: superb\nSentiment:", stop=("\n",))
CHAT = Prompt(messages=(Message(role="user", content=RAW.text),), stop=("\n",))
DECIDES, WRITES = Sampling(max_tokens=1, top_logprobs=8), Sampling(max_tokens=8)


def client_of(
    url: str, model: str = "openai/model", *, window: int = 4096, timeout: float = 5.0, **options: str
) -> Client:
    prompt = toy_prompt()
    program = Program("toy", {"predict": prompt}, direct_wiring("predict", prompt.signature), model, "", window)
    client = connect(program, api_base=url, timeout=timeout, **options)  # type: ignore[arg-type]  # `api` is a literal
    client._sleep = lambda seconds: None
    return client


def read(model: Model | Client, prompt: Prompt, sampling: Sampling) -> object:
    completion = model.complete(prompt, sampling)
    return completion.model_copy(update={"usage": 0, "seconds": 0, "refused": ()})


@pytest.mark.parametrize("shape", SOUND)
@pytest.mark.parametrize("prompt", [RAW, CHAT], ids=["raw", "chat"])
def test_what_a_server_answers_reads_as_the_runtime_reads_it(shape: str, prompt: Prompt) -> None:
    with StandIn(Switches(shape=shape)) as server:
        for sampling in (DECIDES, WRITES):
            theirs = read(LiteLLMModel("openai/model", api_base=f"{server.url}/v1"), prompt, sampling)
            assert read(client_of(f"{server.url}/v1", api="openai"), prompt, sampling) == theirs
            theirs = read(OllamaModel("ollama_chat/model", api_base=server.url), prompt, sampling)
            assert read(client_of(server.url, api="ollama"), prompt, sampling) == theirs


@pytest.mark.parametrize("shape", [shape for shape in SHAPES if shape not in SOUND])
@pytest.mark.parametrize("api", ["openai", "ollama"])
def test_nonsense_is_an_error_of_ours_or_an_empty_text(shape: str, api: str) -> None:
    with StandIn(Switches(shape=shape)) as server:
        for prompt in (RAW, CHAT):
            with suppress(ModelError):
                text = client_of(server.url, api=api).complete(prompt, DECIDES).text
                assert text.strip("\ufffd ") in ("", "positive", "5")


@pytest.mark.parametrize("most", [20, 5, 0])
def test_fewer_log_probabilities_are_taken_where_a_server_grants_no_more(most: int) -> None:
    with StandIn(Switches(most_logprobs=most)) as server:
        completion = client_of(server.url, api="openai").complete(RAW, Sampling(max_tokens=1, top_logprobs=64))
    assert (completion.first_token is not None) == (most > 0)


@pytest.mark.parametrize("refused", ["seed", "stop", "temperature", "max_tokens"])
def test_a_parameter_that_is_refused_is_left_out(refused: str) -> None:
    with StandIn(Switches(refuses=frozenset({refused}))) as server:
        assert client_of(server.url, api="openai").complete(RAW, WRITES).text == " positive"


def test_the_server_says_which_api_it_has() -> None:
    def positive(prompt: Prompt, sampling: Sampling) -> Completion:
        return told(" positive", {}, sampling)

    for shape, path in (("ollama", "/api/generate"), ("openai", "/v1/completions")):
        for suffix in ("", "/v1"):
            with ScriptServer(positive, shape) as server:  # type: ignore[arg-type]  # it is one of the literals
                assert client_of(server.url + suffix).complete(RAW, WRITES).text == " positive"
                assert server.requests[-1].path == path


@pytest.mark.parametrize("api", [{}, {"api": "openai"}, {"api": "ollama"}])
def test_a_server_of_compiled_programs_is_not_taken_for_one_of_models(api: dict[str, str], tmp_path: Path) -> None:
    model = ScriptedModel(lambda prompt, sampling: Completion(text="positive"))
    with (
        CompiledServer({"toy": toy_program()}, model, tmp_path) as server,
        pytest.raises(ModelError, match=r"is `cribsheet serve`, which runs compiled programs, and this file is one"),
    ):
        client_of(server.address, "openai/toy", **api).complete(RAW, WRITES)


@pytest.mark.parametrize(
    "faults", [[(503, {"error": "Loading model"})] * 2, [(429, "slow down")] * 3, [(HANG_UP, "")] * 2, [(500, "oops")]]
)
def test_a_fault_that_passes_is_waited_for(faults: list[tuple[int, object]]) -> None:
    with StandIn() as server:
        client = client_of(server.url, api="openai")
        server.faults.extend(faults)
        assert client.complete(RAW, WRITES).text == " positive"


def test_a_fault_that_does_not_pass_is_told_after_some_attempts() -> None:
    with StandIn(Switches(loads=99)) as server:
        with pytest.raises(TransientError, match="failed with status 503: Loading model"):
            client_of(server.url, api="openai").complete(RAW, WRITES)
        assert server.completions == ATTEMPTS


def test_a_connection_that_was_idle_for_too_long_is_opened_anew() -> None:
    with StandIn() as server:
        client = client_of(server.url, api="openai")
        client.complete(RAW, WRITES)
        server.faults.append((HANG_UP, ""))
        client._sleep = _must_not_wait
        assert client.complete(RAW, WRITES).text == " positive"


def _must_not_wait(seconds: float) -> None:
    raise AssertionError("it waited")


FAILURES: dict[str, tuple[Switches, type[ModelError], str]] = {
    "window": (Switches(window=3), ContextOverflowError, "does not fit the context window"),
    "no raw prompts": (Switches(raw=404), UnknownModelError, "no model 'model', or no such path: status 404"),
    "hangs": (Switches(hangs_after=0), TransientError, "gave no answer within 0.2 seconds"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_what_goes_wrong_is_said(name: str) -> None:
    switches, kind, message = FAILURES[name]
    with StandIn(switches) as server, pytest.raises(kind, match=message):
        client_of(server.url, api="openai", timeout=0.2 if name == "hangs" else 5.0).complete(RAW, WRITES)


@pytest.mark.slow
def test_a_server_that_drips_is_left_after_the_time_of_one_request() -> None:
    def drip(connection: socket.socket, head: bytes) -> None:
        with connection, suppress(OSError):
            connection.recv(65536)
            connection.sendall(head)
            while True:
                time.sleep(0.05)
                connection.sendall(b" ")

    def serve(listener: socket.socket, head: bytes) -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=drip, args=(listener.accept()[0], head), daemon=True).start()

    for head in (b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n", b"HTTP/1.1 200 OK\r\nServer:", b""):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            threading.Thread(target=serve, args=(listener, head), daemon=True).start()
            client = client_of(f"http://127.0.0.1:{listener.getsockname()[1]}", api="openai", timeout=0.3)
            started = time.monotonic()
            with pytest.raises(TransientError, match=r"gave no answer within 0\.3 seconds"):
                client.complete(RAW, WRITES)
            assert time.monotonic() - started < ATTEMPTS * 0.3 + 1


@pytest.mark.parametrize("seconds", [0, -1, math.nan, math.inf, 1e10])
def test_a_time_that_no_request_can_take_is_refused(seconds: float) -> None:
    with pytest.raises(ModelError, match="The timeout must be more than 0 and at most 1000000 seconds but is"):
        client_of("http://127.0.0.1:9", api="openai", timeout=seconds)


class _Logprobs(RecordingServer):
    """Tells any JSON in place of a log-probability."""

    def __init__(self, logprob: object):
        super().__init__()
        self.logprob = logprob

    def answer(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, object]:
        one = {"token": " positive", "logprob": self.logprob, "bytes": list(b" positive"), "id": 1}
        entries = [{**one, "top_logprobs": [one]}]
        if path == "/api/generate":
            return 200, {"response": " positive", "logprobs": entries}
        return 200, {"choices": [{"text": " positive", "logprobs": {"content": entries}}]}


@pytest.mark.parametrize(
    "logprob", [10**400, -(10**400), math.nan, math.inf, "low", True, False, None, []], ids=lambda one: str(one)[:5]
)
@pytest.mark.parametrize(("api", "model"), [("ollama", "ollama/m"), ("openai", "openai/m"), ("openai", "embedded/m")])
def test_what_is_no_log_probability_is_not_used(logprob: object, api: str, model: str) -> None:
    with _Logprobs(logprob) as server:
        client = client_of(server.url, model, api=api)
        completion = client.complete(RAW, DECIDES)
    assert completion.text == " positive"
    assert (completion.first_token, completion.logprobs) == (None, None)


def llama_reply(*, told: bytes = b" positive", **further: object) -> dict[str, object]:
    """Return a reply of llama-server; `told` are the bytes of the first token among the alternatives."""
    one = {"token": " positive", "logprob": -0.1, "bytes": list(b" positive"), "id": 1}
    entry = {**one, "top_logprobs": [{**one, "bytes": list(told)}]}
    choice = {"text": " positive", "logprobs": {"content": [entry]}, "finish_reason": "stop"}
    return {"choices": [choice], **further}


COUNTS = ("many", [1], {"a": 1}, -1, 1.5, 10**400, True, None)


@pytest.mark.parametrize("count", COUNTS, ids=lambda one: str(one)[:5])
@pytest.mark.parametrize("model", ["openai/m", "embedded/m", "ollama/m"])
def test_what_is_no_count_of_tokens_is_no_obstacle(count: object, model: str) -> None:
    usages = [count, {"prompt_tokens": count, "completion_tokens": count}]
    usages += [{"prompt_tokens": 9, "prompt_tokens_details": details} for details in (count, {"cached_tokens": count})]
    for usage in usages:
        with StandIn() as server:
            counts = dict.fromkeys(("prompt_eval_count", "eval_count", "prompt_eval_cached_count"), count)
            is_ollama = model.startswith("ollama")
            reply = {"response": " positive", **counts} if is_ollama else llama_reply(usage=usage)
            server.faults.append((200, reply))
            client = client_of(server.url, model, api="ollama" if is_ollama else "openai")
            completion = client.complete(RAW, DECIDES)
        assert completion.text == " positive"
        assert completion.usage.prompt_tokens >= 0
        assert completion.usage.prompt_tokens + completion.usage.completion_tokens < 4096


def test_a_further_request_that_is_refused_is_told_as_the_first_would_be() -> None:
    with StandIn() as server:
        # The completion does not tell its first token, so that this is asked for.
        server.faults.extend([(200, llama_reply(told=b"\xff")), *[(400, {"error": "no logit_bias here"})] * 9])
        with pytest.raises(ModelError, match="refused the request with status 400: no logit_bias here"):
            client_of(server.url, "embedded/m", api="openai").complete(RAW, DECIDES)


@pytest.mark.parametrize("reply", [{}, {"tokens": None}, {"tokens": "ab"}, {"tokens": {"a": 1}}])
def test_what_llama_server_would_not_say_is_told(reply: object) -> None:
    with StandIn() as server:
        server.faults.append((200, reply))
        with pytest.raises(ModelError, match="/tokenize does not answer as llama-server does: "):
            client_of(server.url, "embedded/m", api="openai").complete(RAW.followed_by(5, "Ann"), WRITES)


def answered_raw(answer: bytes) -> ModelError:
    """Return the error for a server that answers each request with these bytes, and hangs up."""

    def serve(listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection = listener.accept()[0]
                with connection, suppress(OSError):
                    connection.recv(65536)
                    connection.sendall(answer)
                    connection.shutdown(socket.SHUT_WR)
                    while connection.recv(65536):  # if part of the request were left, the answer might get lost
                        pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        with pytest.raises(ModelError) as caught:
            client_of(f"http://127.0.0.1:{listener.getsockname()[1]}", api="openai").complete(RAW, WRITES)
    return caught.value


def test_an_answer_that_breaks_off_is_no_answer() -> None:
    error = answered_raw(b'HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{"choices": [{"te')
    assert isinstance(error, TransientError)
    assert "broke off: IncompleteRead(17 bytes read, 982 more expected)." in str(error)


@pytest.mark.parametrize("answer", [b"\x00\x1b[31m" * 999 + b"\r\n", b"\xff" * 60_000, b"SSH-2.0-OpenSSH\r\n"])
def test_an_answer_in_another_protocol_is_shown_on_one_short_line(answer: bytes) -> None:
    told = str(answered_raw(answer))
    assert "broke off: " in told
    assert told.isprintable()
    assert len(told) < 400


def test_a_key_is_sent_and_its_refusal_explained() -> None:
    with StandIn() as server:
        client = client_of(server.url, api="openai", api_key="secret")
        server.faults.append((401, {"error": {"message": "Incorrect API key"}}))
        with pytest.raises(ModelError, match=r"does not accept the key: Incorrect API key\. Set OPENAI_API_KEY"):
            client.complete(RAW, WRITES)


@pytest.mark.parametrize(("api", "variable"), [("openai", "OPENAI_API_KEY"), ("ollama", "OLLAMA_API_KEY")])
def test_a_server_that_expects_a_key_is_told_so(api: str, variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(variable, raising=False)
    with StandIn() as server:
        server.faults.append((401, ""))
        with pytest.raises(
            ModelError, match=rf"none was sent: it gave no reason\. Set {variable} or --api-key to its key"
        ):
            client_of(server.url, api=api).complete(RAW, WRITES)


@pytest.mark.parametrize("key", ["secret\nb", "secreté", "secret\ud800"])
def test_a_key_that_no_header_takes_is_said_without_it(key: str) -> None:
    with pytest.raises(ModelError, match=r"The key in --api-key cannot be sent") as caught:
        client_of("127.0.0.1:9", api="openai", api_key=key)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("api", ["openai", "ollama"])
def test_the_address_that_a_redirect_names_is_told(status: int, api: str) -> None:
    path = "/api/generate" if api == "ollama" else "/v1/completions"
    with StandIn() as server:
        server.faults.append((status, f"https://box.example{path}"))
        with pytest.raises(ModelError, match=r"to https://box\.example(/v1)?\. Give that address with --api-base"):
            client_of(server.url, api=api).complete(RAW, WRITES)


@pytest.mark.parametrize("body", [body for group in (SPEAKING, ODD) for body in group])
@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize("api", ["openai", "ollama"])
def test_whatever_the_body_of_an_error_is_one_short_line_shows_it(api: str, status: int, body: str) -> None:
    with StandIn() as server:
        server.faults.extend([(status, {**SPEAKING, **ODD}[body])] * 40)
        with pytest.raises(ModelError) as caught:
            client_of(server.url, api=api).complete(RAW, WRITES)
    assert len(str(caught.value)) < 700
    assert str(caught.value).isprintable()
    assert body in ODD or "out of memory" in str(caught.value)


@pytest.mark.parametrize("api", ["openai", "ollama"])
def test_an_error_with_the_status_of_a_success_tells_its_reason(api: str) -> None:
    with StandIn() as server:
        server.faults.append((200, {"error": {"message": "out of memory"}}))
        with pytest.raises(ModelError, match="answered with an error: out of memory"):
            client_of(server.url, api=api).complete(RAW, WRITES)


def test_an_answer_whose_error_is_null_is_an_answer() -> None:
    with StandIn() as server:
        server.faults.append((200, {"error": None, "choices": [{"text": " positive"}]}))
        assert client_of(server.url, api="openai").complete(RAW, WRITES).text == " positive"


def test_the_path_of_an_address_may_hold_any_character() -> None:
    with StandIn() as server, pytest.raises(UnknownModelError, match="no such path"):
        client_of(f"{server.url}/é b/v1", api="openai").complete(RAW, WRITES)
    assert server.requests[-1].path.startswith("/%C3%A9%20b/v1/")


def test_a_prompts_last_token_is_not_read_alone() -> None:
    with OpenAIServer(cached_tokens=6) as server:  # of 7
        client_of(server.url, "embedded/smollm2-135m", api="openai").complete(RAW, WRITES)
        bodies = [request.body for request in server.requests]
    assert [body["prompt"] == RAW.text for body in bodies] == [True, False, True, True]
    assert bodies[-1]["cache_prompt"] is False
    for model, cached in (("openai/model", 6), ("embedded/smollm2-135m", 4)):
        with OpenAIServer(cached_tokens=cached) as server:
            client_of(server.url, model, api="openai").complete(RAW, WRITES)
            assert len(server.requests) == 1


def test_a_server_that_is_down_is_said_to_be() -> None:
    with pytest.raises(UnreachableError, match=r"Nothing answers at http://127\.0\.0\.1:9/v1"):
        client_of("127.0.0.1:9", api="openai").complete(RAW, WRITES)


def test_ollama_gets_the_window_and_no_truncation() -> None:
    with StandIn() as server:
        client_of(server.url, "ollama_chat/qwen2.5:0.5b", window=2048).complete(CHAT, DECIDES)
        body = server.requests[-1].body
    assert (body["model"], body["truncate"], body["options"]["num_ctx"]) == ("qwen2.5:0.5b", False, 2048)
    assert (body["logprobs"], body["top_logprobs"]) == (True, 8)


@pytest.mark.parametrize(("variable", "model"), [("OPENAI_BASE_URL", "openai/model"), ("OLLAMA_HOST", "ollama/model")])
def test_the_environment_names_the_server(variable: str, model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with StandIn() as server:
        monkeypatch.setenv(variable, server.url)
        assert client_of("", model).complete(RAW, WRITES).text == " positive"
        assert server.requests[-1].body["model"] == "model"


def test_looking_up_a_hosts_name_counts_towards_the_time_out(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = threading.Event()

    def look_up(*_: object) -> None:
        slow.wait(5)
        raise OSError("no such host")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    began = time.monotonic()
    client = client_of("http://models.invalid:8080", api="openai", timeout=0.2)
    with pytest.raises(TransientError, match=r"gave no answer within 0\.2 seconds"):
        client.complete(RAW, WRITES)
    slow.set()
    assert time.monotonic() - began < 0.2 * (ATTEMPTS + 2)
