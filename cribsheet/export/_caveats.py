"""Say what is lost when a frozen prompt is exported."""

from collections.abc import Iterator, Mapping

from cribsheet.corrections import Calibration
from cribsheet.export._base import Source
from cribsheet.frozen import FrozenPrompt
from cribsheet.layout import Layout
from cribsheet.layout.decisions import decided_field
from cribsheet.layout.escaping import INDENTS, LINE_BREAKS, SPECIAL_TOKENS
from cribsheet.layout.rendering import render_outputs
from cribsheet.outcomes import UNANSWERABLE
from cribsheet.signature import Field
from cribsheet.text import listed

_FREE = "Cribsheet has the server hold the answer to the types of the outputs. This export does not."
_HELD = "{} holds the answer to the types of the outputs; the score was measured without it."

_AGAIN = "Cribsheet asks the model once more if an answer cannot be read. This export does not."
_WAYS = {"nothing": "", "grammar": "A grammar", "json_schema": "A JSON Schema"}


def caveats(
    source: Source, *, asks_logprobs: bool = False, decides: bool = False, holds: bool = False
) -> tuple[str, ...]:
    """Return sentences that say what the export of this prompt loses, such as corrections.

    `asks_logprobs` says that the target requests log-probabilities, but leaves the decision to its user. `decides`
    says that the target decides as Cribsheet does, except for a readout; `holds` that it sends what holds the answer to
    its type.
    """
    prompt = source.prompt
    decision = [] if decides else [*_decision(prompt, asks_logprobs)]
    carried = {"calibration"} if decides else set()
    used = [one for one in prompt.corrections if one.needs != {"logprobs"} or is_decided(prompt)]
    lost = [one for one in used if one.kind not in carried]
    said = [text for one in lost if (text := one.caveat(prompt.signature))]
    way = _WAYS[prompt.decoding.held_by]
    free = [_HELD.format(way) if holds else _FREE] if way else []
    free += [_AGAIN] if prompt.decoding.asks_again else []
    return (*decision, *said, *free, *_reading(prompt), *_program(source), *other_weights(source))


def input_forms(prompt: FrozenPrompt) -> tuple[str, ...]:
    """Return one line for each input that is not text, which says how to write it."""
    return tuple(
        f"{field.name}: {field.type.form_as(prompt.layout.verbalizer, prompt.layout.notation(field))}"
        for field in prompt.signature.inputs
        if not field.type.is_text
    )


def is_decided(prompt: FrozenPrompt) -> bool:
    """Tell whether Cribsheet decides the outcome by log-probabilities."""
    return prompt.decoding.decide_by != "text" and decided_field(prompt.signature) is not None


def logit_bias(source: Source) -> Mapping[str, float]:
    """Return the bias by token id with which one greedy token is the calibrated decision; empty if there is none."""
    calibration = source.prompt.correction(Calibration)
    return (calibration.logit_bias if calibration and is_decided(source.prompt) else None) or {}


def other_weights(source: Source) -> Iterator[str]:
    """Yield the caveat that nothing checks the weights behind the model's name, if the model has a digest."""
    if source.model.digest:
        yield (
            f"Compiled for {source.model.name} with the weights {source.model.digest[:19]}…. This export does not "
            "check them: other weights under that name may answer differently."
        )


def unescaped(source: Source) -> str:
    """Return the caveat that whoever fills in the inputs has to keep the prompt's marks out of them."""
    own = [pair for pair in source.opened.escaping.pairs if pair[0] not in SPECIAL_TOKENS]
    # Every line break and every indent has a pair for each mark; those of the usual line break stand for all.
    usual = [pair for pair in own if pair[0][0] not in LINE_BREAKS[1:] and not pair[0].startswith(tuple(INDENTS))]
    told = ", ".join(f"{old!r} by {new!r}" for old, new in usual)
    likewise = "(likewise after other line breaks, such as U+2028, and other indents, such as a tab or U+200B)"
    return (
        "An input with marks of this prompt, or with special tokens of the model, could pass for a demo or a turn. "
        "Cribsheet puts a blank into them; whoever fills in this request has to do that: replace "
        f"{f'{told} {likewise}, and ' if told else ''}special tokens as docs/export.md says."
    )


def _decision(prompt: FrozenPrompt, asks_logprobs: bool) -> Iterator[str]:
    field = decided_field(prompt.signature)
    if field is None or not is_decided(prompt):
        return
    words = listed([prompt.layout.verbalizer(outcome) for outcome in field.outcomes], " / ")
    told = (
        "The request asks for them, but the reader of the reply has to decide"
        if asks_logprobs
        else "This export keeps the model's text, which may be another word"
    )
    yield f"Cribsheet decides {field.name} by the probabilities of whole words ({words}). {told}."


def _reading(prompt: FrozenPrompt) -> Iterator[str]:
    layout, outputs = prompt.layout, prompt.signature.outputs
    if len(outputs) > 1:
        marks = ", ".join(repr(layout.opening(field.name, layout.output_mark)) for field in outputs[1:])
        yield f"The outputs {', '.join(field.name for field in outputs)} are one text, with {marks} between them."
    reads = [text for field in outputs for text in _read(layout, field)]
    if any(render_outputs(layout, prompt.signature, demo.outputs).lstrip().startswith('"') for demo in prompt.demos):
        reads.append("text in double quotes is a JSON string")
    yield f"The answer is text; its reader has to parse the typed values: {'; '.join(reads)}."


def _read(layout: Layout, field: Field) -> Iterator[str]:
    yield f"{field.name} {field.type.reading_as(layout.verbalizer, layout.notation(field))}"
    if field.abstains:
        reason = ", with the reason after a colon" if layout.reasons else ""
        absent = "no value" if field.optional else "Unanswerable"
        yield f"{layout.verbalizer(UNANSWERABLE)!r} stands for {absent}{reason}"


def _program(source: Source) -> Iterator[str]:
    program = source.program
    if len(program.prompts) > 1:
        yield f"This is {source.name}, one of the prompts {', '.join(program.prompts)}: you call the others yourself."
    if program.wiring is None:
        yield f"{program.task} runs its own code around its prompts, and that code is not exported."
        return
    for field, wire in program.wiring.inputs.get(source.name, {}).items():
        if wire.source is not None:
            yield f"Its input {field} is the output {wire.field} of {wire.source}."
