"""Of 77 labels that share beginnings, each can be predicted, and none costs a call of its own."""

import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import fmean

import pytest

from cribsheet.corrections.extraction import ALTERNATIVES
from cribsheet.frozen import Decoding, FrozenPrompt
from cribsheet.frozen.running import ask
from cribsheet.layout.catalogue import layout_named
from cribsheet.models import Completion, Sampling, Usage
from cribsheet.models.scripted import ScriptedModel
from cribsheet.prompts import Prompt
from cribsheet.signature import Field, Signature

TOPICS = ("card", "card_payment", "cash_withdrawal", "top_up", "top_up_by_card", "transfer", "transfer_abroad", "pin",
          "account", "refund", "exchange")  # fmt: skip
MATTERS = ("arrival", "limits", "declined", "fee_charged", "not_recognised", "pending", "reverted")
MANY = [f"{topic}_{matter}" for topic in TOPICS for matter in MATTERS]


def prompt_of(labels: Sequence[str]) -> FrozenPrompt:
    return FrozenPrompt(
        signature=Signature(
            name="Bank",
            instructions="",
            inputs=(Field(name="text"),),
            outputs=(Field(name="intent", kind="label", labels=tuple(labels)),),
        ),
        layout=layout_named("plain"),
        instructions="",
        decoding=Decoding(decide_by="logprobs", max_tokens=12, top_logprobs=ALTERNATIVES),
    )


def tokens_of(label: str) -> list[str]:
    """Return the tokens of a label: parts of four letters at most, and the underscores."""
    return [" " + label[:4], *re.findall(r"_|[a-z]{1,4}|[^a-z_]", label[4:]), "\n"]


def believing(shares: Mapping[str, float]) -> ScriptedModel:
    """Return a model that writes each label with this probability, token by token."""

    def following(said: str) -> dict[str, float]:
        """Return how likely each token is after what was said."""
        found: dict[str, float] = defaultdict(float)
        for label, share in shares.items():
            tokens = tokens_of(label)
            for at in range(len(tokens)):
                if "".join(tokens[:at]) == said:
                    found[tokens[at]] += share
        total = sum(found.values()) or 1.0
        return {token: share / total for token, share in found.items()} or {"\n": 1.0}

    def written(said: str, sampling: Sampling) -> Completion:
        """Write the likeliest token again and again, up to the end of the line."""
        text, logprobs = "", []
        while "\n" not in text and len(logprobs) < sampling.max_tokens:
            tokens = following(said + text)
            best = max(tokens, key=tokens.__getitem__)
            text, logprobs = text + best, [*logprobs, math.log(tokens[best])]
        return Completion(text=text.rstrip("\n"), logprobs=tuple(logprobs), usage=Usage(prompt_tokens=1))

    def answer(prompt: Prompt, sampling: Sampling) -> Completion:
        said = prompt.full_text.rsplit("Intent:", 1)[-1]
        if sampling.max_tokens > 1:
            return written(said, sampling)
        best = sorted(following(said).items(), key=lambda item: -item[1])[: sampling.top_logprobs]
        first = {token: math.log(share) for token, share in best}
        return Completion(text=max(first, key=first.__getitem__), first_token=first, usage=Usage(prompt_tokens=1))

    return ScriptedModel(answer)


def shares_of(labels: Sequence[str], right: str, *, sure: float) -> dict[str, float]:
    rest = (1 - sure) / (len(labels) - 1)
    return {label: sure if label == right else rest for label in labels}


def calls_of(labels: Sequence[str], right: str, *, sure: float) -> int:
    model = believing(shares_of(labels, right, sure=sure))
    answer = ask(prompt_of(labels), {"text": "Hm."}, model)
    assert answer.outputs == {"intent": right}
    return len(model.calls)


@pytest.mark.parametrize("sure", [0.95, 0.7, 0.4])
def test_each_of_77_labels_can_be_predicted_at_a_bounded_cost(sure: float) -> None:
    assert len(set(MANY)) == 77
    calls = [calls_of(MANY, label, sure=sure) for label in MANY]
    assert fmean(calls) <= 6
    assert max(calls) <= 12


def test_a_text_that_names_no_label_leaves_the_decision_to_the_probabilities() -> None:
    shares = {**dict.fromkeys(MANY, 0.0005), "refund_pending": 0.2}
    model = believing({**shares, "I am sorry": 0.7})
    answer = ask(prompt_of(MANY), {"text": "Hm."}, model)
    assert answer.outputs == {"intent": "refund_pending"}


def test_a_label_gets_its_own_probability_and_not_that_of_its_beginning() -> None:
    shares = {**dict.fromkeys(MANY, 0.001), "card_limits": 0.5, "card_declined": 0.4}
    answer = ask(prompt_of(MANY), {"text": "Hm."}, believing(shares))
    assert answer.outputs == {"intent": "card_limits"}
    assert answer.shares is not None
    assert answer.shares["card_limits"] == pytest.approx(0.5, abs=0.15)
    assert answer.shares["card_declined"] > answer.shares["refund_pending"]


def test_a_label_that_the_model_goes_on_behind_still_counts_as_written() -> None:
    shares = {**dict.fromkeys(MANY, 0.001), "card_limits because of a limit": 0.9}
    answer = ask(prompt_of(MANY), {"text": "Hm."}, believing(shares))
    assert answer.outputs == {"intent": "card_limits"}


def test_a_likely_text_that_only_begins_as_labels_do_decides_for_none() -> None:
    shares = {**dict.fromkeys(MANY, 0.001), "card_payment_stolen": 0.6, "card_payment_reverted": 0.2}
    model = believing(shares)
    answer = ask(prompt_of(MANY), {"text": "Hm."}, model)
    assert answer.outputs == {"intent": "card_payment_reverted"}
    assert len(model.calls) <= 12


def test_of_many_labels_the_likeliest_wins_although_the_model_would_write_another() -> None:
    shares = {**dict.fromkeys(MANY, 0.0001), "card_limits": 0.2, "card_declined": 0.19, "refund_pending": 0.3}
    answer = ask(prompt_of(MANY), {"text": "Hm."}, believing(shares))
    assert answer.outputs == {"intent": "refund_pending"}
