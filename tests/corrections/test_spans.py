"""Spans of a text, in English and Chinese, and what a model writes that may write nothing else."""

import math
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cribsheet.corrections.spans import Spans, extract

CONTEXT = "The time hierarchy theorem cost nearly $12,\nsays Ladner (1975)."
STOPS = ("\n",)


@pytest.mark.parametrize("words", ["time hierarchy", " The  TIME", "$12", "12", "12, says", "ladner", "1975"])
def test_what_stands_in_the_text_word_by_word_is_a_span(words: str) -> None:
    assert Spans(CONTEXT).hold(words)


@pytest.mark.parametrize("words", ["", " ", "hierarch", "ime", "theorem time", "(", "costs", "197"])
def test_parts_of_words_and_other_words_are_none(words: str) -> None:
    assert not Spans(CONTEXT).hold(words)


def test_each_chinese_character_is_a_word() -> None:
    spans = Spans("北京大学成立于1898年。")
    assert all(spans.hold(words) for words in ("北京", "大学成立", "1898", "1898年"))
    assert not spans.hold("98年")


@given(st.text(alphabet="ab 1.北$\n", max_size=30), st.integers(0, 30), st.integers(0, 30))
def test_whatever_begins_a_span_is_in_the_text(text: str, start: int, length: int) -> None:
    spans, words = Spans(text), text[start : start + length]
    found = spans.beginning(words)
    assert words.startswith(found)
    assert not found or (spans.hold(found) and " ".join(found.split()) in " ".join(text.split()))


def told(tokens: Mapping[str, Mapping[str, float]]) -> Mapping[str, Mapping[str, float]]:
    return {said: {token: math.log(p) for token, p in after.items()} for said, after in tokens.items()}


def extracted(words: str, tokens: Mapping[str, Mapping[str, float]], *, most: int = 8) -> str:
    return extract(words, CONTEXT, told(tokens).get, stops=STOPS, tokens=most)


def test_what_the_model_wrote_stands_up_to_where_it_leaves_the_text() -> None:
    asked = {
        " the": {" hierarchy": 0.6, " space": 0.3, " time": 0.1},
        " the time": {" machine": 0.5, " hierarchy": 0.4, "\n": 0.1},
        " the time hierarchy": {"\n": 0.5, " theorem": 0.4},
    }
    assert extracted(" the hierarchy theorems", asked) == "the time hierarchy"


def test_an_answer_ends_only_where_a_word_does() -> None:
    asked = {"": {" Lad": 0.5}, " Lad": {"\n": 0.9, "ner": 0.05}, " Ladner": {"": 0.9, " (": 0.1}}
    assert extracted(" Cook", asked) == "Ladner"


def test_half_a_word_is_taken_back() -> None:
    asked = {"": {" time": 0.5}, " time": {" hier": 0.9}, " time hier": {"oglyph": 0.9}}
    assert extracted(" P", asked) == "time"
    assert extracted(" P", asked, most=1) == "time"


def test_a_space_of_its_own_may_come_before_a_number() -> None:
    asked = {
        " ladner (": {"1": 0.9},
        " cost nearly": {" ": 0.9},
        " cost nearly ": {"$": 0.9},
        " cost nearly $": {"12": 1},
    }
    assert extracted(" cost nearly all", asked) == "cost nearly $12"
    assert extracted(" P", {"": {" ": 0.9, " time": 0.1}, " ": {" ": 0.5, "197": 0.4}, " 197": {"5": 0.9}}) == "1975"


def test_a_space_of_its_own_is_not_taken_before_letters() -> None:
    assert (
        extracted(" time", {" time": {" ": 0.9, " hierarchy": 0.1}, " time hierarchy": {"\n": 0.9}}) == "time hierarchy"
    )


def test_half_a_first_word_that_nothing_completes_gives_way_to_the_next_likely_token() -> None:
    asked = {"": {" hier": 0.9, " La": 0.5}, " hier": {"oglyph": 0.9}, " La": {"dner": 0.5, "dy": 0.9}}
    assert extracted(" P", asked) == "Ladner"
    assert extracted(" P", asked, most=3) == ""


def test_where_no_span_is_told_there_is_none() -> None:
    assert extracted(" P", {"": {" P": 0.9}}) == ""
    assert extracted(" P", {}) == ""


def test_the_closing_mark_ends_an_answer() -> None:
    asked = told({"": {" Ladner": 0.9}, " Ladner": {" </": 0.9, " (": 0.1}})
    assert extract(" P", CONTEXT, asked.get, stops=("</answer>",), tokens=8) == "Ladner"
