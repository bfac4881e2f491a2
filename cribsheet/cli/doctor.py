"""The command `doctor`."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

import click
from rich.table import Table

from cribsheet.cli._command import Command, SecondsType, api_base_option, context_window_option, json_option
from cribsheet.cli._examining import examine
from cribsheet.cli._terminal import print_json, stdout
from cribsheet.errors import AddressError, ModelError, UnreachableError
from cribsheet.models import weights
from cribsheet.models.addresses import LLAMA_SERVER_PORT, OLD_LLAMA_SERVER_PORT
from cribsheet.models.cores import SPIN_COUNT, is_openmp_loaded, spin_setting, usable_cores
from cribsheet.text import counted
from cribsheet.workspace import builtin, current_workspace

_BASE = ("dspy", "litellm", "ollama", "pydantic", "diskcache", "rich", "click", "httpx", "platformdirs", "tenacity")
_EXTRAS = {
    "xllamacpp": "embedded",
    "pip": "embedded",
    "huggingface-hub": "hub",
    "starlette": "serve",
    "uvicorn": "serve",
}
_PYTHON = (3, 11)
_NOT_NEEDED = "Embedded models do not need Ollama."
_ROOM = 1e9
_TIMEOUT = 2.0
_PATIENCE = 30.0
"""How many seconds to wait for an answer of one token."""
_LLAMA_PORTS = (LLAMA_SERVER_PORT, OLD_LLAMA_SERVER_PORT)


class Check(NamedTuple):
    """The result of one check."""

    name: str
    found: str
    mend: str = ""
    """What the user can do about a problem; empty if there is none."""
    is_essential: bool = False
    """Whether Cribsheet does not work at all without it."""


@click.command("doctor", cls=Command)
@click.option("--model", metavar="NAME", help="Check only what this model can do.")
@api_base_option
@click.option(
    "--timeout",
    type=SecondsType(),
    metavar="SECONDS",
    help="With --model: how long a server may take to answer one request.  [default: 30]",
)
@context_window_option
@json_option
@click.pass_context
def command(context: click.Context, /, as_json: bool, model: str | None, **served: Any) -> None:
    """Check what is installed, reachable and on disk, and say how to fix what is missing.

    With --model, find out what a model can do and what its server refuses. The exit code is 1 only if something
    essential is missing.

    \b
    Example:
      cribsheet doctor
      cribsheet doctor --model openai/qwen2.5-0.5b --api-base http://localhost:9931/v1
    """
    if model:
        timeout = served.pop("timeout") or _PATIENCE
        examine(model, **served, timeout=timeout, as_json=as_json)
        return
    given = next((name for name, value in served.items() if value), None)
    if given:
        raise click.UsageError(f"--{given.replace('_', '-')} needs a model. Name it with --model.")
    checks = list(_checks())
    broken = any(check.mend and check.is_essential for check in checks)
    if as_json:
        print_json({"ok": not broken, "checks": [_json(check) for check in checks]})
    else:
        _print(checks)
    context.exit(int(broken))


def _json(check: Check) -> dict[str, object]:
    return {
        "name": check.name,
        "ok": not check.mend,
        "essential": check.is_essential,
        "found": check.found,
        "mend": check.mend or None,
    }


def _print(checks: list[Check]) -> None:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for check in checks:
        table.add_row("look" if check.mend else "ok", check.name, check.found, style="yellow" if check.mend else "")
    stdout().print(table)
    for check in checks:
        if check.mend:
            click.echo(f"{check.name}: {check.mend}")


def _checks() -> Iterator[Check]:
    yield _python()
    yield from (_package(name, extra=None) for name in _BASE)
    yield from (_package(name, extra=extra) for name, extra in _EXTRAS.items())
    yield _weights()
    yield _threads()
    yield _ollama()
    yield _llama_server()
    yield _workspace()
    yield _cache()
    yield _disk()


def _python() -> Check:
    found = ".".join(map(str, sys.version_info[:3]))
    needed = ".".join(map(str, _PYTHON))
    return Check("python", found, "" if sys.version_info >= _PYTHON else f"Install Python {needed} or newer.", True)


def _package(name: str, *, extra: str | None) -> Check:
    try:
        return Check(name, version(name), is_essential=extra is None)
    except PackageNotFoundError:
        what = f"cribsheet[{extra}]" if extra else "cribsheet"
        return Check(name, "not installed", f'Run `pip install "{what}"`.', extra is None)


def _weights() -> Check:
    found = weights.on_disk(weights.models_directory())
    default = weights.known()[0].name
    names = ", ".join(one.name for one in found) or "none"
    is_there = any(one.name == default for one in found)
    mend = "" if is_there else f"Run `cribsheet models pull {default}`, or let the first use download it."
    return Check("embedded weights", f"{names} in {weights.models_directory()}", mend)


def _threads() -> Check:
    setting = spin_setting()
    if setting is None and is_openmp_loaded():
        mend = (
            f"Set the environment variable GOMP_SPINCOUNT={SPIN_COUNT} before Python starts: another library loads "
            "OpenMP before the engine, so the engine's threads are many times slower beside another busy process."
        )
        return Check(
            "engine threads", f"{counted(usable_cores(), 'core')}; OpenMP was loaded without GOMP_SPINCOUNT", mend
        )
    told = setting or f"GOMP_SPINCOUNT={SPIN_COUNT}, set by Cribsheet"
    return Check("engine threads", f"{counted(usable_cores(), 'core')}; {told}")


def _ollama() -> Check:
    from cribsheet.models.ollama import OllamaModel  # imported here, because no other check needs it

    try:
        server = OllamaModel("ollama_chat/any", timeout=_TIMEOUT)
    except AddressError as error:
        return Check("ollama server", f"OLLAMA_HOST is {os.environ.get('OLLAMA_HOST')!r}", str(error))
    except ModelError as error:
        return Check("ollama server", "not asked, because its key cannot be sent", str(error))
    try:
        models = server.pulled()
    except UnreachableError as error:
        return Check("ollama server", f"{server.endpoint} does not answer", f"{error} {_NOT_NEEDED}")
    except ModelError as error:
        return Check("ollama server", f"{server.endpoint} does not answer as Ollama", f"{error} {_NOT_NEEDED}")
    finally:
        server.close()
    pull = "" if models else "It has no model: run `ollama pull qwen2.5:0.5b`."
    return Check("ollama server", f"{server.endpoint}, {', '.join(models) or 'no models'}", pull)


def _llama_server(ports: Sequence[int] = _LLAMA_PORTS) -> Check:
    import httpx  # imported here for the same reason as in `_ollama`

    for address in (f"http://127.0.0.1:{port}" for port in ports):
        with suppress(httpx.HTTPError, ValueError):
            props = httpx.get(f"{address}/props", timeout=_TIMEOUT, trust_env=False).json()
            if isinstance(props, dict) and "default_generation_settings" in props:
                name = props.get("model_alias") or props.get("model_path") or "a model"
                return Check("llama-server", f"{name} at {address}: --model openai/NAME --api-base {address}/v1")
    asked = " and ".join(map(str, ports))
    return Check("llama-server", f"none at the ports {asked} of this machine; give other addresses with --api-base")


def _workspace() -> Check:
    root = current_workspace().root
    is_builtin = root == builtin().root
    return Check("workspace", f"{root}{', the built-in one' if is_builtin else ''}")


def _cache() -> Check:
    directory = current_workspace().cache
    mend = f"Make {directory} writable: without the cache, every completion is paid for again."
    try:
        with tempfile.TemporaryFile(dir=_nearest(directory)):
            return Check("cache", f"{directory} is writable")
    except OSError as error:
        return Check("cache", f"{directory}: {error.strerror}", mend)


def _disk() -> Check:
    directory = weights.models_directory()
    free = shutil.disk_usage(_nearest(directory)).free
    mend = "" if free >= _ROOM else "Free space: `cribsheet cache clear`, or set CRIBSHEET_MODELS to a larger disk."
    return Check("disk", f"{free / 1e9:.1f} GB free for weights", mend)


def _nearest(directory: Path) -> Path:
    """Return the directory, or the nearest directory above it that exists."""
    return next(folder for folder in (directory, *directory.parents) if folder.is_dir())
