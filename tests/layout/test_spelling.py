"""The beginning of an answer is read to the byte."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cribsheet.layout.spelling import Reading, Spelling

LABELS = ("science", "science fiction", "sports", "1", "10", "🙂", "🙁", "सकारात्मक", "好", "Été", "A+", "us", "US")
SPELLING = Spelling({label: label for label in LABELS}, stops=["\n", "</label>"])


def read(said: str | bytes, *, ended: bool = False) -> tuple[set[str], set[str]]:
    """Return what an answer has come to, and what it may still come to."""
    got, may = SPELLING.read(said.encode() if isinstance(said, str) else said, ended=ended)
    return set(got), set(may)


def test_a_blank_may_begin_any_word() -> None:
    assert read(" ") == (set(), set(LABELS))


@pytest.mark.parametrize("said", [" sp", "SPOR", "  \tSports"[:-1]])
def test_letters_begin_a_word_whatever_their_case_and_the_blanks_before(said: str) -> None:
    assert read(said) == (set(), {"sports"})


def test_a_whole_word_is_decided_unless_a_longer_one_goes_on_from_it() -> None:
    assert read(" sports") == ({"sports"}, set())
    assert read(" science") == (set(), {"science", "science fiction"})
    assert read(" science  fic") == (set(), {"science fiction"})
    assert read(" science figures") == ({"science"}, set())
    assert read(" science of") == ({"science"}, set())
    assert read(" science", ended=True) == ({"science"}, set())


def test_a_word_that_letters_or_digits_go_on_from_is_another_word() -> None:
    assert read(" sportsman") == (set(), set())
    assert read("1") == (set(), {"1", "10"})
    assert read("15") == (set(), set())
    assert read("1.") == ({"1"}, set())
    assert read("100") == (set(), set())
    assert read("好吃") == ({"好"}, set())


def test_a_stop_sequence_ends_the_answer() -> None:
    assert read(" science\nand more") == ({"science"}, set())
    assert read("1</label>") == ({"1"}, set())
    assert read("\n") == (set(), set())
    assert read(" sp\n") == (set(), set())


def test_an_answer_that_ends_early_is_short_for_the_only_word_that_it_begins() -> None:
    assert read(" spor\n") == ({"sports"}, set())
    assert read(" spo", ended=True) == ({"sports"}, set())
    assert read(" sci\n") == (set(), set())
    assert read(" spo is") == (set(), set())


def test_half_a_character_begins_what_its_bytes_begin() -> None:
    assert read(b" \xf0\x9f") == (set(), {"🙂", "🙁"})
    assert read(b" \xf0\x9f\x98") == (set(), set())
    assert read(" 🙁") == ({"🙁"}, set())
    assert read(" स".encode() + b"\xe0") == (set(), {"सकारात्मक"})
    assert read(b"\xc3") == (set(), {"Été"})
    assert read("é") == (set(), {"Été"})
    assert read(b"science \xe5") == ({"science"}, set())


def test_half_a_character_may_be_a_wide_blank() -> None:
    assert read(b"\xe3\x80") == (set(), set(LABELS))
    assert read("\u3000好") == ({"好"}, set())


def test_half_a_character_whose_bytes_nobody_tells_may_begin_what_is_not_ascii() -> None:
    assert read(" \ufffd") == (set(), {"🙂", "🙁", "सकारात्मक", "好", "Été"})
    assert read("science\ufffd") == ({"science"}, set())


def test_bytes_that_no_text_has_begin_nothing() -> None:
    assert read(b"\x99\x82") == (set(), set())
    assert read(b"\xff") == (set(), set())


def test_words_that_differ_in_case_alone_are_told_apart_by_it() -> None:
    assert read(" us") == ({"us"}, set())
    assert read(" U") == (set(), {"US"})
    assert read(" Us") == ({"us", "US"}, set())


def test_marks_may_go_on_from_marks() -> None:
    signs = Spelling({"plus": "+", "more": "++", "A": "A"})
    assert signs.read(b" +") == Reading(frozenset(), frozenset({"plus", "more"}))
    assert signs.read(b" +++") == Reading(frozenset({"more"}), frozenset())
    assert signs.read(b"A+") == Reading(frozenset({"A"}), frozenset())


@given(label=st.sampled_from(LABELS), blanks=st.sampled_from(["", " ", "  ", "\u3000"]), data=st.data())
def test_wherever_a_label_is_cut_it_may_still_come(label: str, blanks: str, data: st.DataObject) -> None:
    whole = f"{blanks}{label}".encode()
    cut = data.draw(st.integers(0, len(whole)))
    got, may = read(whole[:cut])
    assert label in got | may
    assert read(whole, ended=True)[0] == {label}
