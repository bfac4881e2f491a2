"""The decision endpoints: typed questions in, probabilities out."""

import json
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from cribsheet.frozen.running import Run
from cribsheet.frozen.summary import usage_of
from cribsheet.serve.bodies import Form
from cribsheet.serve.endpoints import Endpoint
from cribsheet.serve.facts import outputs_of
from cribsheet.serve.inputs import Inputs, inputs_of_json, inputs_of_text
from cribsheet.serve.programs import Served
from cribsheet.serve.questions import Decision, Question, asked_field, decided, options_of
from cribsheet.serve.refusals import Refusal
from cribsheet.serve.serving import Serving, whole_text
from cribsheet.serve.shares import may_decide, shares_of

Content = str | dict[str, Any] | list[Any]
_TAG = "decisions"


class ChoiceQuestion(Form):
    """A choice between named options."""

    type: Literal["choice"]
    instructions: Content | None = None
    criteria: dict[str, Any] = Field(min_length=1, max_length=255)


class NoulQuestion(Form):
    """A yes-or-no question."""

    type: Literal["noul"]
    instructions: Content | None = None
    criteria: dict[str, Any] | None = None


class ScoreQuestion(Form):
    """A rating on a scale."""

    type: Literal["score"]
    instructions: Content | None = None
    criteria: list[Content] = Field(min_length=1, max_length=255)


class SystemOneRequest(Form):
    """A request of `/v1/systemone`."""

    model: str
    """The name of a program."""
    state: Content
    """The inputs: an object of them, or a text as in a chat."""
    questions: dict[str, Annotated[ChoiceQuestion | NoulQuestion | ScoreQuestion, Field(discriminator="type")]] = Field(
        min_length=1, max_length=400
    )
    """The questions by name."""


class OpenAIQuestion(Form):
    """What each question of `/v1/decisions` may have."""

    name: str | None = None
    instructions: Content | None = None


class Predicate(OpenAIQuestion):
    """A yes-or-no question."""

    type: Literal["predicate"]


class Option(Form):
    """An option of a choice."""

    value: str | bool


class Choice(OpenAIQuestion):
    """A choice between options."""

    type: Literal["choice"]
    choices: list[Option] = Field(min_length=1, max_length=255)


class Level(Form):
    """A level of a scale."""

    label: str


class Score(OpenAIQuestion):
    """A rating on a scale."""

    type: Literal["score"]
    levels: list[Level] = Field(min_length=1, max_length=255)


class InputMessage(Form):
    """A message that holds the inputs."""

    role: str = "user"
    content: str | list[dict[str, Any]]


class DecisionsRequest(Form):
    """A request of OpenAI's `/v1/decisions`."""

    model: str
    """The name of a program."""
    input: str | list[InputMessage]
    """The inputs as text, or messages, of which the last one of the user is read."""
    questions: list[Annotated[Predicate | Choice | Score, Field(discriminator="type")]] = Field(
        min_length=1, max_length=400
    )
    """The questions in order."""


def endpoints(serving: Serving) -> tuple[Endpoint, ...]:
    """Return the endpoints."""
    deciding = _Deciding(serving)
    return (
        Endpoint("/v1/systemone", deciding.systemone, "Answer typed questions", _TAG, SystemOneRequest),
        Endpoint("/v1/decisions", deciding.decisions, "Answer as OpenAI's decisions", _TAG, DecisionsRequest),
    )


class _Deciding:
    """Answers typed questions."""

    def __init__(self, serving: Serving) -> None:
        self._serving = serving

    async def systemone(self, request: Request) -> Response:
        """Answer in the form that Ollama, llama-server and vLLM have; a question without an answer is left out."""
        asked = await self._serving.bodies.read(request, SystemOneRequest)
        served = self._serving.program(asked.model, request)
        questions = [_systemone_question(name, one) for name, one in asked.questions.items()]
        run, told = await self._decide(served, asked.state, questions, request)
        answers = {
            one.name: _systemone_answer(one, decision)
            for one, decision in zip(questions, told, strict=True)
            if decision
        }
        usage = usage_of(run)
        counts = {"input_tokens": usage.prompt_tokens, "output_tokens": usage.completion_tokens}
        return JSONResponse({"model": asked.model, "answers": answers, "usage": counts})

    async def decisions(self, request: Request) -> Response:
        """Answer in OpenAI's form; a question without an answer has a refusal in its place."""
        asked = await self._serving.bodies.read(request, DecisionsRequest)
        served = self._serving.program(asked.model, request)
        questions = [_openai_question(one) for one in asked.questions]
        run, told = await self._decide(served, _input_text(asked.input), questions, request)
        answers = [
            _openai_answer(one, question, decision)
            for one, question, decision in zip(asked.questions, questions, told, strict=True)
        ]
        return JSONResponse({"model": asked.model, "answers": answers, "usage": _openai_usage(run)})

    async def _decide(
        self, served: Served, state: Content, questions: Sequence[Question], request: Request
    ) -> tuple[Run, list[Decision | None]]:
        frozen = served.runnable.frozen
        fields = [asked_field(question, served.signature.outputs) for question in questions]
        for field in fields:
            if not may_decide(frozen, field):
                raise _undecided(served, field.name)
        wanted = [options_of(question, field) for question, field in zip(questions, fields, strict=True)]
        run = await self._serving.answer(served, _inputs_of_state(state, served), request)
        outputs, told = outputs_of(run), []
        for field, options in zip(fields, wanted, strict=True):
            shares = shares_of(run, frozen, field)
            if shares is None:
                raise _undecided(served, field.name)
            told.append(decided(options, field.outcome_of(outputs[field.name]), shares))
        return run, told


def _undecided(served: Served, field: str) -> Refusal:
    return Refusal(
        422,
        f"{served.name} does not support decisions about {field}: it is written as text, and no guard judges it. Ask "
        f"/v1/programs/{served.name} instead.",
        kind="no_probabilities",
    )


def _inputs_of_state(state: Content, served: Served) -> Inputs:
    """Return the inputs in a state: an object with the inputs' names, or text as in a chat."""
    fields = served.signature.inputs
    names = {field.name for field in fields}
    if isinstance(state, dict) and (len(fields) > 1 or set(state) == names):
        return inputs_of_json(state, fields)
    text = state if isinstance(state, str) else json.dumps(state, ensure_ascii=False)
    return inputs_of_text(text, fields)


def _input_text(given: str | list[InputMessage]) -> str:
    if isinstance(given, str):
        return given
    own = [message for message in given if message.role == "user"]
    if not own:
        raise Refusal(422, "No message of the input has the role 'user'.", kind="invalid_request")
    content = own[-1].content
    parts = [_as_text(part) for part in content] if isinstance(content, list) else content
    return whole_text(parts)


def _as_text(part: dict[str, Any]) -> dict[str, Any]:
    return {"text": json.dumps(part.get("data"), ensure_ascii=False)} if part.get("type") == "input_json" else part


def _systemone_question(name: str, asked: ChoiceQuestion | NoulQuestion | ScoreQuestion) -> Question:
    if isinstance(asked, ScoreQuestion):
        return Question(name, "score", tuple(str(level) for level in asked.criteria))
    if isinstance(asked, ChoiceQuestion):
        return Question(name, "choice", tuple(asked.criteria))
    sides = asked.criteria or {}
    return Question(name, "noul", tuple(str(sides[side]) for side in ("false", "true") if side in sides))


def _systemone_answer(question: Question, decision: Decision) -> dict[str, Any]:
    shares = decision.probabilities
    if question.kind == "noul":
        return {"type": "noul", "noul": shares[1]}
    if question.kind == "choice":
        told = dict(zip(question.options, shares, strict=True))
        return {
            "type": "choice",
            "choice": question.options[decision.chosen],
            "probabilities": told,
            "confidence": decision.confidence,
        }
    return {
        "type": "score",
        "score": decision.score,
        "legend": {str(place): level for place, level in enumerate(question.options)},
        "probabilities": {str(place): share for place, share in enumerate(shares)},
        "confidence": decision.confidence,
    }


def _openai_question(asked: Predicate | Choice | Score) -> Question:
    if isinstance(asked, Predicate):
        return Question(asked.name, "noul")
    if isinstance(asked, Score):
        return Question(asked.name, "score", tuple(level.label for level in asked.levels))
    return Question(asked.name, "choice", tuple(_word(option.value) for option in asked.choices))


def _word(value: str | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else value


def _openai_answer(asked: Predicate | Choice | Score, question: Question, decision: Decision | None) -> dict[str, Any]:
    if decision is None:
        return {"type": "refusal", "name": question.name}
    shares = decision.probabilities
    if isinstance(asked, Predicate):
        return {"type": "predicate", "name": question.name, "probability": shares[1]}
    told: dict[str, Any] = {"type": asked.type, "name": question.name, "confidence": decision.confidence}
    if isinstance(asked, Choice):
        values = [option.value for option in asked.choices]
        listed = [{"value": value, "probability": share} for value, share in zip(values, shares, strict=True)]
        return told | {"choice": values[decision.chosen], "probabilities": listed}
    levels = [
        {"value": place, "label": label, "probability": share}
        for place, (label, share) in enumerate(zip(question.options, shares, strict=True))
    ]
    return told | {"score": decision.score, "probabilities": levels}


def _openai_usage(run: Run) -> dict[str, Any]:
    usage = usage_of(run)
    return {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {"cached_tokens": usage.cached_tokens or 0, "cache_write_tokens": 0},
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
    }
