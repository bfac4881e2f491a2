"""A test server with the decision endpoints `/v1/systemone` and `/v1/decisions`."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from recording_server import RecordingServer

Decide = Callable[[str, str, list[str]], list[float]]
"""A function from the state, the instructions and the options to the probability of each option."""


class DecisionServer(RecordingServer):
    """Serves one decision model, `decider`.

    `paths` are the paths that exist; any other gets status 404, as in a release without decision endpoints.
    `most_options` is how many options a choice may have; more get status 422, as from llama-server. `digits` is the
    number of digits to which probabilities are rounded. `declines` are instructions that get no answer.
    `decides=False` serves a model that writes text. The server also has Ollama's endpoints about its models.
    """

    def __init__(
        self,
        decide: Decide,
        *,
        paths: Collection[str] = ("/v1/systemone", "/v1/decisions"),
        most_options: int = 52,
        digits: int = 6,
        declines: Collection[str] = (),
        decides: bool = True,
    ) -> None:
        super().__init__()
        self.decide, self.paths, self.most_options = decide, frozenset(paths), most_options
        self.digits, self.declines, self.decides = digits, frozenset(declines), decides

    def answer(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, object]:
        if path == "/v1/models":
            entry = {"id": "decider", "object": "model", "created": len(self.requests), "meta": {"n_params": 7}}
            return 200, {"object": "list", "data": [entry]}
        if path == "/api/tags":
            return 200, {"models": [{"name": "decider:latest", "model": "decider:latest", "digest": "cd" * 32}]}
        if path == "/api/show":
            return 200, {"capabilities": ["decision"] if self.decides else ["completion", "thinking"], "model_info": {}}
        if path not in self.paths:
            return 404, {"error": {"code": 404, "message": "File Not Found", "type": "not_found_error"}}
        if not self.decides:
            return 501, {"error": {"code": 501, "message": "This model is not a decision model"}}
        if body["model"] != "decider":
            return 404, {"error": f"model '{body['model']}' not found"}
        return self._decisions(body) if path == "/v1/decisions" else self._systemone(body)

    def _systemone(self, body: dict[str, Any]) -> tuple[int, object]:
        answers: dict[str, Any] = {}
        for name, question in body["questions"].items():
            criteria, kind, asked = question.get("criteria"), question["type"], question["instructions"]
            if not asked or not isinstance(body["state"], str):
                return 422, {
                    "detail": [{"loc": ["body", "questions", name, "instructions"], "msg": "must have content"}]
                }
            options = {"choice": list, "score": list, "noul": lambda told: ["false", "true"]}[kind](criteria)
            if len(options) > self.most_options:
                return 422, _error(f"too many options, at most {self.most_options} are supported")
            if asked not in self.declines:
                answers[name] = self._answer(body["state"], asked, kind, options)
        usage = {"input_tokens": len(body["state"].split()), "output_tokens": 0}
        return 200, {"model": "decider-1", "answers": answers, "usage": usage}

    def _answer(self, state: str, asked: str, kind: str, options: list[str]) -> dict[str, Any]:
        shares = [round(share, self.digits) for share in self.decide(state, asked, options)]
        if kind == "noul":
            return {"type": "noul", "noul": shares[1]}
        keys = options if kind == "choice" else [str(place) for place in range(len(options))]
        told = {"type": kind, "probabilities": dict(zip(keys, shares, strict=True)), "confidence": max(shares)}
        if kind == "choice":
            return told | {"choice": max(zip(shares, keys, strict=True))[1]}
        return told | {"score": 1.5, "legend": dict(zip(keys, options, strict=True))}

    def _decisions(self, body: dict[str, Any]) -> tuple[int, object]:
        answers = []
        for question in body["questions"]:
            kind, asked, name = question["type"], question["instructions"], question["name"]
            key = {"choice": "choices", "score": "levels", "predicate": ""}[kind]
            options = [one.get("value", one.get("label")) for one in question.get(key, ())] or ["no", "yes"]
            shares = [round(share, self.digits) for share in self.decide(body["input"], asked, options)]
            if asked in self.declines:
                answers.append({"type": "refusal", "name": name})
            elif kind == "predicate":
                answers.append({"type": "predicate", "name": name, "probability": shares[1]})
            else:
                values = options if kind == "choice" else list(range(len(options)))
                told = [{"value": value, "probability": one} for value, one in zip(values, shares, strict=True)]
                answers.append({"type": kind, "name": name, "probabilities": told})
        details: Mapping[str, int] = {"cached_tokens": 3}
        usage = {"input_tokens": len(body["input"].split()), "input_tokens_details": details, "output_tokens": 0}
        return 200, {"model": "decider-1", "answers": answers, "usage": usage}


def _error(message: str) -> dict[str, Any]:
    return {"error": {"code": 422, "message": message, "type": "unprocessable_entity_error"}}
