"""Find quotes that were left open in a table, so that rows would be read as part of a cell."""

from collections.abc import Collection, Sequence


def swallows_rows(lines: Sequence[str], separator: str, cells: Sequence[str], last_cells: Collection[str]) -> bool:
    r"""Tell whether the lines of one row look like rows of their own.

    Each has as many cells as the row, and no blank after a separator, as prose has after a comma. Two such lines are
    not enough: the first must also end in what the last column has elsewhere.

    >>> lines = ['"Great movie,positive\n', "bad,negative\n", 'meh",positive\n']
    >>> swallows_rows(lines, ",", ["Great movie,positive\nbad,negative\nmeh", "positive"], set())
    True
    """
    if len(lines) < 2 or len(cells) < 2:
        return False
    for line in lines:
        parts = line.rstrip("\r\n").split(separator)
        if len(parts) != len(cells) or any(part[:1].isspace() for part in parts[1:]):
            return False
    first = lines[0].rstrip("\r\n").rpartition(separator)[2].strip()
    return len(lines) > 2 or first == cells[-1].strip() or first in last_cells
