"""Reports show what is in a frozen file, to the byte."""

from cribsheet.catalogue import LAYOUTS
from cribsheet.examples import Demo
from cribsheet.models.cache import Meter
from cribsheet.report import meter_summary, prompt_with_placeholders, verdict
from cribsheet.running import prompt_text
from cribsheet.scores import Gain
from cribsheet.signature import Field, Signature
from frozen_toys import toy_prompt

ORDER = Signature(
    name="Order",
    instructions="Read the order.",
    inputs=(
        Field(name="text"),
        Field(name="is_urgent", kind="boolean"),
        Field(name="size", kind="label", labels=("small", "large")),
        Field(name="weight", kind="number"),
    ),
    outputs=(Field(name="pieces", kind="integer"),),
)
INPUTS = {"text": "Two, please.", "is_urgent": True, "size": "small", "weight": 2.5}
SHOWN = {"«text»": "Two, please.", "«is_urgent»": "yes", "«size»": "small", "«weight»": "2.5"}


def test_placeholders_stand_where_the_inputs_go_in_every_layout() -> None:
    demo = Demo(inputs={"text": "One.", "is_urgent": False, "size": "large", "weight": 1.0}, outputs={"pieces": 1})
    for layout in LAYOUTS:
        prompt = toy_prompt(ORDER, layout.name, (demo,))
        text = prompt_with_placeholders(prompt).plain
        for placeholder, value in SHOWN.items():
            assert placeholder in text
            text = text.replace(placeholder, layout.verbalizer("true") if value == "yes" else value)
        assert text == prompt_text(prompt, INPUTS).plain


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
    assert "is better" in verdict(Gain(mean=0.2, low=0.1, high=0.3, n=40))
    assert "is worse" in verdict(Gain(mean=-0.2, low=-0.3, high=-0.1, n=40))
    assert "may be chance" in verdict(Gain(mean=0.1, low=0.0, high=0.2, n=40))
