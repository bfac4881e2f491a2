"""Ask a model how it goes on after words that are put into its mouth."""

from collections.abc import Mapping

from cribsheet.models import Completer, Completion, Sampling
from cribsheet.prompts import Prompt

ALTERNATIVES = 64
"""How many tokens to be told of; some servers tell fewer."""


class GoingOn:
    """Asks for the token after a text that comes after a prompt, and keeps what was asked, and said.

    The prompt is raw: a chat's answer cannot be begun for the model everywhere.
    """

    def __init__(self, prompt: Prompt, model: Completer, *, alternatives: int = ALTERNATIVES):
        self._prompt, self._model = prompt, model
        self._sampling = Sampling(max_tokens=1, top_logprobs=alternatives)
        self.asked: list[tuple[Prompt, Completion]] = []

    def __call__(self, said: str) -> Mapping[str, float] | None:
        """Return the log-probability of each token that is told; None where none is."""
        longer = self._prompt.model_copy(update={"text": self._prompt.text + said})
        completion = self._model.complete(longer, self._sampling)
        self.asked.append((longer, completion))
        return completion.first_token
