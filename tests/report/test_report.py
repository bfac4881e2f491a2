"""Reports tell what was spent and what a gain says."""

from cribsheet.frozen.score import Gain
from cribsheet.models.cache import Meter
from cribsheet.report.report import gain_in_words, meter_summary


def test_a_summary_tells_the_tokens_of_each_cache_apart() -> None:
    meter = Meter(
        calls=1,
        cached_calls=2,
        prompt_tokens=100,
        evaluated_tokens=30,
        prefix_cached_tokens=70,
        completion_cached_tokens=200,
    )
    summary = meter_summary(meter)
    assert (summary["prefix_cached_tokens"], summary["completion_cached_tokens"]) == (70, 200)
    assert summary["cached_share"] == 0.9
    assert meter_summary(Meter())["cached_share"] is None


def test_a_verdict_tells_better_worse_and_chance() -> None:
    assert "is better" in gain_in_words(Gain(mean=0.2, low=0.1, high=0.3, n=40))
    assert "is worse" in gain_in_words(Gain(mean=-0.2, low=-0.3, high=-0.1, n=40))
    assert "may be chance" in gain_in_words(Gain(mean=0.1, low=0.0, high=0.2, n=40))
