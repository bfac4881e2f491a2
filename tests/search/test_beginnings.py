"""How sure a model is of a span shows in its first token."""

import math

import pytest

from cribsheet.search.beginnings import begun_right

TEXT = "The bridge over the Rhine was opened in 1998. The Romans built one in 98."


def begun(told: dict[str, float], *accepted: str, text: str = TEXT) -> float:
    return begun_right({token: math.log(share) for token, share in told.items()}, accepted, text) ** 2


def test_other_words_of_the_text_speak_against_what_is_right_and_no_others() -> None:
    assert begun({" Rhine": 0.2, " bridge": 0.2, " It": 0.6}, "Rhine") == pytest.approx(0.5)
    assert begun({" Rhine": 0.2, " It": 0.6}, "Rhine") == 1.0
    assert begun({" Danube": 0.6}, "Rhine") == 0.0


def test_of_several_answers_the_likeliest_counts_whatever_the_case_and_the_space() -> None:
    told = {" the": 0.1, "THE": 0.1, " rh": 0.1, " Romans": 0.1}
    assert begun(told, "the Rhine", "Rhine") == pytest.approx(0.2 / 0.4)


def test_letters_that_begin_many_words_tell_little() -> None:
    letters, words = begun({"R": 0.8, "b": 0.2}, "Rhine"), begun({" Rhine": 0.8, " bridge": 0.2}, "Rhine")
    assert letters == pytest.approx(0.8 / (2 * 0.8 + 2 * 0.2))  # Rhine, Romans, bridge, built
    assert words == pytest.approx(0.8)


def test_chinese_answers_begin_at_any_character() -> None:
    text = "约翰到了北京大学。"
    assert begun({"北京": 0.3, "约翰": 0.3, "我": 0.4}, "北京大学", text=text) == pytest.approx(0.5)
    assert begun({"北": 0.3, "京": 0.1}, "北京", text=text) == pytest.approx(0.75)
