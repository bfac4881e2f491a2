"""Read the metadata of a GGUF file."""

import mmap
import os
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Metadata = Mapping[str, Any]

_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
_LONGEST = 1024
"""The most values of an array that is kept. Longer arrays hold a vocabulary, which nothing here needs."""


def read_metadata(path: str | os.PathLike[str]) -> Metadata:
    """Return the numbers, texts and short lists of numbers in a GGUF file's header.

    Follows https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. If the header is damaged, the entries before
    the damage are returned and nothing is raised, because the engine itself reports such a file.
    """
    found: dict[str, Any] = {}
    try:
        with Path(path).open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            header = _Header(mapped)
            for _ in range(header.count()):
                key, value = header.text(), header.value()
                if value is not None:
                    found[key] = value
    except (struct.error, EOFError, ValueError, KeyError):  # truncated, empty, or with a value type unknown here
        return found
    return found


class _Header:
    """A cursor in a file's header, which advances with each value that is read."""

    def __init__(self, mapped: mmap.mmap) -> None:
        self._mapped = mapped
        self._at = 0

    def count(self) -> int:
        """Return how many key-value pairs follow."""
        magic, version, _, pairs = self._numbers("<4sIQQ")
        return int(pairs) if magic == b"GGUF" and version >= 2 else 0

    def text(self) -> str:
        start, end = self._skip_text()
        return self._mapped[start:end].decode()

    def value(self) -> Any:
        """Return the next value; None if it is an array that is not kept."""
        (kind,) = self._numbers("<I")
        if kind == _STRING:
            return self.text()
        return self._array() if kind == _ARRAY else self._numbers(f"<{_SCALARS[kind]}")[0]

    def _array(self) -> list[Any] | None:
        kind, length = self._numbers("<IQ")
        if kind in (_STRING, _ARRAY):
            for _ in range(length):
                self._skip_text() if kind == _STRING else self._array()
            return None
        if length <= _LONGEST:
            return list(self._numbers(f"<{length}{_SCALARS[kind]}"))
        self._at += length * struct.calcsize(f"<{_SCALARS[kind]}")
        return None

    def _skip_text(self) -> tuple[int, int]:
        (length,) = self._numbers("<Q")
        start = self._at
        self._at += length
        if self._at > len(self._mapped):
            raise EOFError
        return start, self._at

    def _numbers(self, form: str) -> tuple[Any, ...]:
        found = struct.unpack_from(form, self._mapped, self._at)
        self._at += struct.calcsize(form)
        return found
