"""Write values as Python expressions that make them."""

import ast
from collections.abc import Mapping

from pydantic import BaseModel

from cribsheet.errors import ExportError


class Literals:
    """Writes values, and keeps which classes have to be imported for that.

    >>> literals = Literals()
    >>> from cribsheet.outcomes import Unanswerable
    >>> ast.unparse(literals.written({"answer": (Unanswerable(reason="Off topic."), 1.5)}))
    "{'answer': (Unanswerable(reason='Off topic.'), 1.5)}"
    >>> literals.imports
    ['from cribsheet.outcomes import Unanswerable']
    """

    def __init__(self) -> None:
        self._classes: dict[str, str] = {}

    @property
    def packages(self) -> frozenset[str]:
        """The packages that the classes are from."""
        return frozenset(module.partition(".")[0] for module in self._classes.values())

    @property
    def imports(self) -> list[str]:
        """The statements that import the classes."""
        return [f"from {module} import {name}" for name, module in sorted(self._classes.items())]

    def written(self, value: object) -> ast.expr:
        """Return the expression of a value; a field that has its default is left out."""
        if isinstance(value, BaseModel):
            return self._made(value)
        if isinstance(value, Mapping):
            return ast.Dict([self.written(key) for key in value], [self.written(one) for one in value.values()])
        if isinstance(value, list):
            return ast.List([self.written(one) for one in value], ast.Load())
        if isinstance(value, tuple):
            return ast.Tuple([self.written(one) for one in value], ast.Load())
        if value is None or isinstance(value, str | int | float):
            return ast.Constant(value)
        raise ExportError(f"{value!r} cannot be written as Python. Export a program whose prompts are plain data.")

    def _made(self, value: BaseModel) -> ast.expr:
        kind = type(value)
        if self._classes.setdefault(kind.__name__, kind.__module__) != kind.__module__:
            raise ExportError(f"Two classes are named {kind.__name__}. Rename the one in {kind.__module__}.")
        given = {name: getattr(value, name) for name in kind.model_fields}
        own = [name for name, field in kind.model_fields.items() if field.is_required() or given[name] != field.default]
        words = [ast.keyword(name, self.written(given[name])) for name in own]
        return ast.Call(ast.Name(kind.__name__, ast.Load()), [], words)
