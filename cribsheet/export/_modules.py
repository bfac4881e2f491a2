"""Names under which Python imports an exported file."""

import keyword
import re
import sys
from pathlib import Path


def module_name(path: str) -> str:
    """Return the name under which Python imports a file; empty if it cannot.

    >>> module_name("deploy/answer.py"), module_name("answer"), module_name("my-answer.py"), module_name("json.py")
    ('answer', '', '', '')
    """
    stem = Path(path).name.removesuffix(".py")
    return stem if Path(path).name == f"{stem}.py" and _is_free(stem) else ""


def file_name(name: str) -> str:
    """Return the name of a file that Python can import, and that hides no module of the standard library.

    >>> file_name("my-answer"), file_name("json")
    ('my_answer.py', 'prompt_json.py')
    """
    stem = re.sub(r"\W", "_", name)
    return f"{stem}.py" if _is_free(stem) else f"prompt_{stem}.py"


def _is_free(stem: str) -> bool:
    return stem.isidentifier() and not keyword.iskeyword(stem) and stem not in sys.stdlib_module_names
