"""Run the program of a written module in DSPy."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from cribsheet.corrections import Answer
from cribsheet.errors import ExportError, ModelError, TransientError
from cribsheet.export.standalone.server import patiently
from cribsheet.export.verifying._base import Deployment, Inputs, typed_one_by_one
from cribsheet.export.verifying._litellm import directed, imported_litellm, place_of
from cribsheet.export.verifying._python_file import defined_in
from cribsheet.frozen.running import Run
from cribsheet.layout.parsing import ParseFailure
from cribsheet.models import Completion
from cribsheet.models._litellm_errors import TOO_LONG, Place, first_reason
from cribsheet.prompts import Prompt


def run_program(deployment: Deployment, rows: Sequence[Inputs]) -> Iterator[Run | str]:
    """Yield the run of each row, as the module's program answers with the `dspy.LM` of the usage.

    Raises:
        ExportError: the module or its state cannot be read.
        ModelError: the server does not answer.
    """
    dspy, source = _imported_dspy(), deployment.source
    program = defined_in(deployment.path, "program")
    usual = {"model": source.litellm_name, **source.litellm_server}
    with deployment.address() as address:
        arguments = directed(deployment, usual, address)
        lm = dspy.LM(**arguments, cache=False, num_retries=0, timeout=deployment.timeout)

        def answer(inputs: Mapping[str, object]) -> Answer:
            return patiently(lambda: _answer(program, lm, place_of(arguments), inputs))

        yield from typed_one_by_one(deployment, rows, answer)


def _imported_dspy() -> Any:
    """Return the package; ExportError if it is not installed."""
    imported_litellm()  # dspy uses it, and `import_litellm` keeps both from downloading a list of prices
    try:
        import dspy
    except ImportError:
        raise ExportError(
            "--verify needs the package dspy for this export, and it cannot be imported. Run `pip install dspy`."
        ) from None
    return dspy


def _answer(program: Any, lm: Any, place: Place, inputs: Mapping[str, object]) -> Answer:
    import dspy
    from dspy.utils.exceptions import AdapterParseError

    try:
        with dspy.context(lm=lm), _explained(place):
            predicted = program(**inputs)
    except AdapterParseError as error:
        reason, _, _ = error.message.partition("\n\n")
        return Answer(ParseFailure(reason), Prompt(), Completion(text=error.lm_response))
    if not dict(predicted):  # what DSPy makes of a reply without choices
        raise place.not_openai("its reply holds no completion")
    return Answer(dict(predicted), Prompt(), Completion(text=""))


@contextmanager
def _explained(place: Place) -> Iterator[None]:
    """Turn errors of DSPy's language model into a ModelError."""
    from dspy.utils.exceptions import LMError, is_retryable_lm_error

    try:
        yield
    except LMError as error:
        reason = first_reason(error.message) or type(error).__name__
        if TOO_LONG.search(error.message):
            raise place.overflow(reason) from error
        if is_retryable_lm_error(error):
            raise TransientError(
                f"{place.where} gave DSPy no answer: {reason}. Start the server, or check --api-base.{place.via}"
            ) from error
        raise ModelError(
            f"{place.where} refused the request of DSPy: {reason}. Check --api-base and --model, and set "
            f"{place.key_name} if it wants a key.{place.via}"
        ) from error
