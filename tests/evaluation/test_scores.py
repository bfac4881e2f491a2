"""Scores: the intervals cover what they claim to."""

import random

import pytest

from cribsheet.errors import MetricError
from cribsheet.evaluation.scores import mean_score, paired_gain


def uniform(count):
    rng = random.Random(1)
    return [rng.random() for _ in range(count)]


def coverage(draw, truth, *, rounds=300):
    """Return how often the interval of a drawn sample covers the truth."""
    rng = random.Random(0)
    scores = [mean_score(*draw(rng), resamples=200) for _ in range(rounds)]
    return sum(score.low <= truth <= score.high for score in scores) / rounds


def test_a_score_is_the_mean_with_its_interval_and_n():
    score = mean_score([0.2, 0.4, 0.9])
    assert score.score == pytest.approx(0.5)
    assert 0.2 <= score.low < 0.5 < score.high <= 0.9
    assert score.n == 3


def test_the_same_values_and_seed_give_the_same_interval():
    values = uniform(50)
    assert mean_score(values, seed=1) == mean_score(values, seed=1)
    assert mean_score(values, seed=1) != mean_score(values, seed=2)


@pytest.mark.parametrize("share", [0.5, 0.9, 0.98])
def test_of_0_and_1_the_interval_covers_the_truth_95_times_in_100(share):
    def draw(rng):
        return ([float(rng.random() < share) for _ in range(60)],)

    assert 0.92 <= coverage(draw, share) <= 0.99


@pytest.mark.slow
def test_of_partial_scores_the_interval_covers_the_truth_95_times_in_100():
    def draw(rng):
        return ([rng.choice((0.0, 0.4, 0.8, 1.0)) for _ in range(60)],)

    assert 0.91 <= coverage(draw, 0.55) <= 0.98


def test_rows_of_one_group_count_as_correlated():
    def draw(rng):
        contexts = [float(rng.random() < 0.5) for _ in range(40)]
        return [value for value in contexts for _ in range(5)], [n for n in range(40) for _ in range(5)]

    def scores(rng):
        values, groups = draw(rng)
        return mean_score(values, groups=groups, resamples=200), mean_score(values, resamples=200)

    rng = random.Random(0)
    pairs = [scores(rng) for _ in range(200)]
    covered = [sum(score.low <= 0.5 <= score.high for score in kind) / 200 for kind in zip(*pairs, strict=True)]
    assert covered[0] >= 0.9
    assert covered[1] <= 0.75  # what taking the rows for independent would claim


def test_groups_of_one_row_each_change_nothing():
    values = [0.0, 1.0, 1.0, 0.25]
    assert mean_score(values, groups="abcd") == mean_score(values)


def test_rows_without_a_group_are_not_taken_for_one_group():
    values = [0.0, 1.0, 1.0, 0.25]
    assert mean_score(values, groups=[""] * 4) == mean_score(values)


@pytest.mark.parametrize("value", [0.0, 1.0, 0.5])
def test_values_that_are_all_alike_do_not_claim_certainty(value):
    score = mean_score([value] * 20)
    assert score.score == value
    assert score.low <= value <= score.high
    assert score.high - score.low > 0.15


def test_twenty_right_of_twenty_have_wilsons_interval():
    score = mean_score([1.0] * 20)
    assert (round(score.low, 4), score.high) == (0.8389, 1.0)


def test_values_that_are_all_alike_in_few_groups_claim_less_than_in_many():
    assert mean_score([1.0] * 20, groups=[n // 5 for n in range(20)]).low < mean_score([1.0] * 20).low


def test_one_row_says_next_to_nothing():
    score = mean_score([1.0])
    assert (score.n, score.high) == (1, 1.0)
    assert score.low < 0.25


def test_scores_on_another_scale_get_an_interval_on_that_scale():
    score = mean_score([10.0, 20.0, 30.0, 40.0])
    assert 10 <= score.low < 25 < score.high <= 40
    assert mean_score([5.0, 5.0]).low == mean_score([5.0, 5.0]).high == 5.0


@pytest.mark.parametrize("score", [lambda: mean_score([]), lambda: paired_gain([], [])])
def test_no_rows_have_no_score(score):
    with pytest.raises(MetricError, match="no rows"):
        score()


def test_a_gain_is_paired_row_by_row():
    baseline = [float(n % 2) for n in range(100)]
    better = [1.0 if n < 30 else value for n, value in enumerate(baseline)]
    gain = paired_gain(baseline, better)
    assert gain.mean == pytest.approx(0.15)
    assert 0 < gain.low < 0.15 < gain.high
    apart = mean_score(better).score - mean_score(baseline).score
    assert gain.mean == pytest.approx(apart)
    assert gain.low > mean_score(better).low - mean_score(baseline).high  # pairing narrows it


def test_a_loss_is_negative():
    gain = paired_gain([1.0] * 50, [0.0] * 40 + [1.0] * 10)
    assert gain.mean == pytest.approx(-0.8)
    assert gain.high < 0


def test_no_difference_in_few_rows_is_no_proof_of_none():
    gain = paired_gain([1.0, 0.0, 1.0, 1.0], [1.0, 0.0, 1.0, 1.0])
    assert gain.mean == 0
    assert gain.low == -gain.high
    assert 0.4 < gain.high < 0.6


def test_the_same_difference_everywhere_stays_on_the_scale():
    gain = paired_gain([0.0] * 30, [1.0] * 30)
    assert (gain.mean, gain.high) == (1.0, 1.0)
    assert 0.85 < gain.low < 0.95


def test_gains_take_groups_too():
    baseline, better = [0.0] * 40, [float(n < 20) for n in range(40)]
    rows = paired_gain(baseline, better)
    groups = paired_gain(baseline, better, groups=[n // 10 for n in range(40)])
    assert groups.high - groups.low > rows.high - rows.low


def test_lists_of_unlike_length_are_refused():
    with pytest.raises(ValueError, match="zip"):
        paired_gain([1.0], [1.0, 0.0])
    with pytest.raises(ValueError, match="zip"):
        mean_score([1.0, 0.0], groups=["a"])
