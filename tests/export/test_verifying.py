"""Verifying runs what the written file says, not what the frozen prompt would render."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from recording_server import RecordingServer

from cribsheet.corrections import Calibration
from cribsheet.errors import ExportError, FrozenFileError, ModelError
from cribsheet.export import TARGETS, Source
from cribsheet.export.verifying import VERIFIERS, verifier_of
from cribsheet.frozen import Decoding, FrozenPrompt
from cribsheet.frozen.running import prompt_text
from cribsheet.layout.catalogue import layout_named
from cribsheet.models import Completion, Sampling
from cribsheet.models.scripted import ScriptedModel
from cribsheet.prompts import Prompt
from deployments import answers, outputs, written
from export_cases import MIXED, SIGNATURES, prompt_of
from frozen_toys import toy_program, toy_prompt
from toys import SENTIMENT

ROWS = [{"text": "Superb {{text}}."}, {"text": "Dull."}]


class Replies(RecordingServer):
    """Says one text, in the form of any endpoint of an OpenAI-compatible server."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text

    def answer(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, object]:
        if path == "/completion":
            return 200, {"content": self.text}
        said = {"message": {"content": self.text}} if "messages" in body else {"text": self.text}
        return (200, {"choices": [said]}) if method == "POST" else (404, {})

    def prompts(self) -> list[Prompt]:
        bodies = [request.body for request in self.requests if request.method == "POST"]
        return [Prompt(text=body.get("prompt", ""), messages=body.get("messages", ())) for body in bodies]


@pytest.mark.parametrize("target", ["openai", "llamacpp"])
@pytest.mark.parametrize("layout", ["plain", "message", "chat"])
def test_the_requests_are_the_frozen_prompt(target: str, layout: str, tmp_path: Path) -> None:
    program = toy_program(toy_prompt(layout=layout))
    with Replies(" positive\n") as server:
        found = answers(written(program, target, tmp_path), target, ROWS, server)
    assert [outputs(run) for run in found] == [{"sentiment": "positive"}] * 2
    expected = [prompt_text(program.prompts["predict"], row) for row in ROWS]
    assert server.prompts() == [prompt.model_copy(update={"stop": ()}) for prompt in expected]


@pytest.mark.slow
@pytest.mark.parametrize("target", ["openai", "llamacpp", "python"])
def test_what_is_in_the_file_is_what_is_sent(target: str, tmp_path: Path) -> None:
    deployment = written(toy_program(toy_prompt(layout="instructed")), target, tmp_path)
    deployment.path.write_text(deployment.text().replace("Say whether", "Tell me whether"))
    with Replies(" positive") as server:
        answers(deployment, target, ROWS[:1], server)
    assert server.prompts()[-1].text.startswith("Tell me whether the text is")


def test_a_template_is_rendered_from_the_file(tmp_path: Path) -> None:
    deployment = written(toy_program(), "jinja", tmp_path)
    good, bad = answers(deployment, "jinja", ROWS)
    assert outputs(good) == {"sentiment": "positive"}
    assert "neither" in str(outputs(bad))
    deployment.path.write_text("Superb, whatever the {{ text }}")
    assert [outputs(run) for run in answers(deployment, "jinja", ROWS)] == [{"sentiment": "positive"}] * 2
    deployment.path.unlink()
    with pytest.raises(FrozenFileError, match=r"it\.jinja cannot be read"):
        answers(deployment, "jinja", ROWS)


@pytest.mark.slow
@pytest.mark.parametrize("target", ["openai", "jinja", "python"])
@pytest.mark.parametrize("kind", ["mixed", "grounded_qa"])
def test_inputs_and_outputs_of_any_kind_are_written_and_read(target: str, kind: str, tmp_path: Path) -> None:
    signature, _, inputs = SIGNATURES[kind]
    program = toy_program(prompt_of(layout_named("plain"), signature, ()))
    deployment = written(program, target, tmp_path)
    said = " yes\nTotal: unanswerable" if signature is MIXED else " unanswerable"
    sent: list[Prompt] = []

    def answer(prompt: Prompt, sampling: Sampling) -> Completion:
        sent.append(prompt)
        return Completion(text=said)

    model = ScriptedModel(answer, name="scripted/student")
    deployment = replace(deployment, open_model=lambda: model)
    with Replies(said) as server:
        (run,) = answers(deployment, target, [inputs], None if target == "jinja" else server)
    assert not isinstance(outputs(run), str)
    sent += server.prompts()
    assert sent[0].text == prompt_text(program.prompts["predict"], inputs).text


def test_one_biased_token_is_read_as_the_outcome(tmp_path: Path) -> None:
    decoding = Decoding(decide_by="logprobs", max_tokens=4, top_logprobs=30)
    biased = Calibration(biases={"negative": 0.5, "positive": -0.5}, logit_bias={"3524": 30.0, "2731": 31.0})
    prompt = prompt_of(layout_named("plain"), SENTIMENT, (), decoding=decoding).with_corrections(biased)
    with Replies(" Negative") as server:
        (run,) = answers(written(toy_program(prompt), "openai", tmp_path), "openai", ROWS[:1], server)
    assert outputs(run) == {"sentiment": "negative"}
    assert server.requests[0].body["logit_bias"] == {"3524": 30.0, "2731": 31.0}


def test_a_rationale_is_no_output(tmp_path: Path) -> None:
    prompt = FrozenPrompt(**{**dict(toy_prompt()), "signature": SENTIMENT.with_reasoning(), "reasoning": True})
    program = toy_program().model_copy(update={"prompts": {"predict": prompt}})
    with Replies(" It is warm.\nSentiment: positive") as server:
        (run,) = answers(written(program, "openai", tmp_path), "openai", ROWS[:1], server)
    assert outputs(run) == {"sentiment": "positive"}


def test_every_target_but_sft_is_verified() -> None:
    assert TARGETS.keys() - VERIFIERS.keys() == {"sft"}
    with pytest.raises(ExportError, match=r"answer nothing that can be verified. Leave out --verify"):
        verifier_of("sft", Source(toy_program(), "predict"))


def test_a_target_of_ones_own_without_a_verifier_says_what_to_do() -> None:
    with pytest.raises(ExportError, match=r"not to mine. Leave out --verify"):
        verifier_of("mine", Source(toy_program(), "predict"))


def test_a_program_with_code_of_its_own_is_refused() -> None:
    source = Source(toy_program().model_copy(update={"wiring": None}), "predict")
    with pytest.raises(ExportError, match="runs code of its own around its prompts predict"):
        verifier_of("openai", source)


def test_a_server_that_wants_a_key_is_told_with_the_variable(tmp_path: Path) -> None:
    with Replies(" positive") as server:
        server.faults.append((401, {"error": {"message": "no key"}}))
        with pytest.raises(ModelError, match="Set OPENAI_API_KEY"):
            answers(written(toy_program(), "openai", tmp_path), "openai", ROWS[:1], server)
