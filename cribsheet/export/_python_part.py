"""Write the part of an exported Python module that is this program's own."""

import ast
import inspect
import keyword
from collections.abc import Sequence
from typing import NamedTuple

from cribsheet.export.literals import Literals
from cribsheet.export.standalone.program import Program
from cribsheet.frozen import FrozenProgram, Wiring
from cribsheet.frozen.wired import inputs_of
from cribsheet.signature import Field

OWN_MODULE = "cribsheet.export.standalone.module"
"""What the bundler calls this part."""
OWN_NAMES = ("PROGRAM", "connect", "answer", "main")
"""What it defines."""
PUBLIC = (("cribsheet.export.standalone.program", "Result"), ("cribsheet.export.standalone.client", "Client"))
"""The classes of which it hands out objects."""

_HEAD = '''"""The program, and how it is called."""

from collections.abc import Sequence
from typing import Any, Literal, Optional, Union

from cribsheet.export.standalone.calling import call
from cribsheet.export.standalone.client import Client
from cribsheet.export.standalone.client import connect as connect_to
from cribsheet.export.standalone.command import command
from cribsheet.export.standalone.program import Program, Result
from cribsheet.outcomes import Unanswerable
'''
_FUNCTIONS = '''
def connect(
    *,
    api: Optional[Literal["ollama", "openai"]] = None,
    api_base: Optional[str] = None,
    api_key: Optional[str] = None,
    model: Optional[str] = None,
    timeout: float = 120.0,
) -> Client:
    """Return a client for `answer`: which API a server has, its address, its key, its name of the model."""
    return connect_to(PROGRAM, api=api, api_base=api_base, api_key=api_key, model=model, timeout=timeout)


def answer({parameters}) -> Result:
    """Return the typed outputs; without a client, the environment says which server is asked."""
    return call(PROGRAM, {inputs}, {client})


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Run the command line and return its exit status."""
    return command(PROGRAM, arguments, about=__doc__ or "")
'''


class OwnPart(NamedTuple):
    """A module that holds a program."""

    source: str
    """It imports the runtime from this package."""
    packages: frozenset[str]
    """Those that it imports: users may have corrections of their own."""


def own_part(program: FrozenProgram, wiring: Wiring) -> OwnPart:
    """Return the part that is a program's own."""
    literals = Literals()
    prompts = literals.written(program.prompts)
    values = {
        "task": literals.written(program.task),
        "prompts": prompts,
        "wiring": literals.written(wiring),
        "model": literals.written(program.model.name),
        "endpoint": literals.written(program.model.endpoint),
        "context_window": literals.written(program.model.context_window),
    }
    made = ast.Call(ast.Name(Program.__name__, ast.Load()), [], [ast.keyword(*pair) for pair in values.items()])
    fields = inputs_of(program.prompts, wiring)
    imports = "\n".join(literals.imports)
    source = f"{_HEAD}{imports}\n\nPROGRAM = {ast.unparse(made)}\n{_functions(fields)}"
    return OwnPart(source, literals.packages)


def _functions(fields: Sequence[Field]) -> str:
    names = [field.name for field in fields]
    client = "client" if "client" not in names else "client_"
    own = f"{client}: Optional[Client] = None, /"
    if all(_is_free(name) for name in names):
        parameters = f"{own}, *, {', '.join(f'{field.name}: {_annotation(field)}' for field in fields)}"
        inputs = "{" + ", ".join(f"{name!r}: {name}" for name in names) + "}"
    else:
        parameters, inputs = f"{own}, **inputs: Any", "inputs"
    return _FUNCTIONS.format(parameters=parameters, inputs=inputs, client=client)


def _is_free(name: str) -> bool:
    """Tell whether an input's name can be that of a parameter."""
    return name.isidentifier() and not keyword.iskeyword(name) and name not in (*OWN_NAMES, "call", "client_")


def _annotation(field: Field) -> str:
    """Return the Python type of an input."""
    own = inspect.formatannotation(field.type.annotation).replace("typing.", "")
    absent = " | None" if field.optional else " | Unanswerable" if field.abstains else ""
    return own + absent
