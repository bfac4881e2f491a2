"""Servers that stand behind served models in these tests."""

from collections.abc import Iterator

import pytest
from engines import LlamaEngine, WrittenEngine
from ollama_server import OllamaServer
from openai_server import OpenAIServer

from cribsheet.models.embedded import EmbeddedModel


@pytest.fixture
def llama_engine(smollm: EmbeddedModel) -> LlamaEngine:
    """The embedded model, as an Ollama-API server uses it; after a fork its engine has another address."""
    return LlamaEngine(smollm.address)


@pytest.fixture
def ollama_server(llama_engine: LlamaEngine) -> Iterator[OllamaServer]:
    """Ollama's API in front of the embedded model."""
    with OllamaServer(llama_engine) as server:
        yield server


@pytest.fixture
def written_ollama() -> Iterator[OllamaServer]:
    """Ollama's API in front of a written answer, " positive"."""
    with OllamaServer(WrittenEngine()) as server:
        yield server


@pytest.fixture
def openai_server(smollm: EmbeddedModel) -> Iterator[OpenAIServer]:
    """The embedded model's own llama-server, with what was asked of it kept."""
    with OpenAIServer(smollm.address) as server:
        yield server


@pytest.fixture
def written_openai() -> Iterator[OpenAIServer]:
    """OpenAI's completion endpoints in front of a written answer, " positive"."""
    with OpenAIServer() as server:
        yield server
