"""Say what a program takes and gives that only hands values from predictor to predictor."""

from collections.abc import Iterable, Mapping

from cribsheet.errors import DataError
from cribsheet.frozen.prompt import FrozenPrompt
from cribsheet.frozen.running import Run, run_wired, settled
from cribsheet.frozen.schema import Wiring
from cribsheet.models import Completer
from cribsheet.signature import Field, Signature, with_defaults
from cribsheet.text import shortened


def inputs_of(prompts: Mapping[str, FrozenPrompt], wiring: Wiring) -> tuple[Field, ...]:
    """Return the fields that a program takes."""
    taken = {
        wire.field: prompts[name].signature.field(own)
        for name in wiring.order
        for own, wire in wiring.inputs[name].items()
        if wire.source is None
    }
    return tuple(field.model_copy(update={"name": name}) for name, field in taken.items())


def outputs_of(prompts: Mapping[str, FrozenPrompt], wiring: Wiring) -> tuple[Field, ...]:
    """Return the fields that a program gives."""
    inputs = {field.name: field for field in inputs_of(prompts, wiring)}
    fields = {
        name: prompts[wire.source].signature.field(wire.field) if wire.source else inputs[wire.field]
        for name, wire in wiring.outputs.items()
    }
    return tuple(field.model_copy(update={"name": name}) for name, field in fields.items())


def between(signatures: Iterable[Signature], whole: Signature) -> tuple[Field, ...]:
    """Return what predictors pass to the last one: outputs that it does not have.

    Rows may have them, so that demos can show them.
    """
    *earlier, last = signatures
    own = {field.name for field in (*whole.inputs, *last.outputs)}
    return tuple(field for one in earlier for field in one.outputs if field.name not in own)


def answer(prompts: Mapping[str, FrozenPrompt], wiring: Wiring, inputs: Mapping[str, object], model: Completer) -> Run:
    """Return the run for one row; no model is asked if the inputs alone decide the outputs."""
    return settled(prompts, wiring, inputs) or run_wired(prompts, wiring, inputs, model)


def named_inputs(task: str, fields: tuple[Field, ...], inputs: Mapping[str, object]) -> Mapping[str, object]:
    """Return the inputs with the defaults of those left out; DataError if they are not those that a program takes."""
    wanted = {field.name for field in fields}
    inputs = with_defaults(fields, inputs)
    if set(inputs) != wanted:
        raise DataError(
            f"{task} takes {', '.join(sorted(wanted))} but got {shortened(', '.join(inputs)) or 'nothing'}. "
            "Give each input once, by name."
        )
    return inputs
