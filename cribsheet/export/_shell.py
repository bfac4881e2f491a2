"""Write shell commands that fill a request with inputs."""

import json
import re
import shlex
from collections.abc import Mapping

from cribsheet.models.addresses import LLAMA_SERVER_PORT
from cribsheet.models.weights import find


def jq(at: str, placeholders: Mapping[str, str]) -> str:
    """Return a jq command that replaces the placeholders in one string of a JSON request by the inputs.

    `at` is the jq path of the string. Inputs are quoted as JSON. An input that contains a placeholder is not changed.

    >>> print(jq(".prompt", {"text": "{{text}}"}))
    jq --arg text 'YOUR text' '.prompt |= (split("{{text}}") | join($ARGS.named["text"]))'
    """
    arguments = [f"--arg {name} {shlex.quote(f'YOUR {name}')}" for name in placeholders]
    return f"jq {' '.join(arguments)} {shlex.quote(f'{at} |= ({_one_pass(placeholders)})')}"


def fill(text: str, placeholders: Mapping[str, str], inputs: Mapping[str, str]) -> str:
    """Return the text with the inputs in place of the placeholders, as the command of `jq` gives it.

    >>> fill("Text: {{text}}", {"text": "{{text}}"}, {"text": "A {{text}}."})
    'Text: A {{text}}.'
    """
    names = {placeholder: name for name, placeholder in placeholders.items()}
    return re.sub("|".join(map(re.escape, names)), lambda found: inputs[names[found.group()]], text)


def curl(url: str, *, key: str | None = None) -> str:
    """Return a curl command that posts JSON from its standard input; `key` names an environment variable."""
    header = f' -H "Authorization: Bearer ${key}"' if key else ""
    return f"curl -s {shlex.quote(url)}{header} -H 'Content-Type: application/json' -d @-"


def llama_server(weights: str, *, window: int) -> str:
    """Return the command that serves weights with llama.cpp; `window` is the context window in tokens.

    `weights` is the name of known weights, whose folder Cribsheet knows, or that of a file in some folder.
    """
    known = find(weights)
    path = f'"$(cribsheet models path {known.name})"' if known else shlex.quote(f"FOLDER/{weights}")
    return f"llama-server -m {path} -c {window} --port {LLAMA_SERVER_PORT}"


def _one_pass(placeholders: Mapping[str, str]) -> str:
    """Return the jq program; it splits the text at all placeholders before it inserts any input."""
    program = ""
    for name, placeholder in reversed(list(placeholders.items())):
        inner = f" | map({program})" if program else ""
        program = f"split({json.dumps(placeholder)}){inner} | join($ARGS.named[{json.dumps(name)}])"
    return program
