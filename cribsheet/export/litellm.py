"""Export to a configuration of LiteLLM's proxy.

`config.yaml` names two models: NAME, which sends the frozen prompt's text, and `frozen/NAME`, which answers with all
corrections. The text gets in by a `CustomPromptManagement` class
(https://docs.litellm.ai/docs/proxy/custom_prompt_management), the corrections by a `CustomLLM`
(https://docs.litellm.ai/docs/providers/custom_llm_server). Both are in a module beside the configuration.
"""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cribsheet.export._base import Export, Source
from cribsheet.export._caveats import caveats, input_forms
from cribsheet.export._samples import answer_signature
from cribsheet.export._shell import curl, llama_server
from cribsheet.frozen import FrozenProgram
from cribsheet.frozen.running import direct_wiring
from cribsheet.frozen.sealing import to_text
from cribsheet.layout.template import Pieces, Slot

_CODE = Path(__file__).with_name("_litellm_module.py")
_LINE = "# ---- code ----\n"


def to_litellm(source: Source) -> Export:
    """Return a configuration of the proxy, with a module and a frozen file to go beside it.

    Raises:
        ExportError: if LiteLLM cannot send the prompt as it is.
    """
    source.check_not_wrapped("LiteLLM")
    path = Path(source.saved_as("yaml"))
    # The proxy imports the module by its name, which must hold no dots.
    stem = re.sub(r"\W", "_", path.stem)
    return Export(
        target="litellm",
        text=_configuration(source, stem),
        file_name=str(path),
        files={f"{stem}_litellm.py": _module(source, stem), f"{stem}_litellm.json": to_text(_alone(source))},
        usage=_usage(source, path, stem),
        carriage="text",
        score=source.score("text"),
        caveats=(
            f"frozen/{stem} needs Cribsheet where the proxy runs. {source.score('runtime')} What follows is said of "
            f"{stem}.",
            "A request may set its own temperature, stops or token limit, which then replace those of the prompt.",
            *caveats(source),
        ),
    )


def _configuration(source: Source, stem: str) -> str:
    """Return the YAML, whose values are written as JSON."""
    text = _parameters(source, stem)
    lines = [
        f"# {source.name} of {source.program.task} for LiteLLM's proxy, written by cribsheet export --to litellm.",
        f"# {stem}: {source.score('text')}",
        f"# frozen/{stem}: {source.score('runtime')}",
        "model_list:",
        f"  - model_name: {json.dumps(stem)}",
        "    litellm_params:",
        *(f"      {name}: {json.dumps(value, ensure_ascii=False)}" for name, value in text.items()),
        f"  - model_name: {json.dumps(f'frozen/{stem}')}",
        "    litellm_params:",
        f"      model: {json.dumps(f'frozen/{stem}')}",
        "litellm_settings:",
        f"  callbacks: [{json.dumps(f'{stem}_litellm.prompts')}]",
        "  custom_provider_map:",
        f'    - {{"provider": "frozen", "custom_handler": {json.dumps(f"{stem}_litellm.frozen")}}}',
    ]
    return "\n".join(lines) + "\n"


def _parameters(source: Source, stem: str) -> dict[str, Any]:
    """Return what LiteLLM sends, and where."""
    where = {"model": source.litellm_name, "prompt_id": stem, **source.litellm_server}
    return {**where, **source.completion_settings}


def _module(source: Source, stem: str) -> str:
    """Return the module: its own docstring and data, then the code that is the same in all."""
    header, code = _CODE.read_text(encoding="utf-8").split(_LINE)
    imports = header[header.index("from pathlib") : header.index("PROMPT_ID")]
    turns = [{"role": turn.role, "content": _pieces(turn.content)} for turn in source.opened.turns]
    messages = turns or [{"role": "user", "content": _pieces(source.opened.text)}]
    inputs = [field.name for field in source.prompt.signature.inputs]
    return (
        f'"""The frozen prompt {stem} for LiteLLM, written by cribsheet export --to litellm."""\n\n{imports}'
        f"PROMPT_ID = {_literal(stem)}\nINPUTS: list[str] = {_literal(inputs)}\n"
        f"MESSAGES: list[dict[str, Any]] = {_literal(messages)}\nIS_CHAT = {bool(turns)}\n"
        f"REPLACED: list[list[str]] = {_literal(source.opened.escaping.pairs)}\n{code}"
    )


def _pieces(pieces: Pieces) -> list[Any]:
    return [{"input": piece.field} if isinstance(piece, Slot) else piece for piece in pieces]


def _literal(value: Any) -> str:
    """Return text, or lists and dicts of it, as Python: JSON is that too."""
    return json.dumps(value, ensure_ascii=False, indent=1 if isinstance(value, list) else None)


def _alone(source: Source) -> FrozenProgram:
    """Return the prompt as a program without other predictors. A rationale is not one of its outputs."""
    prompt = source.prompt
    wiring = direct_wiring(source.name, answer_signature(prompt) if prompt.reasoning else prompt.signature)
    return source.program.model_copy(update={"prompts": {source.name: source.prompt}, "wiring": wiring})


def _usage(source: Source, path: Path, stem: str) -> str:
    values = {field.name: "…" for field in source.prompt.signature.inputs}
    body = json.dumps({"model": stem, "messages": [], "prompt_variables": values}, ensure_ascii=False)
    lines = [
        *_start(source),
        "export LITELLM_MASTER_KEY=sk-$(openssl rand -hex 32)  # without one, LiteLLM does not start",
        f"litellm --config {shlex.quote(str(path))} --port 4000",
        *(f"# {line}" for line in input_forms(source.prompt)),
        f"printf %s {shlex.quote(body)} \\",
        f"  | {curl('http://localhost:4000/v1/chat/completions', key='LITELLM_MASTER_KEY')}",
        f'# "model": "frozen/{stem}" gives the outputs as JSON, with all corrections.',
    ]
    return "\n".join(lines)


def _start(source: Source) -> Iterator[str]:
    if source.weights_file:
        yield f"# {llama_server(source.weights, window=source.model.context_window)}"
