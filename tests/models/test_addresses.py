"""An address leads where Ollama's own client would go, or is refused in one sentence."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from ollama._client import _parse_host

from cribsheet.errors import AddressError
from cribsheet.models import open_model
from cribsheet.models.addresses import is_this_machine, read_address
from cribsheet.models.litellm import LiteLLMModel
from cribsheet.models.ollama import OllamaModel

SCHEMES = st.sampled_from(["", "http://", "https://"])
HOSTS = st.sampled_from(
    ["", "localhost", "127.0.0.1", "0.0.0.0", "my-box.local", "Example.COM", "10.1.2.3", "[::1]", "[1:2::3]"]
)
PORTS = st.sampled_from(["", ":", ":1", ":0", ":8080", ":65535"])
PATHS = st.sampled_from(["", "/", "/api", "/a/b/", "//", "/v1/"])


@given(SCHEMES, HOSTS, PORTS, PATHS)
def test_every_form_leads_where_ollamas_client_goes(scheme: str, host: str, port: str, path: str) -> None:
    text = scheme + host + port + path
    assume("://" not in text.removeprefix(scheme))  # no form that anyone writes
    if scheme and text == scheme:  # which that client takes for a host of the name http
        with pytest.raises(AddressError):
            read_address(text, dialect="ollama", source="OLLAMA_HOST")
        return
    assert read_address(text, dialect="ollama", source="OLLAMA_HOST") == _parse_host(text)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("  127.0.0.1:1234\n", "127.0.0.1:1234"),
        ('"localhost"', "localhost"),
        (" 'http://box:1' ", "http://box:1"),
        ("::1", "[::1]"),
        ("fe80::1%eth0", "[fe80::1%eth0]"),
        ("http://::1/api", "http://[::1]/api"),
        (" ", ""),
    ],
)
def test_blanks_quotes_and_brackets_that_are_missing_make_no_difference(text: str, meant: str) -> None:
    assert read_address(text, dialect="ollama", source="OLLAMA_HOST") == _parse_host(meant)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("localhost:8080/v1/", "http://localhost:8080/v1"),
        ("https://api.example.com/v1", "https://api.example.com/v1"),
        ("::1", "http://[::1]"),
        ("[::1]:8080/v1", "http://[::1]:8080/v1"),
        (":8080/v1", "http://127.0.0.1:8080/v1"),
    ],
)
def test_an_openai_compatible_server_has_no_port_of_its_own(text: str, address: str) -> None:
    assert read_address(text, dialect="openai", source="--api-base") == address
    assert LiteLLMModel("openai/x", api_base=text).endpoint == address


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("http://", "names no host"),
        ("ftp://host", "begins with 'ftp://'"),
        ("://host", "begins with '://'"),
        ("http:/host", "'http' is a scheme, not a host name"),
        ("host:http", "its port 'http'"),
        ("host:99999", "its port '99999'"),
        ("host:-1", "its port '-1'"),
        ("host:１２", "its port '１２'"),
        ("1::2:11434:x", "needs brackets"),
        ("[::1", "brackets"),
        ("[1::2::3]", "IPv6"),
        ("my host", "' ' cannot be part"),
        ("a..b", "'a..b' is not a host name"),
        ("x" * 64, "is not a host name"),
        ("*", "'*' cannot be part"),
        ("http://999.1.1.1/v1", "'999.1.1.1' is not an IPv4 address"),
        ("http://１２７.0.0.1:8080", "'127.0.0.1' may be meant"),
        ("localhost:18765:", "more than one port: '18765:'"),
        ("http:\\\\host:1", "is a scheme, not a host name"),
        ("http:127.0.0.1:18765/v1", "'http' is a scheme, not a host name, and ':' after it is not '://'"),
    ],
)
def test_what_is_no_address_is_said_with_its_source_its_value_and_an_example(
    text: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_HOST", text)
    with pytest.raises(AddressError) as caught:
        OllamaModel("ollama/x")
    assert str(caught.value).startswith(f"OLLAMA_HOST is {text!r}, which is not the address of a server: ")
    assert reason in str(caught.value)
    assert str(caught.value).endswith("Write it like 127.0.0.1:11434.")
    with pytest.raises(AddressError, match=r"^--api-base is .* Write it like http://127\.0\.0\.1:9931/v1\.$"):
        LiteLLMModel("openai/x", api_base=text)


@given(st.text('ab1.:/@[]%?# é1\n"*-_\\', max_size=20))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    try:
        address = read_address(text, dialect="ollama", source="OLLAMA_HOST")
    except AddressError:
        return
    assert address.startswith(("http://", "https://"))


@pytest.mark.parametrize("name", ["openai/x", "ollama/x", "systemone/x", "hosted_vllm/x"])
@pytest.mark.parametrize(
    "host",
    [
        *(
            "☃.net",
            "ℌ.com",
            "a\u200bb.com",
            "١.com",
            "é-.com",
            "_é.com",
            "😀.com",
            "xn--.com",
            "xn--a",
            "xn--zzzzzz.com",
        ),
        *("a..b", ".a", f"{'x' * 64}.com", f"{'é' * 60}.com", "[fe80::1%é]"),
    ],
)
def test_a_host_name_that_httpx_refuses_is_no_address(name: str, host: str) -> None:
    with pytest.raises(
        AddressError, match=r"^--api-base is .*, which is not the address of a server: .* Write it"
    ) as it:
        open_model(name, api_base=f"http://{host}:8080")
    assert "proxy" not in str(it.value)
    assert "\n" not in str(it.value)


@pytest.mark.parametrize("host", ["bücher.example", "faß.example", "xn--bcher-kva.example", "παράδειγμα.example"])
def test_a_host_name_of_another_script_is_an_address(host: str) -> None:
    assert OllamaModel("ollama/x", api_base=host).endpoint == f"http://{host}:11434"


@pytest.mark.parametrize("text", ["http://host/v1\x00", "http://ho\nst/v1", "http://host/\udcff", "http://host/a\x7fb"])
def test_what_no_request_can_hold_is_no_address(text: str) -> None:
    with pytest.raises(AddressError, match="cannot be part of an address"):
        LiteLLMModel("openai/x", api_base=text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("http://host:0/v1", "its port '0'"),
        ("https://host/v1?api-version=2026-01-01", r"'\?api-version=2026-01-01', which would not be sent"),
        ("http://host/v1#x", "'#x', which would not be sent"),
    ],
)
def test_no_part_of_an_address_is_dropped_without_a_word(text: str, reason: str) -> None:
    with pytest.raises(AddressError, match=reason):
        LiteLLMModel("openai/x", api_base=text)


@pytest.mark.parametrize("name", ["openai/x", "ollama/x", "systemone/x", "embedded/smollm2-135m"])
@pytest.mark.parametrize("text", ["", "  "])
def test_an_empty_address_is_refused(name: str, text: str) -> None:
    with pytest.raises(AddressError, match=r"--api-base is .* which is empty.* leave the option out"):
        open_model(name, api_base=text)


def test_a_password_is_not_taken_into_an_address_that_frozen_files_show() -> None:
    with pytest.raises(AddressError, match="which a frozen file would show"):
        LiteLLMModel("openai/x", api_base="http://me:secret@host/v1")


def test_the_variable_of_an_address_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://")
    with pytest.raises(AddressError, match=r"^OPENAI_BASE_URL is"):
        LiteLLMModel("openai/x")
    monkeypatch.setenv("HOSTED_VLLM_API_BASE", "http://")
    with pytest.raises(AddressError, match=r"^HOSTED_VLLM_API_BASE is"):
        LiteLLMModel("hosted_vllm/x")


@pytest.mark.parametrize(
    ("host", "is_local"),
    [
        *((host, True) for host in ("localhost", "a.localhost", "127.0.0.1", "127.9.9.9", "127.1", "0.0.0.0")),
        *((host, True) for host in ("[::1]", "[::]", "[::ffff:127.0.0.1]", "LOCALHOST")),
        *((host, False) for host in ("10.0.0.1", "example.com", "localhost.com", "[1::2]", "127.0.0.1.example.com")),
    ],
)
def test_this_machine_is_known_by_all_its_names(host: str, is_local: bool) -> None:
    assert is_this_machine(f"http://{host}:8080/v1") is is_local
