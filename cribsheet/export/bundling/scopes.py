"""Find the global names in a statement."""

import ast
from collections.abc import Iterable, Iterator

from cribsheet.errors import BundleError

_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
_OWN_SCOPE = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)


def global_names(statement: ast.stmt) -> list[ast.Name]:
    """Return the names in a top-level statement that are globals or builtins, not local to a function or class.

    >>> [name.id for name in global_names(ast.parse("def add(x):\\n    return x + y").body[0])]
    ['y']
    """
    finder = _Finder()
    finder.visit(statement)
    return finder.found


def bound_names(statement: ast.AST) -> set[str]:
    """Return every name that is local somewhere inside a statement."""
    return {name for node in ast.walk(statement) for name in _binds(node)}


class _Finder(ast.NodeVisitor):
    """Collects global names; `_scopes` holds the local names of each class and function around."""

    def __init__(self) -> None:
        self.found: list[ast.Name] = []
        self._scopes: list[tuple[bool, set[str]]] = []

    def visit_Name(self, node: ast.Name) -> None:
        if not self._is_local(node.id):
            self.found.append(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._visit_function(node, node.body)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._visit_function(node, node.body)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._visit_function(node, [node.body])

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._visit_all([*node.decorator_list, *node.bases, *node.keywords])
        self._visit_inside(node.body, _bound_in(node.body), is_class=True)

    def visit_ListComp(self, node: ast.ListComp) -> None:
        self._visit_comprehension(node, [node.elt])

    def visit_SetComp(self, node: ast.SetComp) -> None:
        self._visit_comprehension(node, [node.elt])

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> None:
        self._visit_comprehension(node, [node.elt])

    def visit_DictComp(self, node: ast.DictComp) -> None:
        self._visit_comprehension(node, [node.key, node.value])

    def visit_Global(self, node: ast.Global) -> None:
        raise BundleError(
            f"line {node.lineno}: `global {', '.join(node.names)}` cannot be bundled. Keep it in a class."
        )

    def _visit_function(self, node: _Function, body: Iterable[ast.AST]) -> None:
        arguments = node.args
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        every += [one for one in (arguments.vararg, arguments.kwarg) if one]
        outside: list[ast.AST | None] = [
            *arguments.defaults,
            *arguments.kw_defaults,
            *(one.annotation for one in every),
        ]
        if not isinstance(node, ast.Lambda):
            outside += [*node.decorator_list, node.returns]
        self._visit_all(one for one in outside if one is not None)
        self._visit_inside(body, {one.arg for one in every} | _bound_in(body), is_class=False)

    def _visit_comprehension(self, node: _Comprehension, results: Iterable[ast.AST]) -> None:
        first, *rest = node.generators
        self.visit(first.iter)  # it is evaluated outside
        targets = {name for one in node.generators for part in ast.walk(one.target) for name in _binds(part)}
        inside = [first.target, *first.ifs, *rest, *results]
        self._visit_inside(inside, targets, is_class=False)

    def _visit_inside(self, nodes: Iterable[ast.AST], names: set[str], *, is_class: bool) -> None:
        self._scopes.append((is_class, names))
        self._visit_all(nodes)
        self._scopes.pop()

    def _visit_all(self, nodes: Iterable[ast.AST]) -> None:
        for node in nodes:
            self.visit(node)

    def _is_local(self, name: str) -> bool:
        """Tell whether a name is local; what a class binds is not seen from its methods."""
        last = len(self._scopes) - 1
        return any(
            name in names for place, (is_class, names) in enumerate(self._scopes) if place == last or not is_class
        )


def _bound_in(body: Iterable[ast.AST]) -> set[str]:
    """Return the names that a function's or a class's body binds, without those of the functions inside it."""
    nodes = list(_own_nodes(body))
    elsewhere = {name for node in nodes if isinstance(node, ast.Nonlocal) for name in node.names}
    return {name for node in nodes for name in _binds(node)} - elsewhere


def _own_nodes(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    for node in nodes:
        yield node
        if isinstance(node, _OWN_SCOPE):
            continue
        if isinstance(node, _Comprehension):  # its targets are its own, but `:=` binds outside of it
            yield from (one.target for one in ast.walk(node) if isinstance(one, ast.NamedExpr))
            continue
        yield from _own_nodes(ast.iter_child_nodes(node))


def _binds(node: ast.AST) -> Iterator[str]:
    """Yield the names that a node itself binds."""
    if isinstance(node, ast.Name):
        if not isinstance(node.ctx, ast.Load):
            yield node.id
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.ExceptHandler):
        if node.name:
            yield node.name
    elif isinstance(node, ast.arg):
        yield node.arg
    elif isinstance(node, ast.Import | ast.ImportFrom):
        yield from ((alias.asname or alias.name).partition(".")[0] for alias in node.names)
