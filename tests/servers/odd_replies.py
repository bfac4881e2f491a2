"""Bodies of errors in many forms, and requests to a server of each kind that meet them."""

from configurations import CHAT
from recording_server import RecordingServer

from cribsheet.models import Model, Sampling
from cribsheet.models.litellm import LiteLLMModel
from cribsheet.models.ollama import OllamaModel
from cribsheet.models.systemone import SystemOneModel
from cribsheet.prompts import Option, Prompt, Question

PATHS = {
    "openai/model": "/v1/chat/completions",
    "hosted_vllm/model": "/v1/chat/completions",
    "ollama/model": "/api/chat",
    "systemone/model": "/v1/systemone",
}
"""Maps the name of a model of each kind to the path that it is asked at."""
SPEAKING = {
    "text": '"out of memory"',
    "list": '["out of memory"]',
    "lines": "out of\n memory.",
    "list in an object": '{"error": ["out of memory"]}',
    "object in a list": '[{"error": {"message": "out of memory"}}]',
    "byte order mark": b'\xef\xbb\xbf{"error": "out of memory"}',
}
ODD = {
    "not UTF-8": b'{"error": "out of m\xe9mory"}',
    "UTF-16": "out of memory".encode("utf-16"),
    "deep list": "[" * 100_000,
    "deep object": '{"error":' * 5000,
    "huge": f'{{"error": "out of memory {"x" * 3_000_000}"}}',
    "huge number": f'{{"error": {"9" * 5000}}}',
    "infinite number": '{"error": 1e999}',
    "half a character": '{"error": "out \\ud800 of memory"}',
    "web page": "<html><h1>Bad gateway</h1></html>",
}
SILENT = ("", "null", "{}", '{"error": null}', '{"error": ""}', " \n")

_CHOICE = Prompt(
    text="Text: superb",
    question=Question(
        type="choice", name="sentiment", instructions="Which?", options=(Option(word="good"), Option(word="bad"))
    ),
)


def ask(name: str, server: RecordingServer) -> None:
    """Ask a model of this name for a completion."""
    prompt = _CHOICE if name.startswith("systemone") else CHAT
    model_at(name, server).complete(prompt, Sampling(max_tokens=4))


def model_at(name: str, server: RecordingServer) -> Model:
    if name.startswith("systemone"):
        return SystemOneModel(name, api_base=server.url)
    if name.startswith("ollama"):
        return OllamaModel(name, api_base=server.url)
    return LiteLLMModel(name, api_base=f"{server.url}/v1")
