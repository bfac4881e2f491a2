"""Write f-strings that Python before 3.12 cannot read as calls of `format`.

Newer Pythons write the same quotes inside of an f-string as around it when they turn a syntax tree into source.
"""

import ast
from collections.abc import Iterator


def holds_strings(node: ast.JoinedStr) -> bool:
    """Tell whether an expression inside an f-string has a string of its own."""
    inside = [part for value in node.values if isinstance(value, ast.FormattedValue) for part in ast.walk(value.value)]
    return any(isinstance(part, ast.JoinedStr | ast.Constant) and _is_text(part) for part in inside)


def as_format(node: ast.JoinedStr) -> ast.Call:
    """Return a call of `format` that gives the same text.

    >>> node = ast.parse("f'{{{x!r:>{width}}}} {names[\\"a\\"]}'", mode="eval").body
    >>> ast.unparse(as_format(node))
    "'{{{!r:>{}}}} {}'.format(x, width, names['a'])"
    """
    text, values = "", []
    for piece, value in _pieces(node):
        text += piece
        values += [value] if value is not None else []
    return ast.Call(ast.Attribute(ast.Constant(text), "format", ast.Load()), values, [])


def _pieces(node: ast.JoinedStr, *, is_spec: bool = False) -> Iterator[tuple[str, ast.expr | None]]:
    """Yield the pieces of the text to be formatted, each with the value that goes there, if one does."""
    for one in node.values:
        if isinstance(one, ast.FormattedValue):
            yield "{" + (f"!{chr(one.conversion)}" if one.conversion >= 0 else ""), one.value
            if isinstance(one.format_spec, ast.JoinedStr):
                yield ":", None
                yield from _pieces(one.format_spec, is_spec=True)
            yield "}", None
        elif isinstance(one, ast.Constant):
            yield str(one.value) if is_spec else str(one.value).replace("{", "{{").replace("}", "}}"), None


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.JoinedStr) or isinstance(getattr(node, "value", None), str | bytes)
