"""Ask a model which token comes next after a partial answer."""

from collections.abc import Mapping, Sequence

from cribsheet.layout.scoring import Alternative
from cribsheet.models import Completer, Completion, Sampling
from cribsheet.prompts import Piece, Prompt

_UNKNOWN = "\ufffd"


class NextTokens:
    """Looks up the next token's alternatives, and records each prompt with its completion in `asked`."""

    def __init__(self, prompt: Prompt, model: Completer, sampling: Sampling):
        self._prompt, self._model, self._sampling = prompt, model, sampling
        self.asked: list[tuple[Prompt, Completion]] = []

    def __call__(self, said: str) -> Mapping[str, float] | None:
        """Return the log-probability of each next token after the partial answer `said`; None if not reported."""
        return self._ask((said,)).first_token

    def after(self, begun: Sequence[Piece]) -> Sequence[Alternative] | None:
        """Return the next token's alternatives as exact bytes, after a partial answer; None if not reported."""
        return alternatives_of(self._prompt, self._ask(begun))

    def _ask(self, begun: Sequence[Piece]) -> Completion:
        longer = self._prompt.followed_by(*begun)
        completion = self._model.complete(longer, self._sampling)
        self.asked.append((longer, completion))
        return completion


def alternatives_of(prompt: Prompt, completion: Completion) -> Sequence[Alternative] | None:
    """Return the first token's alternatives as exact bytes; None if the completion reports none.

    If the server shows part of a character as U+FFFD and does not report its bytes, the U+FFFD is kept.
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
