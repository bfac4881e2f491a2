"""A pointer weighs each word of a text by what is known of it."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cribsheet.corrections.pointer import SIGNALS, Place, Pointer

TEXT = "The bridge was built in 1932. Its engineer, Ann Bell, also built 1,200 cranes."
LEAD = "Who built the bridge?"
PLAIN = Pointer(source="context", lead=("question",), weights={})
TOLD = {" A": -2.0, " Ann": -1.0, " the": -0.5, "": -3.0, " 1": -2.5}


def places(text: str = TEXT, *, lead: str = LEAD, written: str = "", pointer: Pointer = PLAIN) -> dict[str, Place]:
    """Return the last place of each word."""
    return {one.word: one for one in pointer.places(text, lead, written=written, first_token=TOLD)}


def signal(word: str, name: str, **given: object) -> float:
    return places(**given)[word].signals[name]  # type: ignore[arg-type]


def test_words_are_told_with_what_is_inside_them_and_chinese_characters_one_by_one() -> None:
    assert list(places("It cost 1,200 at St. Well-known.")) == ["It", "cost", "1,200", "at", "St", "Well-known"]
    assert list(places("1898年成立")) == ["1898", "年", "成", "立"]


def test_a_word_is_as_likely_as_the_longest_token_that_begins_it() -> None:
    assert signal("Ann", "likelihood") == -1.0
    assert signal("also", "likelihood") == -2.0
    assert signal("1932", "likelihood") == -2.5
    assert signal("engineer", "likelihood") == -4.0  # a nat under the least that is told


def test_a_space_of_its_own_stands_for_a_number_that_no_token_begins() -> None:
    told = {" ": -0.5, " the": -2.0, "12": -1.0}
    found = {one.word: one for one in PLAIN.places("In 1932, 12 men", LEAD, written="", first_token=told)}
    assert found["1932"].signals["likelihood"] == -0.5
    assert found["12"].signals["likelihood"] == -1.0
    assert found["men"].signals["likelihood"] == -3.0


def test_where_the_written_answer_begins_is_told_whatever_follows() -> None:
    begun = [word for word, place in places(written=" ann Smith").items() if place.signals["written"]]
    assert begun == ["Ann"]
    assert not any(place.signals["written"] for place in places(written=" Bob").values())


def test_what_is_asked_weighs_where_it_is_repeated_and_in_its_sentence_and_shortly_before() -> None:
    rare = Pointer(source="context", weights={}, idf={"the": 0.5, "who": 0.5}, rare=2.0)
    assert signal("bridge", "asked", pointer=rare) == 1.0
    assert signal("The", "asked", pointer=rare) == 0.25
    assert signal("engineer", "asked", pointer=rare) == 0.0
    assert signal("1932", "sentence", pointer=rare) == pytest.approx(4.5 / 5.0)  # all of the lead but "who"
    assert signal("cranes", "sentence", pointer=rare) == pytest.approx(2.0 / 5.0)
    assert signal("in", "near") > signal("1932", "near") > signal("Ann", "near") > 0.0


def test_numbers_and_capitals_inside_a_sentence_are_told() -> None:
    assert [word for word, place in places().items() if place.signals["number"]] == ["1932", "1,200"]
    assert [word for word, place in places().items() if place.signals["capital"]] == ["Ann", "Bell"]


def test_a_decimal_point_ends_no_sentence_and_a_chinese_full_stop_does() -> None:
    assert signal("million", "sentence", text="The bridge was built for 1.5 million.") > 0.5
    both = places("谁建了桥。张三建了塔。", lead="谁建了桥")
    assert both["谁"].signals["sentence"] == 1.0
    assert both["塔"].signals["sentence"] == pytest.approx(1 / 3)


def test_the_answer_begins_at_the_word_with_the_highest_sum() -> None:
    def pointed(**weights: float) -> str:
        return Pointer(source="context", weights=weights).points_at(TEXT, LEAD, written="", first_token=TOLD)

    assert pointed(likelihood=1.0) == "The"
    assert pointed(likelihood=1.0, asked=-5.0) == "Ann"
    assert pointed(number=1.0) == "1932"  # the first of several
    assert (
        Pointer(source="context", weights={"number": 1.0}).points_at(" .. ", LEAD, written="", first_token=TOLD) == ""
    )


@given(st.text(max_size=60), st.text(max_size=20), st.text(max_size=10), st.floats(-30, 0))
def test_signals_stay_in_their_ranges_for_any_text(text: str, lead: str, written: str, logprob: float) -> None:
    for place in PLAIN.places(text, lead, written=written, first_token={" a": logprob}):
        assert set(place.signals) == set(SIGNALS)
        assert place.word in text
        assert all(0 <= value <= 1 for name, value in place.signals.items() if name != "likelihood")
        assert math.isfinite(place.signals["likelihood"])
