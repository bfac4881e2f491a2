"""Read generated files of rows, to find files that cause a traceback or an unclear message.

    python benchmarks/row_files.py                          # 100,000 files, about 3 minutes on one core
    python benchmarks/row_files.py --files 3000 --show 60   # and print 60 of the messages

Each file must either be read, or be refused with a DataError that names the cause and says what to do. Any other
exception would be a traceback for the user. It is printed with the seed that generates the file again.
"""

import argparse
import json
import re
import tempfile
import traceback
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from cribsheet.dataset.rows import load_rows
from cribsheet.dataset.splits import split
from cribsheet.errors import DataError
from row_writer import row_file

FILES = 100_000
_VERBS = (
    "Write|Save|Give|Add|Remove|Replace|Also map|Close|Put|Name|Check|Fill it in|Keep|Unpack|Correct|Rename|Map|Say|"
    "Leave|In Excel, save"
)
MEND = re.compile(rf"[.;:)] (?:{_VERBS}|If only the names differ, map the columns)\b|; write ")
"""Matches the part of a message that says what to do."""
PLACE = re.compile(
    r"rows\.?\w*(?:, (?:line \d+|question .+|row \d+ of 'data'))?[: ]|[Tt]he trainset|row \d+|--map|mapping"
)
"""Matches the part of a message that says where the cause is."""


class Outcome(NamedTuple):
    """The result of reading one file."""

    seed: int
    rows: int = 0
    message: str = ""
    """Why the file was refused; empty if it was read."""
    crash: str = ""
    """The exception that was raised instead of a message."""

    @property
    def lacks(self) -> str:
        """What the message lacks; empty if it has both the cause and what to do."""
        if not self.message:
            return ""
        lacking = [name for name, told in (("a place", PLACE), ("a mend", MEND)) if not told.search(self.message)]
        return " and ".join(lacking)


def read_one(seed: int, folder: Path) -> Outcome:
    """Read the file of one seed, and use its rows as a compile does."""
    made = row_file(seed)
    source = made.content
    if made.suffix != "code":
        source = folder / f"rows{made.suffix}"
        source.write_bytes(made.content)
    try:
        rows = load_rows(source, made.signature, **made.options)
    except DataError as error:
        str(error).encode()
        return Outcome(seed, message=str(error).replace(f"{folder}/", ""))
    except Exception:  # noqa: BLE001 - what is looked for
        return Outcome(seed, crash=traceback.format_exc())
    try:
        json.dumps([row.demo.model_dump(mode="json") for row in rows], ensure_ascii=False).encode()
        split(rows, made.signature.without_outputs(made.signature.output_names - rows[0].outputs.keys()), seed=0)
    except DataError:  # too few rows for a split
        pass
    except Exception:  # noqa: BLE001 - what is looked for
        return Outcome(seed, crash=traceback.format_exc())
    return Outcome(seed, rows=len(rows))


def read_all(seeds: Sequence[int]) -> list[Outcome]:
    """Read the files of the seeds, one after the other."""
    with tempfile.TemporaryDirectory() as folder:
        return [read_one(seed, Path(folder)) for seed in seeds]


def template(message: str) -> str:
    """Return the start of a message, without the parts that differ from file to file."""
    said = message.partition(": ")[2] or message
    return re.sub(r"'[^']*'|\"[^\"]*\"|0x\w\w|\d+|(?<=; it has ).*|(?<=must be ).*", "…", said)[:32]


def main() -> None:
    """Read the files, then print the counts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=FILES)
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--show", type=int, default=0, metavar="N", help="print N messages of different kinds")
    options = parser.parse_args()
    outcomes = read_all(range(options.seed, options.seed + options.files))
    crashed = [one for one in outcomes if one.crash]
    refused = [one for one in outcomes if one.message]
    lacking = [one for one in refused if one.lacks]
    for one in crashed[:10]:
        print(f"seed {one.seed}: {one.crash}")
    for one in lacking[:20]:
        print(f"seed {one.seed} lacks {one.lacks}: {one.message}")
    kinds = {template(one.message): one for one in refused}
    for one in list(kinds.values())[: options.show]:
        print(f"{one.seed}: {one.message}")
    counts = Counter("crashed" if one.crash else "refused" if one.message else "read" for one in outcomes)
    print(f"files {len(outcomes):,}: read {counts['read']:,}, refused {counts['refused']:,} in {len(kinds)} kinds")
    for kind, number in Counter(template(one.message) for one in refused).most_common(options.show and 30):
        print(f"{number:7,} {kind}")
    print(f"tracebacks {len(crashed):,}; messages without a cause or a remedy {len(lacking):,}")
    raise SystemExit(bool(crashed or lacking))


if __name__ == "__main__":
    main()
