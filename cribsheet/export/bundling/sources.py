"""Read modules, and find what a name in one of them stands for."""

import ast
import builtins
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib.util import find_spec

from cribsheet.errors import BundleError

Read = Callable[[str], str | None]
"""Returns the source of a module; None if there is no such module."""


@dataclass(frozen=True)
class External:
    """A module of the standard library, or a name in one."""

    module: str
    name: str | None = None
    """None for the module itself."""

    def __str__(self) -> str:
        return f"{self.module}.{self.name}" if self.name else self.module


@dataclass(frozen=True, eq=False)
class Definition:
    """A top-level statement that defines names."""

    module: str
    names: tuple[str, ...]
    node: ast.stmt

    def __str__(self) -> str:
        return f"{self.module}, line {self.node.lineno}"


@dataclass
class Module:
    """A module, taken apart."""

    name: str
    about: str
    """The first line of its docstring."""
    definitions: dict[str, Definition] = field(default_factory=dict)
    imports: dict[str, External] = field(default_factory=dict)
    """Of each imported name, where it is from."""
    others: list[ast.stmt] = field(default_factory=list)
    """Statements that do something else."""


class Sources:
    """The modules that definitions are taken from: those of some packages; all others are the standard library's.

    `substitutes` go in the place of what is imported from elsewhere.
    """

    def __init__(self, read: Read, packages: frozenset[str], substitutes: Mapping[External, External]):
        self._read, self._packages, self._substitutes = read, packages, substitutes
        self._modules: dict[str, Module] = {}

    def module(self, name: str) -> Module:
        """Return a module of one of the packages."""
        if name not in self._modules:
            source = self._read(name)
            if source is None:
                raise BundleError(
                    f"There is no source of {name}. Put what a program needs into a module that can be imported."
                )
            self._modules[name] = _taken_apart(name, ast.parse(source))
        return self._modules[name]

    def find(self, module: str, name: str) -> Definition | External | None:
        """Return what a global name stands for in a module; None for a builtin."""
        known = self.module(module)
        if name in known.definitions:
            return known.definitions[name]
        if name not in known.imports:
            if name in self.builtins:
                return None
            raise BundleError(f"{module} uses {name!r}, which nothing in it defines.")
        return self.origin(known.imports[name], used_by=module)

    def origin(self, found: External, *, used_by: str = "") -> Definition | External | None:
        """Return what an import leads to."""
        found = self._substitutes.get(found, found)
        if found.module.split(".")[0] not in self._packages:
            return found
        if found.name is None or (self._read(f"{found.module}.{found.name}") is not None):
            raise BundleError(f"{used_by} uses the module {found} as a name. Import what it needs from that module.")
        return self.find(found.module, found.name)

    @cached_property
    def builtins(self) -> frozenset[str]:
        """The names that need no import."""
        return frozenset(dir(builtins))


def read_installed(name: str) -> str | None:
    """Return the source of a module that can be imported."""
    try:
        spec = find_spec(name)
    except (ModuleNotFoundError, ValueError):  # ValueError is for __main__
        return None
    loader = getattr(spec, "loader", None)
    source: str | None = loader.get_source(name) if loader and hasattr(loader, "get_source") else None
    return source


def check_standard(external: External, used_by: object) -> None:
    """Raise BundleError if something is not of the standard library."""
    top = external.module.split(".")[0]
    if top not in sys.stdlib_module_names:
        raise BundleError(
            f"{used_by} uses {external}, and a bundle has the standard library alone. Write it without {top}, or keep "
            "it out of what runs a frozen prompt."
        )


def _taken_apart(name: str, tree: ast.Module) -> Module:
    module = Module(name, about=(ast.get_docstring(tree) or "").partition("\n")[0])
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            module.imports.update(_imported(node))
        elif names := tuple(_defined(node)):
            module.definitions.update(dict.fromkeys(names, Definition(name, names, node)))
        elif not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            module.others.append(node)
    return module


def _imported(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, External]]:
    for alias in node.names:
        if isinstance(node, ast.ImportFrom):
            yield alias.asname or alias.name, External(node.module or "", alias.name)
        else:
            yield alias.asname or alias.name.partition(".")[0], External(alias.name)


def _defined(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        yield node.target.id
    elif isinstance(node, ast.Assign):
        targets = [part for target in node.targets for part in ast.walk(target)]
        yield from (part.id for part in targets if isinstance(part, ast.Name))
