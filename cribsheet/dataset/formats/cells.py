"""Read the cells of tables that hold more than text."""

import ast
import json
import re
import warnings
from contextlib import suppress

from cribsheet.dataset.formats.squad import accepted_texts
from cribsheet.errors import DataError
from cribsheet.outcomes import is_unanswerable_json

_MOST = 100_000
"""Characters of the longest cell that is read as Python, which takes far more memory than the text."""
_STARTS = re.compile(r"[\[{]\s*[\[{]?\s*['\"](text|answer_start)['\"]\s*:")
"""How answers that come with where they start in the context begin, as JSON or as Python."""
_FAULTS = (ValueError, SyntaxError, RecursionError, MemoryError)
"""What parsing any text as JSON or as Python may raise."""


def cell_value(text: str, where: str) -> object:
    """Return the cell's text, or the object in it if it is `{"unanswerable": "why"}` or answers as in SQuAD.

    >>> cell_value("{'text': ['two hours'], 'answer_start': [3]}", "line 2")
    {'text': ['two hours'], 'answer_start': [3]}

    Raises:
        DataError: if it begins as answers do and cannot be read.
    """
    begin = text.lstrip()
    if not begin.startswith(("{", "[")):
        return text
    value = literal(begin)
    if is_unanswerable_json(value) or (value and accepted_texts(value) is not None):
        return value
    if _STARTS.match(begin) and "answer_start" in begin:
        raise DataError(
            f"{where}: answers with their starts that cannot be read: {begin[:60]!r}. Write them as JSON, such as "
            '{"text": ["two hours"], "answer_start": [3]}.'
        )
    return text


def literal(text: str) -> object:
    """Return the value that a text writes as JSON, or as Python or pandas show it; None if it is neither.

    >>> literal("['two hours', 'about two']"), literal("array(['two hours'], dtype=object)")
    (['two hours', 'about two'], ['two hours'])
    """
    with suppress(*_FAULTS):
        return json.loads(text)
    if len(text) > _MOST:
        return None
    with suppress(*_FAULTS), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it may have escapes that Python does not know
        return ast.literal_eval(_WithoutArrays().visit(ast.parse(text.strip(), mode="eval")))
    return None


class _WithoutArrays(ast.NodeTransformer):
    """Puts a list in place of numpy's `array([…], dtype=object)`."""

    def visit_Call(self, node: ast.Call) -> ast.expr:
        if isinstance(node.func, ast.Name) and node.func.id == "array" and len(node.args) == 1:
            return node.args[0]
        return node
