"""Convert questions to the JSON of decision endpoints, `/v1/systemone` or OpenAI's `/v1/decisions`."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from cribsheet.models._base import Completion, Usage
from cribsheet.models._server_messages import first_words
from cribsheet.prompts import Option, Prompt, Question

Json = Mapping[str, Any]

LEAST = 1e-6
"""The probability assumed for an option that the endpoint reports as 0, because endpoints round."""


class NotAnswered(ValueError):
    """Raised if a reply does not answer the question."""


class Form(NamedTuple):
    """One of the two JSON formats of decision endpoints."""

    path: str
    """The endpoint's path under the server's address."""
    is_openai: bool
    """Whether it is OpenAI's format, `/v1/decisions`."""

    def request(self, model: str, prompt: Prompt, question: Question) -> dict[str, Any]:
        """Return the request body that asks a question about the prompt's text."""
        if self.is_openai:
            return {"model": model, "input": prompt.text, "questions": [_openai_question(question)]}
        return {"model": model, "state": prompt.text, "questions": {question.name: _question(question)}}

    def completion(self, reply: Any, question: Question) -> Completion:
        """Return the likeliest option's word, with the log-probability of every option in `first_token`.

        If the model declined to answer, the completion has no text and no log-probabilities.

        Raises:
            NotAnswered: the reply does not have this format.
        """
        try:
            answers = reply["answers"]
            answer = answers[0] if self.is_openai else answers.get(question.name)
            told = _probabilities(answer, question) if answer and answer["type"] != "refusal" else {}
            usage = _usage(reply.get("usage") or {})
        except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
            shown = first_words(reply) if reply else "its reply is empty"
            lacks = f" ({type(error).__name__}: {error})" if isinstance(reply, Mapping) else ""
            raise NotAnswered(f"{shown}{lacks}") from error
        if not told:
            return Completion(text="", usage=usage)
        logprobs = {word: math.log(max(told[word], LEAST)) for word in told}
        return Completion(text=max(told, key=told.__getitem__), first_token=logprobs, usage=usage)


SYSTEMONE, DECISIONS = Form("/v1/systemone", False), Form("/v1/decisions", True)


def _question(question: Question) -> dict[str, Any]:
    criteria: object
    if question.type == "score":
        criteria = [_level(option) for option in question.options]
    elif question.type == "noul":
        criteria = dict(zip(("false", "true"), map(_level, question.options), strict=True))
    else:
        criteria = {option.word: option.description or None for option in question.options}
    return {"type": question.type, "instructions": question.instructions, "criteria": criteria}


def _openai_question(question: Question) -> dict[str, Any]:
    asked: dict[str, Any] = {"name": question.name, "instructions": question.instructions}
    if question.type == "noul":  # a predicate has no criteria
        no, yes = map(_level, question.options)
        told = "" if (no, yes) == ("no", "yes") else f" True: {yes}. False: {no}."
        return asked | {"type": "predicate", "instructions": question.instructions + told}
    if question.type == "score":
        return asked | {"type": "score", "levels": [_described("label", option) for option in question.options]}
    return asked | {"type": "choice", "choices": [_described("value", option) for option in question.options]}


def _described(key: str, option: Option) -> dict[str, str]:
    return {key: option.word} | ({"description": option.description} if option.description else {})


def _level(option: Option) -> str:
    return option.description or option.word


def _probabilities(answer: Json, question: Question) -> dict[str, float]:
    """Return a map from each option's word to its probability."""
    words = [option.word for option in question.options]
    if question.type == "noul":
        yes = float(answer["noul"] if "noul" in answer else answer["probability"])
        return dict(zip(words, (1 - yes, yes), strict=True))
    told = answer["probabilities"]
    if not isinstance(told, Mapping):
        told = {str(one["value"]): one["probability"] for one in told}
    keys = [str(place) for place in range(len(words))] if question.type == "score" else words
    return {word: float(told[key]) for word, key in zip(words, keys, strict=True)}


def _usage(told: Json) -> Usage:
    details = told.get("input_tokens_details") or told
    return Usage(
        prompt_tokens=int(told.get("input_tokens") or 0),
        cached_tokens=details.get("cached_tokens"),
        completion_tokens=int(told.get("output_tokens") or 0),
    )
