"""The embedded engine, asked for real."""

import json
import math
import subprocess
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cribsheet.errors import ContextOverflowError, ModelError, UnknownModelError, WeightsError
from cribsheet.models import Model, Sampling
from cribsheet.models.embedded import EmbeddedModel
from cribsheet.models.weights import find, locate, models_directory
from cribsheet.prompts import Message, Prompt

REVIEWS = "Review: a lovely film\nSentiment: positive\n\nReview: awful, boring\nSentiment:"
ASKED = Prompt(messages=(Message(role="user", content="Name three fruits."),))
FILMS = "film dull story " * 13 + "film ending"  # read alone, its last token differs by 0.1 nats
FIRST = Sampling(max_tokens=1, top_logprobs=10)


def raw(text: str, *stop: str) -> Prompt:
    return Prompt(text=text, stop=stop)


class TestWithoutTheEngine:
    def test_an_unknown_name_lists_the_known_ones_and_those_on_disk(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("CRIBSHEET_MODELS", str(tmp_path))
        (tmp_path / "mine.gguf").write_bytes(b"GGUF")
        with pytest.raises(UnknownModelError, match=r"embedded/gpt-9 leads to no weights.*smollm2-135m.*mine"):
            EmbeddedModel("embedded/gpt-9")
        assert EmbeddedModel("embedded/mine").name == "embedded/mine"

    def test_a_path_without_a_file_is_an_unknown_model(self, tmp_path: Path) -> None:
        with pytest.raises(UnknownModelError, match="leads to no weights"):
            EmbeddedModel(f"embedded/{tmp_path}/none.gguf")

    def test_digest_and_window_of_known_weights_need_no_file(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("CRIBSHEET_MODELS", str(tmp_path))
        model = EmbeddedModel("embedded/smollm2-135m")
        entry = find("smollm2-135m")
        assert entry
        assert model.digest == f"sha256:{entry.sha256}"
        assert model.context_window == 4096
        assert list(tmp_path.iterdir()) == []

    def test_it_is_a_model(self) -> None:
        assert isinstance(EmbeddedModel("embedded/smollm2-135m"), Model)

    def test_a_file_that_is_no_gguf_is_refused_with_what_it_starts_with(self, tmp_path: Path) -> None:
        (tmp_path / "notes.gguf").write_text("Dear diary")
        model = EmbeddedModel(f"embedded/{tmp_path}/notes.gguf")
        with pytest.raises(WeightsError, match="is not a GGUF file: it starts with b'Dear'"):
            model.complete(raw("Hi"), Sampling())

    def test_a_missing_engine_names_the_extra(self, tmp_path: Path) -> None:
        (tmp_path / "x.gguf").write_bytes(b"GGUF")
        script = (
            "import sys; sys.modules['xllamacpp'] = None\n"  # as if it were not installed
            "from cribsheet.models.embedded import EmbeddedModel\n"
            f"EmbeddedModel('embedded/{tmp_path}/x.gguf').count_tokens('Hi')"
        )
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
        assert "MissingExtraError" in done.stderr
        assert 'pip install "cribsheet[embedded]"' in done.stderr

    def test_importing_it_does_not_load_the_engine(self) -> None:
        script = "import sys, cribsheet.models.embedded; sys.exit('xllamacpp' in sys.modules)"
        assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


@pytest.mark.model
class TestCompletion:
    def test_a_raw_prompt_is_completed_up_to_the_stop_sequence(self, smollm: EmbeddedModel) -> None:
        completion = smollm.complete(raw(REVIEWS, "\n"), Sampling(max_tokens=8))
        assert completion.text == " negative"
        assert completion.finish_reason == "stop"
        assert completion.first_token is None
        assert completion.logprobs is None
        assert completion.seconds > 0

    def test_max_tokens_ends_a_completion(self, smollm: EmbeddedModel) -> None:
        completion = smollm.complete(raw("Once upon a time"), Sampling(max_tokens=5))
        assert completion.finish_reason == "length"
        assert completion.usage.completion_tokens == 5

    def test_a_chat_gets_the_models_template_once(self, smollm: EmbeddedModel) -> None:
        sampling = Sampling(max_tokens=24, top_logprobs=5)
        chat = smollm.complete(ASKED, sampling)
        template = smollm.apply_template(ASKED.messages)
        assert template.count("<|im_start|>user\nName three fruits.<|im_end|>") == 1
        same = smollm.complete(raw(template), sampling)
        assert (chat.text, chat.first_token, chat.logprobs) == (same.text, same.first_token, same.logprobs)
        assert chat.usage.prompt_tokens == smollm.count_tokens(template)

    def test_a_turn_to_go_on_with_is_not_repeated(self, smollm: EmbeddedModel) -> None:
        begun = Prompt(messages=(*ASKED.messages, Message(role="assistant", content="1. Apple\n2.")))
        completion = smollm.complete(begun, Sampling(max_tokens=4))
        assert not completion.text.startswith("1.")
        assert (
            completion.text == smollm.complete(raw(smollm.apply_template(begun.messages)), Sampling(max_tokens=4)).text
        )

    def test_sampling_follows_the_seed(self, smollm: EmbeddedModel) -> None:
        texts = [
            smollm.complete(raw("Once upon a time"), Sampling(max_tokens=12, temperature=1.0, seed=seed)).text
            for seed in (1, 1, 2)
        ]
        assert texts[0] == texts[1] != texts[2]

    def test_several_threads_get_what_they_would_get_alone(self, smollm: EmbeddedModel) -> None:
        prompts = [
            raw(f"{REVIEWS} negative\n\nReview: {word}\nSentiment:", "\n\n") for word in ["good", "bad", "fun", "dull"]
        ]
        sampling = Sampling(max_tokens=6, top_logprobs=5)
        alone = [smollm.complete(prompt, sampling) for prompt in prompts]
        with ThreadPoolExecutor(4) as threads:
            together = list(threads.map(lambda prompt: smollm.complete(prompt, sampling), prompts))
        assert [(c.text, c.logprobs, c.first_token) for c in together] == [
            (c.text, c.logprobs, c.first_token) for c in alone
        ]

    def test_it_works_again_after_closing(self) -> None:
        model = EmbeddedModel("embedded/smollm2-135m", context_window=256, threads=1)
        before = model.complete(raw(REVIEWS, "\n"), Sampling(max_tokens=4)).text
        model.close()
        model.close()
        assert model.complete(raw(REVIEWS, "\n"), Sampling(max_tokens=4)).text == before
        model.close()

    def test_an_engine_that_has_read_no_prompt_can_be_freed(self) -> None:
        for _ in range(3):
            model = EmbeddedModel("embedded/smollm2-135m", context_window=256)
            assert model.count_tokens("one two") == 2
            model.close()

    def test_its_own_server_speaks_the_openai_api(self, smollm: EmbeddedModel) -> None:
        body = json.dumps({"prompt": REVIEWS, "max_tokens": 8, "temperature": 0, "stop": ["\n"]}).encode()
        request = urllib.request.Request(
            f"{smollm.address}/completions", data=body, headers={"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as response:
            assert json.load(response)["choices"][0]["text"] == " negative"

    def test_nothing_is_printed(self) -> None:
        script = (
            "from cribsheet.models import Sampling\n"
            "from cribsheet.models.embedded import EmbeddedModel\n"
            "from cribsheet.prompts import Prompt\n"
            "model = EmbeddedModel('embedded/smollm2-135m', context_window=256)\n"
            "model.complete(Prompt(text='Hi'), Sampling(max_tokens=2))"  # left open: the exit must be clean too
        )
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.model
class TestLogprobs:
    def test_alternatives_are_log_probabilities_of_one_token(self, smollm: EmbeddedModel) -> None:
        completion = smollm.complete(raw(REVIEWS), FIRST)
        assert completion.first_token
        assert len(completion.first_token) == 10
        assert 0.5 < sum(math.exp(logprob) for logprob in completion.first_token.values()) <= 1 + 1e-6
        assert max(completion.first_token, key=lambda token: completion.first_token[token]) == completion.text
        assert completion.logprobs == (completion.first_token[completion.text],)

    @pytest.mark.parametrize("before", ["", FILMS, FILMS[:100] + " other", FILMS[:-7], FILMS + " is"])
    def test_they_are_the_same_to_the_bit_whatever_was_asked_before(self, smollm: EmbeddedModel, before: str) -> None:
        smollm.close()
        alone = smollm.complete(raw(FILMS), FIRST)
        smollm.close()
        if before:
            smollm.complete(raw(before), Sampling(max_tokens=3))
        assert smollm.complete(raw(FILMS), FIRST).first_token == alone.first_token

    def test_a_prompt_that_takes_up_an_answer_reads_it_anew(self, smollm: EmbeddedModel) -> None:
        # Tokens that were generated, one by one, are not to the bit what reading them together gives.
        story = "Once upon a time there was a film about"
        answer = smollm.complete(raw(story), Sampling(max_tokens=12)).text
        after = smollm.complete(raw(f"{story}{answer} and the end is near"), FIRST)
        smollm.close()
        assert smollm.complete(raw(f"{story}{answer} and the end is near"), FIRST).first_token == after.first_token

    def test_beginnings_of_an_answer_are_read_in_any_order_to_the_bit(self, smollm: EmbeddedModel) -> None:
        beginnings = [" card", " account", " card_payment", " card_payment_declined", " account", " card_p", " c"]
        smollm.complete(raw(FILMS), Sampling(max_tokens=5))
        told = [smollm.complete(raw(FILMS + one), FIRST) for one in ["", *beginnings]]
        assert all(one.usage.evaluated_tokens < 8 for one in told)
        for one, completion in zip(["", *beginnings], told, strict=True):
            smollm.close()
            assert smollm.complete(raw(FILMS + one), FIRST).first_token == completion.first_token

    @pytest.mark.slow
    @pytest.mark.parametrize("tokens", [512, 513, 514])
    def test_the_end_of_a_batch_changes_nothing(self, smollm: EmbeddedModel, tokens: int) -> None:
        text = " film" * (tokens - 2) + " lovely scene"
        assert smollm.count_tokens(text) == tokens
        smollm.close()
        alone = smollm.complete(raw(text), FIRST)
        smollm.close()
        smollm.complete(raw(" film" * 200 + " other"), FIRST)
        after = smollm.complete(raw(text), FIRST)
        assert after.usage.cached_tokens == 200
        assert after.first_token == alone.first_token

    def test_prompts_that_take_turns_keep_their_prefixes(self, smollm: EmbeddedModel) -> None:
        prefixes = [f"{word} review: a film.\n" * 20 for word in ("Good", "Bad")]
        for row in ("fine", "dull"):
            usages = [smollm.complete(raw(f"{prefix}{row} film, a"), FIRST).usage for prefix in prefixes]
        assert all(usage.evaluated_tokens < 10 < usage.prompt_tokens for usage in usages)

    def test_a_shared_prefix_is_read_once(self, smollm: EmbeddedModel) -> None:
        smollm.complete(raw(f"{REVIEWS} negative\n\nReview: fine\nSentiment:"), FIRST)
        usage = smollm.complete(raw(f"{REVIEWS} negative\n\nReview: a bore\nSentiment:"), FIRST).usage
        assert (usage.cached_tokens or 0) >= smollm.count_tokens(REVIEWS)
        assert usage.evaluated_tokens < 10

    def test_an_answer_that_ends_at_once_still_has_its_first_token(self, smollm: EmbeddedModel) -> None:
        greeted = "<|im_start|>user\nSay hi.<|im_end|>\n<|im_start|>assistant\nHi! How can I help you today?"
        completion = smollm.complete(raw(greeted), Sampling(max_tokens=4, top_logprobs=5))
        assert (completion.text, completion.logprobs) == ("", ())
        assert completion.first_token
        assert max(completion.first_token.values()) == completion.first_token[""]

    @pytest.mark.parametrize("stop", [" negative", " neg", "\n", " negative\n"])
    def test_a_stop_sequence_does_not_hide_the_first_token(self, smollm: EmbeddedModel, stop: str) -> None:
        free = smollm.complete(raw(REVIEWS), FIRST)
        stopped = smollm.complete(raw(REVIEWS, stop), Sampling(max_tokens=4, top_logprobs=10))
        assert stopped.text == (" negative" if stop == "\n" else "")
        assert stopped.first_token == pytest.approx(free.first_token, abs=0.2)
        assert stopped.logprobs == (free.logprobs if stop == "\n" else ())

    def test_a_stop_sequence_does_not_hide_the_first_token_of_a_chat(self, smollm: EmbeddedModel) -> None:
        free = smollm.complete(ASKED, FIRST)
        stopping = ASKED.model_copy(update={"stop": (free.text,)})
        stopped = smollm.complete(stopping, Sampling(max_tokens=4, top_logprobs=10))
        assert stopped.text == ""
        assert stopped.first_token == pytest.approx(free.first_token, abs=0.2)

    def test_a_character_of_several_tokens_has_the_alternatives_of_its_first(self, smollm: EmbeddedModel) -> None:
        emoji = raw("emoji: 😀😁😂🤣😃😄😅")
        completion = smollm.complete(emoji, Sampling(max_tokens=3, top_logprobs=5))
        assert len(completion.text) == 1
        assert completion.usage.completion_tokens == 3
        assert completion.first_token
        assert max(completion.first_token.values()) == completion.first_token["\ufffd"]
        alone = smollm.complete(emoji, Sampling(max_tokens=1, top_logprobs=5))
        assert alone.text == "\ufffd"
        assert alone.first_token == completion.first_token
        assert sum(math.exp(logprob) for logprob in completion.first_token.values()) <= 1 + 1e-6

    def test_half_a_character_is_gone_on_with_by_its_number(self, smollm: EmbeddedModel) -> None:
        emoji = raw("emoji: 😀😁😂🤣😃😄😅")
        first = smollm.complete(emoji, FIRST)
        half = max(first.parts, key=lambda part: part.logprob)
        assert half.id is not None
        after = smollm.complete(emoji.followed_by(half.id), FIRST)
        assert after.parts
        whole = bytes.fromhex(half.hex) + bytes.fromhex(max(after.parts, key=lambda part: part.logprob).hex)
        assert len(whole) < 4 or whole.decode()
        smollm.close()
        assert smollm.complete(emoji.followed_by(half.id), FIRST).parts == after.parts

    @pytest.mark.parametrize("said", [" neg", " negative", " "])
    def test_a_chat_goes_on_from_the_beginning_of_its_answer(self, smollm: EmbeddedModel, said: str) -> None:
        begun = smollm.complete(ASKED.followed_by(said), FIRST)
        same = smollm.complete(raw(smollm.apply_template(ASKED.messages) + said), FIRST)
        assert (begun.first_token, begun.usage.prompt_tokens) == (same.first_token, same.usage.prompt_tokens)

    def test_text_after_a_number_is_read_as_if_it_stood_in_the_prompt(self, smollm: EmbeddedModel) -> None:
        (blank,) = smollm.token_ids(" ")
        by_number = smollm.complete(raw("Stars:").followed_by(blank, "4"), FIRST)
        as_text = smollm.complete(raw("Stars: 4"), FIRST)
        assert by_number.usage.prompt_tokens == as_text.usage.prompt_tokens
        assert by_number.first_token == as_text.first_token

    def test_sampled_tokens_keep_the_models_own_alternatives(self, smollm: EmbeddedModel) -> None:
        greedy = smollm.complete(raw(REVIEWS), FIRST)
        sampled = smollm.complete(raw(REVIEWS), Sampling(max_tokens=1, temperature=2.0, seed=5, top_logprobs=10))
        assert sampled.first_token == greedy.first_token

    def test_chinese_comes_through(self, smollm: EmbeddedModel) -> None:
        completion = smollm.complete(
            raw("水果：苹果、香蕉、苹果、香蕉、苹果、", "\n"), Sampling(max_tokens=12, top_logprobs=3)
        )
        assert "香蕉" in completion.text
        assert completion.first_token
        assert completion.logprobs


@pytest.mark.model
class TestWindow:
    def test_a_prompt_that_is_too_long_says_by_how_much(self) -> None:
        model = EmbeddedModel("embedded/smollm2-135m", context_window=256)
        for prompt in (raw("word " * 300), Prompt(messages=(Message(role="user", content="word " * 300),))):
            with pytest.raises(ContextOverflowError, match=r"prompt of 3\d\d tokens.*window of .* 256 tokens"):
                model.complete(prompt, Sampling(max_tokens=4))
        assert model.complete(raw("word " * 200), Sampling(max_tokens=4)).usage.completion_tokens == 4
        with pytest.raises(ContextOverflowError, match="up to 80 tokens of completion do not fit"):
            model.complete(raw("word " * 200), Sampling(max_tokens=80))
        model.close()

    def test_a_window_between_the_engines_steps_is_kept(self) -> None:
        model = EmbeddedModel("embedded/smollm2-135m", context_window=270)
        with pytest.raises(ContextOverflowError):
            model.complete(raw("word " * 280), Sampling(max_tokens=4))
        model.close()

    def test_an_empty_prompt_is_refused(self, smollm: EmbeddedModel) -> None:
        with pytest.raises(ModelError, match="empty prompt"):
            smollm.complete(raw(""), Sampling())

    def test_tokens_are_counted_as_the_prompt_counts_them(self, smollm: EmbeddedModel) -> None:
        for text in (REVIEWS, "引力是什么？ 😀", "<|im_start|>user\nHi<|im_end|>"):
            assert smollm.count_tokens(text) == smollm.complete(raw(text), FIRST).usage.prompt_tokens
        assert smollm.count_tokens("") == 0

    def test_truncated_weights_are_refused(self, smollm: EmbeddedModel, tmp_path: Path) -> None:
        smollm.count_tokens("so that the weights are there")
        whole = locate("smollm2-135m", directory=models_directory())
        assert whole
        with whole.open("rb") as file:
            (tmp_path / "cut.gguf").write_bytes(file.read(10_000_000))
        with pytest.raises(WeightsError, match=r"cannot load .*cut.gguf.*damaged"):
            EmbeddedModel(f"embedded/{tmp_path}/cut.gguf").count_tokens("Hi")
