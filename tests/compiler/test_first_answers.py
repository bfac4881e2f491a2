"""A compile whose first answers are no use stops, and says what it saw."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import dspy
import pytest
from thinking_server import ThinkingServer

from cribsheet import Task, label_accuracy
from cribsheet.compiler.compile import Compiled, Settings, compile_task
from cribsheet.errors import CompileError, PromptStyleError
from cribsheet.models import Completion, Sampling, Usage, open_model
from cribsheet.models.scripted import ScriptedModel
from cribsheet.prompts import Prompt
from cribsheet.workspace import Workspace, new_workspace
from toys import GOOD, sentiment_rows, student, write_rows


class Sentiment(dspy.Signature):
    """Say whether the text is negative or positive."""

    text: str = dspy.InputField()
    sentiment: Literal["negative", "positive"] = dspy.OutputField()


TASK = Task(Sentiment, metric=label_accuracy, trainset="toy.jsonl")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = new_workspace(tmp_path / "ws")
    write_rows(made.root / "trainsets" / "toy.jsonl", sentiment_rows())
    return made


class Stages:
    """Keeps the stages."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def stage(self, text: str) -> None:
        self.told.append(text)

    def notice(self, text: str) -> None:
        pass

    def advance(self, *, spent: float, limit: float, best: float | None, rows: int | None = None) -> None:
        pass


def compiled(workspace: Workspace, model: Any, *, progress: Stages | None = None, **settings: Any) -> Compiled:
    options = Settings(**{"budget": "400calls", "optimizer": "labeled", **settings})
    return compile_task(TASK, options, workspace=workspace, model=model, progress=progress)


def answer(prompt: str) -> str:
    last = prompt[max(prompt.rfind("The "), 0) :]
    return "positive" if any(word in last for word in GOOD) else "negative"


def scripted(say: Callable[[Prompt, Sampling], str | Completion]) -> ScriptedModel:
    return ScriptedModel(say, name="scripted/first")


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("", "All of the first 16 answers of scripted/first are empty"),
        ("  ", "All of the first 16 answers of scripted/first are empty"),
        ("<think>\nOkay, the user wants", "16 are thoughts that end without an answer, such as 'Okay, the user wants'"),
        ("[THINK]Hm", "16 are thoughts that end without an answer, such as 'Hm'"),
    ],
)
def test_a_model_that_gives_no_text_but_thoughts_is_given_up_after_sixteen_rows(
    workspace: Workspace, text: str, seen: str
) -> None:
    usage = Usage(prompt_tokens=9, completion_tokens=4)
    model = scripted(lambda prompt, sampling: Completion(text=text, usage=usage))
    with pytest.raises(CompileError, match=rf"{seen}.*--go-on") as caught:
        compiled(workspace, model)
    assert "\n" not in str(caught.value)
    assert len(model.calls) <= 16 + 4 * 2 + 1


def test_a_few_rows_are_counted_as_they_are_and_no_server_is_blamed_if_there_is_none(workspace: Workspace) -> None:
    write_rows(workspace.root / "trainsets" / "toy.jsonl", sentiment_rows()[:14])
    model = scripted(lambda prompt, sampling: Completion(text="asdf", usage=Usage(prompt_tokens=9)))
    with pytest.raises(CompileError, match=r"None of the first [3-6] answers of scripted/first can be read") as caught:
        compiled(workspace, model)
    assert "server" not in str(caught.value)


@pytest.mark.parametrize("text", ["asdf qwer", '```json\n{"feeling": "good"}\n```'])
def test_a_model_whose_answers_can_never_be_read_is_given_up(workspace: Workspace, text: str) -> None:
    model = scripted(lambda prompt, sampling: Completion(text=text, usage=Usage(prompt_tokens=9, completion_tokens=4)))
    with pytest.raises(CompileError, match=r"None of the first 16 answers .* can be read, with demonstrations neither"):
        compiled(workspace, model)
    program = compiled(workspace, model, go_on=True).program
    assert any("None of the answers to the" in note for note in program.notes)


def test_a_model_that_gives_the_outcomes_no_probability_is_given_up(workspace: Workspace) -> None:
    def say(prompt: Prompt, sampling: Sampling) -> Completion:
        told = {" ": -0.01, "positive": -9.0, "negative": -10.0}
        usage = Usage(prompt_tokens=9, completion_tokens=1)
        return Completion(text=" \n", first_token=told if sampling.top_logprobs else None, usage=usage)

    with pytest.raises(CompileError, match=r"All of the first 16 answers of scripted/first are empty.*--go-on"):
        compiled(workspace, scripted(say))


def test_a_model_that_decides_by_probabilities_need_not_write_readable_text(workspace: Workspace) -> None:
    def say(prompt: Prompt, sampling: Sampling) -> Completion:
        said = answer(prompt.full_text)
        told = {"Well": -0.4, f" {said}": -1.5}
        usage = Usage(prompt_tokens=9, completion_tokens=1)
        return Completion(text="Well, it depends", first_token=told if sampling.top_logprobs else None, usage=usage)

    assert compiled(workspace, scripted(say)).program.results.compiled.score == 1


def test_a_model_that_writes_outcomes_among_many_other_words_is_asked_on(workspace: Workspace) -> None:
    """With four demonstrations, small models give the outcomes a small part of the probability, but write them."""

    def say(prompt: Prompt, sampling: Sampling) -> Completion:
        said = answer(prompt.full_text) if prompt.text else "The"
        told = {f" {said}": -3.0, " a": -3.1, " the": -3.2}
        usage = Usage(prompt_tokens=9, completion_tokens=1)
        return Completion(text=f" {said}", first_token=told if sampling.top_logprobs else None, usage=usage)

    assert compiled(workspace, scripted(say)).program.results.compiled.score == 1


def test_rows_that_the_zero_shot_prompt_could_not_ask_are_told(workspace: Workspace) -> None:
    def say(prompt: Prompt, sampling: Sampling) -> str | Completion:
        if prompt.is_chat and len(model.calls) > 60:
            raise PromptStyleError("roles must alternate")
        return student(prompt, sampling)

    model = scripted(say)
    notes = compiled(workspace, model).program.notes
    assert any("test rows got no answer from the zero-shot prompt and count as 0" in note for note in notes)


def test_a_compile_goes_on_without_a_use_if_it_is_told_to(workspace: Workspace) -> None:
    model = scripted(lambda prompt, sampling: Completion(text="<think>", usage=Usage(prompt_tokens=9)))
    program = compiled(workspace, model, go_on=True).program
    assert program.results.compiled.score == 0


def test_a_model_that_is_silent_until_it_is_shown_demonstrations_is_compiled(workspace: Workspace) -> None:
    def say(prompt: Prompt, sampling: Sampling) -> str | Completion:
        said = student(prompt, sampling)
        return Completion(text="", usage=said.usage) if said.text.startswith("Well") else said

    assert compiled(workspace, scripted(say)).program.results.gain.low > 0


def test_chatter_is_no_reason_to_stop_but_is_told(workspace: Workspace) -> None:
    stages = Stages()
    compiled(workspace, scripted(student), progress=stages)
    assert any("none of the first 16 answers can be read, such as 'Well, it depends'" in told for told in stages.told)


@pytest.mark.slow
@pytest.mark.parametrize("provider", ["openai", "ollama_chat"])
def test_a_served_model_that_thinks_without_end_costs_little_before_it_is_given_up(
    workspace: Workspace, provider: str
) -> None:
    shape = "thinking" if provider == "ollama_chat" else "reasoning_content"
    with ThinkingServer(answer, shape=shape, words=50_000, thinks_raw=True) as server:
        model = open_model(
            f"{provider}/thinker", api_base=server.url + ("/v1" if provider == "openai" else ""), parallel=2
        )
        with pytest.raises(CompileError, match="are thoughts that end without an answer, such as 'Okay, so so"):
            compiled(workspace, model, budget="200k")
        written = sum(server.said)
    assert written < 20_000


@pytest.mark.slow
def test_a_server_that_was_mended_is_asked_anew(workspace: Workspace) -> None:
    with ThinkingServer(answer, words=50_000, thinks_raw=True) as server:
        for obeys in ((), ("enable_thinking",)):
            server.obeys, server.thinks_raw = frozenset(obeys), not obeys
            model = open_model("openai/thinker", api_base=server.url + "/v1")
            if not obeys:
                with pytest.raises(CompileError, match="thoughts"):
                    compiled(workspace, model, budget="200k")
        assert compiled(workspace, model, budget="200k").program.results.compiled.score == 1


@pytest.mark.slow
@pytest.mark.parametrize("shape", ["tags", "reasoning_content"])
def test_a_served_model_that_thinks_is_compiled_on_its_answers(workspace: Workspace, shape: str) -> None:
    with ThinkingServer(answer, shape=shape, thinks_raw=True) as server:
        model = open_model("openai/thinker", api_base=server.url + "/v1")
        program = compiled(workspace, model, budget="300k").program
    assert program.results.baseline.score == program.results.compiled.score == 1
    demos = [
        str(value) for prompt in program.prompts.values() for demo in prompt.demos for value in demo.outputs.values()
    ]
    assert set(demos) <= {"negative", "positive"}
    assert program.provenance.spent_tokens > 16 * 40, "thoughts are charged"
