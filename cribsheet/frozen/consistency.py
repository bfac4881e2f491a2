"""Find parts of a frozen file that do not fit together, as after an edit by hand."""

from collections.abc import Iterator, Mapping

from cribsheet.frozen.prompt import FrozenPrompt
from cribsheet.frozen.schema import FrozenProgram, Wiring
from cribsheet.outcomes import Value
from cribsheet.signature import REASONING, Field, Signature


def misfits(program: FrozenProgram) -> Iterator[str]:
    """Yield what does not fit, each with its place in the file: nothing for a file that can be run and exported."""
    if not program.prompts:
        yield "prompts: there is none"
    for name, prompt in program.prompts.items():
        yield from _in_demos(f"prompts.{name}.demos", prompt)
        for place, correction in enumerate(prompt.corrections):
            for misfit in correction.misfits(_asked(prompt)):
                yield f"prompts.{name}.corrections.{place}.{misfit}"
        yield from _in_words(f"prompts.{name}.layout", prompt)
    if program.wiring is not None:
        yield from _in_wiring(program.prompts, program.wiring)


def _asked(prompt: FrozenPrompt) -> Signature:
    """Return the signature of what is returned: without the rationale, which corrections never see."""
    return prompt.signature.without_outputs([REASONING]) if prompt.reasoning else prompt.signature


def _in_words(where: str, prompt: FrozenPrompt) -> Iterator[str]:
    """Yield words for what the signature does not have."""
    signature, layout = prompt.signature, prompt.layout
    fields = {field.name for field in (*signature.inputs, *signature.outputs)}
    for name in layout.words:
        if name not in fields:
            yield f"{where}.words: there is no field {name!r}; the fields are {', '.join(sorted(fields))}"


def _in_demos(where: str, prompt: FrozenPrompt) -> Iterator[str]:
    for place, demo in enumerate(prompt.demos):
        yield from _in_values(f"{where}.{place}.inputs", prompt.signature.inputs, demo.inputs)
        yield from _in_values(f"{where}.{place}.outputs", prompt.signature.outputs, demo.outputs)


def _in_values(where: str, fields: tuple[Field, ...], values: Mapping[str, Value]) -> Iterator[str]:
    for field in fields:
        if field.name not in values:
            yield f"{where}: {field.name!r} is missing"
        elif not field.accepts(values[field.name]):
            yield f"{where}.{field.name}: it is not of the type that the signature gives it"


def _in_wiring(prompts: Mapping[str, FrozenPrompt], wiring: Wiring) -> Iterator[str]:
    taken, given = set[str](), set[tuple[str, str]]()
    for name in wiring.order:
        if name not in prompts:
            yield f"wiring.order: there is no prompt {name!r}"
            return
        wires = wiring.inputs.get(name, {})
        if set(wires) != {field.name for field in prompts[name].signature.inputs}:
            yield f"wiring.inputs.{name}: these are not the inputs of the prompt"
        taken |= {wire.field for wire in wires.values() if wire.source is None}
        for own, wire in wires.items():
            if wire.source is not None and (wire.source, wire.field) not in given:
                yield f"wiring.inputs.{name}.{own}: no earlier prompt gives {wire.source}.{wire.field}"
        given |= {(name, field.name) for field in prompts[name].signature.outputs}
    for own, wire in wiring.outputs.items():
        if (wire.field not in taken) if wire.source is None else ((wire.source, wire.field) not in given):
            yield f"wiring.outputs.{own}: nothing gives it"
    if not wiring.outputs:
        yield "wiring.outputs: there is none"
