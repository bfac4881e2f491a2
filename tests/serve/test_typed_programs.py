"""A program with lists, records and dates is served with its types."""

import json
from collections.abc import Callable

from compiled_server import CompiledServer

from cribsheet.frozen import Decoding
from cribsheet.layout.catalogue import layout_named
from cribsheet.models.scripted import ScriptedModel
from export_cases import SIGNATURES, TYPED, program_of, prompt_of

ASKED = {"text": "Ann is 3.", "known": [{"name": "Bob", "age": None}]}
SAID = ' [{"name": "Ann", "age": 3}]\nTags: ["new", "old"]\nBorn: unanswerable'
FOUND = {"people": [{"name": "Ann", "age": 3}], "tags": ["old", "new"], "born": None}


def test_a_typed_program_is_described_and_answers_each_client(serve: Callable[..., CompiledServer]) -> None:
    prompt = prompt_of(layout_named("plain"), TYPED, SIGNATURES["typed"][1], decoding=Decoding(max_tokens=90))
    server = serve({"typed": program_of(prompt)}, ScriptedModel({"Ann is 3.": SAID}))
    reply = server.post("/v1/programs/typed", {"inputs": ASKED}).json()
    assert reply["outputs"] == FOUND
    assert reply["outcomes"] == {"people": "answered", "tags": "answered", "born": "unanswerable"}
    wrong = server.post("/v1/programs/typed", {"inputs": ASKED | {"known": [{"name": "Bob", "age": "old"}]}})
    assert wrong.status_code == 422
    assert "known [0] has a wrong age: it must be a whole number" in wrong.json()["error"]["message"]

    paths = server.get("/openapi.json").json()["paths"]["/v1/programs/typed"]["post"]
    inputs = paths["requestBody"]["content"]["application/json"]["schema"]["properties"]["inputs"]
    assert inputs["required"] == ["text", "known"]
    assert inputs["properties"]["known"]["items"]["properties"]["age"]["anyOf"][1] == {"type": "null"}

    message = {"role": "user", "content": json.dumps(ASKED)}
    chat = server.post("/v1/chat/completions", {"model": "typed", "messages": [message]}).json()
    assert json.loads(chat["choices"][0]["message"]["content"]) == FOUND
