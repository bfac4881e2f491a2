"""Run a frozen prompt as a dspy program, on any dspy language model.

It leans on a few things of dspy beyond what `cribsheet.compiler.bridge` does: an Adapter has `format` and `parse`, and
`Module.load` reads the state of each predictor by its name, and ignores other keys.
"""

import inspect
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Union

import dspy
from dspy.utils.exceptions import AdapterParseError
from pydantic import ValidationError

from cribsheet.dataset.examples import Demo
from cribsheet.errors import DataError
from cribsheet.frozen import FrozenPrompt
from cribsheet.frozen.running import typed_inputs
from cribsheet.layout.parsing import ParseFailure, parse
from cribsheet.outcomes import Unanswerable
from cribsheet.signature import Field, Signature

STATE_KEY = "cribsheet"
"""The key of a state file that holds the frozen prompt; dspy ignores it."""


class FrozenModule(dspy.Module):
    """A frozen prompt as a dspy program of one predictor, `predict`.

    It carries the text of the prompt: what Cribsheet corrects afterwards is left out. Demos and instructions are those
    of the predictor, so dspy can save, load and optimize them.
    """

    def __init__(self, prompt: FrozenPrompt):
        super().__init__()
        self.predict = FrozenPredict(prompt)

    def forward(self, **inputs: Any) -> Any:
        """Return the typed outputs."""
        return self.predict(**inputs)

    async def aforward(self, **inputs: Any) -> Any:
        """Return the typed outputs."""
        return await self.predict.acall(**inputs)


class FrozenPredict(dspy.Predict):
    """The predictor, which always asks in the layout of the frozen prompt, whatever adapter is configured."""

    def __init__(self, prompt: FrozenPrompt):
        stop = list(prompt.template.stop)
        settings = {"max_tokens": prompt.decoding.max_tokens, "temperature": 0.0} | ({"stop": stop} if stop else {})
        super().__init__(dspy_signature(prompt), **settings)
        self.adapter = FrozenAdapter(prompt)

    def forward(self, **inputs: Any) -> Any:
        """Return the typed outputs."""
        with dspy.context(adapter=self.adapter):
            return super().forward(**inputs)

    async def aforward(self, **inputs: Any) -> Any:
        """Return the typed outputs."""
        with dspy.context(adapter=self.adapter):
            return await super().aforward(**inputs)


class FrozenAdapter(dspy.Adapter):
    """Writes the messages in the layout of a frozen prompt, and reads the answer as it does."""

    def __init__(self, prompt: FrozenPrompt):
        super().__init__()
        self._prompt = prompt

    def format(self, signature: Any, demos: Any, inputs: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the messages; a raw prompt is the content of the only one."""
        frozen = self._prompt
        # dspy removes white space around instructions.
        is_same = inspect.cleandoc(frozen.instructions) == signature.instructions
        prompt = frozen.model_copy(
            update={
                "instructions": frozen.instructions if is_same else signature.instructions,
                "demos": tuple(_demo(demo, frozen.signature) for demo in demos),
            }
        )
        given = {name: value for name, value in inputs.items() if name in signature.input_fields}
        rendered = prompt.render(typed_inputs(prompt, given))
        turns = [message.model_dump() for message in rendered.messages]
        return turns or [{"role": "user", "content": rendered.text}]

    def parse(self, signature: Any, completion: str) -> dict[str, Any]:
        """Return the typed outputs; dspy's error if the completion holds none."""
        outputs = parse(self._prompt.layout, self._prompt.signature, completion)
        if isinstance(outputs, ParseFailure):
            raise AdapterParseError("FrozenAdapter", signature, completion, message=outputs.reason)
        return dict(outputs)


def load_module(path: str | os.PathLike[str]) -> FrozenModule:
    """Return the program of a state file that `cribsheet export --to dspy` wrote, with its state."""
    path = Path(path)
    try:
        module = FrozenModule(FrozenPrompt.model_validate(json.loads(path.read_bytes())[STATE_KEY]))
        module.load(str(path))
    except ValidationError as error:
        first = error.errors()[0]
        raise _no_state(path, f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    except (
        OSError,
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        RecursionError,
    ) as error:  # DSPy checks nothing of a state
        raise _no_state(path, f"{type(error).__name__}: {error}") from None
    return module


def _no_state(path: Path, reason: str) -> DataError:
    return DataError(
        f"{path} is not the state of an exported prompt: {reason}. Write it with `cribsheet export FILE --to dspy`."
    )


def dspy_signature(prompt: FrozenPrompt) -> Any:
    """Return the signature of a frozen prompt as a class of dspy."""
    own = prompt.signature
    fields = {field.name: (_annotation(field), dspy.InputField(desc=field.description)) for field in own.inputs}
    fields |= {field.name: (_annotation(field), dspy.OutputField(desc=field.description)) for field in own.outputs}
    return dspy.Signature(fields, prompt.instructions, signature_name=own.name)


def _annotation(field: Field) -> Any:
    absent = (type(None) if field.optional else Unanswerable,) if field.abstains else ()
    return Union[(field.type.annotation, *absent)]  # `|` takes no Literal of mypy's Any


def _demo(values: Any, signature: Signature) -> Demo:
    if not isinstance(values, Mapping | dspy.Example):
        raise DataError(f"A demo of the predictor must have fields but is {str(values)[:80]!r}. Give a dspy.Example.")
    given = dict(values)
    sides: Sequence[tuple[Field, ...]] = (signature.inputs, signature.outputs)
    missing = [field.name for side in sides for field in side if field.name not in given]
    if missing:
        raise DataError(f"A demo of the predictor has no {missing[0]!r}: {str(given)[:80]}. Give each field a value.")
    try:
        inputs, outputs = ({field.name: field.coerce(given[field.name]) for field in side} for side in sides)
    except ValueError as error:
        raise DataError(f"A demo of the predictor does not fit the signature: {error}. Correct it.") from None
    return Demo(inputs=inputs, outputs=outputs)
