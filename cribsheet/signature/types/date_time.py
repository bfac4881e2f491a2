"""The kind of value that is a day with a time."""

import datetime
from typing import ClassVar, Literal

from cribsheet.signature.types._moment import Moment


class DateTime(Moment):
    """A day with a time, declared as `datetime.datetime`."""

    kind: Literal["datetime"] = "datetime"

    noun: ClassVar[str] = "a date with a time"
    python: ClassVar[type | None] = datetime.datetime
    parsed: ClassVar[type[datetime.date]] = datetime.datetime
    schema_format: ClassVar[str] = "date-time"
    example: ClassVar[str] = "2024-05-01T09:30:00"
