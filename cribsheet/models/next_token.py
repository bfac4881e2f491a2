"""Ask a model for the token after the beginning of an answer."""

from collections.abc import Mapping, Sequence

from cribsheet.layout.scoring import Alternative
from cribsheet.models import Completer, Completion, Sampling
from cribsheet.prompts import Piece, Prompt

_UNKNOWN = "\ufffd"


class NextTokens:
    """Tells the alternatives for the next token, and keeps what was asked, and said."""

    def __init__(self, prompt: Prompt, model: Completer, sampling: Sampling):
        self._prompt, self._model, self._sampling = prompt, model, sampling
        self.asked: list[tuple[Prompt, Completion]] = []

    def __call__(self, said: str) -> Mapping[str, float] | None:
        """Return the alternatives after the prompt and what was said; None if none are told."""
        return self._ask((said,)).first_token

    def after(self, begun: Sequence[Piece]) -> Sequence[Alternative] | None:
        """Return the alternatives, to the byte, after the beginning of an answer; None if none are told."""
        return alternatives_of(self._prompt, self._ask(begun))

    def _ask(self, begun: Sequence[Piece]) -> Completion:
        longer = self._prompt.followed_by(*begun)
        completion = self._model.complete(longer, self._sampling)
        self.asked.append((longer, completion))
        return completion


def alternatives_of(prompt: Prompt, completion: Completion) -> Sequence[Alternative] | None:
    """Return what a completion tells of its first token, to the byte; None if it tells nothing.

    What ends inside a character and is shown as U+FFFD alone keeps that: its bytes are not told.
    """
    if completion.first_token is None:
        return None
    parts = [
        Alternative(bytes.fromhex(part.hex), part.logprob, part.id if completion.may_go_on else None)
        for part in completion.parts
    ]
    goes_on = completion.may_go_on or not prompt.is_chat
    whole = [
        Alternative(text.encode(), logprob, text if goes_on and _UNKNOWN not in text else None)
        for text, logprob in completion.first_token.items()
        if not (parts and _UNKNOWN in text)
    ]
    return [*whole, *parts]
