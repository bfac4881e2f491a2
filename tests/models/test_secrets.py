"""A key is read from the environment, and never shown."""

import pytest

from cribsheet.errors import ModelError
from cribsheet.export.standalone.client import connect
from cribsheet.export.standalone.program import Program
from cribsheet.frozen.running import direct_wiring
from cribsheet.models import Sampling, open_model
from cribsheet.models._secrets import key_from, usable_key
from cribsheet.prompts import Message, Option, Prompt, Question
from frozen_toys import toy_prompt

BAD = ("sk-se\ncret", "sk-se cret", "sk-séc", "sk-\x00", "钥匙")
CHAT = Prompt(messages=(Message(role="user", content="Hello"),))
CHOICE = Prompt(
    text="T",
    question=Question(type="choice", name="s", instructions="Which?", options=(Option(word="a"), Option(word="b"))),
)


@pytest.mark.parametrize("key", BAD)
@pytest.mark.parametrize(
    ("name", "variable"),
    [("openai/x", "OPENAI_API_KEY"), ("ollama_chat/x", "OLLAMA_API_KEY"), ("systemone/x", "SYSTEMONE_API_KEY")],
)
def test_a_key_that_no_header_takes_is_refused_unseen(
    name: str, variable: str, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "\x00" in key:
        pytest.skip("no variable of the environment can hold it")
    monkeypatch.setenv(variable, key)
    with pytest.raises(ModelError, match=f"{variable} has .* no HTTP header takes") as caught:
        open_model(name, api_base="http://127.0.0.1:9").complete(
            CHOICE if name.startswith("systemone") else CHAT, Sampling()
        )
    assert key not in str(caught.value)


@pytest.mark.parametrize("key", BAD)
def test_an_exported_module_refuses_such_a_key_too(key: str) -> None:
    prompt = toy_prompt()
    program = Program("toy", {"predict": prompt}, direct_wiring("predict", prompt.signature), "openai/x", "", 4096)
    with pytest.raises(ModelError, match="--api-key has") as caught:
        connect(program, api_base="http://127.0.0.1:9", api="openai", api_key=key)
    assert key not in str(caught.value)


def test_white_space_around_a_key_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_KEY", " sk-1\n")
    assert key_from("NO_KEY", "A_KEY") == usable_key("sk-1", source="x") == "sk-1"


def test_a_blank_variable_holds_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_KEY", " ")
    assert key_from("A_KEY") is None
