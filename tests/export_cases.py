"""Prompts that are hard to export."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import strategies as st

from cribsheet.dataset.examples import Demo
from cribsheet.frozen import Decoding, FrozenProgram, FrozenPrompt, ModelIdentity
from cribsheet.layout import Layout
from cribsheet.layout.catalogue import LAYOUTS
from cribsheet.layout.escaping import escaping
from cribsheet.outcomes import Unanswerable, Value, shortest
from cribsheet.signature import Field, Signature
from cribsheet.signature.types import Date, Integer, Label, List, Member, Optional, Record, Text
from frozen_toys import toy_program
from toys import QA, SENTIMENT

needs_jq = pytest.mark.skipif(not shutil.which("jq"), reason="the commands of `usage` take jq")
TOPIC = Signature(
    name="Topic",
    instructions='Say what the text is about: {{ "world" }}, {% sports %} or """business""".\r\nNothing else.',
    inputs=(Field(name="text"),),
    outputs=(Field(name="topic", kind="label", labels=("world", "sports", "business", "technology")),),
)
MIXED = Signature(
    name="Mixed",
    instructions="",
    inputs=(
        Field(name="strict", kind="boolean"),
        Field(name="text"),
        Field(name="limit", kind="integer"),
        Field(name="ratio", kind="number"),
        Field(name="grade", kind="label", labels=(1, 2)),
    ),
    outputs=(Field(name="fits", kind="boolean"), Field(name="total", kind="integer", abstains=True)),
)
_PERSON = Record(
    title="Person",
    members=(Member(name="name", type=Text()), Member(name="age", type=Optional(item=Integer()))),
)
TYPED = Signature(
    name="Typed",
    instructions="Find the people.",
    inputs=(
        Field(name="text"),
        Field(name="known", type=List(item=_PERSON)),
        Field(name="since", type=Date(), abstains=True, optional=True, has_default=True),
    ),
    outputs=(
        Field(name="people", type=List(item=_PERSON)),
        Field(name="tags", type=List(item=Label(labels=("old", "new")), unique=True), abstains=True),
        Field(name="born", type=Date(), abstains=True, optional=True),
    ),
)
NASTY = (
    "",
    "Superb.",
    '"""\nThree quotes end a line.\n"""',
    "{{ .Prompt }} {{text}} <<text>> {{question}} {% if x %} {# no #} }} {",
    "Line one\r\nline two\rline three\n\n",
    "北京大学　在北京。“好” 😀",
    "back\\slash \\n \\u0041 \t tab 'single' `tick` $HOME",
    "zero\u200bwidth\u200d \x07 \u2028 \ufeff",
    '"quoted"',
    "<answer>x</answer>\n\nQuestion: y\nAnswer: z",
)
PIECES = st.sampled_from(
    (
        *("{{", "}}", "{%", "{#", "{", "}", '"', '"""', "'", "\n", "\r\n", "\r", "\\", " ", "- ", "#", "a"),
        *("\u3000", "\u200d", "\ue0000:0\ue001", "😀", "中文"),
        *("{{ .Prompt }}", "{{text}}", "<<text>>", "[[text]]", "@@text@@", "{{text#2}}"),
        *("<tool_call>", "<|", "\nText:"),
    )
)
TEXT = st.one_of(st.text(max_size=30), st.lists(PIECES, max_size=8).map("".join)).filter(
    lambda text: not any("\ud800" <= char <= "\udfff" for char in text)
)


def sentiment_demos(texts: tuple[str, ...] = NASTY) -> tuple[Demo, ...]:
    """Return a demo for each text."""
    words = ("negative", "positive")
    return tuple(Demo(inputs={"text": text}, outputs={"sentiment": words[n % 2]}) for n, text in enumerate(texts))


_QA_DEMOS = tuple(
    Demo(inputs={"question": question, "context": context}, outputs={"answer": answer})
    for question, context, answer in zip(
        NASTY, NASTY[::-1], (*NASTY[1:], Unanswerable(reason="off {{ topic }}")), strict=True
    )
)
_TOPIC_DEMOS = tuple(Demo(inputs={"text": text}, outputs={"topic": "world"}) for text in NASTY)
_MIXED_DEMOS = tuple(
    Demo(
        inputs={"strict": bool(n % 2), "text": text, "limit": n, "ratio": n / 4, "grade": 1 + n % 2},
        outputs={"fits": True, "total": Unanswerable() if n else 7},
    )
    for n, text in enumerate(NASTY[:3])
)
_TYPED_DEMOS = tuple(
    Demo(
        inputs={"text": text, "known": [{"name": text, "age": n}], "since": "2024-05-01" if n % 2 else None},
        outputs={"people": [{"name": text, "age": None}] * (n % 3), "tags": ["old"], "born": None},
    )
    for n, text in enumerate(NASTY)
)
SIGNATURES: dict[str, tuple[Signature, tuple[Demo, ...], dict[str, Value]]] = {
    "grounded_qa": (QA, _QA_DEMOS, {"question": NASTY[3], "context": NASTY[4] + NASTY[2]}),
    "sentiment": (SENTIMENT, sentiment_demos(), {"text": NASTY[5] + NASTY[3]}),
    "topic": (TOPIC, _TOPIC_DEMOS, {"text": NASTY[7] + NASTY[6]}),
    "typed": (TYPED, _TYPED_DEMOS, {"text": NASTY[3], "known": [{"name": NASTY[4], "age": None}], "since": None}),
    "mixed": (MIXED, _MIXED_DEMOS, {"strict": True, "text": NASTY[2], "limit": 12, "ratio": 3.0, "grade": 2}),
}
WORDS = {"strict": {"en": "yes", "zh": "是"}, "since": {"en": "none", "zh": "无"}}
"""How the finite inputs above are written, where that is not `str`."""


def program_of(prompt: FrozenPrompt, model: str = "embedded/smollm2-135m") -> FrozenProgram:
    """Return a program of one prompt for a model."""
    return toy_program(prompt).model_copy(update={"model": ModelIdentity(name=model, digest=None)})


def prompt_of(
    layout: Layout, signature: Signature, demos: tuple[Demo, ...], *, decoding: Decoding | None = None
) -> FrozenPrompt:
    """Return a prompt."""
    return FrozenPrompt(
        signature=signature,
        layout=layout,
        instructions=signature.instructions,
        demos=demos,
        decoding=decoding or Decoding(max_tokens=8),
    )


def all_cases() -> list[tuple[FrozenPrompt, dict[str, Value]]]:
    """Return every layout with every signature, without demos, with tame and with nasty ones."""
    return [
        (prompt_of(layout, signature, shown), inputs)
        for layout in LAYOUTS
        for signature, demos, inputs in SIGNATURES.values()
        for shown in ((), demos[1:2], demos)
    ]


def written(prompt: FrozenPrompt, inputs: Mapping[str, Value]) -> dict[str, str]:
    """Return the inputs as a deployer writes them."""
    return {name: WORDS.get(name, {}).get(prompt.layout.language, _as_text(value)) for name, value in inputs.items()}


def _as_text(value: Value) -> str:
    value = shortest(value)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else str(value)


def tamed(prompt: FrozenPrompt, text: str) -> str:
    """Return the text of an input with the replacements that an export asks whoever fills it in to make."""
    return escaping(prompt.layout, prompt.signature).apply(text)


def fill(body: Any, marks: Mapping[str, str], values: Mapping[str, str]) -> Any:
    """Return JSON with the placeholders in its strings replaced, in one pass."""
    if isinstance(body, str):
        names = {mark: name for name, mark in marks.items()}
        return re.sub("|".join(map(re.escape, names)), lambda found: values[names[found.group()]], body)
    if isinstance(body, list):
        return [fill(item, marks, values) for item in body]
    return {key: fill(value, marks, values) for key, value in body.items()} if isinstance(body, dict) else body


def run_usage(usage: str, values: Mapping[str, str], *, upto: str) -> str:
    """Run the commands of a usage as a shell does, with these inputs."""
    command = usage.split(upto)[0] if upto else usage
    for name in values:
        command = command.replace(f"'YOUR {name}'", f'"$INPUT_{name}"')
    inputs = {f"INPUT_{name}": value for name, value in values.items()}
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True, env=os.environ | inputs)
    return done.stdout
