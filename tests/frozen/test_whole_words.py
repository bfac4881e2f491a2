"""A decision is the label whose whole text the model is likeliest to write, in any script, for any tokenizer."""

import pytest
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from cribsheet.corrections import Answer
from cribsheet.dataset.examples import Demo
from cribsheet.frozen import Decoding, FrozenPrompt
from cribsheet.frozen.deciding import decide
from cribsheet.layout.catalogue import layout_named
from cribsheet.layout.scoring import MANY, MOST_CALLS, MOST_CALLS_OF_MANY
from cribsheet.models.embedded import EmbeddedModel
from cribsheet.signature import Field, Signature
from token_by_token import tell, worth

MATTERS = ("arrival", "limits", "declined", "not_recognised", "pending")
LABELS = {
    "digits": [str(number) for number in range(13)],
    "letters": [*"ABCDEFGHabcdefgh"],
    "emoji": [*"🙂🙁😀😡😍👍👎🔥🎉😢"],
    "Chinese": ["好", "差", "很好", "一般", "满意", "不满", "积极", "消极", "正面", "负面", "体育", "财经", "科技"],
    "Hindi": ["सकारात्मक", "नकारात्मक", "अच्छा", "बुरा", "हाँ", "नहीं", "खेल", "राजनीति"],
    "Arabic": ["إيجابي", "سلبي", "جيد", "سيئ", "نعم", "لا", "رياضة", "سياسة"],
    "beginnings": [
        "science",
        "science fiction",
        "sport",
        "card lost",
        "card arrival",
        "cash",
        "cat",
        "car",
        "no",
        "none",
    ],
    "cases": ["Apple", "apple", "US", "us", "May", "may", "Polish", "polish"],
    "marks": ["+", "-", "++", "--", "!", "?", "!!", "*", "**", "A+", "A-", "B+"],
    "intents": [f"{topic}_{matter}" for topic in ("card", "refund", "top_up", "top_up_by_card") for matter in MATTERS],
    "words": ["wonderful", "dreadful", "unanswerable", "bookkeeping", "notable", "refund", "very good", "quite bad"],
}
TEXTS = (
    "The room was clean and the staff kind.",
    "I want my money back.",
    "A quiet, lovely walk by the sea.",
    "Where is my parcel?",
    "The goalkeeper saved three shots.",
    "Terrible sound, cheap plastic.",
)
CLOSE = 1.05
"""How many times likelier the best label has to be, since a decision accounts for 98 % of what could change it."""
FAINT = 0.002
"""The least probability of the best label: a label that is less likely is hardly looked for."""
IDLE = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much]


@st.composite
def prompts(draw: st.DrawFn) -> FrozenPrompt:
    kind = draw(st.sampled_from(sorted(LABELS)))
    sizes = (MANY + 1, len(LABELS[kind])) if kind == "intents" else (2, 5)
    labels = draw(st.lists(st.sampled_from(LABELS[kind]), min_size=sizes[0], max_size=sizes[1], unique=True))
    event(kind)
    shown = draw(st.lists(st.sampled_from(labels), min_size=0, max_size=4))
    demos = tuple(
        Demo(inputs={"text": text}, outputs={"label": label}) for text, label in zip(TEXTS, shown, strict=False)
    )
    signature = Signature(
        name="Any",
        instructions="",
        inputs=(Field(name="text"),),
        outputs=(Field(name="label", kind="label", labels=tuple(labels)),),
    )
    decoding = Decoding(decide_by="logprobs", top_logprobs=64)
    return FrozenPrompt(
        signature=signature, layout=layout_named("plain"), instructions="", demos=demos, decoding=decoding
    )


def assert_decides_for_the_likeliest_text(model: EmbeddedModel, prompt: FrozenPrompt, text: str) -> Answer:
    (field,) = prompt.signature.outputs
    rendered = prompt.render({"text": text})
    answer = decide(prompt, rendered, model)
    assert answer is not None
    shares, left = worth(field.outcomes, lambda tokens: tell(model, rendered.text, tokens))
    *_, second, best = sorted(shares.values())
    assume(best > FAINT and best > CLOSE * second + left)
    most = MOST_CALLS_OF_MANY if len(field.outcomes) > MANY else MOST_CALLS
    assume(len(answer.further) < most)  # else the decision was made before all that matters was known
    assert shares[str(answer.outputs["label"])] == best, (answer.shares, shares)
    return answer


@pytest.mark.model
@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("tokenizer", ["smollm", "gemma"])
@settings(max_examples=25, deadline=None, suppress_health_check=IDLE)
@given(prompt=prompts(), text=st.sampled_from(TEXTS))
def test_the_label_is_decided_whose_whole_text_is_likeliest(
    tokenizer: str, request: pytest.FixtureRequest, prompt: FrozenPrompt, text: str
) -> None:
    assert_decides_for_the_likeliest_text(request.getfixturevalue(tokenizer), prompt, text)
