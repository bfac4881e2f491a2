"""Ask through LiteLLM, as its proxy does with a written configuration and the module beside it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cribsheet.errors import ExportError
from cribsheet.export.verifying._base import Deployment, Inputs
from cribsheet.export.verifying._litellm import ask_by, directed, imported_litellm
from cribsheet.export.verifying._python_file import defined_in
from cribsheet.frozen.running import Run


def ask_litellm(deployment: Deployment, rows: Sequence[Inputs]) -> Iterator[Run | str]:
    """Yield the run of each row, as the model of the configuration that has the prompt's text answers.

    Raises:
        ExportError: the configuration cannot be read, or the module beside it cannot be run.
        ModelError: the server does not answer.
    """
    imported_litellm()  # the module needs it
    usual, (module, _, name) = _configured(deployment)
    manager = defined_in(deployment.path.with_name(f"{module}.py"), name)
    with deployment.address() as address:
        yield from ask_by(manager, directed(deployment, usual, address), deployment, rows)


def _configured(deployment: Deployment) -> tuple[Mapping[str, Any], tuple[str, str, str]]:
    """Return the parameters of the text's model, and the callback that puts the text into a request."""
    import yaml  # imported here because only this needs it; it comes with LiteLLM

    try:
        read = yaml.safe_load(deployment.text())
        models = [model["litellm_params"] for model in read["model_list"]]
        (callback,) = read["litellm_settings"]["callbacks"]
        return next(model for model in models if "prompt_id" in model), callback.rpartition(".")
    except (yaml.YAMLError, AttributeError, LookupError, TypeError, ValueError, StopIteration) as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise ExportError(
            f"{deployment.path} is not the configuration that was written: {reason}. Export it again."
        ) from None
