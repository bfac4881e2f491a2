"""The guard tells questions that the context does not answer, in English and Chinese."""

import math
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cribsheet.corrections import Answer, Asked, Evidence
from cribsheet.corrections.calibration import Calibration
from cribsheet.corrections.guard import Guard, evidence_of, guarded_field
from cribsheet.frozen import Decoding, FrozenPrompt
from cribsheet.frozen.running import Run, ask, direct_wiring, settled
from cribsheet.layout.catalogue import layout_named
from cribsheet.layout.parsing import ParseFailure
from cribsheet.models import Completion
from cribsheet.models.scripted import ScriptedModel
from cribsheet.outcomes import Unanswerable, Value
from cribsheet.prompts import Prompt
from cribsheet.signature import Field, Signature
from cribsheet.text import coverage, is_grounded, terms
from toys import QA

GRAVITY = "Gravity is the force that pulls bodies towards each other."
IDF = {"who": 0.1, "is": 0.1, "what": 0.1, "the": 0.0}
ABOUT = Guard(
    field="answer",
    context="context",
    lead=("question",),
    weights={"coverage": 6.0},
    intercept=-3.0,
    threshold=0.5,
    idf=IDF,
    rare=3.0,
)
STANCE = Signature(
    name="Stance",
    instructions="Say how large the thing in the text is.",
    inputs=(Field(name="text"),),
    outputs=(Field(name="size", kind="label", labels=("small", "large"), abstains=True),),
)
SEATS = Signature(
    name="Seats",
    instructions="Count.",
    inputs=(Field(name="hall"), Field(name="text")),
    outputs=(Field(name="seats", kind="integer", abstains=True), Field(name="city")),
)


def answered(signature: Signature, completion: Completion, inputs: Mapping[str, str], guard: Guard | None) -> Answer:
    """Answer with a prompt whose guard is given, decided by log-probabilities where there are some."""
    told = completion.first_token is not None
    prompt = FrozenPrompt(
        signature=signature,
        layout=layout_named("plain"),
        instructions="",
        decoding=Decoding(decide_by="logprobs" if told else "text", top_logprobs=8 if told else 0),
        corrections=(guard,) if guard else (),
    )
    return ask(prompt, inputs, ScriptedModel(lambda *_: completion))


def outcome(question: str, context: str, text: str) -> Value:
    answer = answered(QA, Completion(text=text), {"question": question, "context": context}, ABOUT)
    assert not isinstance(answer.outputs, ParseFailure)
    return answer.outputs["answer"]


def test_an_answer_to_a_question_about_something_else_does_not_stand() -> None:
    assert outcome("Who is Anne Frank?", GRAVITY, "a force") == Unanswerable()
    assert outcome("What is gravity?", GRAVITY, "a force") == "a force"


def test_chinese_is_compared_by_pairs_of_characters() -> None:
    context = "北京大学成立于1898年，位于海淀区。"
    assert outcome("北京大学成立于哪一年？", context, "1898年") == "1898年"
    assert outcome("安妮弗兰克是谁？", context, "1898年") == Unanswerable()


def test_an_abstention_that_the_model_wrote_stays_for_there_is_no_other_answer() -> None:
    inputs = {"question": "What is gravity?", "context": GRAVITY}
    answer = answered(QA, Completion(text=" unanswerable: not stated"), inputs, ABOUT)
    assert answer.outputs == {"answer": Unanswerable(reason="not stated")}
    assert answer.raw.outputs == answer.outputs
    assert answer.standing is None


def test_an_answer_keeps_what_the_guard_withheld_and_how_likely_it_was_to_stand() -> None:
    inputs = {"question": "Who is Anne Frank?", "context": GRAVITY}
    answer = answered(QA, Completion(text=" a force"), inputs, ABOUT)
    assert answer.outputs == {"answer": Unanswerable()}
    assert answer.raw.outputs == {"answer": "a force"}
    assert answer.standing is not None
    assert answer.standing < 0.5


def test_without_a_guard_nothing_is_kept_and_the_evidence_can_be_had() -> None:
    answer = answered(QA, Completion(text=" a force"), {"question": "Who?", "context": GRAVITY}, None)
    assert (answer.standing, answer.evidence, answer.changes) == (None, None, ())
    asked = Asked(QA, layout_named("plain"), {"question": "Who?", "context": GRAVITY}, max_tokens=48)
    told = Evidence(field="answer", answer="a force", abstention=0.0, confidence=1.0, written="a force")
    assert evidence_of(answer, asked, QA.outputs[0]) == told


# Off topic: no answer can stand


def off_topic_guard(**others: object) -> Guard:
    """A guard that decides nothing but what the context hardly mentions."""
    return ABOUT.model_copy(update={"weights": {}, "threshold": 0.0, "least_coverage": 0.2, **others})


def unasked(signature: Signature, guard: Guard, inputs: Mapping[str, str]) -> Run | None:
    prompt = FrozenPrompt(
        signature=signature, layout=layout_named("plain"), instructions="", decoding=Decoding(), corrections=(guard,)
    )
    return settled({"predict": prompt}, direct_wiring("predict", signature), inputs)


def test_what_the_context_hardly_mentions_is_withheld_without_a_model() -> None:
    assert unasked(QA, off_topic_guard(), {"question": "Who is Anne Frank?", "context": GRAVITY}) == Run(
        {"answer": Unanswerable()}, ()
    )
    assert unasked(QA, off_topic_guard(), {"question": "What is gravity?", "context": GRAVITY}) is None


def test_asked_all_the_same_it_is_withheld_too() -> None:
    inputs = {"question": "Who is Anne Frank?", "context": GRAVITY}
    answer = answered(QA, Completion(text=" a force"), inputs, off_topic_guard())
    assert (answer.outputs, answer.standing) == ({"answer": Unanswerable()}, 0.0)
    assert answer.raw.outputs == {"answer": "a force"}


def test_other_outputs_and_other_programs_need_the_model() -> None:
    inputs = {"hall": "Who is Anne Frank?", "text": GRAVITY}
    guard = off_topic_guard(field="seats", context="text", lead=("hall",))
    assert guard.is_off_topic(inputs)
    assert unasked(SEATS, guard, inputs) is None
    prompt = FrozenPrompt(
        signature=QA,
        layout=layout_named("plain"),
        instructions="",
        decoding=Decoding(),
        corrections=(off_topic_guard(),),
    )
    assert settled({"predict": prompt}, None, {"text": GRAVITY}) is None


def test_a_guard_without_weights_leaves_what_is_on_topic_to_the_model() -> None:
    guard = off_topic_guard(field="size", context="text", lead=())
    answer = stance(0.6, guard)
    assert (answer.outputs, answer.probability) == ({"size": Unanswerable()}, pytest.approx(0.6))


# Finite outcomes


def stance(unanswerable: float, guard: Guard | None) -> Answer:
    rest = 1 - unanswerable
    shares = {" small": 0.25 * rest, " large": 0.75 * rest, " unanswerable": unanswerable}
    first = {token: math.log(share) for token, share in shares.items()}
    return answered(STANCE, Completion(text=" x", first_token=first), {"text": "A barn."}, guard)


def abstention_guard(threshold: float) -> Guard:
    """A guard that lets an answer stand with the model's own share of all but unanswerable."""
    return Guard(
        field="size", context="text", weights={"abstention": -8.0}, intercept=4.0, threshold=threshold, idf={}, rare=1.0
    )


def test_a_decided_abstention_is_overruled_by_the_best_closed_outcome() -> None:
    assert stance(0.6, None).outputs == {"size": Unanswerable()}
    overruled = stance(0.6, abstention_guard(0.2))
    assert overruled.outputs == {"size": "large"}
    assert overruled.raw.outputs == {"size": Unanswerable()}


def test_a_decided_label_is_overruled_by_an_abstention() -> None:
    assert stance(0.4, None).outputs == {"size": "large"}
    overruled = stance(0.4, abstention_guard(0.8))
    assert overruled.outputs == {"size": Unanswerable()}
    assert overruled.raw.outputs == {"size": "large"}


def test_a_guarded_decision_is_as_sure_as_its_standing_and_its_label() -> None:
    large, none = stance(0.4, abstention_guard(0.2)), stance(0.4, abstention_guard(0.8))
    assert not isinstance(large.outputs, ParseFailure)
    assert not isinstance(none.outputs, ParseFailure)
    assert large.standing is not None
    assert large.probability == pytest.approx(large.standing * 0.75)
    assert none.probability == pytest.approx(1 - large.standing)


def test_the_abstention_of_a_finite_outcome_is_its_calibrated_share() -> None:
    prompt = FrozenPrompt(
        signature=STANCE,
        layout=layout_named("plain"),
        instructions="",
        decoding=Decoding(decide_by="logprobs", top_logprobs=8),
        corrections=(Calibration(biases={"small": 0.0, "large": 0.0, "unanswerable": math.log(4)}),),
    )
    first = {" small": math.log(0.1), " large": math.log(0.1), " unanswerable": math.log(0.8)}
    answer = ask(prompt, {"text": "A barn."}, ScriptedModel(lambda *_: Completion(text="", first_token=first)))
    asked = Asked(STANCE, prompt.layout, {"text": "A barn."}, max_tokens=48)
    assert evidence_of(answer, asked, STANCE.outputs[0]).abstention == pytest.approx(0.5)


def test_where_nothing_speaks_for_an_outcome_the_guard_judges_that_all_are_alike() -> None:
    answer = answered(STANCE, Completion(text=" hm", first_token={" hm": -0.1}), {"text": "x"}, abstention_guard(0.9))
    assert answer.evidence is not None
    assert answer.evidence.abstention == pytest.approx(1 / 3)
    assert answer.unassigned == 1


# Other outputs


def test_the_other_outputs_beside_a_number_that_is_withheld_stay() -> None:
    guard = Guard(
        field="seats",
        context="text",
        lead=("hall",),
        weights={"grounded": 8.0},
        intercept=-4.0,
        threshold=0.5,
        idf={},
        rare=1.0,
    )
    inputs = {"hall": "Blue Hall", "text": "The Blue Hall in Ulm has 1,200 seats."}
    kept = answered(SEATS, Completion(text=" 1200\nCity: Ulm"), inputs, guard)
    withheld = answered(SEATS, Completion(text=" 120\nCity: Ulm"), inputs, guard)
    assert kept.outputs == {"seats": 1200, "city": "Ulm"}
    assert withheld.outputs == {"seats": Unanswerable(), "city": "Ulm"}


@pytest.mark.parametrize(
    ("inputs", "outputs", "name"),
    [
        ((Field(name="text"),), (Field(name="answer", abstains=True),), "answer"),
        ((Field(name="text"),), (Field(name="fits", kind="boolean", abstains=True),), "fits"),
        ((Field(name="text"),), (Field(name="city"), Field(name="seats", kind="integer", abstains=True)), "seats"),
        ((Field(name="year", kind="integer"),), (Field(name="answer", abstains=True),), None),
        ((Field(name="text"),), (Field(name="answer"),), None),
    ],
)
def test_what_abstains_is_guarded_where_a_text_is_given(
    inputs: tuple[Field, ...], outputs: tuple[Field, ...], name: str | None
) -> None:
    field = guarded_field(Signature(name="S", instructions="", inputs=inputs, outputs=outputs))
    assert (field.name if field else None) == name


# Signals


def evidence_on(signature: Signature, name: str, completion: Completion) -> Evidence:
    """What a written answer tells, whatever its text."""
    answer = Answer({name: "Ulm"}, Prompt(text="x"), completion)
    asked = Asked(signature, layout_named("plain"), {"question": "Where?", "context": "In Ulm."}, max_tokens=48)
    return evidence_of(answer, asked, signature.field(name))


def test_the_abstention_of_written_text_is_how_likely_the_first_token_begins_the_word() -> None:
    completion = Completion(
        text=" Ulm", first_token={" Un": math.log(0.2), "unans": math.log(0.1), " Ulm": math.log(0.7)}, logprobs=(-0.2,)
    )
    evidence = evidence_on(QA, "answer", completion)
    assert evidence.abstention == pytest.approx(0.3)
    assert evidence.confidence == pytest.approx(math.exp(-0.2))


def test_the_first_token_says_nothing_on_a_later_output() -> None:
    field = Field(name="answer", abstains=True)
    signature = QA.model_copy(update={"outputs": (Field(name="reasoning"), field)})
    completion = Completion(text=" un", first_token={" un": 0.0})
    assert evidence_on(signature, "answer", completion).abstention == 0


def test_terms_forgive_endings_and_width() -> None:
    assert set(terms("Bridging BRIDGES")) == set(terms("ｂｒｉｄｇｉｎｇｓ bridge"))
    assert list(terms("2024年Q3")) == ["年", "2024", "q3"]


def test_a_rare_term_that_is_missing_outweighs_common_ones_that_are_there() -> None:
    idf = {"who": 0.5, "was": 0.5, "the": 0.1}
    assert coverage({"who", "was", "frank"}, {"who", "was"}, idf=idf, rare=4.0) == pytest.approx(1 / 5)
    assert coverage(set(), {"who"}, idf=idf, rare=4.0) == 1.0


@given(asked=st.sets(st.text("abc", min_size=1)), there=st.sets(st.text("abc", min_size=1)))
def test_coverage_is_a_share_that_only_grows_with_the_context(asked: set[str], there: set[str]) -> None:
    share = coverage(asked, there, idf={"a": 0.5}, rare=2.0)
    assert 0 <= share <= coverage(asked, there | {"a", "b"}, idf={"a": 0.5}, rare=2.0) <= 1
    assert coverage(asked, asked, idf={}, rare=2.0) == 1


@pytest.mark.parametrize(
    ("answer", "context", "stands"),
    [
        ("the Rhine.", "It crosses the  RHINE twice.", True),
        ("in", "It rained inside.", False),
        ("1898年", "北京大学成立于1898年", True),
        ("1898", "北京大学成立于1898年", True),
        ("海淀区", "位于海淀区。", True),
        (12, "It has 1,200 seats.", False),
        (1200, "It has 1,200 seats.", True),
        (3.0, "It weighs 3 kg.", True),
        ("...", "...", False),
    ],
)
def test_an_answer_is_looked_for_as_a_whole(answer: Value, context: str, stands: bool) -> None:
    assert is_grounded(answer, context) == stands
