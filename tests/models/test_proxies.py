"""This machine is never reached through a proxy, and an error that a proxy caused names its variable."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from configurations import CHAT, RAW
from recording_server import RecordingServer
from stand_in import StandIn

from cribsheet.errors import ModelError
from cribsheet.models import Model, Sampling
from cribsheet.models.capabilities import Told
from cribsheet.models.litellm import LiteLLMModel
from cribsheet.models.ollama import OllamaModel

NAMES = ("openai/model", "hosted_vllm/model", "llamafile/model", "ollama/model")


class Proxy(RecordingServer):
    """Refuses to pass anything on, as a company's proxy does."""

    def answer(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, object]:
        return 502, "<html>Blocked by the proxy</html>"


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in ("http", "https", "all", "no"):
        for name in (f"{kind}_proxy", f"{kind}_proxy".upper()):
            monkeypatch.setenv(name, "")  # so that it is put back as it was, whoever sets it
            monkeypatch.delenv(name)


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with Proxy() as server:
        yield server


def model_at(name: str, address: str) -> OllamaModel | LiteLLMModel:
    kind = OllamaModel if name.startswith("ollama") else LiteLLMModel
    return kind(name, api_base=address + ("" if name.startswith("ollama") else "/v1"))


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_a_server_on_this_machine_is_reached_directly(
    name: str, variable: str, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, proxy.url)
    monkeypatch.setenv("NO_PROXY", "example.com")
    with StandIn() as server:
        model = model_at(name, server.url.replace("127.0.0.1", "localhost"))
        told = model.told()
        assert told is not None
        model.adopt(model.probe(told))
        assert model.complete(CHAT, Sampling()).text == "positive"
        assert model.complete(RAW, Sampling()).text == " positive"
    assert proxy.requests == []


@pytest.mark.parametrize("proxy_address", ["socks5://127.0.0.1:9", "no proxy at all", "http://127.0.0.1:9"])
@pytest.mark.parametrize("name", NAMES)
def test_a_proxy_that_is_of_no_use_does_not_matter_on_this_machine(
    name: str, proxy_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy_address)
    with StandIn() as server:
        assert model_at(name, server.url).complete(CHAT, Sampling()).text == "positive"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("HTTPS_PROXY", "http://[::1"),
        ("HTTP_PROXY", "ftp://x"),
        ("NO_PROXY", "http://[::1"),
        ("SSL_CERT_FILE", "/nowhere"),
    ],
)
@pytest.mark.parametrize("name", NAMES)
def test_a_variable_that_cannot_be_read_does_not_matter_on_this_machine(
    name: str, variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with StandIn() as server:
        model = model_at(name, server.url)
        assert model.told() is not None
        assert model.complete(CHAT, Sampling()).text == "positive"


@pytest.mark.parametrize(("variable", "value"), [("HTTPS_PROXY", "http://[::1"), ("NO_PROXY", "http://[::1")])
@pytest.mark.parametrize("name", NAMES)
def test_a_variable_that_does_not_apply_to_an_address_does_not_matter(
    name: str, variable: str, value: str, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    monkeypatch.setenv(variable, value)
    with pytest.raises(ModelError, match=f"through the proxy {proxy.url}"):
        model_at(name, "http://models.invalid:8080").complete(CHAT, Sampling())


@pytest.mark.parametrize("hosts", ["*", "a.example, *", "models.invalid", ".invalid", "models.invalid:1"])
@pytest.mark.parametrize("name", NAMES)
def test_a_host_of_no_proxy_needs_no_proxy_that_can_be_used(
    name: str, hosts: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", hosts)
    with pytest.raises(ModelError) as caught:
        model_at(name, "http://models.invalid:1").complete(CHAT, Sampling())
    assert "ALL_PROXY" not in str(caught.value)


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        (
            "NO_PROXY",
            "http://[::1",
            r"^NO_PROXY is 'http://\[::1', which cannot be read: Invalid port: ':1'\. Correct it",
        ),
        ("ALL_PROXY", "socks5://127.0.0.1:9", r"^The proxy that ALL_PROXY names cannot be used: .*, or unset it\.$"),
    ],
)
def test_a_variable_that_keeps_litellm_from_a_hosted_model_is_named(
    variable: str, value: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    with pytest.raises(ModelError, match=message):
        LiteLLMModel("openai/gpt-4o-mini", timeout=5).complete(CHAT, Sampling())


@pytest.mark.parametrize("name", NAMES)
def test_certificates_that_cannot_be_read_are_named_with_their_variable(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere")
    with pytest.raises(
        ModelError, match=r"^SSL_CERT_FILE is '/nowhere', where no certificates can be read.*unset it\.$"
    ):
        model_at(name, "https://127.0.0.1:9").complete(CHAT, Sampling())


@pytest.mark.slow
def test_certificates_that_litellm_cannot_read_are_named_with_their_variable(tmp_path: Path) -> None:
    path = tmp_path / "junk.pem"
    path.write_text("junk")
    source = "from cribsheet.models.litellm import import_litellm\nimport_litellm()"  # it is read at the first import
    run = subprocess.run(
        [sys.executable, "-c", source],
        env={**os.environ, "SSL_CERT_FILE": str(path)},
        capture_output=True,
        text=True,
        check=False,
    )
    last = run.stderr.strip().splitlines()[-1]
    assert last.startswith(f"cribsheet.errors.ModelError: SSL_CERT_FILE is '{path}', where no certificates can be read")


@pytest.mark.parametrize("name", NAMES)
def test_a_proxy_that_answers_for_a_server_is_named_without_its_password(
    name: str, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy.url.replace("//", "//me:secret@"))
    model: Model = model_at(name, "http://models.invalid:8080")
    with pytest.raises(ModelError) as caught:
        model.complete(CHAT, Sampling())
    assert proxy.requests
    assert f"through the proxy {proxy.url} that HTTP_PROXY names" in str(caught.value)
    assert "Add models.invalid to NO_PROXY" in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("user", "said"), [("", "expects a user name"), ("me:secret@", "does not accept the user name")]
)
def test_a_proxy_that_expects_a_password_says_so(
    name: str, user: str, said: str, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy.url.replace("//", f"//{user}"))
    proxy.faults.extend([(407, "<html>Proxy Authentication Required</html>")] * 9)
    with pytest.raises(ModelError, match=rf"The proxy http://127.* {said}.* HTTP_PROXY .*USER:PASSWORD@") as caught:
        model_at(name, "http://models.invalid:8080").complete(CHAT, Sampling())
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("name", NAMES)
def test_a_proxy_that_sends_its_clients_elsewhere_is_named(
    name: str, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    proxy.faults.extend([(302, "http://login.invalid/")] * 9)
    with pytest.raises(ModelError, match=r"to http://login\.invalid/.*the proxy .* that HTTP_PROXY names"):
        model_at(name, "http://models.invalid:8080").complete(CHAT, Sampling())


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("proxy_address", ["http://127.0.0.1:9", "socks5://127.0.0.1:9", "no proxy at all"])
def test_a_proxy_that_cannot_be_used_is_named(name: str, proxy_address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", proxy_address)
    model = model_at(name, "http://models.invalid:8080")
    with pytest.raises(ModelError, match=r"http_proxy.*NO_PROXY"):
        model.complete(CHAT, Sampling())
    with pytest.raises(ModelError, match=r"http_proxy.*NO_PROXY"):
        model.probe(model.told() or Told())


def test_no_proxy_is_heeded(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    monkeypatch.setenv("NO_PROXY", "models.invalid")
    with pytest.raises(ModelError) as caught:
        model_at("openai/model", "http://models.invalid:8080").complete(CHAT, Sampling())
    assert "HTTP_PROXY" not in str(caught.value)
    assert proxy.requests == []


def test_where_no_proxy_is_named_the_environment_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    before = dict(os.environ)
    LiteLLMModel("openai/x", api_base="http://127.0.0.1:9/v1")
    assert dict(os.environ) == before
