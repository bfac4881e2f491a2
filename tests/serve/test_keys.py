"""Keys are needed if there are any, and compared whole."""

from collections.abc import Callable
from pathlib import Path

import pytest
from compiled_server import CompiledServer

from cribsheet.errors import ServeError
from cribsheet.serve.keys import VARIABLE, read_keys

PATHS = ("/v1/programs", "/v1/models", "/api/tags", "/metrics", "/openapi.json", "/nix")


def test_without_keys_everyone_may_ask(server: CompiledServer) -> None:
    assert server.get("/v1/models", headers={"Authorization": "Bearer any"}).status_code == 200


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer on", "Bearer one two", "Basic one", "Bearer ONE", "one"]
)
def test_a_missing_or_wrong_key_is_refused(serve: Callable[..., CompiledServer], header: str | None) -> None:
    server = serve(keys=("one", "zwö"))
    headers = {"Authorization": header} if header is not None else {}
    replies = [server.get(path, headers=headers) for path in PATHS]
    replies.append(server.post("/v1/programs/toy", {"inputs": {"text": "x"}}, headers=headers))
    for reply in replies:
        assert (reply.status_code, reply.headers["WWW-Authenticate"]) == (401, "Bearer")
        assert "Authorization: Bearer KEY" in str(reply.json()["error"])


@pytest.mark.parametrize("header", [b"Bearer one", b"bearer one", "Bearer zwö".encode()])
def test_each_key_may_ask(serve: Callable[..., CompiledServer], header: bytes) -> None:
    server = serve(keys=("one", "zwö"))
    assert server.get("/v1/models", headers={"Authorization": header}).status_code == 200


def test_health_needs_no_key_and_readiness_tells_no_names_without_one(serve: Callable[..., CompiledServer]) -> None:
    server = serve(keys=("one",))
    assert server.get("/health").json() == {"status": "ok"}
    assert set(server.get("/ready").json()) == {"status"}
    assert set(server.get("/ready", headers={"Authorization": "Bearer one"}).json()) == {"status", "models", "files"}


def test_keys_come_from_a_file_and_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text("\ufeffone\n# ours\n\n two \n", encoding="utf-8")
    assert read_keys(file, {VARIABLE: "three\tfour"}) == ("one", "two", "three", "four")
    assert read_keys(None, {}) == ()


@pytest.mark.parametrize(("content", "reason"), [("# none\n", "has no key"), ("one two\n", "white space")])
def test_a_file_without_usable_keys_stops_the_start(tmp_path: Path, content: str, reason: str) -> None:
    file = tmp_path / "keys"
    file.write_text(content)
    with pytest.raises(ServeError, match=reason):
        read_keys(file, {})
    with pytest.raises(ServeError, match="cannot be read"):
        read_keys(tmp_path / "nix", {})
