"""Programs of several predictors, and of the user's own code, are served like others."""

from collections.abc import Callable
from pathlib import Path

import pytest
from compiled_server import CompiledServer

from cribsheet.workspace import new_workspace
from frozen_toys import toy_program, toy_prompt
from serve_toys import chain, mood

PROGRAM = """
import dspy
from cribsheet import Task, label_accuracy
from signatures.sentiment import Sentiment

class Odd(dspy.Module):
    def __init__(self):
        super().__init__()
        self.first = dspy.Predict(Sentiment)
        self.second = dspy.Predict(Sentiment)

    def forward(self, text):
        if text == "crash":
            raise SystemExit("s3cret")
        found = self.first(text=text)
        return dspy.Prediction(sentiment="positive" if found.sentiment == "negative" else "negative")

task = Task(Odd, metric=label_accuracy, trainset="toy.jsonl")
"""


def test_a_chain_answers_and_decides(serve: Callable[..., CompiledServer]) -> None:
    server = serve({"chain": chain()})
    inputs = {"question": "Where?", "context": "In Rome."}
    reply = server.post("/v1/programs/chain", {"inputs": inputs}).json()
    assert reply["outputs"] == {"mood": "positive", "said": "Rome"}
    assert reply["probability"] is None
    chat = {"model": "chain", "stream": False, "prompt": "question: Where?\ncontext: In Rome."}
    assert server.post("/api/generate", chat).json()["response"] == '{"mood": "positive", "said": "Rome"}'
    asked = {"mood": {"type": "choice", "criteria": {"positive": None, "negative": None}}}
    answers = server.post("/v1/systemone", {"model": "chain", "state": inputs, "questions": asked}).json()["answers"]
    assert answers["mood"]["probabilities"] == {"positive": pytest.approx(0.75), "negative": pytest.approx(0.25)}
    other = server.post("/v1/systemone", {"model": "chain", "state": inputs, "questions": {"any": asked["mood"]}})
    assert (other.status_code, "Name each question after one: mood, said" in other.text) == (422, True)


def test_a_program_of_the_users_own_code_answers(tmp_path: Path) -> None:
    workspace = new_workspace(tmp_path / "ws")
    (workspace.root / "programs" / "odd.py").write_text(PROGRAM)
    changes = {"task": "odd", "prompts": {"first": toy_prompt(), "second": toy_prompt()}, "wiring": None}
    program = toy_program().model_copy(update=changes)
    with CompiledServer({"odd": program}, mood(), tmp_path, workspace=workspace) as server:
        reply = server.post("/v1/programs/odd", {"inputs": {"text": "boring"}}).json()
        assert reply["outputs"] == {"sentiment": "positive"}
        crash = server.post("/v1/programs/odd", {"inputs": {"text": "crash"}})
        assert (crash.status_code, crash.json()["error"]["type"]) == (500, "program_failed")
        asked = {"any": {"type": "noul"}}
        decided = server.post("/v1/systemone", {"model": "odd", "state": "boring", "questions": asked})
        assert (decided.status_code, "does not support decisions" in decided.text) == (422, True)
