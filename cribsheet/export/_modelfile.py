"""Write values into a Modelfile so that Ollama reads them back to the byte.

Follows what https://github.com/ollama/ollama does in `parser/parser.go` (its documentation, `docs/modelfile.mdx`,
names no escapes): a value in triple quotes ends at three quotes before a line's end, whatever white space
is between, and characters that do not print are dropped. A TEMPLATE can hold both as Go strings.
"""

import re

_CUT = re.compile(r'"""\s*[\r\n]')
"""Ends a value in triple quotes before its time."""
_UNSAFE = re.compile(r'\{(?=\{|"{3}|[^\n\t -~]|\Z)|"{3,}|[^\n\t -~]')
"""What ends a value; what may not print; a brace that starts an action, or would with the action after it."""

ALWAYS_OWN = "{{ if false }}{{ .Tools }}{{ .Suffix }}{{ end }}"
"""A branch of a TEMPLATE that never runs and keeps it in force.

Since 2026 Ollama prefers the chat template in the weights to a TEMPLATE that can do less: call tools or
think. It counts the variables that a TEMPLATE names (`shouldPreferChatTemplate` in `server/images.go`).
"""


def is_writable(text: str) -> bool:
    """Tell whether a value outside a TEMPLATE reads back as it is.

    >>> is_writable('say "hello"'), is_writable('three quotes: \"\"\"\\n')
    (True, False)
    """
    return not _CUT.search(text) and all(char.isprintable() or char in "\n\r\t" for char in text)


def quoted(text: str) -> str:
    """Return a writable text as a value."""
    return f'"""{text}"""'


def template_text(text: str) -> str:
    """Return what a TEMPLATE must hold to send the text.

    >>> print(template_text("{{ x }}"))
    {{ "{" }}{ x }}
    """
    return _UNSAFE.sub(lambda found: _escaped(found.group()), text)


def comment(text: str) -> str:
    """Return the text as comment lines; each starts with a number sign and a space, or is empty."""
    return "".join(f"# {line}".rstrip() + "\n" for line in re.split(r"\r\n?|\n", text))


def _escaped(text: str) -> str:
    if len(text) == 1 and text.isprintable() and text != "{":
        return text
    return f'{{{{ "{"".join(map(_go_char, text))}" }}}}'


def _go_char(char: str) -> str:
    if char in '"\\':
        return f"\\{char}"
    if char.isprintable():
        return char
    return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"
