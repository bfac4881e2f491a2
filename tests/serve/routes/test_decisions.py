"""Decision endpoints answer with the probabilities of compiled programs."""

from typing import Any

import litellm
import ollama
import openai
import pytest
from compiled_server import CompiledServer

from cribsheet.errors import ModelError
from cribsheet.models import Sampling
from cribsheet.models.systemone import SystemOneModel
from cribsheet.prompts import Option, Prompt, Question

MOODS = {"type": "choice", "instructions": "Which mood?", "criteria": {"positive": "glad", "negative": None}}
STARS = {"type": "score", "instructions": "How many?", "criteria": ["one", "two", "three"]}


def systemone(server: CompiledServer, model: str, state: object, **questions: object) -> dict[str, Any]:
    reply = server.post("/v1/systemone", {"model": model, "state": state, "questions": questions})
    assert reply.status_code == 200, reply.text
    answers: dict[str, Any] = reply.json()["answers"]
    return answers


def reason(server: CompiledServer, model: str, question: object, *, state: object = "x") -> tuple[int, str]:
    reply = server.post("/v1/systemone", {"model": model, "state": state, "questions": {"any": question}})
    return reply.status_code, reply.json()["error"]["message"]


def test_a_choice_has_the_probability_of_each_option(server: CompiledServer) -> None:
    answers = systemone(server, "decider", "A boring film.", any=MOODS)
    assert answers["any"] == {
        "type": "choice",
        "choice": "negative",
        "probabilities": {"positive": pytest.approx(0.25), "negative": pytest.approx(0.75)},
        "confidence": pytest.approx(0.5),
    }


def test_a_state_may_be_an_object_of_the_inputs(server: CompiledServer) -> None:
    assert systemone(server, "decider", {"text": "boring"}, any=MOODS)["any"]["choice"] == "negative"
    assert systemone(server, "decider", {"about": "boring"}, any=MOODS)["any"]["choice"] == "negative"
    assert systemone(server, "decider", ["boring"], any=MOODS)["any"]["choice"] == "negative"
    status, why = reason(server, "guarded", {"type": "noul"}, state={"question": "Who?"})
    assert (status, "'context' is missing" in why) == (422, True)


def test_yes_or_no_needs_two_outcomes_and_what_they_mean(server: CompiledServer) -> None:
    asked = {"type": "noul", "criteria": {"false": "Negative", "true": "Positive"}}
    assert systemone(server, "decider", "lovely", any=asked)["any"] == {"type": "noul", "noul": pytest.approx(0.75)}
    turned = {"type": "noul", "criteria": {"false": "positive", "true": "negative"}}
    assert systemone(server, "decider", "lovely", any=turned)["any"]["noul"] == pytest.approx(0.25)
    status, why = reason(server, "decider", {"type": "noul"})
    assert (status, "Ask a choice between negative, positive" in why) == (422, True)


def test_a_score_is_the_expected_level(server: CompiledServer) -> None:
    answer = systemone(server, "unsure", "lovely", any=STARS)["any"]
    assert answer["score"] == pytest.approx(1.75)
    assert answer["legend"] == {"0": "one", "1": "two", "2": "three"}
    assert sum(answer["probabilities"].values()) == pytest.approx(1)


def test_an_abstention_is_no_answer_unless_it_is_an_option(server: CompiledServer) -> None:
    assert systemone(server, "unsure", "unclear", any=STARS) == {}
    listed = {"type": "choice", "criteria": dict.fromkeys(("1", "2", "3", "unanswerable"))}
    answer = systemone(server, "unsure", "unclear", any=listed)["any"]
    assert answer["choice"] == "unanswerable"
    assert answer["probabilities"]["unanswerable"] == pytest.approx(0.75)


def test_a_guard_says_how_likely_there_is_an_answer(server: CompiledServer) -> None:
    asked = {"type": "noul", "instructions": "Does the context answer it?"}
    state = {"question": "Where?", "context": "In Rome."}
    assert systemone(server, "guarded", state, any=asked)["any"]["noul"] == pytest.approx(0.881, abs=0.001)
    state["context"] = "Gravity is a force."
    assert systemone(server, "guarded", state, any=asked)["any"]["noul"] == pytest.approx(0.119, abs=0.001)


@pytest.mark.parametrize(
    ("model", "question", "status", "why"),
    [
        ("toy", MOODS, 422, "does not support decisions about sentiment"),
        ("qa", {"type": "noul"}, 422, "does not support decisions about answer"),
        ("decider", {"type": "choice", "criteria": {"glad": None, "sad": None}}, 422, "must be negative, positive"),
        ("decider", {"type": "choice", "criteria": {"positive": None}}, 422, "must be negative, positive"),
        ("decider", STARS, 422, "is no scale of numbers"),
        ("unsure", {"type": "score", "criteria": ["low", "high"]}, 422, "has 3 levels, 1, 2, 3"),
        ("unsure", {"type": "choice", "criteria": {"1": None, "2": None}}, 422, "unanswerable may be one of them"),
        ("decider", {"type": "box", "instructions": "Where?"}, 422, "'choice', 'noul', 'score'"),
    ],
)
def test_a_question_that_does_not_suit_the_program_is_refused(
    server: CompiledServer, model: str, question: object, status: int, why: str
) -> None:
    told = reason(server, model, question)
    assert told[0] == status
    assert why in told[1]


def test_ollamas_client_gets_a_decision(server: CompiledServer) -> None:
    reply = ollama.Client(server.address).systemone("decider:latest", "boring", {"mood": MOODS})
    assert reply.answers["mood"].choice == "negative"
    assert reply.usage.input_tokens > 0
    with pytest.raises(ollama.ResponseError, match="is no scale") as refused:
        ollama.Client(server.address).systemone("decider", "boring", {"mood": STARS})
    assert refused.value.status_code == 422


def test_openais_client_gets_decisions(server: CompiledServer) -> None:
    client = openai.OpenAI(base_url=f"{server.address}/v1", api_key="any")
    choices = [{"value": "positive"}, {"value": "negative"}]
    question = {"type": "choice", "name": "mood", "instructions": "Which?", "choices": choices}
    reply = client.decisions.create(model="decider", input="boring", questions=[question])
    (answer,) = reply.answers
    assert (answer.type, answer.name, answer.choice) == ("choice", "mood", "negative")
    assert [one.probability for one in answer.probabilities] == [pytest.approx(0.25), pytest.approx(0.75)]
    assert reply.usage.total_tokens == reply.usage.input_tokens + reply.usage.output_tokens
    levels = {"type": "score", "instructions": "How?", "levels": [{"label": one} for one in ("one", "two", "three")]}
    message = {"role": "user", "content": [{"type": "input_text", "text": "unclear"}]}
    reply = client.decisions.create(model="unsure", input=[message], questions=[levels])
    assert [answer.type for answer in reply.answers] == ["refusal"]
    predicate = {"type": "predicate", "instructions": "Is it answered?"}
    data = {"question": "Where?", "context": "In Rome."}
    message = {"role": "user", "content": [{"type": "input_json", "data": data}]}
    reply = client.decisions.create(model="guarded", input=[message], questions=[predicate])
    assert reply.answers[0].probability == pytest.approx(0.881, abs=0.001)


def test_litellm_gets_a_decision(server: CompiledServer) -> None:
    decide = getattr(litellm, "decisions", None)
    if not callable(decide):
        pytest.skip("This release of LiteLLM has no function for decisions.")
    choices = [{"value": "positive"}, {"value": "negative"}]
    questions = [{"type": "choice", "name": "mood", "instructions": "Which?", "choices": choices}]
    reply = decide(
        model="openai/decider", input="boring", questions=questions, api_base=f"{server.address}/v1", api_key="any"
    )
    assert reply.answers[0].choice == "negative"


@pytest.mark.parametrize("kind", ["choice", "noul"])
def test_our_own_client_of_decision_endpoints_gets_one(server: CompiledServer, kind: str) -> None:
    options = (Option(word="negative"), Option(word="positive"))
    question = Question(type=kind, name="mood", instructions="Which mood?", options=options)
    model = SystemOneModel("systemone/decider", api_base=server.address)
    completion = model.complete(Prompt(text="boring", question=question), Sampling())
    model.close()
    assert completion.text == "negative"
    assert model.digest


def test_our_own_client_is_told_of_a_program_that_only_writes(server: CompiledServer) -> None:
    options = (Option(word="negative"), Option(word="positive"))
    question = Question(type="choice", name="mood", instructions="Which mood?", options=options)
    model = SystemOneModel("systemone/toy", api_base=server.address)
    with pytest.raises(ModelError, match="is no decision model"):
        model.complete(Prompt(text="boring", question=question), Sampling())
    model.close()
