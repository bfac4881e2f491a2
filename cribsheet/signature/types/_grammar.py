"""Write expressions of GBNF, in which llama.cpp takes grammars.

https://github.com/ggml-org/llama.cpp/blob/master/grammars/README.md
"""

from collections.abc import Iterable, Sequence

_MOST_REPEATS = 1000
"""The highest number in a repetition; llama.cpp refuses a grammar with more than about 2000."""
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"})

LINE = "line"
STRING = "string"
INTEGER = "integer"
NUMBER = "number"
BOOLEAN = "boolean"
DATE = "date"
TIME = "time"
DECIMAL = "decimal"
DAY = "day"
MOMENT = "moment"
_DAYS = '"0" [1-9] | [12] [0-9]'
_LONG = f'("0" [13578] | "1" [02]) "-" ({_DAYS} | "3" [01])'
_SHORT = f'("0" [469] | "11") "-" ({_DAYS} | "30")'
_FEBRUARY = f'"02-" ({_DAYS})'
RULES = {
    LINE: r"[^\n\r]+",
    STRING: r'"\"" ([^"\\\x7F\x00-\x1F] | "\\" (["\\/bfnrt] | "u" [0-9a-fA-F]{4}))* "\""',
    INTEGER: r'"-"? ("0" | [1-9] [0-9]{0,15})',
    NUMBER: r'"-"? ("0" | [1-9] [0-9]{0,15}) ("." [0-9]{1,15})?',
    BOOLEAN: r'"true" | "false"',
    DATE: r'"\"" day "\""',
    TIME: r'"\"" moment "\""',
    DECIMAL: r'"\"" number "\""',
    MOMENT: r'day "T" ([01] [0-9] | "2" [0-3]) ":" [0-5] [0-9] ":" [0-5] [0-9]',
    DAY: f'[1-9] [0-9]{{3}} "-" ({_LONG} | {_SHORT} | {_FEBRUARY})',
}
"""The rules that expressions may name. Names and texts in double quotes are JSON."""


def literal(text: str) -> str:
    r"""Return the expression of a text.

    >>> print(literal('say "a"\n'))
    "say \"a\"\n"
    """
    return f'"{text.translate(_ESCAPES)}"'


def either(options: Iterable[str]) -> str:
    """Return the expression of one of several.

    >>> either(["string", "number"])
    '(string | number)'
    """
    return f"({' | '.join(options)})"


def listed(parts: Sequence[str]) -> str:
    """Return the expression of a JSON array of exactly these parts."""
    between = f" {literal(', ')} "
    return f"{literal('[')} {between.join(parts)} {literal(']')}" if parts else literal("[]")


def repeated(part: str, *, least: int, most: int | None) -> str:
    """Return the expression of a JSON array of any number of a part; bounds too high for llama.cpp are loosened.

    >>> repeated("string", least=0, most=None)
    '("[]" | "[" string (", " string)* "]")'
    """
    if most == 0:
        return literal("[]")
    least, most = min(least, _MOST_REPEATS), None if most is not None and most > _MOST_REPEATS else most
    further = f"{{{max(0, least - 1)},{'' if most is None else most - 1}}}" if least > 1 or most is not None else "*"
    whole = f"{literal('[')} {part} ({literal(', ')} {part}){further} {literal(']')}"
    return either([literal("[]"), whole]) if least == 0 else whole
