"""Decision endpoints, in both of their forms."""

import math
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import pytest
from decision_server import DecisionServer

from cribsheet.errors import (
    AddressError,
    ContextOverflowError,
    ModelError,
    TransientError,
    UnknownModelError,
    UnreachableError,
)
from cribsheet.models import Model, Sampling, open_model
from cribsheet.models.keys import completion_key
from cribsheet.models.scripted import ScriptedModel
from cribsheet.models.systemone import SystemOneModel
from cribsheet.prompts import Message, Option, Prompt, Question

SAMPLING = Sampling(max_tokens=1, top_logprobs=20)
FORMS = ["/v1/systemone", "/v1/decisions"]


def asking(kind: Literal["choice", "noul", "score"], *words: str, description: str = "") -> Prompt:
    options = tuple(Option(word=word, description=description and f"{description}: {word}") for word in words)
    question = Question(type=kind, name="sentiment", instructions="Which sentiment?", options=options)
    return Prompt(text="Text: The film was superb.", question=question)


CHOICE = asking("choice", "negative", "positive", "mixed")


def shares(state: str, asked: str, options: Sequence[str]) -> list[float]:
    """Give the last option most: 0.7, the others the rest in equal parts."""
    return [0.3 / (len(options) - 1)] * (len(options) - 1) + [0.7]


@pytest.fixture(params=FORMS)
def server(request: pytest.FixtureRequest) -> Iterator[DecisionServer]:
    with DecisionServer(shares, paths=[request.param], declines=["Why?"]) as served:
        yield served


def model_at(server: DecisionServer, **options: Any) -> SystemOneModel:
    return SystemOneModel("systemone/decider", api_base=server.url, **options)


class TestAnswers:
    @pytest.mark.parametrize("description", ["", "sentiment"])
    def test_a_choice_gives_the_probability_of_each_option(self, server: DecisionServer, description: str) -> None:
        prompt = asking("choice", "negative", "positive", "mixed", description=description)
        completion = model_at(server).complete(prompt, SAMPLING)
        assert completion.text == "mixed"
        assert completion.first_token == pytest.approx(
            {"negative": math.log(0.15), "positive": math.log(0.15), "mixed": math.log(0.7)}
        )

    def test_a_yes_or_no_gives_the_probability_of_both(self, server: DecisionServer) -> None:
        completion = model_at(server).complete(asking("noul", "no", "yes"), SAMPLING)
        assert completion.text == "yes"
        assert completion.first_token == pytest.approx({"no": math.log(0.3), "yes": math.log(0.7)})

    def test_a_score_gives_the_probability_of_each_level_by_its_word(self, server: DecisionServer) -> None:
        completion = model_at(server).complete(asking("score", "1", "2", "3"), SAMPLING)
        assert completion.text == "3"
        assert completion.first_token == pytest.approx({"1": math.log(0.15), "2": math.log(0.15), "3": math.log(0.7)})

    def test_the_tokens_of_the_state_are_charged(self, server: DecisionServer) -> None:
        usage = model_at(server).complete(CHOICE, SAMPLING).usage
        assert (usage.prompt_tokens, usage.completion_tokens) == (5, 0)

    def test_what_is_rounded_to_nothing_is_unlikely_not_impossible(self) -> None:
        with DecisionServer(lambda *_: [1e-9, 1 - 1e-9], digits=4) as server:
            completion = model_at(server).complete(asking("choice", "a", "b"), SAMPLING)
        assert completion.first_token == pytest.approx({"a": math.log(1e-6), "b": 0.0})

    def test_a_question_that_is_declined_has_no_answer_and_is_no_error(self, server: DecisionServer) -> None:
        question = CHOICE.question
        assert question is not None
        declined = CHOICE.model_copy(update={"question": question.model_copy(update={"instructions": "Why?"})})
        completion = model_at(server).complete(declined, SAMPLING)
        assert (completion.text, completion.first_token) == ("", None)


class TestRequests:
    def test_the_forms_of_the_criteria_are_those_of_the_specification(self) -> None:
        with DecisionServer(shares) as server:
            model = model_at(server)
            model.complete(CHOICE, SAMPLING)
            model.complete(asking("choice", "a", "b", description="it is"), SAMPLING)
            model.complete(asking("noul", "negative", "positive"), SAMPLING)
            model.complete(asking("score", "1", "2"), SAMPLING)
            bodies = [request.body for request in server.requests]
        assert bodies[0] == {
            "model": "decider",
            "state": "Text: The film was superb.",
            "questions": {
                "sentiment": {
                    "type": "choice",
                    "instructions": "Which sentiment?",
                    "criteria": {"negative": None, "positive": None, "mixed": None},
                }
            },
        }
        criteria = [body["questions"]["sentiment"]["criteria"] for body in bodies[1:]]
        assert criteria == [{"a": "it is: a", "b": "it is: b"}, {"false": "negative", "true": "positive"}, ["1", "2"]]

    def test_openais_form_has_a_list_of_questions_and_a_predicate_in_words(self) -> None:
        with DecisionServer(shares, paths=["/v1/decisions"]) as server:
            model = model_at(server)
            model.complete(CHOICE, SAMPLING)
            model.complete(asking("noul", "negative", "positive"), SAMPLING)
            first, second, third = server.requests
        assert (first.path, second.path, third.path) == ("/v1/systemone", "/v1/decisions", "/v1/decisions")
        assert second.body["input"] == "Text: The film was superb."
        assert second.body["questions"][0]["choices"] == [
            {"value": "negative"},
            {"value": "positive"},
            {"value": "mixed"},
        ]
        (predicate,) = third.body["questions"]
        assert predicate["instructions"] == "Which sentiment? True: positive. False: negative."

    @pytest.mark.parametrize("path", ["", "/", "/v1", "/v1/", "/v1/systemone", "/v1/decisions"])
    def test_the_address_may_end_in_any_part_of_the_path(self, path: str) -> None:
        with DecisionServer(shares) as server:
            model = SystemOneModel("systemone/decider", api_base=server.url.removeprefix("http://") + path)
            assert model.complete(CHOICE, SAMPLING).text == "mixed"
            assert model.endpoint == server.url

    def test_a_key_of_the_environment_is_sent(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TYPESAFE_API_KEY", "secret")
        with DecisionServer(shares) as server:
            assert model_at(server)._client.headers["Authorization"] == "Bearer secret"

    def test_a_proxy_of_the_environment_does_not_stand_before_this_machine(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for variable in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(variable, "http://127.0.0.1:9")
        with DecisionServer(shares) as server:
            assert model_at(server).complete(CHOICE, SAMPLING).text == "mixed"

    def test_the_question_is_part_of_the_caches_key_and_older_keys_stay(self) -> None:
        model = ScriptedModel({})
        assert (
            len({completion_key(model, asking(kind, "1", "2"), SAMPLING) for kind in ("choice", "noul", "score")}) == 3
        )
        plain = Prompt(messages=(Message(role="user", content="Hi"),), stop=("\n",))
        assert completion_key(model, plain, Sampling()) == (
            "4e6db7c9f71b3a8f0126d6187e36c045298315fc78a94fbe1efa4f1db84ec7db"
        )


class TestFaults:
    @pytest.mark.parametrize(
        ("fault", "kind", "said"),
        [
            (
                (501, {"error": {"message": "This model is not a decision model"}}),
                ModelError,
                "is no decision model.*openai/",
            ),
            ((400, {"error": '"qwen3" does not support decisions'}), ModelError, "is no decision model"),
            ((404, {"error": "model 'decider' not found"}), UnknownModelError, "has no model 'decider'"),
            ((400, {"error": {"message": "model 'decider' not found"}}), UnknownModelError, "Check the name"),
            ((401, {"detail": {"message": "no key"}}), ModelError, "no key.*Set SYSTEMONE_API_KEY"),
            ((413, {"error": {"message": "The request is 9000 bytes"}}), ContextOverflowError, "fewer demos"),
            (
                (500, {"error": {"message": "input is too large, increase the batch size"}}),
                ContextOverflowError,
                "fewer",
            ),
            ((429, {"error": "busy"}), TransientError, "status 429: busy"),
            ((529, "overloaded"), TransientError, "status 529: overloaded"),
            (
                (422, {"detail": [{"loc": ["body", "state"], "msg": "is empty"}]}),
                ModelError,
                r"422: body\.state: is empty",
            ),
            ((200, {"choices": []}), ModelError, "does not answer as /v1/systemone does"),
            ((200, "<html>a router</html>"), ModelError, "Check --api-base"),
            ((200, {"answers": {"sentiment": {"type": "choice"}}}), ModelError, "probabilities"),
        ],
    )
    def test_each_fault_says_what_to_do(self, fault: tuple[int, object], kind: type[ModelError], said: str) -> None:
        with DecisionServer(shares) as server:
            server.faults.append(fault)
            with pytest.raises(ModelError, match=said) as caught:
                model_at(server).complete(CHOICE, SAMPLING)
        assert type(caught.value) is kind
        assert "\n" not in str(caught.value)

    def test_a_server_that_has_neither_endpoint_is_told_so(self) -> None:
        with DecisionServer(shares, paths=[]) as server:
            model = model_at(server)
            with pytest.raises(ModelError, match=r"answers neither /v1/systemone nor /v1/decisions.*Ollama \(0.35\)"):
                model.complete(CHOICE, SAMPLING)

    def test_more_options_than_the_model_takes_are_refused_in_its_own_words(self) -> None:
        with (
            DecisionServer(shares, most_options=2) as server,
            pytest.raises(ModelError, match="at most 2 are supported"),
        ):
            model_at(server).complete(CHOICE, SAMPLING)

    @pytest.mark.parametrize("address", ["ftp://x:9", "http://[x:9", "http://x:y:9", "http://", ""])
    def test_what_is_no_address_is_said(self, address: str) -> None:
        with pytest.raises(AddressError, match=r"--api-base is .* not the address of a server"):
            SystemOneModel("systemone/decider", api_base=address)

    def test_a_server_without_either_endpoint_is_asked_for_both_again(self) -> None:
        with DecisionServer(shares) as server:
            model = model_at(server)
            server.faults.extend([(404, "no such page"), (404, "no such page")])
            with pytest.raises(ModelError, match="neither /v1/systemone nor /v1/decisions"):
                model.complete(CHOICE, SAMPLING)
            assert model.complete(CHOICE, SAMPLING).text
        assert [request.path for request in server.requests][-1] == "/v1/systemone"

    @pytest.mark.parametrize("address", ["http://127.0.0.1:9", "127.0.0.1:9/v1", "http://[::1]:9"])
    def test_a_server_that_is_not_there_is_named(self, address: str) -> None:
        with pytest.raises(UnreachableError, match=r"Nothing answers at \w+://.*:9.*Start the server"):
            SystemOneModel("systemone/decider", api_base=address).complete(CHOICE, SAMPLING)

    def test_a_slow_server_is_a_fault_that_may_pass(self) -> None:
        with DecisionServer(shares) as server:
            server.delay = 0.5
            with pytest.raises(TransientError, match=r"did not answer within 0\.05 seconds"):
                model_at(server, timeout=0.05).complete(CHOICE, SAMPLING)

    @pytest.mark.parametrize("prompt", [Prompt(text="Review:"), Prompt(messages=(Message(role="user", content="Hi"),))])
    def test_a_prompt_that_asks_for_text_is_refused(self, prompt: Prompt) -> None:
        with DecisionServer(shares) as server, pytest.raises(ModelError, match="writes no text"):
            model_at(server).complete(prompt, SAMPLING)


class TestOpening:
    def test_it_is_a_model_that_says_that_it_only_decides(self) -> None:
        with DecisionServer(shares) as server:
            model: Any = open_model("systemone/decider", api_base=server.url, parallel=2)
            assert isinstance(model, Model)
            assert (model.only_decides, model.supports_raw, model.parallel) == (True, False, 2)
            assert model.complete(CHOICE, SAMPLING).text == "mixed"
            model.close()
            assert model.complete(CHOICE, SAMPLING).text == "mixed"
            assert model.count_tokens("The film was lovely.") >= 4

    def test_what_the_server_tells_of_the_model_identifies_it_and_the_hour_does_not(self) -> None:
        with DecisionServer(shares) as server:
            first, second = model_at(server).digest, model_at(server).digest
            server.faults.append((200, {"data": [{"id": "decider", "meta": {"n_params": 8}}]}))
            assert first == second is not None
            assert model_at(server).digest != first
            server.faults.append((404, "no such page"))
            assert model_at(server).digest is None

    def test_a_name_without_an_address_and_weights_asks_for_one_of_the_two(self) -> None:
        with pytest.raises(UnknownModelError, match=r"systemone/nimble leads to no weights.*--api-base.*\.gguf"):
            open_model("systemone/nimble")
