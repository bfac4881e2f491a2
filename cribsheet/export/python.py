"""Export to a Python module that answers by itself, with the standard library alone.

The module holds the very source of the runtime, so that it cannot drift from it: see `cribsheet.export.bundling`.
"""

import ast
import os
import shlex
from collections.abc import Iterator

from cribsheet.errors import ExportError
from cribsheet.export._base import Export, Source
from cribsheet.export._caveats import is_decided, other_weights
from cribsheet.export._modules import file_name, module_name
from cribsheet.export._python_part import OWN_MODULE, OWN_NAMES, PUBLIC, own_part
from cribsheet.export._shell import llama_server
from cribsheet.export.bundling import bundle
from cribsheet.export.bundling.sources import read_installed
from cribsheet.frozen import Wiring
from cribsheet.frozen.wired import inputs_of, outputs_of
from cribsheet.signature.options import option_name


def to_python(source: Source) -> Export:
    """Return a module that answers as the runtime does, through Ollama or an OpenAI-compatible server.

    Raises:
        ExportError: if the program runs code of its own, or asks questions of a decision endpoint.
    """
    wiring = _wiring(source)
    own = own_part(source.program, wiring)
    bundled = bundle(
        [(OWN_MODULE, name) for name in OWN_NAMES],
        public=PUBLIC,
        read=lambda name: own.source if name == OWN_MODULE else read_installed(name),
        packages=own.packages,
    )
    path = source.path or file_name(source.slug)
    about = "\n\n".join([_title(source, wiring), *_scores(source), *_how_to_run(source, wiring, path)])
    docstring = ast.unparse(ast.Module([ast.Expr(ast.Constant(f"{about}\n"))], []))
    text = (
        f"{docstring}\n\nfrom __future__ import annotations\n\n{bundled.imports}\n\n\n{bundled.text}\n\n\n"
        'if __name__ == "__main__":\n    raise SystemExit(main())\n'
    )
    return Export(
        target="python",
        text=text,
        file_name=path,
        usage="\n".join(_commands(source, wiring, path)),
        carriage="runtime",
        score=source.score("runtime"),
        caveats=tuple(_caveats(source)),
    )


def _wiring(source: Source) -> Wiring:
    program = source.program
    if program.wiring is None:
        raise ExportError(
            f"{program.task} runs code of its own between its prompts {', '.join(program.prompts)}, and python holds "
            "prompts and their wiring alone. Run the frozen file in its workspace with `cribsheet ask`, or export one "
            "of the prompts to another target."
        )
    return program.wiring


def _title(source: Source, wiring: Wiring) -> str:
    given = ", ".join(field.name for field in inputs_of(source.program.prompts, wiring))
    asked = ", ".join(field.name for field in outputs_of(source.program.prompts, wiring))
    return f"Give {asked} for {given}, as {source.program.task} compiled for {source.model.name} does."


def _scores(source: Source) -> Iterator[str]:
    yield source.score("runtime")
    calls = [
        one.kind for prompt in source.program.prompts.values() for one in prompt.corrections if "calls" in one.needs
    ]
    if calls:
        yield (
            f"This takes a server that completes raw prompts, since the module asks it again for "
            f"{' and '.join(dict.fromkeys(calls))}. On another server it carries logprobs. {source.score('logprobs')}"
        )


def _how_to_run(source: Source, wiring: Wiring, path: str) -> Iterator[str]:
    yield "To run it:\n\n" + "\n".join(f"    {line}" for line in _commands(source, wiring, path))
    yield (
        "The server is the one that --api-base names, else OPENAI_BASE_URL or OLLAMA_HOST. This file needs Python 3.9 "
        "or newer and no package."
    )


def _commands(source: Source, wiring: Wiring, path: str) -> Iterator[str]:
    fields = inputs_of(source.program.prompts, wiring)
    options = " ".join(f'{option_name(field.name)} "…"' for field in fields)
    yield from _server(source)
    yield f"python {shlex.quote(path)} {options}"
    yield f"python {shlex.quote(path)} --jsonl rows.jsonl --out answers.jsonl"
    name, folder = module_name(path), os.path.dirname(path)
    arguments = ", ".join(f"{field.name}=…" for field in fields)
    if not name:  # no import statement finds such a file
        yield f'# in Python: import runpy; runpy.run_path({path!r})["answer"]({arguments}).outputs'
        return
    where = f", with the folder {folder} in sys.path" if folder else ""
    yield f"# in Python{where}: from {name} import answer; answer({arguments}).outputs"


def _server(source: Source) -> Iterator[str]:
    """Yield the command that starts the server, or what is known of it."""
    if source.weights_file:
        yield llama_server(source.weights, window=source.model.context_window)
    elif source.runs_on_ollama:
        yield f"ollama pull {shlex.quote(source.model_name)}"
    else:
        yield f"# asks {source.model.endpoint or 'https://api.openai.com/v1'} for {source.model_name}"


def _caveats(source: Source) -> Iterator[str]:
    """Yield what a deployment has to mind; the module itself leaves nothing out."""
    yield from other_weights(source)
    if source.weights_file and any(map(is_decided, source.program.prompts.values())):
        yield (
            "The log-probabilities that decide were those of llama.cpp in the process. llama-server tells as many; "
            "Ollama and most others tell 20 at most, so some rows may be decided otherwise."
        )
