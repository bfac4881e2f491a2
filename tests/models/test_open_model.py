import subprocess
import sys

import pytest
from ollama_server import OllamaServer
from openai_server import OpenAIServer

from cribsheet.errors import ModelError, UnknownModelError
from cribsheet.models import Sampling, open_model
from cribsheet.models.embedded import EmbeddedModel
from cribsheet.prompts import Message, Prompt

RAW = Prompt(text="Review: lovely\nSentiment:")
CHAT = Prompt(messages=(Message(role="user", content="Hello"),))


def test_embedded_names_run_in_the_process() -> None:
    model = open_model("embedded/smollm2-135m", context_window=1024)
    assert isinstance(model, EmbeddedModel)
    assert model.context_window == 1024
    assert model.endpoint == ""


@pytest.mark.parametrize("name", ["ollama_chat/smollm", "ollama/smollm"])
def test_ollama_names_reach_ollama_with_raw_prompts_too(written_ollama: OllamaServer, name: str) -> None:
    model = open_model(name, api_base=written_ollama.url, parallel=2, context_window=512, timeout=5)
    assert (model.name, model.parallel, model.context_window) == (name, 2, 512)
    assert model.endpoint == written_ollama.url
    assert model.complete(RAW, Sampling()).text == " positive"
    assert model.complete(CHAT, Sampling()).text == " positive"
    assert [request.path for request in written_ollama.requests] == ["/api/generate", "/api/chat"]


def test_other_names_reach_litellm(written_openai: OpenAIServer) -> None:
    model = open_model("openai/smollm", api_base=written_openai.url + "/v1")
    assert model.complete(RAW, Sampling()).text == " positive"
    assert [request.path for request in written_openai.requests] == ["/v1/completions"]


def test_served_models_are_asked_again_after_a_fault(written_ollama: OllamaServer) -> None:
    written_ollama.faults.append((503, {"error": "busy"}))
    model = open_model("ollama/smollm", api_base=written_ollama.url)
    assert model.complete(RAW, Sampling()).text == " positive"


@pytest.mark.parametrize("name", ["smollm", "", "/", " /smollm", "/smollm"])
def test_a_name_without_a_provider_is_refused_with_the_forms_that_work(name: str) -> None:
    with pytest.raises(UnknownModelError, match=r"embedded/\w+, ollama_chat/\w+, or openai/\w+ --api-base URL"):
        open_model(name)


@pytest.mark.parametrize("prefix", ["ollama", "ollama_chat", "openai", "systemone", "embedded", "hosted_vllm"])
@pytest.mark.parametrize("rest", ["/", "/ ", "//"])
def test_a_name_that_ends_at_the_slash_is_refused_with_what_to_write(prefix: str, rest: str) -> None:
    with pytest.raises(
        UnknownModelError, match=rf"'{prefix}{rest}' names no model after the slash\. Write {prefix}/NAME"
    ):
        open_model(prefix + rest, api_base=None)


def test_options_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ModelError, match="runs in this process"):
        open_model("embedded/smollm2-135m", api_base="http://127.0.0.1:9")
    with pytest.raises(ModelError, match="at least 1 but got 0"):
        open_model("ollama/smollm", parallel=0)


def test_opening_a_model_imports_nothing_heavy() -> None:
    script = (
        "import sys; from cribsheet.models import open_model; open_model('ollama/smollm'); "
        "open_model('openai/smollm', api_base='http://127.0.0.1:9/v1'); "
        "print([name for name in ('litellm', 'ollama', 'httpx', 'openai', 'tenacity', 'dspy') "
        "if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("name", ["embedded/smollm2-135m", "ollama/model", "openai/model"])
@pytest.mark.parametrize("window", [0, -5])
def test_a_window_without_tokens_is_refused(name: str, window: int) -> None:
    with pytest.raises(ModelError, match=f"context_window must be at least 1 token but got {window}"):
        open_model(name, context_window=window)
