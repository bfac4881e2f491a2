"""Write statements as source, with long literals over several lines."""

import ast
from collections.abc import Sequence

WIDTH = 120
_INDENT = "    "


def written(statements: Sequence[ast.stmt]) -> str:
    """Return the source of top-level statements."""
    text = ""
    for place, node in enumerate(statements):
        is_block = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        was_block = place and isinstance(statements[place - 1], ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        text += ("\n\n\n" if is_block or was_block else "\n") if place else ""
        text += _statement(node)
    return text


def _statement(node: ast.stmt) -> str:
    ast.fix_missing_locations(node)
    if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
        start = ast.unparse(node).removesuffix(ast.unparse(node.value))
        return start + _expression(node.value, "", len(start))
    return ast.unparse(node)


def _expression(node: ast.expr, indent: str, used: int) -> str:
    """Return an expression, over several lines if it does not fit in the rest of one."""
    text = ast.unparse(node)
    if used + len(text) < WIDTH:
        return text
    inside = indent + _INDENT
    if isinstance(node, ast.Call):
        items = [_expression(one, inside, len(inside)) for one in node.args]
        items += [
            f"{one.arg}={_expression(one.value, inside, len(inside) + len(one.arg or '') + 1)}" for one in node.keywords
        ]
        return _over_lines(f"{ast.unparse(node.func)}(", items, f"{indent})", inside)
    if isinstance(node, ast.Dict) and all(node.keys):
        keys = [ast.unparse(key) for key in node.keys if key]
        pairs = zip(keys, node.values, strict=True)
        items = [f"{key}: {_expression(value, inside, len(inside) + len(key) + 2)}" for key, value in pairs]
        return _over_lines("{", items, f"{indent}}}", inside)
    if isinstance(node, ast.Tuple | ast.List):
        marks = "()" if isinstance(node, ast.Tuple) else "[]"
        items = [_expression(one, inside, len(inside)) for one in node.elts]
        return _over_lines(marks[0], items, indent + marks[1], inside)
    return text


def _over_lines(start: str, items: Sequence[str], end: str, inside: str) -> str:
    return "\n".join([start, *(f"{inside}{item}," for item in items), end])
