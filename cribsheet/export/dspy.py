"""Export to a dspy program.

The state is in the form of dspy 3.4's `Module.save`, which `Module.load` takes
(https://dspy.ai/tutorials/saving/#state-only-saving). The prompt's layout comes by an adapter of Cribsheet's.
"""

import inspect
import json
import re
from pathlib import Path
from typing import Any

from cribsheet.errors import ExportError
from cribsheet.export._base import Export, Source
from cribsheet.export._caveats import caveats
from cribsheet.export._modules import module_name
from cribsheet.outcomes import to_json
from cribsheet.signature import Field


def to_dspy(source: Source) -> Export:
    """Return a module with a `program`, and the state that it loads.

    Raises:
        ExportError: if DSPy cannot send the prompt as it is, or the module would have the name of its state.
    """
    source.check_not_wrapped("DSPy")
    path = Path(source.path or f"{re.sub(r'[^a-z0-9_]', '_', source.slug)}_dspy.py")
    state = f"{path.stem}.json"
    if path.name == state:
        raise ExportError(f"{path} is the name of the module's state. Give --out {path.with_suffix('.py')}.")
    return Export(
        target="dspy",
        text=_module(source, state),
        file_name=str(path),
        files={state: json.dumps(_state(source), indent=2, ensure_ascii=False) + "\n"},
        usage=_usage(source, path),
        carriage="text",
        score=source.score("text"),
        caveats=(
            "The module needs Cribsheet besides dspy: it renders the prompt and reads the answer.",
            "It sets temperature 0, the token limit and the stop strings; a seed is up to the dspy.LM.",
            *_raw(source),
            *caveats(source),
        ),
    )


def _module(source: Source, state: str) -> str:
    inputs = ", ".join(f"{field.name}=…" for field in source.prompt.signature.inputs)
    return (
        f'"""The frozen prompt {source.slug} for dspy, written by cribsheet export --to dspy.\n\n'
        f'{source.score("text")} Call `program({inputs})` with any dspy.LM.\n"""\n\n'
        "from pathlib import Path\n\n"
        "from cribsheet.compiler.dspy_program import load_module\n\n"
        f"program = load_module(Path(__file__).with_name({json.dumps(state, ensure_ascii=False)}))\n"
    )


def _state(source: Source) -> dict[str, Any]:
    """Return the state of a module with the predictor `predict`, and the frozen prompt that dspy ignores."""
    prompt = source.prompt
    fields = (*prompt.signature.inputs, *prompt.signature.outputs)
    demos = [{name: to_json(value) for name, value in {**demo.inputs, **demo.outputs}.items()} for demo in prompt.demos]
    signature = {
        "instructions": inspect.cleandoc(prompt.instructions),
        "fields": [{"prefix": _prefix(field), "description": field.description} for field in fields],
    }
    predictor = {"traces": [], "train": [], "demos": demos, "signature": signature, "lm": None}
    return {
        "predict": predictor,
        "metadata": {"dependency_versions": {}},
        "cribsheet": prompt.model_dump(mode="json", by_alias=True),
    }


def _prefix(field: Field) -> str:
    """Return the prefix that dspy infers from a name; no prompt of Cribsheet's shows it."""
    return field.name.replace("_", " ").title() + ":"


def _raw(source: Source) -> tuple[str, ...]:
    if source.opened.turns:
        return ()
    return (
        "The prompt is raw. Only a dspy.LM of the provider text-completion-openai sends it as it is; another puts it "
        "into the model's chat template, as the message of a user.",
    )


def _imported(path: Path) -> list[str]:
    """Return the lines that import the program; no import statement finds a file of any other name."""
    if name := module_name(str(path)):
        return [f"# The folder of {str(path)!r} must be in sys.path.", f"from {name} import program"]
    return ["import runpy", f'program = runpy.run_path({str(path)!r})["program"]']


def _usage(source: Source, path: Path) -> str:
    values = ", ".join(f"{field.name}=…" for field in source.prompt.signature.inputs)
    # With num_ctx, DSPy asks Ollama's own API, and not one that ends with /v1, which the address does not.
    served = "".join(f", {argument}={json.dumps(value)}" for argument, value in source.litellm_server.items())
    lines = [
        "import dspy",
        *_imported(path),
        f'dspy.configure(lm=dspy.LM("{source.litellm_name}"{served}))',
        f"outputs = program({values})",
    ]
    return "\n".join(lines)
