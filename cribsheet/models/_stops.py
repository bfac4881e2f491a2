"""Cut a text at its stop sequences."""

from collections.abc import Iterable


def cut_at_stop(text: str, stops: Iterable[str]) -> str:
    """Return the text before the first stop sequence.

    >>> cut_at_stop(" positive\\n\\nText: more", ("\\n", "Text:"))
    ' positive'
    """
    places = [place for stop in stops if stop and (place := text.find(stop)) >= 0]
    return text[: min(places, default=len(text))]
