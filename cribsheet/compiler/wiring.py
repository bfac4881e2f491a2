"""Infer from recorded runs how values flow between predictors, so that a program can run without its code."""

from collections.abc import Mapping, Sequence

from cribsheet.frozen import Wire, Wiring
from cribsheet.frozen.running import Run
from cribsheet.layout.parsing import ParseFailure
from cribsheet.outcomes import Value

MIN_RUNS = 8
"""The fewest runs from which a wiring is inferred."""

Recorded = tuple[Mapping[str, Value], Run]


def infer_wiring(recorded: Sequence[Recorded]) -> Wiring | None:
    """Return the wiring that explains every run; None if no wiring does.

    A wiring explains the runs if each run calls the same predictors in the same order, each of them once, and if
    every input of a predictor and every output of the program is an unchanged copy of the same earlier value in all
    runs.
    """
    runs = [(given, run) for given, run in recorded if not isinstance(run.outputs, ParseFailure)]
    orders = {tuple(call.predictor for call in run.calls) for _, run in runs}
    if len(runs) < MIN_RUNS or len(orders) != 1:
        return None
    (order,) = orders
    if len(set(order)) < len(order) or not order:
        return None
    known = [_known_values(given, run) for given, run in runs]
    inputs: dict[str, dict[str, Wire]] = {}
    for place, name in enumerate(order):
        wanted = [run.calls[place].inputs for _, run in runs]
        wires = _wires(wanted, known, sources=(None, *order[:place]))
        if wires is None:
            return None
        inputs[name] = wires
    finals = [run.outputs for _, run in runs if not isinstance(run.outputs, ParseFailure)]
    outputs = _wires(finals, known, sources=(*reversed(order), None))
    return None if outputs is None else Wiring(order=order, inputs=inputs, outputs=outputs)


def _known_values(given: Mapping[str, Value], run: Run) -> dict[tuple[str | None, str], Value]:
    """Return every value of a run by its source: predictor (None for the program's inputs) and field."""
    values: dict[tuple[str | None, str], Value] = {(None, name): value for name, value in given.items()}
    for call in run.calls:
        if not isinstance(call.answer.outputs, ParseFailure):
            values |= {(call.predictor, name): value for name, value in call.answer.outputs.items()}
    return values


def _wires(
    wanted: Sequence[Mapping[str, object]],
    known: Sequence[Mapping[tuple[str | None, str], Value]],
    *,
    sources: Sequence[str | None],
) -> dict[str, Wire] | None:
    """Return the source from which each wanted value always comes; a source with the same field name is preferred."""
    wires = {}
    for name in wanted[0]:
        places = [place for source in sources for place in known[0] if place[0] == source]
        places.sort(key=lambda place: place[1] != name)
        found = next((place for place in places if _always(wanted, known, name, place)), None)
        if found is None:
            return None
        wires[name] = Wire(source=found[0], field=found[1])
    return wires


def _always(
    wanted: Sequence[Mapping[str, object]],
    known: Sequence[Mapping[tuple[str | None, str], Value]],
    name: str,
    place: tuple[str | None, str],
) -> bool:
    return all(
        type(own[name]) is type(there.get(place)) and own[name] == there.get(place)
        for own, there in zip(wanted, known, strict=True)
    )
