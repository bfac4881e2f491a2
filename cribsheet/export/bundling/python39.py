"""What Python 3.9 lacks."""

import ast

SYNTAX: dict[str, str] = {
    "Match": "a match statement",
    "TryStar": "except*",
    "TypeAlias": "a type statement",
}
"""Nodes of newer syntax, as messages name them."""

NAMES = frozenset(
    {
        *("contextlib.aclosing", "contextlib.chdir", "dataclasses.KW_ONLY", "datetime.UTC"),
        *("enum.StrEnum", "enum.EnumCheck", "enum.ReprEnum", "enum.member", "enum.nonmember", "enum.verify"),
        *("hashlib.file_digest", "inspect.get_annotations", "itertools.batched", "itertools.pairwise"),
        *("logging.getHandlerNames", "math.cbrt", "math.exp2", "math.fma", "math.sumprod", "operator.call"),
        *("os.process_cpu_count", "random.binomialvariate", "re.NOFLAG", "sqlite3.Blob", "statistics.correlation"),
        *("statistics.covariance", "statistics.kde", "statistics.linear_regression", "string.templatelib"),
        *("sys.exception", "sys.orig_argv", "sys.stdlib_module_names", "types.EllipsisType", "types.NoneType"),
        *("types.NotImplementedType", "types.UnionType", "typing.Concatenate", "typing.LiteralString", "typing.Never"),
        *("typing.NotRequired", "typing.ParamSpec", "typing.ParamSpecArgs", "typing.ReadOnly", "typing.Required"),
        *("typing.Self", "typing.TypeAlias", "typing.TypeAliasType", "typing.TypeGuard", "typing.TypeIs"),
        *("typing.TypeVarTuple", "typing.Unpack", "typing.assert_never", "typing.assert_type"),
        *("typing.clear_overloads", "typing.dataclass_transform", "typing.get_overloads", "typing.is_typeddict"),
        *("typing.override", "typing.reveal_type", "warnings.deprecated"),
    }
)
"""Names of the standard library that are newer."""

MODULES = frozenset({"annotationlib", "compression", "concurrent.interpreters", "string.templatelib", "tomllib"})
"""Modules that are newer."""

BUILTINS = frozenset(
    {"BaseExceptionGroup", "EncodingWarning", "ExceptionGroup", "PythonFinalizationError", "aiter", "anext"}
)
"""Builtins that are newer."""


def newer_syntax(node: ast.AST) -> str:
    """Return what a node is that Python 3.9 cannot read; empty if it can."""
    if getattr(node, "type_params", None):
        return "type parameters in brackets"
    return SYNTAX.get(type(node).__name__, "")
