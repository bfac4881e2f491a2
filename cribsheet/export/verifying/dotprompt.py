"""Ask through LiteLLM's Dotprompt integration, which reads the written file."""

from collections.abc import Iterator, Sequence

from cribsheet.errors import ExportError
from cribsheet.export.verifying._base import Deployment, Inputs
from cribsheet.export.verifying._litellm import ask_by, directed, imported_litellm
from cribsheet.frozen.running import Run


def ask_dotprompt(deployment: Deployment, rows: Sequence[Inputs]) -> Iterator[Run | str]:
    """Yield the run of each row; the settings of the completion are those that the usage passes beside the file.

    Raises:
        ExportError: LiteLLM cannot read the file.
        ModelError: the server does not answer.
    """
    imported_litellm()
    # The manager that `litellm.set_global_prompt_directory` leads to, but for this folder alone.
    from litellm.integrations.dotprompt import DotpromptManager

    source, path = deployment.source, deployment.path
    deployment.text()  # LiteLLM passes over a file that cannot be read
    manager = DotpromptManager(prompt_directory=str(path.parent))
    if manager.prompt_manager.get_prompt(path.stem) is None:
        raise ExportError(
            f"LiteLLM finds no prompt in {path}. Its name must end with .prompt, and the settings between the lines "
            "`---` must be YAML. Export it again."
        )
    usual = {"model": source.litellm_name, **source.litellm_server}
    with deployment.address() as address:
        asked = directed(deployment, usual, address)
        if deployment.model:  # LiteLLM would take the model that the file names, not that of the request
            manager.prompt_manager.get_prompt(path.stem).model = asked["model"]
        yield from ask_by(manager, {**asked, **source.completion_settings, "prompt_id": path.stem}, deployment, rows)
