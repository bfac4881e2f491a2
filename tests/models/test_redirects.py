"""A server that sends its clients elsewhere is not followed, and the new address is named."""

import pytest
from configurations import CHAT, RAW
from odd_replies import PATHS, ask, model_at
from stand_in import StandIn

from cribsheet.errors import ModelError
from cribsheet.models import Sampling
from cribsheet.prompts import Prompt

STATUSES = [301, 302, 303, 307, 308]


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("name", PATHS)
def test_the_address_to_give_instead_is_named(name: str, status: int) -> None:
    base = "https://box.example" if name.startswith(("ollama", "systemone")) else "https://box.example/v1"
    with StandIn() as server:
        server.faults.append((status, f"https://me:secret@box.example{PATHS[name]}"))
        with pytest.raises(
            ModelError, match=rf"with status {status}: to {base}\. Give that address with --api-base\.$"
        ) as it:
            ask(name, server)
        assert "secret" not in str(it.value)
        assert len(server.requests) == 1


@pytest.mark.slow
@pytest.mark.parametrize("location", ["/login?next=chat", "//[::1", "http://[", "../x", "x" * 999, "ftp://a\x7f"])
@pytest.mark.parametrize("name", PATHS)
def test_any_other_address_is_shown(name: str, location: str) -> None:
    with StandIn() as server:
        server.faults.append((302, location))
        with pytest.raises(
            ModelError, match=r"sends its clients elsewhere, with status 302: to .* Check --api-base\.$"
        ) as it:
            ask(name, server)
    assert len(str(it.value)) < 400


@pytest.mark.parametrize("prompt", [RAW, CHAT], ids=["raw", "chat"])
@pytest.mark.parametrize("name", ["openai/model", "ollama/model"])
def test_a_redirect_that_names_no_address_is_an_error_like_others(name: str, prompt: Prompt) -> None:
    with StandIn() as server:
        server.faults.extend([(302, "")] * 9)
        with pytest.raises(ModelError, match="status 302"):
            model_at(name, server).complete(prompt, Sampling())
