"""Ask a model for the token after a text that comes after a prompt."""

from collections.abc import Mapping

from cribsheet.models import Completer, Completion, Sampling
from cribsheet.prompts import Prompt


class NextTokens:
    """Tells the alternatives for the next token, and keeps what was asked, and said."""

    def __init__(self, prompt: Prompt, model: Completer, sampling: Sampling):
        self._prompt, self._model, self._sampling = prompt, model, sampling
        self.asked: list[tuple[Prompt, Completion]] = []

    def __call__(self, said: str) -> Mapping[str, float] | None:
        """Return the alternatives after the prompt and what was said; None if none are told."""
        longer = self._prompt.followed_by(said)
        completion = self._model.complete(longer, self._sampling)
        self.asked.append((longer, completion))
        return completion.first_token
