"""A finite outcome is always decided: by going on, by what the model writes, or by what is told."""

import math
from collections.abc import Mapping

import pytest

from cribsheet.budget import Budget
from cribsheet.budget.ledger import Ledger
from cribsheet.budget.recording import Charged
from cribsheet.corrections import Answer, Calibration
from cribsheet.frozen import Decoding, FrozenPrompt
from cribsheet.frozen.deciding import WIDE
from cribsheet.frozen.running import ask
from cribsheet.layout.catalogue import layout_named
from cribsheet.layout.parsing import ParseFailure
from cribsheet.models import Completion, Part, Sampling, Usage
from cribsheet.models.scripted import ScriptedModel
from cribsheet.prompts import Prompt
from cribsheet.signature import Field, Signature

TOPIC = Field(name="topic", kind="label", labels=("science", "science fiction", "sports"))
STARS = Field(name="topic", kind="label", labels=(1, 2, 3, 4, 5))
MOODS = Field(name="topic", kind="label", labels=("🙂", "🙁"))
DUNE = {"text": "Dune"}
NEXT = {
    "": {" science": 0.6, " sports": 0.3, " the": 0.05},
    " science": {" fiction": 0.25, "\n": 0.7, " Fic": 0.05},
}


def prompt_of(field: Field = TOPIC, *, layout: str = "plain", top_logprobs: int = 8) -> FrozenPrompt:
    return FrozenPrompt(
        signature=Signature(name="Books", instructions="", inputs=(Field(name="text"),), outputs=(field,)),
        layout=layout_named(layout),
        instructions="",
        decoding=Decoding(decide_by="logprobs", max_tokens=6, top_logprobs=top_logprobs),
    )


class Talking:
    """A model that tells what comes next, and writes a text if it is asked for more than a token."""

    def __init__(
        self,
        following: Mapping[str, Mapping[str, float]],
        *,
        parts: Mapping[str, tuple[Part, ...]] | None = None,
        writes: str = "",
        may_go_on: bool = False,
    ) -> None:
        self._following, self._parts, self._writes, self._may_go_on = following, parts or {}, writes, may_go_on
        self.model = ScriptedModel(self.answer)

    def answer(self, prompt: Prompt, sampling: Sampling) -> Completion:
        usage = Usage(prompt_tokens=len(prompt.full_text.split()), completion_tokens=1)
        if sampling.max_tokens > 1:
            return Completion(text=self._writes, usage=usage)
        begun = "".join(map(str, prompt.begun)) or prompt.full_text.rsplit("Topic:", 1)[-1]
        first = {token: math.log(share) for token, share in self._following[begun].items()}
        if sampling.top_logprobs < WIDE:
            first = dict([*first.items()][: sampling.top_logprobs])
        return Completion(
            text=max(first, key=first.__getitem__),
            first_token=first,
            parts=self._parts.get(begun, ()),
            may_go_on=self._may_go_on,
            usage=usage,
        )

    @property
    def asked(self) -> list[str]:
        """What each request asked for: the text that the answer had begun with, or what kind of request it was."""
        names = []
        for prompt, sampling in self.model.calls:
            begun = "".join(map(str, prompt.begun)) or prompt.full_text.rsplit("Topic:", 1)[-1]
            names.append("text" if sampling.max_tokens > 1 else "wide" if sampling.top_logprobs == WIDE else begun)
        return names


def answer_of(talking: Talking, prompt: FrozenPrompt) -> tuple[object, Answer]:
    answer = ask(prompt, DUNE, talking.model)
    assert not isinstance(answer.outputs, ParseFailure)
    return answer.outputs["topic"], answer


def test_asking_goes_on_where_outcomes_begin_alike_and_every_call_is_paid() -> None:
    talking = Talking(NEXT)
    ledger = Ledger(Budget.parse("10calls"), count_tokens=talking.model.count_tokens)
    answer = ask(prompt_of(), DUNE, Charged(talking.model, ledger))
    assert answer.shares == pytest.approx(
        {"science": 0.6 * 0.7 / 0.9, "science fiction": 0.6 * 0.3 / 0.9, "sports": 0.3 / 0.9}
    )
    assert answer.unassigned == pytest.approx(0.1)
    assert talking.asked == ["", " science"]
    assert [prompt for prompt, _ in answer.completions] == [call.prompt for call in talking.model.calls]
    assert {call.sampling.max_tokens for call in talking.model.calls} == {1}
    assert ledger.spent == 2
    assert ledger.tokens == (3 + 1) + (4 + 1)


def test_the_calibration_holds_for_what_was_scored_on() -> None:
    biased = prompt_of().with_corrections(Calibration(biases={"science": 3.0}))
    best, answer = answer_of(Talking(NEXT), biased)
    assert best == "sports"
    assert answer.unassigned == pytest.approx(0.1)


def test_digits_behind_a_blank_are_decided_by_the_digits_and_not_by_what_is_left() -> None:
    stars = {"": {" ": 0.97, "1": 0.01}, " ": {"3": 0.7, "4": 0.2, "1": 0.1}}
    talking = Talking(stars)
    best, answer = answer_of(talking, prompt_of(STARS))
    assert (best, talking.asked) == (3, ["", " "])
    assert answer.probability == pytest.approx(0.97 * 0.7 / 0.99, rel=0.05)


def test_labels_that_are_whole_tokens_cost_one_call() -> None:
    talking = Talking({"": {" science fiction": 0.5, " sports": 0.3, " spor": 0.01, " the": 0.1}})
    answer_of(talking, prompt_of())
    assert talking.asked == [""]


# A model that can begin no answer in a chat


def test_a_chat_whose_label_has_only_begun_is_decided_by_what_the_model_writes() -> None:
    talking = Talking(NEXT, writes="science fiction")
    best, answer = answer_of(talking, prompt_of(layout="chat"))
    assert talking.asked == ["", "text"]
    assert best == "science fiction"
    assert answer.unassigned == pytest.approx(0.1)
    assert len(answer.completions) == 2


def test_a_chat_that_says_a_whole_label_is_asked_once() -> None:
    talking = Talking({"": {"sports": 0.7, "science": 0.2}})
    assert answer_of(talking, prompt_of(layout="chat"))[0] == "sports"
    assert talking.asked == [""]


def test_a_chat_goes_on_if_the_model_can_begin_its_answer() -> None:
    talking = Talking(NEXT, may_go_on=True)
    assert answer_of(talking, prompt_of(layout="chat"))[0] == "science"
    assert talking.asked == ["", " science"]
    assert talking.model.calls[1].prompt.begun == (" science",)
    assert talking.model.calls[1].prompt.messages == talking.model.calls[0].prompt.messages


# Half a character

HALF = (Part(hex="20f09f", logprob=math.log(0.9), id=7),)


def test_half_a_character_is_followed_by_its_number() -> None:
    parts = {"": HALF, "7": (Part(hex="9982", logprob=math.log(0.3), id=8), Part(hex="9981", logprob=-0.5, id=9))}
    talking = Talking({"": {" \ufffd": 0.9, " x": 0.1}, "7": {"\ufffd": 0.9}}, parts=parts, may_go_on=True)
    best, answer = answer_of(talking, prompt_of(MOODS))
    assert talking.asked == ["", "7"]
    assert best == "🙁"
    assert answer.probability == pytest.approx(math.exp(-0.5) / (0.3 + math.exp(-0.5)))


def test_half_a_character_that_cannot_be_followed_is_decided_by_what_the_model_writes() -> None:
    talking = Talking({"": {" \ufffd": 0.9, " x": 0.1}}, parts={"": HALF}, writes=" 🙁")
    best, answer = answer_of(talking, prompt_of(MOODS))
    assert talking.asked == ["", "text"]
    assert best == "🙁"
    assert answer.unassigned == pytest.approx(0.1)


def test_so_is_half_a_character_whose_bytes_nobody_tells() -> None:
    talking = Talking({"": {" \ufffd": 0.9, " x": 0.1}}, writes=" 🙁")
    assert answer_of(talking, prompt_of(MOODS))[0] == "🙁"


# Nothing that speaks


def test_if_the_usual_alternatives_hold_no_label_more_of_them_are_asked_for() -> None:
    talking = Talking({"": {" the": 0.6, " a": 0.3, " sports": 0.001}})
    best, answer = answer_of(talking, prompt_of(top_logprobs=2))
    assert talking.asked == ["", "wide"]
    assert best == "sports"
    assert answer.unassigned == pytest.approx(0.999)


def test_a_model_that_tells_fewer_than_it_was_asked_for_is_not_asked_for_more() -> None:
    talking = Talking({"": {" the": 0.6}}, writes=" the answer: sports")
    best, answer = answer_of(talking, prompt_of())
    assert talking.asked == ["", "text"]
    assert best == "sports"
    assert answer.unassigned == pytest.approx(0.4)


def test_if_the_text_holds_no_label_either_all_are_equally_likely() -> None:
    best, answer = answer_of(Talking({"": {" the": 0.6}}, writes=" the weather"), prompt_of())
    assert best in TOPIC.outcomes
    assert answer.shares == pytest.approx(dict.fromkeys(TOPIC.outcomes, 1 / 3))
    assert answer.unassigned == 1
    calibrated = prompt_of().with_corrections(Calibration(biases={"science": 1.0, "science fiction": 1.0}))
    assert answer_of(Talking({"": {" the": 0.6}}, writes=""), calibrated)[0] == "sports"


def test_a_completion_that_tells_an_empty_list_is_decided_too() -> None:
    talking = Talking({"": {" ": 1.0}, " ": {" x": 1.0}}, writes=" sports")
    assert answer_of(talking, prompt_of())[0] == "sports"
    silent = ScriptedModel(lambda prompt, sampling: Completion(text="", first_token={}))
    assert not isinstance(ask(prompt_of(), DUNE, silent).outputs, ParseFailure)


def test_41_intents_that_share_unlikely_beginnings_never_fail() -> None:
    intents = [f"{topic} {what}" for topic in "abcdefgh" for what in ("fee", "limit", "lost", "new", "old")] + ["other"]
    field = Field(name="topic", kind="label", labels=tuple(intents))
    first = {f" {topic}": 0.012 for topic in "abcdefgh"} | {" The": 0.4}
    following = {f" {topic}": {" fee": 0.6, " lost": 0.4} for topic in "abcdefgh"}
    talking = Talking({"": first, **following, " d": {" limit": 1.0}}, writes=" The fee")
    best, answer = answer_of(talking, prompt_of(field, top_logprobs=64))
    assert best in intents
    assert len(talking.asked) <= 4  # to find the likeliest would take a call for each of the eight beginnings
    assert answer.unassigned == pytest.approx(1 - 8 * 0.012)
