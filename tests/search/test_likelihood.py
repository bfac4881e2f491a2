"""How likely the right answer was is told along its own tokens."""

import math
from collections.abc import Mapping

import pytest

from cribsheet.calibration import GoOn
from cribsheet.search.likelihood import likelihood

CITY = {
    "": {" New": 0.5, " York": 0.2, " Paris": 0.1},
    " New": {" York": 0.8, " Delhi": 0.1},
    " New York": {"\n": 0.6, ".": 0.3},
    " York": {"\n": 0.9},
    " Paris": {" is": 0.7, "\n": 0.2},
}


def told(words: Mapping[str, Mapping[str, float]]) -> GoOn:
    def go_on(said: str) -> dict[str, float]:
        return {token: math.log(share) for token, share in words[said].items()}

    return go_on


@pytest.mark.parametrize(
    ("text", "probability", "words"),
    [
        ("New York", 0.5 * 0.8 * 0.6, 2),
        ("new york", 0.5 * 0.8 * 0.6, 2),
        ("York", 0.2 * 0.9, 1),
        ("Paris", 0.1 * 0.2, 1),
        ("Paris is", 0.1 * 0.7 * 0.5, 2),
        ("New Haven", 0.5 * 0.1, 2),  # not told, so not more likely than what is
        ("Rome", 0.1, 1),
    ],
)
def test_it_is_the_mean_over_the_words_and_the_end(text: str, probability: float, words: int) -> None:
    go_on = told({**CITY, " Paris is": {" big": 0.5}})  # the end is not told
    found = likelihood(text, go_on, stops=("\n",))
    assert found == pytest.approx(probability ** (1 / (words + 1)))


def test_it_hangs_on_what_is_written_and_not_on_how_it_is_cut_into_tokens() -> None:
    whole = told({"": {" York": 0.3}, " York": {"\n": 0.5}})
    cut = told({"": {"Y": 0.5}, "Y": {"or": 0.6}, "Yor": {"k": 1.0}, "York": {"\n": 0.5}})
    assert likelihood("York", whole, stops=("\n",)) == pytest.approx(likelihood("York", cut, stops=("\n",)))


def test_what_ends_the_answer_may_be_several_tokens() -> None:
    go_on = told({"": {"7": 0.5}, "7": {"</": 0.3, "</answer": 0.1, "": 0.2, "8": 0.4}})
    assert likelihood("7", go_on, stops=("</answer>",)) == pytest.approx(math.sqrt(0.5 * 0.6))


def test_where_nothing_is_told_there_is_none() -> None:
    assert likelihood("7", lambda said: None, stops=()) is None
