"""Measure what a decision between many labels costs, against one between four.

    python benchmarks/many_labels.py [--model embedded/smollm2-135m] [--texts 100] [--exact 40]

The 77 labels share beginnings, such as `card_payment_fee_charged`. Each prompt shows one demo for each of its labels,
but at most eight; the texts are those of the trainset `intent`. Prints a Markdown table of the model calls and of the
tokens that are read or written for a decision. What all texts have in common, the beginning of the prompt, is
not counted. With --exact, it also tells for how many of the texts the decision is the likeliest of the 77 labels, each
scored token by token. That takes several seconds for each text.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from statistics import fmean

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from cribsheet.dataset.examples import Demo
from cribsheet.frozen import Decoding, FrozenPrompt
from cribsheet.frozen.running import ask
from cribsheet.layout.catalogue import layout_named
from cribsheet.models import Model, open_model
from cribsheet.models.embedded import EmbeddedModel
from cribsheet.settings import DEFAULT_MODEL
from cribsheet.signature import Field, Signature
from cribsheet.workspace import builtin
from token_by_token import tell, worth

TOPICS = (
    *("card", "card_payment", "cash_withdrawal", "top_up", "top_up_by_card", "transfer"),
    *("transfer_abroad", "pin", "account", "refund", "exchange"),
)
MATTERS = ("arrival", "limits", "declined", "fee_charged", "not_recognised", "pending", "reverted")
MANY = tuple(f"{topic}_{matter}" for topic in TOPICS for matter in MATTERS)
FEW = ("card", "transfer", "refund", "exchange")
SHOWN = 8


def prompt_of(labels: Sequence[str]) -> FrozenPrompt:
    """Return a prompt that shows a demo for each of the first labels, spread over all of them."""
    step = max(1, len(labels) // SHOWN)
    demos = [
        Demo(inputs={"text": f"It is about {label.replace('_', ' ')}."}, outputs={"intent": label})
        for label in labels[::step][:SHOWN]
    ]
    return FrozenPrompt(
        signature=Signature(
            name="Bank",
            instructions="Say what the customer wants.",
            inputs=(Field(name="text"),),
            outputs=(Field(name="intent", kind="label", labels=tuple(labels)),),
        ),
        layout=layout_named("plain"),
        instructions="Say what the customer wants.",
        demos=tuple(demos),
        decoding=Decoding(decide_by="logprobs", max_tokens=16, top_logprobs=64),
    )


def cost(labels: Sequence[str], texts: Sequence[str], model: Model) -> tuple[float, float, int]:
    """Return the mean calls and tokens of a decision, and how many different labels were decided for."""
    prompt = prompt_of(labels)
    ask(prompt, {"text": texts[0]}, model)  # the engine reads the demos
    calls, tokens, decided = [], [], set()
    for text in texts[1:]:
        answer = ask(prompt, {"text": text}, model)
        usages = [completion.usage for _, completion in answer.completions]
        calls.append(len(usages))
        tokens.append(sum(one.prompt_tokens - (one.cached_tokens or 0) + one.completion_tokens for one in usages))
        decided.add(str(answer.outputs))
    return fmean(calls), fmean(tokens), len(decided)


def likeliest_decided(texts: Sequence[str], model: EmbeddedModel) -> int:
    """Return for how many texts the decision is the likeliest of the 77 labels."""
    prompt, right = prompt_of(MANY), 0
    for text in texts:
        rendered = prompt.render({"text": text}).text
        shares, _ = worth(MANY, lambda tokens, rendered=rendered: tell(model, rendered, tokens), most=300)
        answer = ask(prompt, {"text": text}, model)
        right += {"intent": max(shares, key=shares.__getitem__)} == answer.outputs
    return right


def main() -> None:
    """Measure both and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--texts", type=int, default=100)
    parser.add_argument("--exact", type=int, default=0, help="how many texts to score token by token")
    options = parser.parse_args()
    lines = (builtin().root / "trainsets" / "intent.jsonl").read_text(encoding="utf-8").splitlines()
    texts = [json.loads(line)["text"] for line in lines[: options.texts + 1]]
    with closing(open_model(options.model)) as model:
        few, many = (cost(labels, texts, model) for labels in (FEW, MANY))
    if options.exact:
        with closing(EmbeddedModel(options.model)) as embedded:
            right = likeliest_decided(texts[: options.exact], embedded)
        print(f"The likeliest label was decided for {right} of {options.exact} texts.\n")
    print("| labels | calls | tokens | different answers |\n| --- | --- | --- | --- |")
    for labels, (calls, tokens, decided) in ((FEW, few), (MANY, many)):
        print(f"| {len(labels)} | {calls:.2f} | {tokens:.1f} | {decided} |")
    print(f"| ratio | {many[0] / few[0]:.2f} | {many[1] / few[1]:.2f} | |")


if __name__ == "__main__":
    main()
