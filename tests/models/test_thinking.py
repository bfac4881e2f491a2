"""Models that think before they answer, behind every kind of endpoint."""

import math
from collections.abc import Iterator

import pytest
from thinking_server import PROMPT_TOKENS, ThinkingServer

from cribsheet.errors import ContextOverflowError
from cribsheet.models import Completion, Sampling, Usage
from cribsheet.models._thoughts import Parts, after_thought, told_apart
from cribsheet.models.embedded import EmbeddedModel
from cribsheet.models.litellm import LiteLLMModel
from cribsheet.models.no_thinking import NoThinking
from cribsheet.models.ollama import OllamaModel
from cribsheet.models.thinking import THOUGHT_TOKENS, Thinking, without_thought
from cribsheet.prompts import Message, Prompt

RAW = Prompt(text="Review: lovely\nSentiment:", stop=("\n",))
CHAT = Prompt(messages=(Message(role="user", content="Review: lovely\nSentiment:"),), stop=("\n",))
SHORT = Sampling(max_tokens=8)
NONE = frozenset[str]()


def litellm_at(server: ThinkingServer, **options: int) -> LiteLLMModel:
    return LiteLLMModel("openai/thinker", api_base=server.url + "/v1", **options)


def ollama_at(server: ThinkingServer, **options: int) -> OllamaModel:
    return OllamaModel("ollama_chat/thinker", api_base=server.url, **options)


class TestToldApart:
    @pytest.mark.parametrize(
        ("text", "answer", "thought"),
        [
            (" positive", " positive", None),
            ("<think>\n\n</think>\n\npositive", "positive", ""),
            ("  <think>Hm. <b>So</b>.</think>positive", "positive", "Hm. <b>So</b>."),
            ("<THINK>Hm.</THINK> positive", "positive", "Hm."),
            ("analysisIt is negative.assistantfinalpositive", "positive", "It is negative."),
            ("analysisThe user asks", "", "The user asks"),
            ("analysis of the text", "analysis of the text", None),
            ("<thinking>Hm.</thinking>\npositive", "positive", "Hm."),
            ("<think>One.</think>\n<think>Two.</think>\npositive", "positive", "One.\nTwo."),
            ("Hm, lovely.\n</think>\n\npositive", "positive", "Hm, lovely."),
            ("[THINK]Hm.[/THINK]positive", "positive", "Hm."),
            ("◁think▷Hm.◁/think▷positive", "positive", "Hm."),
            ("<seed:think>Hm.</seed:think>positive", "positive", "Hm."),
            ("<|channel>thought\nHm.<channel|>positive", "positive", "Hm."),
            ("<longcat_think>Hm.</longcat_think>positive", "positive", "Hm."),
            ("<unused94>thought\nHm.<unused95>positive", "positive", "Hm."),
            (
                "<|start|>assistant<|channel|>analysis<|message|>Hm.<|channel|>final<|message|>positive",
                "positive",
                "Hm.",
            ),
            ("<reasoning>\nHm.\n</reasoning>\n<answer>\npositive\n</answer>", "positive", "Hm."),
            ("<reasoning>\nHm, the user", "", "Hm, the user"),
            ("<start_working_out>Hm.<end_working_out><SOLUTION>positive</SOLUTION>", "positive", "Hm."),
            ("<|START_THINKING|>Hm.<|END_THINKING|><|START_RESPONSE|>positive<|END_RESPONSE|>", "positive", "Hm."),
            ("<think>Hm.</think>\n<answer>posi", "posi", "Hm."),
            ("analysisnous pensons.assistantfinalpositive", "positive", "nous pensons."),
            ("positive\n\n<think>\nBut is it", "positive", "But is it"),
            ("Let me see.\n<think>Hm.</think>\npositive", "positive", "Hm."),
            (
                "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant"
                "<|channel|>final <|constrain|>json<|message|>[1]<|return|>",
                "[1]",
                "Hm.<|end|><|start|>assistant",
            ),
            ("<|channel|>final<|message|>positive<|return|>", "positive", ""),
            ("<|channel|>commentary<|message|>We need to", "", "commentary<|message|>We need to"),
            (
                "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>positive",
                "positive",
                "Hm.<|end|><|start|>assistant",
            ),
            ("<THINK>Das heißt groß.</THINK>positive", "positive", "Das heißt groß."),
            ("Well.\n<think>İyi.</think><answer>İyi</answer>!", "İyi", "İyi."),
            ("<think>Hm.</thinking>\n\npositive", "positive", "Hm."),
            ("<thinking>Hm.</think>positive", "positive", "Hm."),
            ("[THINK]Hm.</think>positive", "positive", "Hm."),
            ("<think>Hm.</reasoning><answer>positive</answer>", "positive", "Hm."),
            ("<think>Is </thinking> a mark?</think>positive", "positive", "Is </thinking> a mark?"),
            ("<think>Hm.</answer>", "", "Hm.</answer>"),
            ("Let me see.\n<think>Hm.</thought>\npositive", "positive", "Hm."),
            ("positive\n<think>But is it?</thinking>", "positive", "But is it?"),
            ("<think>\nOkay, the user", "", "Okay, the user"),
            ("<think>", "", ""),
            ("<thi", "", ""),
            ("<|channel|>ana", "", ""),
            ("It says <think>aloud</think>.", "It says <think>aloud</think>.", None),
            ("a < b", "a < b", None),
            ("<", "<", None),
            ("", "", None),
        ],
    )
    def test_a_thought_is_never_part_of_the_answer(self, text: str, answer: str, thought: str | None) -> None:
        assert told_apart(text, CHAT) == Parts(answer, thought)

    def test_a_mark_that_the_prompt_itself_ends_with_is_not_the_models_thought(self) -> None:
        prompt = Prompt(text="<question>Why?</question>\n<thinking>")
        text = "It rained.</thinking>\n<answer>rain</answer>"
        assert told_apart(text, prompt) == Parts(text, None)

    def test_tags_of_the_prompt_are_a_field_of_the_layout_not_a_thought(self) -> None:
        prompt = Prompt(text="<reasoning>It rained.</reasoning>\n<answer>wet</answer>\n\nWhy?")
        text = "<reasoning>It shone.</reasoning>\n<answer>dry</answer>"
        assert told_apart(text, prompt) == Parts(text, None)
        assert told_apart(f"<think>Hm.</think>{text}", prompt) == Parts(text, "Hm.")

    def test_what_the_endpoint_told_apart_is_the_thought_and_the_text_its_answer(self) -> None:
        assert told_apart("\n\npositive", CHAT, thought="Hm.\n") == Parts("positive", "Hm.")

    def test_a_completion_without_its_thought_keeps_no_log_probabilities_of_the_thought(self) -> None:
        completion = Completion(text="<think>Hm.</think> yes", first_token={"<think>": 0.0}, logprobs=(0.0, -1.0))
        assert without_thought(completion, CHAT) == Completion(text="yes", thought="Hm.")
        untouched = Completion(text=" yes", first_token={" yes": 0.0})
        assert without_thought(untouched, CHAT) is untouched


class TestAfterThought:
    @pytest.mark.parametrize(
        ("tokens", "kept"),
        [
            (["<think>", "\n\n", "</think>", "\n\n", "yes", "."], ["yes", "."]),
            (["<think>", "yes", "</", "think", ">", " yes"], [" yes"]),
            (["Hm", "</think>", "yes"], ["yes"]),
            (["<reason", "ing>", "Hm", "</reason", "ing>", "<answer", ">", "yes", ".</answer>"], ["yes", ".</answer>"]),
            (["yes", ".", "<|im_end|>"], ["yes", ".", "<|im_end|>"]),
            (["<think>", "Hm"], []),
            (["Hm", ",", " so"], []),
            ([], []),
        ],
    )
    def test_the_tokens_of_the_answer_are_found_behind_the_closing_mark(
        self, tokens: list[str], kept: list[str]
    ) -> None:
        assert after_thought(tokens, Parts("yes.", "Hm"), str) == kept

    def test_without_a_thought_all_tokens_are_the_answers(self) -> None:
        assert after_thought([" ", "yes"], Parts(" yes", None), str) == [" ", "yes"]


class TestBudget:
    def test_the_text_after_a_thought_is_cut_at_the_stop_sequence_that_could_not_be_sent(self) -> None:
        with ThinkingServer(lambda _: "positive\n\nReview: dull") as server:
            completion = litellm_at(server).complete(CHAT, SHORT)
            first, second = server.requests
        assert (completion.text, completion.finish_reason) == ("positive", "stop")
        assert (first.body["stop"], first.body["max_tokens"]) == (["\n"], 8)
        assert ("stop" in second.body, second.body["max_tokens"]) == (False, 8 + THOUGHT_TOKENS[0])

    def test_all_attempts_are_charged(self) -> None:
        with ThinkingServer(words=1000) as server:
            usage = litellm_at(server).complete(CHAT, SHORT).usage
        assert usage.prompt_tokens == 3 * PROMPT_TOKENS
        assert usage.completion_tokens == 8 + (8 + THOUGHT_TOKENS[0]) + 1004

    def test_later_requests_begin_with_what_thoughts_took_before(self) -> None:
        with ThinkingServer(words=1000) as server:
            model = litellm_at(server)
            assert [model.complete(CHAT, SHORT).text for _ in range(3)] == ["positive"] * 3
            assert [request.body["max_tokens"] for request in server.requests] == [8, 520, 2056, 8, 2056, 2056]

    def test_raw_prompts_keep_their_limits_if_the_model_thinks_over_chats_alone(self) -> None:
        with ThinkingServer() as server:
            model = litellm_at(server)
            for _ in range(3):
                model.complete(CHAT, SHORT)
            server.requests.clear()
            model.complete(RAW, SHORT)
            (request,) = server.requests
        assert (request.body["max_tokens"], request.body["stop"]) == (8, ["\n"])

    def test_a_model_that_no_longer_thinks_gets_its_limits_back(self) -> None:
        with ThinkingServer() as server:
            model = litellm_at(server)
            for _ in range(3):
                model.complete(CHAT, SHORT)
            server.obeys = frozenset({"enable_thinking"})
            for _ in range(2):
                model.complete(CHAT, SHORT)
            assert (server.requests[-1].body["max_tokens"], server.requests[-1].body["stop"]) == (8, ["\n"])

    def test_a_thought_that_never_ends_gives_an_empty_text_after_the_most_tokens(self) -> None:
        with ThinkingServer(words=10_000) as server:
            completion = litellm_at(server).complete(CHAT, SHORT)
            assert len(server.requests) == 3
        assert (completion.text, completion.finish_reason) == ("", "length")
        assert str(completion.thought).startswith("Okay, so so")

    def test_thoughts_get_no_more_than_the_context_window_has_room_for(self) -> None:
        with ThinkingServer(words=10_000) as server:
            litellm_at(server, context_window=200).complete(CHAT, SHORT)
            assert [request.body["max_tokens"] for request in server.requests] == [8, 200 - PROMPT_TOKENS - 16]

    def test_a_model_that_thinks_only_now_and_then_answers_in_both_cases(self) -> None:
        with ThinkingServer() as server:
            model = litellm_at(server)
            model.complete(CHAT, SHORT)
            server.obeys = frozenset({"enable_thinking"})
            completion = model.complete(CHAT, SHORT)
        assert (completion.text, completion.thought) == ("positive", None)

    def test_an_overflow_on_a_longer_attempt_leaves_the_first_ones_thought(self) -> None:
        with ThinkingServer(words=900) as server:
            model = ollama_at(server, context_window=700)
            completion = model.complete(CHAT, SHORT)
        assert completion.text == ""

    def test_an_empty_text_is_asked_for_anew_once_if_it_took_tokens_that_are_not_shown(self) -> None:
        asked: list[int] = []

        def ask(prompt: Prompt, sampling: Sampling) -> Completion:
            asked.append(sampling.max_tokens)
            tokens = 1 if len(asked) == 1 else 2
            text = "" if prompt.stop else "\n\nIt depends."
            return Completion(text=text, usage=Usage(prompt_tokens=5, completion_tokens=tokens))

        thinking = Thinking()
        completions = [thinking.complete(ask, CHAT, SHORT, window=4096) for _ in range(3)]
        assert [one.text for one in completions] == ["", "", ""], "it did not think, so its first text stands"
        assert asked == [8, 8, 520, 8]
        assert [one.usage.completion_tokens for one in completions] == [1, 4, 2]

    def test_a_text_that_ends_by_itself_without_an_answer_is_not_asked_for_again(self) -> None:
        asked: list[int] = []

        def ask(prompt: Prompt, sampling: Sampling) -> Completion:
            asked.append(sampling.max_tokens)
            return Completion(text="", thought="Hm.", usage=Usage(prompt_tokens=5, completion_tokens=3))

        assert Thinking().complete(ask, CHAT, SHORT, window=4096).text == ""
        assert asked == [8, 520]

    def test_a_request_with_room_for_its_answer_alone_is_not_refused_for_want_of_room_for_a_thought(self) -> None:
        def ask(prompt: Prompt, sampling: Sampling) -> Completion:
            if sampling.max_tokens > 8 and len(prompt.full_text) > 100:
                raise ContextOverflowError("too long")
            thought = "Hm." if sampling.max_tokens > 8 else None
            return Completion(text="yes" if thought or len(prompt.full_text) > 100 else "", thought=thought or "Hm")

        thinking = Thinking()
        for _ in range(2):
            assert thinking.complete(ask, CHAT, SHORT, window=4096).text == "yes"
        longer = Prompt(messages=(Message(role="user", content="word " * 40),), stop=("\n",))
        assert thinking.complete(ask, longer, SHORT, window=4096).text == "yes"


@pytest.mark.parametrize("shape", ["tags", "opened", "reasoning_content", "reasoning", "hidden"])
@pytest.mark.parametrize("words", [2, 40, 900])
def test_an_openai_server_that_thinks_gives_its_answer(shape: str, words: int) -> None:
    with ThinkingServer(shape=shape, words=words) as server:
        completion = litellm_at(server).complete(CHAT, SHORT if shape != "opened" else Sampling(max_tokens=1000))
    if shape == "opened":  # cut or stopped, it looks like any text
        assert completion.text in ("positive", "\nOkay, so so")
        return
    assert completion.text == "positive"
    assert completion.thought is not None


@pytest.mark.parametrize("shape", ["tags", "thinking"])
@pytest.mark.parametrize("words", [2, 40, 900])
def test_an_ollama_server_that_thinks_gives_its_answer(shape: str, words: int) -> None:
    with ThinkingServer(shape=shape, words=words) as server:
        completion = ollama_at(server).complete(CHAT, SHORT)
    assert completion.text == "positive"
    assert str(completion.thought).startswith("Okay, so")


@pytest.mark.parametrize("shape", ["tags", "reasoning_content", "thinking"])
def test_a_decision_is_read_from_the_first_token_of_the_answer_not_of_the_thought(shape: str) -> None:
    with ThinkingServer(shape=shape) as server:
        model = ollama_at(server) if shape == "thinking" else litellm_at(server)
        completion = model.complete(CHAT, Sampling(max_tokens=1, top_logprobs=2))
    assert completion.first_token == pytest.approx({"\n\npositive": math.log(0.9), " other": math.log(0.1)})


class TestEmbedded:
    PROMPT = Prompt(
        text="".join(
            f"Review: {word}\nSentiment: <think>{word} is {said}</think> {said}\n\n"
            for word, said in (("lovely", "positive"), ("awful", "negative"), ("superb", "positive"))
        )
        + "Review: dull\nSentiment:",
        stop=("\n",),
    )
    """What makes any model write a thought: demonstrations of it."""

    @pytest.mark.model
    def test_a_thought_is_told_from_the_answer_in_text_and_log_probabilities(self, smollm: EmbeddedModel) -> None:
        completion = smollm.complete(self.PROMPT, Sampling(max_tokens=24, top_logprobs=5))
        assert completion.text in ("negative", "positive")
        assert str(completion.thought).startswith("dull is")
        first = completion.first_token or {}
        assert max(first, key=first.__getitem__).strip() == completion.text
        assert len(completion.logprobs or ()) == 1

    @pytest.mark.slow
    @pytest.mark.model
    def test_a_thought_that_is_cut_gets_tokens_of_its_own(self, smollm: EmbeddedModel) -> None:
        completion = smollm.complete(self.PROMPT, Sampling(max_tokens=3, top_logprobs=5))
        assert completion.text in ("negative", "positive")
        assert completion.usage.completion_tokens > 8

    @pytest.mark.model
    def test_a_chat_gets_the_models_own_template_with_thinking_off(self, smollm: EmbeddedModel) -> None:
        """SmolLM2 knows nothing of it, so nothing changes."""
        asked = smollm.apply_template(CHAT.messages)
        raw = smollm.complete(Prompt(text=asked, stop=("\n",)), SHORT)
        assert smollm.complete(CHAT, SHORT).text == raw.text


@pytest.mark.parametrize("thinks_raw", [True, False])
def test_a_raw_prompt_is_answered_whether_or_not_the_model_thinks_over_it(thinks_raw: bool) -> None:
    with ThinkingServer(thinks_raw=thinks_raw) as server:
        for model in (litellm_at(server), ollama_at(server)):
            assert model.complete(RAW, SHORT).text == "positive"


class TestAskingForNoThinking:
    def test_an_own_server_is_asked_through_its_template_and_by_effort(self) -> None:
        with ThinkingServer(obeys={"enable_thinking"}) as server:
            assert litellm_at(server).complete(CHAT, SHORT).thought is None
            (request,) = server.requests
        assert request.body["chat_template_kwargs"] == {"enable_thinking": False}
        assert request.body["reasoning_effort"] == "none"

    def test_raw_prompts_have_no_template_to_ask_through(self) -> None:
        with ThinkingServer() as server:
            litellm_at(server).complete(RAW, SHORT)
            (request,) = server.requests
        assert not {"chat_template_kwargs", "reasoning_effort"} & set(request.body)

    @pytest.mark.parametrize("provider", ["openai", "hosted_vllm"])
    @pytest.mark.parametrize(
        "refusal",
        [
            (400, "Unknown parameter: chat_template_kwargs"),
            (422, "body.chat_template_kwargs: Extra inputs are not permitted"),
            (500, "unexpected key chat_template_kwargs"),
            (400, "Bad request"),
            (422, "Unprocessable entity"),
        ],
    )
    def test_a_way_that_is_refused_is_left_out_from_then_on(self, provider: str, refusal: tuple[int, str]) -> None:
        with ThinkingServer(refuses={"chat_template_kwargs": refusal}, words=3) as server:
            model = LiteLLMModel(f"{provider}/thinker", api_base=server.url + "/v1")
            assert [model.complete(CHAT, SHORT).text for _ in range(2)] == ["positive"] * 2
            sent = ["chat_template_kwargs" in request.body for request in server.requests]
        assert sent[0]
        assert not any(sent[1:])

    def test_the_other_way_is_kept_if_one_is_refused(self) -> None:
        refuses = {"chat_template_kwargs": (400, "chat_template_kwargs is not supported")}
        with ThinkingServer(obeys={"reasoning_effort"}, refuses=refuses) as server:
            assert litellm_at(server).complete(CHAT, SHORT).thought is None

    def test_a_refusal_of_something_else_is_told_as_it_is(self) -> None:
        ways = NoThinking(templates=True, efforts=True)
        assert not ways.refuse(400, "logprobs must be at most 5")
        assert not ways.refuse(400, "This model's maximum context length is 2048 tokens.")
        assert not ways.refuse(503, "busy")
        ways.grant()
        assert not ways.refuse(400, "Bad request"), "it was granted before"

    def test_an_effort_that_is_not_known_gives_way_to_one_that_the_refusal_names(self) -> None:
        ways = NoThinking(templates=False, efforts=True)
        assert ways.refuse(400, "reasoning_effort: 'none' is none of 'minimal', 'low', 'medium'")
        assert ways.parameters() == {"reasoning_effort": "minimal"}
        assert ways.refuse(400, "reasoning_effort is not supported")
        assert ways.parameters() == {}

    def test_a_hosted_model_is_asked_by_effort_where_litellm_says_that_it_takes_one(self) -> None:
        assert LiteLLMModel("openai/gpt-5")._no_thinking.parameters() == {"reasoning_effort": "none"}
        assert LiteLLMModel("openai/gpt-4o")._no_thinking.parameters() == {}

    @pytest.mark.parametrize("prompt", [RAW, CHAT])
    def test_ollama_is_asked_with_think_and_without_it_if_it_refuses_the_word(self, prompt: Prompt) -> None:
        with ThinkingServer(refuses={"think": (400, '"thinker" does not support thinking')}, words=3) as server:
            model = ollama_at(server)
            assert [model.complete(prompt, SHORT).text for _ in range(2)] == ["positive"] * 2
            sent = [request.body.get("think") for request in server.requests]
        assert sent[0] is False
        assert all(think is None for think in sent[1:])


@pytest.fixture(scope="module", autouse=True)
def no_key() -> Iterator[None]:
    """Leave the environment's keys out: these servers take any."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("OPENAI_BASE_URL", raising=False)
        patch.delenv("OPENAI_API_BASE", raising=False)
        yield
