import pytest

from cribsheet.models import Part
from cribsheet.models._logprobs import NOTHING_TOLD, as_entries, read_entries

YES = {"token": " yes", "logprob": -0.1}
NO = {"token": " no", "logprob": -2.3}


def test_alternatives_of_the_first_token_are_read() -> None:
    told = read_entries([YES | {"top_logprobs": [YES, NO]}, NO], " yes no")
    assert told.first_token == {" yes": -0.1, " no": -2.3}
    assert told.logprobs == (-0.1, -2.3)


def test_without_alternatives_the_token_itself_is_told() -> None:
    assert read_entries([YES], " yes").first_token == {" yes": -0.1}


def test_tokens_behind_the_text_are_left_out() -> None:
    assert read_entries([YES, {"token": "\n", "logprob": -0.5}], " yes").logprobs == (-0.1,)


def test_alternatives_for_the_last_part_of_a_character_are_not_taken_for_the_first() -> None:
    part = {"token": "", "logprob": -0.2, "bytes": [181]}
    merged = {"token": "电", "logprob": -0.2, "bytes": [231, 148, 181], "top_logprobs": [part]}
    assert read_entries([merged], "电").first_token is None


def test_a_token_that_is_held_back_keeps_its_alternatives() -> None:
    line = {"token": "\n", "logprob": -0.2, "bytes": [10]}
    held_back = line | {"token": "", "bytes": [], "top_logprobs": [line]}
    assert read_entries([held_back], "\nx").first_token == {"\n": -0.2}


def test_parts_of_characters_are_told_from_the_end_of_the_answer() -> None:
    half, end = {"token": "", "logprob": -1.0, "bytes": [231]}, {"token": "", "logprob": -2.0, "bytes": []}
    first = read_entries([YES | {"top_logprobs": [YES, half, end]}], " yes").first_token
    assert first == {" yes": -0.1, "\ufffd": -1.0, "": -2.0}


def test_tokens_of_the_same_text_add_up() -> None:
    one, other = ({"token": "", "logprob": -1.0, "bytes": [lead]} for lead in (231, 232))
    first = read_entries([YES | {"top_logprobs": [YES, one, other]}], " yes").first_token
    assert first is not None
    assert first["\ufffd"] == pytest.approx(-1.0 + 0.6931, abs=1e-4)


def test_parts_of_characters_keep_their_bytes() -> None:
    half, whole = {"token": "", "logprob": -1.0, "bytes": [32, 240, 159], "id": 7}, {"token": "好", "logprob": -2.0}
    told = read_entries([YES | {"top_logprobs": [YES, half, whole | {"bytes": [229, 165, 189]}]}], " yes")
    assert told.parts == (Part(hex="20f09f", logprob=-1.0, id=7),)
    assert told.first_token == {" yes": -0.1, " \ufffd": -1.0, "好": -2.0}


def test_a_token_that_shares_its_text_with_an_unlikely_one_keeps_its_own_log_probability() -> None:
    tops = [{" \ufffd": -2.8, " no": -2.1}]  # vLLM lists alternatives by their text, so the last of one text counts
    (entry,) = as_entries({"tokens": [" \ufffd"], "token_logprobs": [-0.3], "top_logprobs": tops})
    assert entry["top_logprobs"] == [{"token": " \ufffd", "logprob": -0.3}, {"token": " no", "logprob": -2.1}]


def test_nothing_told_is_told_apart() -> None:
    assert read_entries([], "text") == NOTHING_TOLD
    assert as_entries({"tokens": None, "token_logprobs": None, "top_logprobs": None}) == []


def test_the_classic_shape_may_lack_alternatives() -> None:
    columns = {"tokens": [" yes"], "token_logprobs": [-0.1], "top_logprobs": None}
    assert read_entries(as_entries(columns), " yes").first_token == {" yes": -0.1}
