"""What an answer comes to, asked for or read again."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cribsheet.corrections import (
    Answer,
    Calibration,
    Correction,
    Extraction,
    Guard,
    Pointer,
    Readout,
    corrected,
)
from cribsheet.frozen import Decoding, FrozenPrompt
from cribsheet.frozen.running import ask, asked
from cribsheet.layout.catalogue import layout_named
from cribsheet.layout.parsing import ParseFailure
from cribsheet.models import Completion, Sampling, Usage
from cribsheet.models.scripted import ScriptedModel
from cribsheet.outcomes import Unanswerable
from cribsheet.prompts import Prompt
from cribsheet.signature import Field, Signature
from toys import QA, SENTIMENT

TOPIC = Field(name="topic", kind="label", labels=("science", "science fiction", "sports"))
BOOKS = Signature(name="Books", instructions="", inputs=(Field(name="text"),), outputs=(TOPIC,))
FIT = Field(name="fit", kind="boolean", abstains=True)
FITTING = Signature(name="Fitting", instructions="", inputs=QA.inputs, outputs=(FIT,))
TEXT = {"text": "The film was superb."}
ASKED = {"question": "Who wrote the diary?", "context": "The diary was written by Anne Frank."}


def prompt_of(signature: Signature, *corrections: Correction, **given: object) -> FrozenPrompt:
    by_logprobs = Decoding(decide_by="logprobs", top_logprobs=8)
    decoding = by_logprobs if signature is not QA else Decoding(max_tokens=8, top_logprobs=1)
    prompt = FrozenPrompt.model_validate(
        {"signature": signature, "layout": layout_named("plain"), "instructions": "", "decoding": decoding, **given}
    )
    return prompt.with_corrections(*corrections)


def guard_of(field: str, threshold: float) -> Guard:
    return Guard(
        field=field,
        context="context",
        lead=("question",),
        weights={"coverage": 2.0, "confidence": 1.0},
        intercept=-1.0,
        threshold=threshold,
        idf={},
        rare=1.0,
    )


def saying(text: str, first: dict[str, float] | None = None, **after: dict[str, float]) -> ScriptedModel:
    """A model that says the same to all, and other things where it has begun to answer."""

    def answer(prompt: Prompt, sampling: Sampling) -> Completion:
        begun = prompt.full_text.rsplit(":", 1)[-1].strip()
        told = after.get(begun, first)
        first_token = told and {token: math.log(p) for token, p in told.items()}
        return Completion(text=text, first_token=first_token, usage=Usage(prompt_tokens=9))

    return ScriptedModel(answer)


def assert_same_when_reread(
    model: ScriptedModel, before: FrozenPrompt, after: FrozenPrompt, inputs: dict[str, str]
) -> Answer:
    first = ask(before, inputs, model)
    calls = len(model.calls)
    read = corrected(after.corrections, first, asked(after, inputs), model)
    assert len(model.calls) == calls
    assert read == ask(after, inputs, model)
    return read


biases = st.floats(min_value=-8, max_value=8)


@given(negative=st.floats(min_value=0.01, max_value=0.9), bias=biases, other=biases)
def test_a_decision_read_with_other_biases_is_what_asking_with_them_gives(
    negative: float, bias: float, other: float
) -> None:
    model = saying(" negative", {" negative": negative, " positive": 0.95 - negative})
    before, after = (
        prompt_of(SENTIMENT, Calibration(biases={"negative": one, "positive": 0.0})) for one in (bias, other)
    )
    assert_same_when_reread(model, before, after, TEXT)
    assert_same_when_reread(model, prompt_of(SENTIMENT), after, TEXT)
    assert_same_when_reread(model, before, prompt_of(SENTIMENT), TEXT)


def test_what_was_asked_to_tell_outcomes_apart_is_not_asked_again() -> None:
    model = saying(" science", {" science": 0.7, " sports": 0.3}, science={" fiction": 0.4, "\n": 0.6})
    biased = prompt_of(BOOKS, Calibration(biases={"science": 1.0, "science fiction": -1.0}))
    answer = assert_same_when_reread(model, prompt_of(BOOKS), biased, TEXT)
    assert len(answer.completions) == 2
    assert not isinstance(answer.outputs, ParseFailure)
    assert answer.outputs["topic"] == "science fiction"


@pytest.mark.parametrize("threshold", [0.0, 0.5, 1.0])
def test_a_guard_can_be_put_on_a_decision_and_taken_off(threshold: float) -> None:
    model = saying(" yes", {" yes": 0.6, " no": 0.3, " unanswerable": 0.1})
    guarded = prompt_of(FITTING, guard_of("fit", threshold), Calibration(biases={"true": 0.2, "false": -0.3}))
    assert_same_when_reread(model, prompt_of(FITTING), guarded, ASKED)
    answer = assert_same_when_reread(model, guarded, prompt_of(FITTING), ASKED)
    assert answer.standing is None


@pytest.mark.parametrize("threshold", [0.0, 0.5, 1.0])
def test_a_guard_can_be_put_on_a_written_answer_and_taken_off(threshold: float) -> None:
    model = saying(" Anne Frank", {" Anne": 0.9, " un": 0.05})
    guarded = prompt_of(QA, guard_of("answer", threshold))
    answer = assert_same_when_reread(model, prompt_of(QA), guarded, ASKED)
    assert not isinstance(answer.outputs, ParseFailure)
    assert isinstance(answer.outputs["answer"], Unanswerable) == (threshold == 1.0)
    back = assert_same_when_reread(model, guarded, prompt_of(QA), ASKED)
    assert not isinstance(back.outputs, ParseFailure)
    assert back.outputs["answer"] == "Anne Frank"


def test_what_could_not_be_read_stays_unread() -> None:
    biased = prompt_of(SENTIMENT, Calibration(biases={"negative": 1.0, "positive": 0.0}))
    chatting = saying(" Well, it depends")  # no log-probabilities: it is the text that is read
    assert isinstance(assert_same_when_reread(chatting, prompt_of(SENTIMENT), biased, TEXT).outputs, ParseFailure)


def test_what_was_written_where_no_log_probabilities_are_told_is_read_the_same() -> None:
    biased = prompt_of(SENTIMENT, Calibration(biases={"negative": 9.0, "positive": 0.0}))
    answer = assert_same_when_reread(saying(" negative"), prompt_of(SENTIMENT), biased, TEXT)
    assert not isinstance(answer.outputs, ParseFailure)
    assert answer.outputs["sentiment"] == "negative"


# A readout

HEARD = Readout(
    usual={" dull": -4.0}, weights={" dull": {"negative": 2.0, "positive": 0.0}}, biases={"negative": 0, "positive": 0}
)
UNSURE = saying(" positive", {" positive": 0.5, " negative": 0.3, " dull": 0.1})


def test_a_readout_decides_and_what_the_words_alone_decide_is_kept() -> None:
    answer = assert_same_when_reread(UNSURE, prompt_of(SENTIMENT), prompt_of(SENTIMENT, HEARD), TEXT)
    assert not isinstance(answer.outputs, ParseFailure)
    assert (answer.outputs, answer.raw.outputs) == ({"sentiment": "negative"}, {"sentiment": "positive"})
    above = math.log(0.1) + 4.0
    odds = math.log(0.3 / 0.5) + 2.0 * above
    assert answer.probability == pytest.approx(1 / (1 + math.exp(-odds)))


def test_without_a_readout_there_is_nothing_else_to_keep() -> None:
    assert ask(prompt_of(SENTIMENT), TEXT, UNSURE).steps == (ask(prompt_of(SENTIMENT), TEXT, UNSURE),)


def test_where_no_alternatives_are_told_the_text_is_read() -> None:
    answer = ask(prompt_of(SENTIMENT, HEARD), TEXT, saying(" positive"))
    assert answer.outputs == {"sentiment": "positive"}


# Extracted answers

EXTRACTION = Extraction(source="context")


def inventing() -> ScriptedModel:
    """A model that invents a name, but writes the one of the context where it has to."""
    return saying(" Anne Smith", None, **{"Anne": {" Smith": 0.7, " Frank": 0.2}, "Anne Frank": {"\n": 0.9}})


def test_an_answer_that_does_not_stand_in_the_context_is_extracted_from_it() -> None:
    answer = ask(prompt_of(QA, EXTRACTION, guard_of("answer", 0.0)), ASKED, inventing())
    assert answer.outputs == {"answer": "Anne Frank"}
    assert answer.raw.outputs == {"answer": "Anne Smith"}
    assert len(answer.completions) == 3
    assert answer.evidence is not None
    assert (answer.evidence.answer, answer.evidence.written) == ("Anne Frank", "Anne Smith")


@pytest.mark.parametrize("text", [" Anne Frank", " anne frank.", " unanswerable"])
def test_one_that_stands_there_and_an_abstention_are_left_as_they_are(text: str) -> None:
    model = saying(text)
    answer = ask(prompt_of(QA, EXTRACTION), ASKED, model)
    assert (answer.changes, len(model.calls)) == ((), 1)


def test_a_chat_and_a_model_that_tells_no_alternatives_answer_freely() -> None:
    chat = prompt_of(QA, EXTRACTION, layout=layout_named("chat"))
    assert ask(chat, ASKED, inventing()).outputs == {"answer": "Anne Smith"}
    silent = ask(prompt_of(QA, EXTRACTION), ASKED, saying(" Otto Smith"))
    assert silent.outputs == {"answer": "Otto Smith"}


def test_an_extracted_answer_is_read_as_it_was_written_and_extracted_again_without_a_model() -> None:
    extractive, free = prompt_of(QA, EXTRACTION), prompt_of(QA)
    first = ask(extractive, ASKED, inventing())
    silent = ScriptedModel({})
    assert corrected(free.corrections, first, asked(free, ASKED), silent).outputs == {"answer": "Anne Smith"}
    assert corrected(extractive.corrections, first, asked(extractive, ASKED), silent) == first


def test_an_empty_answer_is_extracted_from_its_start() -> None:
    model = saying(" ", None, **{"": {" Anne": 0.6, " Bob": 0.3}, "Anne": {" Frank": 0.9}, "Anne Frank": {"\n": 0.9}})
    answer = ask(prompt_of(QA, EXTRACTION), ASKED, model)
    assert answer.outputs == {"answer": "Anne Frank"}
    assert isinstance(answer.raw.outputs, ParseFailure)
    assert isinstance(corrected((), answer, asked(prompt_of(QA), ASKED), model).outputs, ParseFailure)
    assert isinstance(ask(prompt_of(QA), ASKED, model).outputs, ParseFailure)


def test_the_guard_sees_that_what_was_written_is_not_in_the_context() -> None:
    grounded = guard_of("answer", 0.5).model_copy(update={"weights": {"grounded": 4.0}, "intercept": -2.0})
    withheld = ask(prompt_of(QA, EXTRACTION, grounded), ASKED, inventing())
    assert withheld.outputs == {"answer": Unanswerable()}
    lenient = grounded.model_copy(update={"threshold": 0.1})
    stands = ask(prompt_of(QA, EXTRACTION, lenient), ASKED, inventing())
    assert stands.outputs == {"answer": "Anne Frank"}


# Answers that begin where a pointer says

BEGUN = {" The": 0.5, " Anne": 0.2}


def beginning_with_the_diary() -> ScriptedModel:
    """A model that begins with a likely word that is not the answer, and goes on rightly after the right one."""

    def answer(prompt: Prompt, sampling: Sampling) -> Completion:
        begun = prompt.full_text.rsplit("Answer:", 1)[-1]
        first_token = {token: math.log(p) for token, p in BEGUN.items()}
        text = {"": " The diary", " Anne": " Frank"}[begun]
        return Completion(text=text, first_token=first_token, usage=Usage(prompt_tokens=9))

    return ScriptedModel(answer)


def pointed(**weights: float) -> FrozenPrompt:
    return prompt_of(QA, EXTRACTION, Pointer(source="context", lead=("question",), weights=weights))


def test_the_model_goes_on_from_the_word_that_is_pointed_at() -> None:
    model = beginning_with_the_diary()
    answer = ask(pointed(likelihood=1.0, asked=-9.0), ASKED, model)
    assert answer.outputs == {"answer": "Anne Frank"}
    assert answer.raw.outputs == {"answer": "The diary"}
    assert [call.prompt.text.rsplit("\n", 1)[-1] for call in model.calls] == ["Answer:", "Answer: Anne"]
    assert len(answer.completions) == 2


def test_an_answer_that_begins_there_by_itself_costs_no_call_more() -> None:
    model = beginning_with_the_diary()
    answer = ask(pointed(likelihood=1.0), ASKED, model)
    assert answer.outputs == {"answer": "The diary"}
    assert (answer.changes, len(model.calls)) == ((), 1)


def test_what_leaves_the_text_after_the_pointed_word_is_extracted() -> None:
    model = saying(" The diary", BEGUN, **{"Anne": {" Frank": 0.4, " The": 0.1}, "Anne Frank": {"\n": 0.9}})
    answer = ask(pointed(likelihood=1.0, asked=-9.0), ASKED, model)
    assert answer.outputs == {"answer": "Anne Frank"}
    assert len(model.calls) == 4


def test_without_alternatives_a_pointer_points_at_nothing() -> None:
    answer = ask(pointed(likelihood=1.0, asked=-9.0), ASKED, saying(" The diary"))
    assert (answer.outputs, answer.changes) == ({"answer": "The diary"}, ())


def test_an_abstention_is_not_pointed_away() -> None:
    answer = ask(pointed(likelihood=1.0), ASKED, saying(" unanswerable", BEGUN))
    assert answer.outputs == {"answer": Unanswerable()}


@pytest.mark.parametrize("text", ["<think>\nOkay, the user", "<think>", "<think>Hm.</think>"])
def test_a_thought_is_no_answer_of_a_text_field_either(text: str) -> None:
    answer = ask(prompt_of(QA), ASKED, ScriptedModel(lambda prompt, sampling: Completion(text=text)))
    assert isinstance(answer.outputs, ParseFailure)
    assert "only a thought" in answer.outputs.reason


def test_what_comes_after_a_thought_is_the_answer() -> None:
    said = Completion(text="<think>\nWho? Anne.</think>\n\nAnne Frank", first_token={"<think>": 0.0})
    answer = ask(prompt_of(QA), ASKED, ScriptedModel(lambda prompt, sampling: said))
    assert answer.outputs == {"answer": "Anne Frank"}
    assert (answer.completion.text, answer.completion.thought) == ("Anne Frank", "Who? Anne.")


def test_a_decision_over_which_the_model_began_to_think_is_read_from_its_text() -> None:
    def say(prompt: Prompt, sampling: Sampling) -> Completion:
        if sampling.max_tokens == 1:
            return Completion(text="<think>", first_token={"<think>": -0.1, " positive": -3.0})
        return Completion(text="<think>Superb.</think> positive")

    answer = ask(prompt_of(SENTIMENT), TEXT, ScriptedModel(say))
    assert answer.outputs == {"sentiment": "positive"}
    assert answer.logprobs is None
