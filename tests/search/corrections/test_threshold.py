"""A threshold is where the metric is best served, and falls between two answers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cribsheet.search.corrections.threshold import Stakes, best_threshold

RIGHT = Stakes(answerable=True, if_answered=1.0, if_abstained=0.0, if_unguarded=1.0)
WEAK = Stakes(answerable=True, if_answered=0.4, if_abstained=0.0, if_unguarded=0.4)
NONE = Stakes(answerable=False, if_answered=0.0, if_abstained=1.0, if_unguarded=0.0)


def test_it_falls_between_what_must_not_stand_and_what_must() -> None:
    threshold = best_threshold([(0.1, NONE), (0.3, NONE), (0.6, RIGHT), (0.9, RIGHT)])
    assert threshold is not None
    assert 0.3 < threshold <= 0.6


def test_in_a_wide_gap_it_is_where_both_decisions_are_expected_to_score_alike() -> None:
    assert best_threshold([(0.1, NONE), (0.9, RIGHT)]) == pytest.approx(0.5)
    assert best_threshold([(0.1, NONE), (0.9, WEAK)]) == pytest.approx(1 / 1.4, abs=1e-5)


def test_nothing_is_withheld_where_that_could_only_hurt() -> None:
    assert best_threshold([(0.1, RIGHT), (0.9, RIGHT), (0.95, NONE)]) == 0


def test_all_is_withheld_where_no_answer_is_worth_giving() -> None:
    worthless = Stakes(answerable=True, if_answered=0.0, if_abstained=0.0, if_unguarded=0.0)
    threshold = best_threshold([(0.2, NONE), (0.8, worthless), (0.9, NONE)])
    assert threshold is not None
    assert threshold > 0.9


def test_a_model_that_decides_better_by_itself_is_left_alone() -> None:
    own = [Stakes(answerable=True, if_answered=1, if_abstained=0, if_unguarded=1)] * 3
    abstains = [Stakes(answerable=False, if_answered=0, if_abstained=1, if_unguarded=1)] * 3
    mixed = [0.2, 0.5, 0.8]
    assert best_threshold([*zip(mixed, own, strict=True), *zip(mixed, abstains, strict=True)]) is None


@given(
    rated=st.lists(st.tuples(st.floats(0.01, 0.99), st.sampled_from([RIGHT, WEAK, NONE])), min_size=2).filter(
        lambda rated: len({stakes.answerable for _, stakes in rated}) == 2
    )
)
def test_no_threshold_scores_much_better(rated: list[tuple[float, Stakes]]) -> None:
    rated = [(round(probability, 3), stakes) for probability, stakes in rated]

    def total(threshold: float) -> float:
        return sum(one.if_answered if probability >= threshold else one.if_abstained for probability, one in rated)

    threshold = best_threshold(rated)
    assert threshold is not None
    assert total(threshold) >= max(total(cut / 2000) for cut in range(2001)) - 0.5 - 1e-6
    assert total(threshold) >= total(0.0) - 1e-6
