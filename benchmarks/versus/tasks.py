"""Define the tasks of the comparison."""

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import dspy

from cribsheet import numeric_match
from cribsheet.compiler.bridge import signature_of
from cribsheet.dataset.examples import Row
from cribsheet.dataset.rows import load_rows
from cribsheet.dataset.splits import Splits, split
from cribsheet.evaluation.metrics import answer_f1, label_accuracy
from cribsheet.outcomes import Unanswerable, to_json
from cribsheet.settings import Settings
from cribsheet.signature import Field, Signature
from cribsheet.task import Metric
from cribsheet.workspace import builtin
from signatures.grounded_qa import GroundedQA
from signatures.sentiment import Sentiment
from signatures.topic import Topic
from versus.squad import Paragraph, half_and_half, off_topic, read_paragraphs

TEST_ROWS = 300
CHINESE_CONTEXT = 400
"""The most characters of a Chinese paragraph, each of which takes SmolLM2 about two tokens."""
TEST_ARTICLES = frozenset({"Normans", "Steam_engine", "Packet_switching", "Immune_system"})
"""Questions about these articles are test rows only; the searches use those of the other six articles."""


class Review(dspy.Signature):
    """判断外卖评论是消极还是积极。"""

    review: str = dspy.InputField()
    label: Literal["消极", "积极"] = dspy.OutputField()


class Reading(dspy.Signature):
    """只根据上下文回答问题，上下文里没有答案就说无法回答。"""

    question: str = dspy.InputField()
    context: str = dspy.InputField()
    answer: str | Unanswerable = dspy.OutputField(desc="上下文里最短的答案")


class WordProblem(dspy.Signature):
    """Solve the problem step by step; the answer is a number."""

    question: str = dspy.InputField()
    reasoning: str = dspy.OutputField()
    answer: float = dspy.OutputField()


@dataclass(frozen=True)
class Bench:
    """One task of the comparison."""

    name: str
    signature: type[dspy.Signature]
    metric: Metric
    budget: str
    """The budget of our optimizers."""
    trainset: Path
    """The rows that a compile gets."""
    unseen: tuple[Row, ...] | None = None
    """The test rows; None uses the testset of the compile's own split."""

    @cached_property
    def plain(self) -> Signature:
        """The signature as plain data."""
        return signature_of(self.signature)

    @property
    def field(self) -> Field:
        """The output that is scored."""
        return self.plain.outputs[-1]

    def splits(self, seed: int) -> Splits:
        """Return the splits that a compile with that seed makes."""
        return split(load_rows(self.trainset, self.plain), self.plain, seed=seed)

    def test_rows(self, seed: int) -> tuple[Row, ...]:
        """Return up to `TEST_ROWS` rows that a search with that seed does not see."""
        return (self.splits(seed).test if self.unseen is None else self.unseen)[:TEST_ROWS]


def write_rows(path: Path, rows: Sequence[Row]) -> Path:
    """Write rows as a trainset, one JSON object per line."""
    lines = [
        {
            **row.inputs,
            **{name: [to_json(value) for value in values] for name, values in row.outputs.items()},
            "group": row.group,
        }
        for row in rows
    ]
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    path.write_text(text, encoding="utf-8")
    return path


def _table(
    name: str,
    signature: type[dspy.Signature],
    mapping: Mapping[str, str],
    budget: str,
) -> Callable[[Path, Path], Bench]:
    """Return a function that makes a task from `train.csv` and `dev.csv`."""

    def make(data: Path, scratch: Path) -> Bench:
        plain = signature_of(signature)
        train = load_rows(data / name / "train.csv", plain, mapping=mapping)
        dev = load_rows(data / name / "dev.csv", plain, mapping=mapping)
        trainset = write_rows(scratch / f"{name}.jsonl", train)
        return Bench(name, signature, label_accuracy, budget, trainset, _unseen(dev, train))

    return make


def _unseen(dev: Sequence[Row], train: Sequence[Row]) -> tuple[Row, ...]:
    """Return the file's first rows, without duplicates and without inputs that occur in the search's rows."""
    seen = {tuple(row.inputs.values()) for row in train}
    rows = [row for row in {row.id: row for row in dev}.values() if tuple(row.inputs.values()) not in seen]
    return tuple(rows[:TEST_ROWS])


def _squad2(data: Path, scratch: Path) -> Bench:
    paragraphs = read_paragraphs(data / "squad2" / "dev-10-articles.json")
    return _reading("squad2", GroundedQA, paragraphs=paragraphs, test_articles=TEST_ARTICLES, scratch=scratch)


def _cmrc2018(data: Path, scratch: Path) -> Bench:
    paragraphs = read_paragraphs(data / "cmrc2018" / "trial.json", most=CHINESE_CONTEXT)
    articles = list(dict.fromkeys(one.article for one in paragraphs))
    half = articles[: len(articles) // 2]
    return _reading("cmrc2018", Reading, paragraphs=paragraphs, test_articles=half, scratch=scratch)


def _reading(
    name: str,
    signature: type[dspy.Signature],
    *,
    paragraphs: Sequence[Paragraph],
    test_articles: Collection[str],
    scratch: Path,
) -> Bench:
    """Return a reading task, in which half of the questions are off topic; other articles are for testing."""
    parts = {
        "search": [one for one in paragraphs if one.article not in test_articles],
        "test": [one for one in paragraphs if one.article in test_articles],
    }
    paths: dict[str, Path] = {}
    for part, limit in (("search", len(paragraphs) * 100), ("test", TEST_ROWS)):
        rows = half_and_half(*off_topic(parts[part], seed=0), limit=limit, seed=0)
        paths[part] = scratch / f"{name}-{part}.jsonl"
        paths[part].write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    test = tuple(load_rows(paths["test"], signature_of(signature)))
    return Bench(name, signature, answer_f1, "120k", paths["search"], test)


def _gsm8k(data: Path, scratch: Path) -> Bench:
    paths = {}
    for part in ("train", "dev"):
        lines = (data / "gsm8k" / f"{part}.jsonl").read_text(encoding="utf-8").splitlines()
        paths[part] = scratch / f"gsm8k-{part}.jsonl"
        paths[part].write_text(
            "".join(json.dumps(_solved(json.loads(line))) + "\n" for line in lines), encoding="utf-8"
        )
    test = tuple(load_rows(paths["dev"], signature_of(WordProblem)))[:TEST_ROWS]
    return Bench("gsm8k", WordProblem, numeric_match, "60k", paths["train"], test)


def _solved(line: Mapping[str, str]) -> dict[str, object]:
    """Return a row of GSM8K: `#### ` is before the answer, and `<<…>>` holds what a calculator was asked."""
    reasoning, _, answer = line["answer"].partition("#### ")
    steps = re.sub(r"<<.*?>>", "", reasoning).split("\n")
    return {
        "question": line["question"],
        "reasoning": " ".join(step.strip() for step in steps if step.strip()),
        "answer": float(answer.replace(",", "")),
    }


def _own(name: str, signature: type[dspy.Signature], metric: Metric) -> Callable[[Path, Path], Bench]:
    """Return a function that makes a task from a built-in trainset, with the default budget."""

    def make(_data: Path, scratch: Path) -> Bench:
        rows = load_rows(builtin().trainset(f"{name}.jsonl"), signature_of(signature))
        return Bench(name, signature, metric, Settings.budget, write_rows(scratch / f"{name}.jsonl", rows))

    return make


TASKS: dict[str, Callable[[Path, Path], Bench]] = {
    "sst2": _table("sst2", Sentiment, {"sentence": "text", "label": "sentiment"}, "60k"),
    "ag_news": _table("ag_news", Topic, {}, "120k"),
    "squad2": _squad2,
    "cmrc2018": _cmrc2018,
    "gsm8k": _gsm8k,
    "waimai": _table("waimai", Review, {}, "60k"),
    "grounded_qa": _own("grounded_qa", GroundedQA, answer_f1),
    "sentiment": _own("sentiment", Sentiment, label_accuracy),
    "topic": _own("topic", Topic, label_accuracy),
}
"""Maps each task to the function that makes it, given the data folder and a folder for the compile's rows."""


def student(bench: Bench) -> dspy.Module:
    """Return the program for DSPy's optimizers: one predictor, as a user would write it."""
    return Ask(bench.signature)


class Ask(dspy.Module):
    """Answers in one step."""

    def __init__(self, signature: type[dspy.Signature]) -> None:
        super().__init__()
        self.answer = dspy.Predict(signature)

    def forward(self, **inputs: Any) -> dspy.Prediction:
        """Return the prediction for one row."""
        return self.answer(**inputs)
