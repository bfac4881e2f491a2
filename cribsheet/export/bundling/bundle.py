"""Write definitions of several modules as one."""

import ast
import keyword
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from cribsheet.errors import BundleError
from cribsheet.export.bundling.lowering import RECORD
from cribsheet.export.bundling.reach import Live, reach
from cribsheet.export.bundling.sources import Definition, External, Read, Sources, read_installed
from cribsheet.export.bundling.writing import written

SUBSTITUTES: Mapping[External, External] = {
    External("pydantic", "BaseModel"): RECORD,
    External("dataclasses", "replace"): External(RECORD.module, "replace"),
}
"""What stands in for names of other modules: dataclasses take long to import and to make."""


@dataclass(frozen=True)
class Bundle:
    """One module's source."""

    imports: str
    """Its imports, of the standard library alone."""
    text: str
    """Its definitions, each module's under a comment."""
    modules: tuple[str, ...]
    """The modules that they were taken from."""


def bundle(
    roots: Iterable[tuple[str, str]],
    *,
    packages: Iterable[str] = (),
    public: Iterable[tuple[str, str]] = (),
    read: Read = read_installed,
    substitutes: Mapping[External, External] = SUBSTITUTES,
) -> Bundle:
    """Return the roots, names in modules, and all that they need, as one module for Python 3.9.

    The first root's module comes last, and its names stay as they are. Names of which several modules have one get
    the module's name before them.

    Args:
        roots: the names.
        packages: packages that are bundled beside this one.
        public: classes whose methods users call, so that none is left out.
        read: returns a module's source.
        substitutes: what goes in the place of names of other packages.

    Raises:
        BundleError: if something that is needed cannot be put into one module.
    """
    listed = list(roots)
    sources = Sources(read, frozenset({*packages, __name__.partition(".")[0]}), substitutes)
    live = reach(sources, listed, public)
    order = _ordered(live)
    names = _named(live, order, first=listed[0][0], reserved=sources.builtins | set(keyword.kwlist))
    for one in live:
        _rename(one, names)
    parts = []
    for module in order:
        own = sorted(
            (one for one in live if one.definition.module == module), key=lambda one: one.definition.node.lineno
        )
        parts.append(f"# From {module}: {sources.module(module).about}\n{written([one.trimmed() for one in own])}")
    return Bundle(_imports(names), "\n\n\n".join(parts), tuple(order))


def _ordered(live: Sequence[Live]) -> list[str]:
    """Return the modules so that each comes after those that it needs."""
    needs: dict[str, set[str]] = {one.definition.module: set() for one in live}
    for one in live:
        used = {stands.module for _, stands in one.references if isinstance(stands, Definition)}
        needs[one.definition.module] |= used - {one.definition.module}
    done: dict[str, None] = {}

    def visit(module: str, behind: tuple[str, ...]) -> None:
        if module in behind:
            raise BundleError(f"These modules need each other: {' -> '.join((*behind, module))}. Split one of them.")
        if module not in done:
            for needed in sorted(needs[module]):
                visit(needed, (*behind, module))
            done[module] = None

    for module in needs:
        visit(module, ())
    return list(done)


def _named(
    live: Sequence[Live], order: Sequence[str], *, first: str, reserved: Iterable[str]
) -> dict[tuple[object, str], str]:
    """Return a name of its own for each thing that is needed, by what it is and what it is called."""
    taken = {name for one in live for name in one.local_names}
    names: dict[tuple[object, str], str] = {}
    used = set(reserved)
    externals = {stands for one in live for _, stands in one.references if isinstance(stands, External)}
    ranked = sorted(live, key=lambda one: (one.definition.module != first, order.index(one.definition.module)))
    for external in sorted(externals, key=str):
        name = external.name or external.module.partition(".")[0]
        names[external, name] = _free(name, external.module, used, taken) if external.name else name
        used.add(names[external, name])
    for one in ranked:
        for name in one.definition.names:
            names[one.definition, name] = _free(name, one.definition.module, used, taken)
            used.add(names[one.definition, name])
    return names


def _free(name: str, module: str, used: set[str], taken: set[str]) -> str:
    """Return the name, or one with the module's name before it if the name is in use."""
    if name not in used:
        return name
    stems = [stem.strip("_") for stem in reversed(module.split("."))]
    for count in range(1, len(stems) + 1):
        longer = "_".join(["", *reversed(stems[:count]), name.strip("_")])
        if longer not in used and longer not in taken:
            return longer
    raise BundleError(f"There is no free name for {name!r} of {module}. Rename it.")


def _rename(live: Live, names: Mapping[tuple[object, str], str]) -> None:
    for node, stands in live.references:
        called = _called(node, stands)
        new = names[stands, called]
        if new != node.id and new in live.local_names:
            raise BundleError(f"{live.definition}: the local name {new!r} hides {stands}. Rename it.")
        node.id = new
    value = getattr(live.node, "value", None)
    if isinstance(value, ast.Call) and ast.unparse(value.func) == "TypeVar":  # it has to know its own name
        value.args[0] = ast.Constant(names[live.definition, live.definition.names[0]])
    if isinstance(live.node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        live.node.name = names[live.definition, live.node.name]


def _called(node: ast.Name, stands: Definition | External) -> str:
    """Return what a thing is called where it is defined."""
    if isinstance(stands, External):
        return stands.name or stands.module.partition(".")[0]
    return node.id if node.id in stands.names else stands.names[0]


def _imports(names: Mapping[tuple[object, str], str]) -> str:
    externals = {(one, new) for (one, _), new in names.items() if isinstance(one, External)}
    whole = sorted(f"import {one.module}" for one, _ in externals if one.name is None)
    return "\n".join([*whole, *_from_imports(externals)])


def _from_imports(externals: Iterable[tuple[External, str]]) -> Iterator[str]:
    by_module: dict[str, list[str]] = {}
    for one, new in sorted(externals, key=lambda pair: str(pair[0])):
        if one.name is not None:
            by_module.setdefault(one.module, []).append(one.name if one.name == new else f"{one.name} as {new}")
    for module, imported in sorted(by_module.items()):
        yield f"from {module} import {', '.join(imported)}"
