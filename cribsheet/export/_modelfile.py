"""Write values into a Modelfile so that Ollama reads back exactly the same bytes.

This follows `parser/parser.go` of https://github.com/ollama/ollama, because its documentation, `docs/modelfile.mdx`,
describes no escapes. A value in triple quotes ends at three quotes that only white space separates from the end of the
line, and unprintable characters are dropped. A TEMPLATE can contain both as Go strings.
"""

import re

_CUT = re.compile(r'"""\s*[\r\n]')
"""Text that would end a value in triple quotes too early."""
_UNSAFE = re.compile(r'\{(?=\{|"{3}|[^\n\t -~]|\Z)|"{3,}|[^\n\t -~]')
"""What has to be escaped in a TEMPLATE: three quotes, unprintable characters, and a brace that starts an action or
would form the start of one together with what follows."""

ALWAYS_OWN = "{{ if false }}{{ .Tools }}{{ .Suffix }}{{ end }}"
"""A branch that never runs, but makes Ollama use the TEMPLATE.

Since 2026, Ollama ignores a TEMPLATE and uses the chat template in the weights if the latter can do more, such as call
tools or think. It judges by the variables that a TEMPLATE names (`shouldPreferChatTemplate` in `server/images.go`).
"""


def is_writable(text: str) -> bool:
    """Tell whether Ollama reads back a value outside a TEMPLATE unchanged.

    >>> is_writable('say "hello"'), is_writable('three quotes: \"\"\"\\n')
    (True, False)
    """
    return not _CUT.search(text) and all(char.isprintable() or char in "\n\r\t" for char in text)


def quoted(text: str) -> str:
    """Return a writable text as a value."""
    return f'"""{text}"""'


def template_text(text: str) -> str:
    """Return the TEMPLATE code that produces the text.

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
