"""Find the definitions that some others need, and which of their methods."""

import ast
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property

from cribsheet.errors import BundleError
from cribsheet.export.bundling.lowering import imported_name, lowered
from cribsheet.export.bundling.python39 import BUILTINS, MODULES, NAMES
from cribsheet.export.bundling.scopes import bound_names, global_names
from cribsheet.export.bundling.sources import Definition, External, Sources, check_standard

_OPEN = frozenset({"Protocol", "NamedTuple", "Generic", "Exception", "ValueError", "RuntimeError"})
"""Bases outside the bundle that call no method of a class but its special ones."""
_HIDING = frozenset(
    {"eval", "exec", "globals", "vars", "__import__", "attrgetter", "methodcaller", "setattr", "delattr"}
)
"""What may use names that do not show in the source."""


_OF_MODELS = frozenset(
    {
        *("model_dump", "model_dump_json", "model_validate", "model_validate_json", "model_construct"),
        *("model_fields", "model_fields_set", "model_extra", "model_json_schema", "model_post_init", "model_rebuild"),
    }
)
"""What pydantic's models have and plain records have not."""


class Part:
    """Statements that are needed or not: a definition without its methods, or the methods of one name."""

    def __init__(self, definition: Definition, nodes: list[ast.stmt], global_ids: set[int], sources: Sources):
        self._definition, self._nodes, self._global_ids, self._sources = definition, nodes, global_ids, sources

    @cached_property
    def references(self) -> list[tuple[ast.Name, Definition | External]]:
        """The global names in it, with what they stand for; builtins are left out."""
        found = []
        for node in self._walk():
            if isinstance(node, ast.Name) and id(node) in self._global_ids:
                self._check_builtin(node)
                stands = _meaning(node, self._definition, self._sources)
                if isinstance(stands, External):
                    self._check_external(stands)
                if stands is not None:
                    found.append((node, stands))
        return found

    @cached_property
    def attributes(self) -> frozenset[str]:
        """The names by which it may reach methods."""
        return frozenset(name for node in self._walk() for name in self._attributes_of(node))

    def _attributes_of(self, node: ast.AST) -> Iterator[str]:
        if isinstance(node, ast.Attribute):
            self._check_attribute(node)
            if node.attr in _OF_MODELS:
                raise BundleError(f"{self._definition} uses {node.attr}, which only pydantic has. Write it without.")
            yield node.attr
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("getattr", "hasattr"):
            name = node.args[1]
            if not (isinstance(name, ast.Constant) and isinstance(name.value, str)):
                raise BundleError(f"{self._definition}: {node.func.id} of a name that does not show. Write it out.")
            yield name.value

    def _check_attribute(self, node: ast.Attribute) -> None:
        """Check an attribute of a module, such as `math.cbrt`."""
        if isinstance(node.value, ast.Name) and id(node.value) in self._global_ids:
            stands = self._sources.find(self._definition.module, node.value.id)
            if isinstance(stands, External) and stands.name is None:
                self._check_external(External(stands.module, node.attr))

    def _check_external(self, external: External) -> None:
        check_standard(external, self._definition)
        if str(external) in NAMES or external.module in MODULES:
            raise BundleError(f"{self._definition} uses {external}, which Python 3.9 lacks. Write it in an older way.")

    def _check_builtin(self, name: ast.Name) -> None:
        if name.id in BUILTINS:
            raise BundleError(f"{self._definition} uses {name.id}, which Python 3.9 lacks. Write it in an older way.")
        if name.id in _HIDING:
            raise BundleError(f"{self._definition} uses {name.id}, which may need what the bundle leaves out.")

    def _walk(self) -> Iterator[ast.AST]:
        for node in self._nodes:
            yield from ast.walk(node)


class Live:
    """A definition that is needed, as Python 3.9 takes it."""

    def __init__(self, definition: Definition, sources: Sources):
        self.definition = definition
        self.node = lowered(definition, lambda name: sources.find(definition.module, name))
        global_ids = {id(name) for name in global_names(self.node)}
        methods = _methods(self.node) if _is_open(self.node, definition, sources) else {}
        own = {id(one) for nodes in methods.values() for one in nodes}
        if isinstance(self.node, ast.ClassDef):
            header: list[ast.stmt] = [one for one in self.node.body if id(one) not in own]
            outside = [ast.Expr(one) for one in (*self.node.bases, *self.node.decorator_list)]
            header = [*outside, *header]
        else:
            header = [self.node]
        self.header = Part(definition, header, global_ids, sources)
        self.methods = {name: Part(definition, nodes, global_ids, sources) for name, nodes in methods.items()}
        self.kept: set[str] = set()
        """The methods that are needed."""

    @cached_property
    def local_names(self) -> frozenset[str]:
        """The names that are local somewhere in it."""
        return frozenset(bound_names(self.node) - set(self.definition.names))

    @property
    def parts(self) -> list[Part]:
        """What is needed of it."""
        return [self.header, *(self.methods[name] for name in self.methods if name in self.kept)]

    @property
    def references(self) -> list[tuple[ast.Name, Definition | External]]:
        """The global names in what is needed of it."""
        return [reference for part in self.parts for reference in part.references]

    def trimmed(self) -> ast.stmt:
        """Return the statement without the methods that nothing needs."""
        if isinstance(self.node, ast.ClassDef):
            dropped = set(self.methods) - self.kept
            body = [one for one in self.node.body if getattr(one, "name", None) not in dropped]
            self.node.body = body or [ast.Pass()]
        return self.node


def reach(sources: Sources, roots: Iterable[tuple[str, str]], public: Iterable[tuple[str, str]] = ()) -> list[Live]:
    """Return what the roots, names in modules, need; a method is needed if anything needed uses its name.

    The methods of the `public` classes are all needed, but for private ones.

    Raises:
        BundleError: if something is needed that cannot be bundled.
    """
    reached: dict[Definition, Live] = {}
    attributes: set[str] = set()
    for module, name in public:
        found = _root(sources, module, name)
        attributes |= {method for method in _methods(found.node) if not method.startswith("_")}
    waiting = [_root(sources, module, name) for module, name in roots]
    while waiting:
        for definition in waiting:
            if definition not in reached:
                reached[definition] = _live(definition, sources)
        _keep_methods(reached, attributes)
        needed = [one for live in reached.values() for _, one in live.references]
        waiting = [one for one in needed if isinstance(one, Definition) and one not in reached]
    return list(reached.values())


def _keep_methods(reached: Mapping[Definition, Live], attributes: set[str]) -> None:
    """Keep the methods whose names are used, until those that are kept use no more names."""
    is_settled = False
    while not is_settled:
        attributes.update(name for live in reached.values() for part in live.parts for name in part.attributes)
        kept = [attributes & set(live.methods) for live in reached.values()]
        is_settled = kept == [live.kept for live in reached.values()]
        for live, names in zip(reached.values(), kept, strict=True):
            live.kept = names


def _root(sources: Sources, module: str, name: str) -> Definition:
    found = sources.find(module, name)
    if not isinstance(found, Definition):
        raise BundleError(f"{name!r} of {module} is nothing that can be bundled.")
    return found


def _live(definition: Definition, sources: Sources) -> Live:
    others = sources.module(definition.module).others
    if others:
        raise BundleError(
            f"{definition.module}, line {others[0].lineno}: a statement that defines nothing runs on import. "
            "Put it into a function."
        )
    return Live(definition, sources)


def _methods(node: ast.stmt) -> dict[str, list[ast.stmt]]:
    """Return the methods of a class, but for the special ones, by name."""
    methods: dict[str, list[ast.stmt]] = {}
    for one in node.body if isinstance(node, ast.ClassDef) else ():
        if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef) and not one.name.startswith("__"):
            methods.setdefault(one.name, []).append(one)
    return methods


def _meaning(name: ast.Name, definition: Definition, sources: Sources) -> Definition | External | None:
    """Return what a global name in a definition stands for; None for a builtin."""
    made = imported_name(name)
    return sources.origin(made) if made else sources.find(definition.module, name.id)


def _is_open(node: ast.stmt, definition: Definition, sources: Sources) -> bool:
    """Tell whether nothing but what shows calls the methods of a class: no base outside the bundle does."""
    for base in node.bases if isinstance(node, ast.ClassDef) else ():
        bare = base.value if isinstance(base, ast.Subscript) else base
        if not isinstance(bare, ast.Name):
            return False
        stands = _meaning(bare, definition, sources)
        if not isinstance(stands, Definition) and (stands.name if stands else bare.id) not in _OPEN:
            return False
    return True
