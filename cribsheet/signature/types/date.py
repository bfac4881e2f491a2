"""The kind of value that is a day of the calendar."""

import datetime
from typing import ClassVar, Literal

from cribsheet.signature.types._moment import Moment


class Date(Moment):
    """A day of the calendar, declared as `datetime.date`."""

    kind: Literal["date"] = "date"

    noun: ClassVar[str] = "a date"
    python: ClassVar[type | None] = datetime.date
    parsed: ClassVar[type[datetime.date]] = datetime.date
    schema_format: ClassVar[str] = "date"
    example: ClassVar[str] = "2024-05-01"
