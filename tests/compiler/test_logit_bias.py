"""A server that takes the biases decides as Cribsheet does."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from engines import forward
from openai_server import OpenAIServer

from cribsheet.compiler.logit_bias import LIFT, with_logit_bias
from cribsheet.corrections.calibration import Calibration, batch_calibration, shares
from cribsheet.dataset.examples import Demo
from cribsheet.export import Source, export
from cribsheet.frozen import Decoding, FrozenPrompt
from cribsheet.frozen.running import Answer, ask
from cribsheet.layout import Layout
from cribsheet.layout.catalogue import layout_named
from cribsheet.layout.decisions import spelling_of
from cribsheet.layout.scoring import Alternative, Scoring
from cribsheet.models import Completion
from cribsheet.models.embedded import EmbeddedModel
from cribsheet.models.scripted import ScriptedModel
from cribsheet.prompts import Prompt
from cribsheet.signature import Signature
from export_cases import TOPIC, fill, program_of, prompt_of
from toys import QA, SENTIMENT, sentiment_rows, student_model

DECIDED = Decoding(decide_by="logprobs", max_tokens=4, top_logprobs=60)
BIASES = {"negative": -1.5, "positive": 0.5}


class Tokenizing(ScriptedModel):
    """Words with the space before them are tokens of their own; capitals and other words are letters."""

    def __init__(self, *words: str) -> None:
        super().__init__({})
        self.ids = {word: 100 + number for number, word in enumerate(words)}

    def token_ids(self, text: str) -> Sequence[int]:
        pieces = "|".join(map(re.escape, sorted(self.ids, key=len, reverse=True)))
        return [self.ids.get(piece, ord(piece[0])) for piece in re.findall(f"{pieces}|.|\n", text)]


WORDS = (" negative", " positive", " Positive", "positive", "negative")


def calibrated(layout: str | Layout = "plain", signature: Signature = SENTIMENT, **changes: Any) -> FrozenPrompt:
    chosen = layout_named(layout) if isinstance(layout, str) else layout
    prompt = prompt_of(chosen, signature, (), decoding=DECIDED)
    calibration = changes.pop("calibration", Calibration(biases=BIASES))
    return prompt.with_corrections(*([calibration] if calibration else [])).model_copy(update=changes)


def bias_of(prompt: FrozenPrompt) -> Mapping[str, float] | None:
    calibration = prompt.correction(Calibration)
    assert calibration is not None
    return calibration.logit_bias


def test_outcomes_are_lifted_above_all_else_less_their_biases() -> None:
    added = bias_of(with_logit_bias(calibrated(), Tokenizing(*WORDS)))
    assert added == {"100": LIFT + 2.0, "104": LIFT + 2.0, "101": LIFT, "102": LIFT, "103": LIFT}


def test_a_word_of_several_tokens_as_it_stands_in_the_prompt_has_no_logit_bias() -> None:
    assert bias_of(with_logit_bias(calibrated(), Tokenizing(" negative", "positive"))) is None
    assert bias_of(with_logit_bias(calibrated("message"), Tokenizing("negative", " positive"))) is None
    assert bias_of(with_logit_bias(calibrated("message"), Tokenizing("negative", "positive"))) is not None


def test_words_of_which_one_begins_another_have_no_logit_bias() -> None:
    layout = layout_named("plain").model_copy(update={"verbalizers": {"negative": "no", "positive": "note"}})
    assert bias_of(with_logit_bias(calibrated(layout), Tokenizing(" no", " note"))) is None


def test_a_bias_beyond_what_servers_take_is_not_written() -> None:
    far = Calibration(biases={"negative": -80.0, "positive": 0.0})
    assert bias_of(with_logit_bias(calibrated(calibration=far), Tokenizing(*WORDS))) is None


@pytest.mark.parametrize(
    "prompt",
    [calibrated(calibration=None), calibrated(decoding=Decoding()), calibrated(signature=QA)],
    ids=["uncalibrated", "read from text", "written"],
)
def test_what_is_not_decided_and_calibrated_stays_as_it_is(prompt: FrozenPrompt) -> None:
    assert with_logit_bias(prompt, Tokenizing(*WORDS)) is prompt


def test_a_model_that_tells_no_token_ids_leaves_the_prompt_as_it_is() -> None:
    prompt = calibrated()
    assert with_logit_bias(prompt, student_model()) is prompt


def answered(**tokens: float) -> Answer:
    first_token = {" " + token: math.log(share) for token, share in tokens.items()}
    told = [Alternative(token.encode(), logprob, token) for token, logprob in first_token.items()]
    spelling = spelling_of(layout_named("plain"), SENTIMENT, SENTIMENT.outputs[0])
    logprobs = Scoring(spelling, told).scores().logprobs
    completion = Completion(text="", first_token=first_token)
    return Answer({}, Prompt(text="x"), completion, logprobs=logprobs)


def test_decisions_that_rest_on_pieces_of_words_have_no_logit_bias() -> None:
    even = Calibration(biases={"negative": 0.0, "positive": 0.0})
    whole = answered(negative=0.1, positive=0.5, Negative=0.2)
    pieces = answered(negative=0.1, neg=0.5, positive=0.2)
    model = Tokenizing(*WORDS)
    assert bias_of(with_logit_bias(calibrated(calibration=even), model, [whole] * 99)) is not None
    assert bias_of(with_logit_bias(calibrated(calibration=even), model, [whole] * 99 + [pieces])) is not None
    assert bias_of(with_logit_bias(calibrated(calibration=even), model, [whole] * 98 + [pieces] * 2)) is None


TOPICS = (
    ("The minister met rebels for peace talks near the border.", "world"),
    ("The striker scored twice as United won the cup final.", "sports"),
    ("Shares fell after the bank cut its profit forecast.", "business"),
    ("The new phone has a faster chip and two cameras.", "technology"),
    ("Troops crossed the river and the president fled.", "world"),
    ("She won the marathon in record time.", "sports"),
    ("The retailer will close forty shops this year.", "business"),
    ("Engineers released an update of the browser.", "technology"),
)
REVIEWS = tuple((row["text"], row["sentiment"]) for row in sentiment_rows()[:120:7])


SHOUTED = {"verbalizers": {outcome: outcome.capitalize() for outcome in TOPIC.outputs[0].outcomes}}
"""As one token each at the start of a line, which the lower-case words are not."""


@pytest.mark.model
@pytest.mark.parametrize(
    ("layout", "signature", "rows"),
    [
        (layout_named("plain"), SENTIMENT, REVIEWS),
        (layout_named("chat"), SENTIMENT, REVIEWS),
        (layout_named("plain"), TOPIC, TOPICS),
        (layout_named("heading").model_copy(update=SHOUTED), TOPIC, TOPICS),
    ],
    ids=["sentiment-plain", "sentiment-chat", "topic-plain", "topic-heading"],
)
def test_one_token_of_a_server_is_the_calibrated_decision(
    layout: Layout, signature: Signature, rows: Sequence[tuple[str, str]], smollm: EmbeddedModel
) -> None:
    name = signature.outputs[0].name
    demos = tuple(Demo(inputs={"text": text}, outputs={name: outcome}) for text, outcome in rows[:4])
    prompt = prompt_of(layout, signature, demos, decoding=DECIDED)
    texts = [text for text, _ in (*rows, *TOPICS)][-12:]
    answers = [ask(prompt, {"text": text}, smollm) for text in texts]
    told = [answer.logprobs for answer in answers if answer.logprobs]
    calibration = batch_calibration(told)
    prompt = with_logit_bias(prompt.with_corrections(calibration), smollm, answers)
    assert bias_of(prompt) is not None
    probabilities = [shares(logprobs, calibration) for logprobs in told]
    assert served_by(smollm, prompt, texts) == [max(each, key=each.__getitem__) for each in probabilities]


def served_by(smollm: EmbeddedModel, prompt: FrozenPrompt, texts: Sequence[str]) -> list[str]:
    """Return what a server answers to the exported request, as a reader reads it."""
    source = Source(program_of(prompt), "predict")
    body, marks = json.loads(export(source.program, "openai").text), source.opened.placeholders()
    path = "/v1/completions" if "prompt" in body else "/v1/chat/completions"
    replies = []
    with OpenAIServer(smollm.address) as server:
        for text in texts:
            status, reply = forward(server.url + path, fill(body, marks, {"text": text}))
            assert status == 200, reply
            choice = reply["choices"][0]
            replies.append((choice.get("text") or choice["message"]["content"]).strip().lower())
    return replies
