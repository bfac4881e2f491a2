"""Export to rows for fine-tuning tools.

A chat is a row of OpenAI's format, `{"messages": [...]}`; a raw prompt one of TRL's, `{"prompt": …, "completion": …}`
(https://huggingface.co/docs/trl/dataset_formats). Rationales are used as in Ho et al. 2022 (arXiv 2212.10071: several
a row), STaR (arXiv 2203.14465: hinted ones), and Fu et al. 2023 (arXiv 2301.12726: a mix of few-shot and zero-shot).
"""

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from cribsheet.errors import ExportError
from cribsheet.export._base import Export, Source
from cribsheet.export._samples import Sample, answer_signature, reasoning_signature, samples_of
from cribsheet.export._training import Kind
from cribsheet.frozen import FrozenPrompt
from cribsheet.layout.rendering import render_outputs
from cribsheet.signature import REASONING
from cribsheet.text import counted

Form = Literal["chat", "completion"]
_BREAKS = {ord(char): f"\\u{ord(char):04x}" for char in "\x85\u2028\u2029"}
"""Characters that JSON need not escape, and at which some readers end a line."""
_SHOTS = 4
"""The most demos with rationales that a few-shot row shows."""


def to_sft(source: Source) -> Export:
    """Return JSON lines: one for each example and each of its rationales, in a seeded order.

    Raises:
        ExportError: if there are no examples, or too few of a kind for its share of the mix.
        DataError: if the rows or traces cannot be read.
    """
    _check_reasoning(source)
    form = _form(source)
    samples = samples_of(source)
    rng = random.Random(source.training.seed)
    chosen = _mixed(source, samples, rng)
    lines = [_line(source, form, kind, sample, samples, rng) for kind, sample in chosen]
    path = source.saved_as("sft.jsonl")
    return Export(
        target="sft",
        text="".join(json.dumps(line, ensure_ascii=False).translate(_BREAKS) + "\n" for line in lines),
        file_name=path,
        usage=_usage(path, lines),
        carriage="text",
        score=f"{source.score('text')} That is the frozen prompt's, not that of a model trained on this.",
        caveats=tuple(_caveats(source)),
    )


def _check_reasoning(source: Source) -> None:
    """Raise ExportError if the task's own output is called `reasoning` but is no rationale."""
    own = [field for field in source.prompt.signature.outputs if field.name == REASONING]
    if own and (len(source.prompt.signature.outputs) == 1 or not own[0].type.is_text):
        raise ExportError(
            f"{source.name} has an output {REASONING!r} that is no rationale, but sft writes rationales under this "
            "name. Rename the output in the signature."
        )


def _form(source: Source) -> Form:
    """Return the form that was asked for, else the one that the layout has."""
    own: Form = "chat" if source.opened.turns else "completion"
    form = source.training.form or own
    if form == "chat" and own == "completion":
        raise ExportError(
            f"{source.name} is a raw prompt, so a model that is trained on chats would be asked in another form. "
            "Give --form completion, or compile for a model that takes chats."
        )
    return form


def _mixed(source: Source, samples: Sequence[Sample], rng: random.Random) -> list[tuple[Kind, Sample]]:
    """Return as many samples as there can be at the shares of the mix, in a random order."""
    shares = source.training.mix
    usable = {kind: [one for one in samples if _suits(kind, one, samples)] for kind in shares}
    scarcest = min(shares, key=lambda kind: len(usable[kind]) / shares[kind])
    total = len(usable[scarcest]) / shares[scarcest]
    chosen: list[tuple[Kind, Sample]] = []
    for kind, share in shares.items():
        count = int(total * share)
        if not count:
            raise ExportError(
                f"The mix would have no row of {kind}: it wants {float(shares[scarcest]):.0%} {scarcest}, but of "
                f"{counted(len(samples), 'example')}, {len(usable[scarcest])} can be that. {_REMEDIES[scarcest]}"
            )
        chosen += [(kind, one) for one in rng.sample(usable[kind], count)]
    rng.shuffle(chosen)
    return chosen


_REMEDIES: dict[Kind, str] = {
    "answer-only": "Give labelled rows with --rows, or another --mix.",
    "zero-shot-cot": "Give --traces with rationales, such as `optimize --teacher … --traces FILE` keeps, or another "
    "--mix.",
    "few-shot-cot": "Give --traces with rationales for two inputs or more, or another --mix.",
}


def _suits(kind: Kind, sample: Sample, samples: Sequence[Sample]) -> bool:
    if kind == "answer-only":
        return sample.is_first
    return sample.reasoning is not None and (kind == "zero-shot-cot" or bool(_others(sample, samples)))


def _others(sample: Sample, samples: Sequence[Sample]) -> list[Sample]:
    """Return what a prompt for the sample may show: rationales for other inputs."""
    return [one for one in samples if one.reasoning is not None and one.inputs != sample.inputs]


def _line(
    source: Source, form: Form, kind: Kind, sample: Sample, samples: Sequence[Sample], rng: random.Random
) -> dict[str, Any]:
    """Return one row, with what is known of it."""
    reasons = kind != "answer-only"
    others = _others(sample, samples) if kind == "few-shot-cot" else []
    shown = rng.sample(others, min(_SHOTS, len(others)))
    prompt = _prompt(source, reasons=reasons)
    prompt = prompt.model_copy(update={"demos": tuple(one.demo(reasons=True) for one in shown)})
    rendered = prompt.render(sample.inputs)
    answer = render_outputs(prompt.layout, prompt.signature, sample.demo(reasons=reasons).outputs)
    told = {"kind": kind, "origin": sample.origin, "hinted": reasons and sample.hinted}
    if not rendered.messages:
        return {"prompt": rendered.text, "completion": answer, **told}
    asked = [message.model_dump() for message in rendered.messages]
    reply = {"role": "assistant", "content": answer.lstrip(" ")}
    return {"messages": [*asked, reply], **told} if form == "chat" else {"prompt": asked, "completion": [reply], **told}


def _prompt(source: Source, *, reasons: bool) -> FrozenPrompt:
    """Return the frozen prompt, asking for a rationale or not."""
    signature = reasoning_signature(source.prompt) if reasons else answer_signature(source.prompt)
    source.prompt.layout.check(signature)
    return source.prompt.model_copy(update={"signature": signature, "reasoning": reasons})


def _caveats(source: Source) -> list[str]:
    said = [
        "The fields kind, origin and hinted are for you: TRL ignores them. Remove them for OpenAI, as in "
        "`jq -c '{messages}'`.",
        "The trainer has to end each answer with the model's end token, as TRL does.",
    ]
    if source.training.traces and not source.training.rows:
        said.append(
            "Traces of this compile are from its demo pool. Whether those here are is not checked without --rows."
        )
    if source.training.every_row:
        said.append(
            "Rows of the testset or the valset may be among these, so the frozen file's scores say nothing of a model "
            "trained on them."
        )
    return said


def _usage(path: str, lines: Sequence[dict[str, Any]]) -> str:
    kinds = [line["kind"] for line in lines]
    counts = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(sorted(kinds)))
    return (
        f"# {counted(len(lines), 'row')}: {counts}; {sum(line['hinted'] for line in lines)} with a hinted rationale.\n"
        "from datasets import load_dataset\n"
        f'rows = load_dataset("json", data_files={str(Path(path))!r}, split="train")  # for trl.SFTTrainer'
    )
