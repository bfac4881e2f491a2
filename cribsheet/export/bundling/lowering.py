"""Rewrite a definition for Python 3.9, with records in place of dataclasses and pydantic's models."""

import ast
import builtins
from collections.abc import Callable, Sequence
from typing import TypeVar, cast

from cribsheet.errors import BundleError
from cribsheet.export.bundling.fstrings import as_format, holds_strings
from cribsheet.export.bundling.python39 import newer_syntax
from cribsheet.export.bundling.scopes import global_names
from cribsheet.export.bundling.sources import Definition, External

Find = Callable[[str], Definition | External | None]
"""Tells what a global name of the module stands for."""

_Node = TypeVar("_Node", bound=ast.AST)
_VALIDATION = frozenset(
    {"field_validator", "model_validator", "field_serializer", "model_serializer", "computed_field"}
)
"""Decorators of pydantic whose methods only check, read or write what a file holds."""
RECORD = External("cribsheet.export.standalone.record", "Frozen")
"""The base of classes that were dataclasses or pydantic's."""
_MUTABLE = External(RECORD.module, "MutableRecord")
_UNION = External("typing", "Union")
_SELF = External("typing", "Self")
_DATACLASS, _FIELD = External("dataclasses", "dataclass"), External("dataclasses", "field")
_LITERAL = External("typing", "Literal")


def lowered(definition: Definition, find: Find) -> ast.stmt:
    """Rewrite a definition in place so that Python 3.9 runs it, and return its statement.

    Docstrings keep their first line, private ones go; validators go, since the values were validated before.

    Raises:
        BundleError: if it uses what cannot be rewritten.
    """
    lowering = _Lowering(definition, find, {id(name) for name in global_names(definition.node)})
    return cast(ast.stmt, lowering.visit(definition.node))


def imported_name(name: ast.Name) -> External | None:
    """Return what a name was made to stand for by `lowered`; None for a name that was there."""
    found: External | None = getattr(name, "stands_for", None)
    return found


class _Lowering(ast.NodeTransformer):
    def __init__(self, definition: Definition, find: Find, global_ids: set[int]):
        self._definition, self._find, self._global_ids = definition, find, global_ids
        self._classes: list[str] = []

    def visit(self, node: ast.AST) -> ast.AST:
        if newer := newer_syntax(node):
            raise self._refused(node, f"uses {newer}, which Python 3.9 lacks")
        visited: ast.AST = super().visit(node)
        return visited

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        self._classes.append(node.name)
        self._make_record(node)
        node.body = self._all([one for one in node.body if not self._is_dropped(one)])
        node.body = _documented(node, node.body, is_private=self._is_private(node.name))
        node.bases = self._all(node.bases)
        node.decorator_list = self._all(node.decorator_list)
        self._classes.pop()
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self._function(node)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        node.body = _documented(node, node.body, is_private=self._is_private(node.name))
        if node.returns is not None:
            node.returns = self._annotation(node.returns)
        node.args = cast(ast.arguments, self.visit(node.args))
        node.decorator_list = self._all(node.decorator_list)
        node.body = self._all(node.body)
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = node.annotation and self._annotation(node.annotation)
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        node.annotation = self._annotation(node.annotation)
        if node.value is not None:
            node.value = cast(ast.expr, self.visit(self._default(node.value)))
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if self._is_builtin(node.func, "zip"):
            node.keywords = [one for one in node.keywords if one.arg != "strict"]
        if self._is_builtin(node.func, "isinstance", "issubclass") and len(node.args) == 2:
            node.args[1] = self._as_tuple(node.args[1])
        return self.generic_visit(node)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        self.generic_visit(node)
        return as_format(node) if holds_strings(node) else node

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        """Write a union of types that is worked out when the module is read as `Union[…]`."""
        if not (isinstance(node.op, ast.BitOr) and all(map(self._is_type, _members(node)))):
            return self.generic_visit(node)
        members = self._all(_members(node))
        return ast.Subscript(_standing_for(_UNION), ast.Tuple(members, ast.Load()), ast.Load())

    def _all(self, nodes: Sequence[_Node]) -> list[_Node]:
        return [cast(_Node, self.visit(one)) for one in nodes]

    def _annotation(self, node: ast.expr) -> ast.expr:
        """Return an annotation without quotes; nothing evaluates it, so that newer forms may stay."""
        return _Annotation(self._origin, self._classes[-1] if self._classes else "").written(node)

    def _default(self, value: ast.expr) -> ast.expr:
        """Return the default that a field of pydantic has, in place of its description."""
        origin = self._origin(value.func) if isinstance(value, ast.Call) else None
        if not (isinstance(value, ast.Call) and (_is_pydantic(origin, {"Field"}) or origin == _FIELD)):
            return value
        default = next((one.value for one in value.keywords if one.arg == "default"), None)
        if default is None:
            raise self._refused(value, "has a field that is described without a plain default")
        return default

    def _is_dropped(self, node: ast.stmt) -> bool:
        """Tell whether a class can do without a statement of its body once nothing is validated."""
        if isinstance(node, ast.Assign):
            return any(isinstance(target, ast.Name) and target.id == "model_config" for target in node.targets)
        if isinstance(node, ast.FunctionDef):
            used = [self._origin(_called(one)) for one in node.decorator_list]
            return any(_is_pydantic(one, _VALIDATION) for one in used)
        return False

    def _as_tuple(self, node: ast.expr) -> ast.expr:
        if not (isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr)):
            return node
        members = [
            ast.Call(ast.Name("type", ast.Load()), [one], []) if _is_none(one) else one for one in _members(node)
        ]
        return ast.Tuple(members, ast.Load())

    def _is_type(self, node: ast.expr) -> bool:
        """Tell whether an expression is a type, as far as it shows."""
        if isinstance(node, ast.Subscript):
            return self._is_type(node.value)
        if _is_none(node):
            return True
        if not (isinstance(node, ast.Name) and id(node) in self._global_ids):
            return False
        origin = self._find(node.id)
        if origin is None:
            return isinstance(getattr(builtins, node.id, None), type)
        if isinstance(origin, External):
            return origin.module in ("typing", "collections.abc")
        return isinstance(origin.node, ast.ClassDef)

    def _is_builtin(self, node: ast.expr, *names: str) -> bool:
        return isinstance(node, ast.Name) and node.id in names and id(node) in self._global_ids

    def _origin(self, node: ast.expr) -> Definition | External | None:
        return self._find(node.id) if isinstance(node, ast.Name) and id(node) in self._global_ids else None

    def _make_record(self, node: ast.ClassDef) -> None:
        """Make a record of a dataclass."""
        made = [one for one in node.decorator_list if self._origin(_called(one)) == _DATACLASS]
        for one in made:
            options = {word.arg: ast.unparse(word.value) for word in one.keywords} if isinstance(one, ast.Call) else {}
            if options not in ({}, {"frozen": "True"}):
                raise self._refused(one, f"uses {ast.unparse(one)}, and only dataclass(frozen=True) can be a record")
            if node.bases or any(
                isinstance(part, ast.FunctionDef) and part.name == "__post_init__" for part in node.body
            ):
                raise self._refused(one, "has a dataclass with a base or a __post_init__, which cannot be a record")
            node.decorator_list.remove(one)
            node.bases = [_standing_for(RECORD if options else _MUTABLE)]

    def _is_private(self, name: str) -> bool:
        return any(one.startswith("_") for one in (*self._classes, name))

    def _refused(self, node: ast.AST, what: str) -> BundleError:
        line = getattr(node, "lineno", self._definition.node.lineno)
        return BundleError(f"{self._definition.module}, line {line}: it {what}. Write it in an older way.")


class _Annotation(ast.NodeTransformer):
    """Writes an annotation so that it can stand in one file of plain classes."""

    def __init__(self, origin: Callable[[ast.expr], Definition | External | None], class_name: str):
        self._origin, self._class_name = origin, class_name

    def written(self, node: ast.expr) -> ast.expr:
        result: ast.expr = self.visit(node)
        return result

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        return ast.parse(node.value, mode="eval").body if isinstance(node.value, str) else node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.Name(self._class_name, ast.Load()) if self._origin(node) == _SELF else node

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        origin = self._origin(node.value)
        if origin == _LITERAL:  # its strings are values
            return node
        if _is_pydantic(origin, {"SerializeAsAny"}):
            return self.written(node.slice)
        return self.generic_visit(node)


def _documented(node: ast.AST, body: list[ast.stmt], *, is_private: bool) -> list[ast.stmt]:
    """Return a body with the first line of its docstring, without one if it is private, and without other strings."""
    first = (ast.get_docstring(node) or "").partition("\n")[0]  # type: ignore[arg-type]  # a class or a function
    rest = [one for one in body if not (isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant))]
    is_stub = not rest and any(isinstance(one, ast.Expr) and one.value.value is ... for one in body)  # type: ignore[attr-defined]
    if is_stub:
        rest = [ast.Expr(ast.Constant(...))]
    if first and not (is_private and rest):
        return [ast.Expr(ast.Constant(first)), *rest]
    return rest or [ast.Pass()]


def _standing_for(external: External) -> ast.Name:
    """Return a name that `imported_name` tells the meaning of."""
    name = ast.Name(external.name or external.module, ast.Load())
    name.stands_for = external  # type: ignore[attr-defined]
    return name


def _members(node: ast.expr) -> list[ast.expr]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return [*_members(node.left), *_members(node.right)]
    return [node]


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _called(node: ast.expr) -> ast.expr:
    return node.func if isinstance(node, ast.Call) else node


def _is_pydantic(origin: object, names: frozenset[str] | set[str]) -> bool:
    return isinstance(origin, External) and origin.module == "pydantic" and origin.name in names
