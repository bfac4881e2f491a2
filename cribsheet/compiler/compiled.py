"""The result of a compile."""

import os
from dataclasses import dataclass

from cribsheet.frozen import FrozenProgram, save
from cribsheet.frozen.sealing import write_text
from cribsheet.frozen.tested import TestedRow, path_beside, to_lines
from cribsheet.models.cache import Meter


@dataclass(frozen=True)
class Compiled:
    """A frozen program, with the cost of this compile."""

    program: FrozenProgram
    name: str
    """The task's short name."""
    meter: Meter
    """The calls and tokens of this run; completions from the cache cost nothing."""
    seconds: float
    tested: tuple[TestedRow, ...]
    """The test rows, with their scores."""

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the frozen file, and beside it its test rows, which `cribsheet check` scores again."""
        write_text(path_beside(path), to_lines(self.tested))
        save(self.program, path)
