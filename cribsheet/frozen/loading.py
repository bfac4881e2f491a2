"""Load a frozen file as a program to call."""

import os
from collections.abc import Callable, Mapping
from functools import cached_property

from cribsheet.dataset.examples import Prediction
from cribsheet.errors import CompileError, DataError
from cribsheet.frozen import FrozenProgram, FrozenPrompt, Wiring
from cribsheet.frozen.running import Call, Run, ask, direct_wiring, prompt_text, run_wired, settled, unreadable
from cribsheet.frozen.sealing import read
from cribsheet.frozen.wired import answer, inputs_of, named_inputs
from cribsheet.layout.parsing import ParseFailure
from cribsheet.models import Completer, Model, open_model
from cribsheet.outcomes import Value
from cribsheet.prompts import Prompt
from cribsheet.signature import Field
from cribsheet.text import shortened


class Program:
    """A frozen program that can be called. It opens its model at the first call.

    `program(question=…, context=…)` returns a `Prediction`: the typed outputs as attributes, and the raw text as
    `.text`. `program["name"](…)` calls one of several prompts.
    """

    def __init__(self, frozen: FrozenProgram, *, model: Model | None = None, api_base: str | None = None):
        self.frozen = frozen
        self._given = model
        self._api_base = api_base

    @cached_property
    def model(self) -> Model:
        """The model that answers; it is opened when this is first read."""
        if self._given is not None:
            return self._given
        identity = self.frozen.model
        return open_model(
            identity.name,
            api_base=(identity.endpoint or None) if self._api_base is None else self._api_base,
            context_window=identity.context_window,
        )

    @property
    def inputs(self) -> tuple[Field, ...]:
        """The inputs of a call."""
        wiring = self.frozen.wiring
        if wiring is None:
            return next(iter(self.frozen.prompts.values())).signature.inputs
        return inputs_of(self.frozen.prompts, wiring)

    def __call__(self, /, *unnamed: Value, **inputs: Value) -> Prediction:
        """Return the typed outputs for one row.

        Raises:
            DataError: if the inputs do not fit the signature, or are not given by name.
            UnreadableCompletionError: if the completion cannot be parsed.
            ModelError: if the model gives no completion.
        """
        if unnamed:
            named = ", ".join(f"{field.name}=…" for field in self.inputs)
            raise DataError(f"Inputs are given by name but got {shortened(repr(unnamed[0]))}. Call program({named}).")
        return _checked(self.answer(inputs, self.model))

    def answer(self, inputs: Mapping[str, object], model: Completer) -> Run:
        """Return the run for one row; no model is asked if the inputs alone decide the outputs."""
        return answer(self.frozen.prompts, *self._wired(inputs), model)

    def run(self, inputs: Mapping[str, object], model: Completer) -> Run:
        """Run the program on one row, always asking the model; the result has the outputs and each call."""
        return run_wired(self.frozen.prompts, *self._wired(inputs), model)

    def _wired(self, inputs: Mapping[str, object]) -> tuple[Wiring, Mapping[str, object]]:
        """Return the program's wiring and all its inputs; an error if it has none or the inputs do not fit."""
        if self.frozen.wiring is None:
            raise CompileError(
                f"{self.frozen.task} runs its own code around its prompts {', '.join(self.frozen.prompts)}. Call one "
                "prompt by name, as in program[name](…), or run the program in its workspace with `cribsheet ask`."
            )
        return self.frozen.wiring, named_inputs(self.frozen.task, self.inputs, inputs)

    def __getitem__(self, name: str) -> Callable[..., Prediction]:
        """Return one of the prompts as a function of its inputs."""
        prompt = self._prompt(name)

        def call(**inputs: Value) -> Prediction:
            unasked = settled({name: prompt}, direct_wiring(name, prompt.signature), inputs)
            if unasked:
                return _checked(unasked)
            answer = ask(prompt, inputs, self.model)
            return _checked(Run(answer.outputs, (Call(name, inputs, answer),)))

        return call

    def render(self, name: str | None = None, /, **inputs: Value) -> Prompt:
        """Return the exact prompt that a call would send, for the named predictor or the first one."""
        return prompt_text(self._prompt(name or next(iter(self.frozen.prompts))), inputs)

    def _prompt(self, name: str) -> FrozenPrompt:
        if name not in self.frozen.prompts:
            raise DataError(
                f"There is no prompt {name!r} in this file. Use one of these: {', '.join(self.frozen.prompts)}."
            )
        return self.frozen.prompts[name]


def load(path: str | os.PathLike[str], *, model: Model | str | None = None, api_base: str | None = None) -> Program:
    """Load a frozen file.

    Args:
        path: a `*.prompt.json` file.
        model: a model to use instead of the one it was compiled for: a name, or an open model.
        api_base: the address of the model's server.

    Raises:
        FrozenFileError: if the file is missing, edited, truncated, or of another format.
        ModelError: if there is no such model.
    """
    frozen = read(path)
    opened = open_model(model, api_base=api_base) if isinstance(model, str) else model
    return Program(frozen, model=opened, api_base=api_base)


def _checked(run: Run) -> Prediction:
    prediction = run.prediction
    if isinstance(prediction, ParseFailure):
        raise unreadable(prediction, run.text)
    return prediction
