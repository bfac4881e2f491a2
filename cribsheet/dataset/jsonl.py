"""Read JSON objects, one a line."""

import json
from collections.abc import Iterator
from typing import Any

from cribsheet.errors import DataError


def json_objects(text: str, source: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each line's object with where it stands, `source, line N`; blank lines are passed over.

    >>> list(json_objects('{"text": "Hm."}', "rows.jsonl"))
    [('rows.jsonl, line 1', {'text': 'Hm.'})]

    Raises:
        DataError: at a line that is no JSON object.
    """
    for number, line in enumerate(text.split("\n"), 1):  # splitlines would split at U+2028 inside a text
        if not line.strip():
            continue
        where = f"{source}, line {number}"
        try:
            values = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{where}: not JSON: {error}. Write one object a line.") from None
        if not isinstance(values, dict):
            raise DataError(f"{where}: {line.strip()[:60]!r} is not an object. Write one object a line.")
        yield where, values
