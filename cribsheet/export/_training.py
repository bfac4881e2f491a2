"""What rows for fine-tuning are made of, as the user asks for it."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from cribsheet.errors import ExportError

Kind = Literal["few-shot-cot", "zero-shot-cot", "answer-only"]
"""What a row shows: a rationale after demos with rationales, a rationale alone, or the answer alone."""


class Training(BaseModel):
    """Where examples come from, and what is made of them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: str | None = None
    """A file of labelled rows, in a format of `docs/rows.md`."""
    mapping: Mapping[str, str] = {}
    """The field that a column of the rows stands for."""
    labels: Mapping[str, str] = {}
    """The label that a value of the rows stands for."""
    allow_empty: bool = False
    """Whether texts of the rows may be empty."""
    traces: str | None = None
    """A file of a teacher's traces, as `optimize --traces` keeps it."""
    form: Literal["chat", "completion"] | None = None
    """The form of each row; None for that of the layout."""
    mix: Mapping[Kind, Annotated[Fraction, Field(gt=0)]] = Field(default={"answer-only": Fraction(1)}, min_length=1)
    """The share of each kind, compared with the others."""
    seed: int = 0
    """It seeds the order, the choice of rows and the demos that are shown."""
    every_row: bool = False
    """Whether rows may be used of which the compile held out some, or may have."""


def read_mix(text: str) -> dict[Kind, Fraction]:
    """Return the shares of a mix, together 1; equal ones if none are given.

    >>> {kind: str(share) for kind, share in read_mix("zero-shot-cot=3,answer-only=1").items()}
    {'zero-shot-cot': '3/4', 'answer-only': '1/4'}

    Raises:
        ExportError: if a kind is unknown or given twice, or a share is not a positive number.
    """
    parts: dict[Kind, Fraction] = {}
    for part in text.split(","):
        name, _, share = (piece.strip() for piece in part.partition("="))
        kind = next((kind for kind in get_args(Kind) if kind == name), None)
        if kind is None or kind in parts:
            told = "twice in the mix" if kind else "no kind of row"
            raise ExportError(f"{name!r} is {told}. Give {', '.join(get_args(Kind))}, once each, such as {_EXAMPLE}.")
        parts[kind] = _share(kind, share or "1")
    return {kind: share / sum(parts.values()) for kind, share in parts.items()}


_EXAMPLE = "zero-shot-cot=0.7,answer-only=0.3"


def _share(kind: str, text: str) -> Fraction:
    try:
        # No exponents: a share of 1e999999999 would keep the computer busy for ever.
        share = Fraction(text if "e" not in text.lower() else "")
    except (ValueError, ZeroDivisionError):
        share = Fraction(0)
    if share <= 0:
        raise ExportError(f"The share of {kind} must be a positive number but is {text!r}. Give {_EXAMPLE}.")
    return share
