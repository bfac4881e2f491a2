"""Decide with a decision model inside this process."""

import time

from cribsheet.errors import ContextOverflowError, ModelError, UnknownModelError
from cribsheet.models import weights
from cribsheet.models._asking import question_in
from cribsheet.models._base import Completion, Sampling
from cribsheet.models._systemone import SYSTEMONE, NotAnswered
from cribsheet.models.embedded import EmbeddedModel
from cribsheet.prompts import Prompt


class EmbeddedDecisions(EmbeddedModel):
    """A decision model that llama.cpp runs in this process: a GGUF file whose metadata says that it is one.

    `name` is `systemone/` and what `EmbeddedModel` takes after `embedded/`.

    Raises:
        UnknownModelError: the name leads to no weights.
    """

    supports_raw = False
    only_decides = True

    def __init__(
        self, name: str, *, context_window: int | None = None, progress: weights.Progress | None = None
    ) -> None:
        bare = name.partition("/")[2]
        try:
            super().__init__(f"embedded/{bare}", context_window=context_window, progress=progress)
        except UnknownModelError:
            raise UnknownModelError(
                f"{name} leads to no weights on this machine. Give the address of the server that has it with "
                "--api-base, or name a file: systemone/PATH.gguf."
            ) from None
        self.name = name

    def complete(self, prompt: Prompt, sampling: Sampling) -> Completion:
        """Return the likeliest option, and in `first_token` the log-probability of each."""
        question = question_in(prompt, self.name)
        with self._turn:
            engine, start = self._engine(), time.perf_counter()
            reply = engine.handle_systemone(SYSTEMONE.request(self.name, prompt, question))
        if "error" in reply:
            raise self._explained(reply["error"])
        try:
            completion = SYSTEMONE.completion(reply, question)
        except NotAnswered as error:
            raise ModelError(f"{self.name} gave no answer: {error}. Use another decision model.") from None
        return completion.model_copy(update={"seconds": time.perf_counter() - start})

    def _explained(self, error: dict[str, object]) -> ModelError:
        said = str(error.get("message", error)).rstrip(".")
        if error.get("code") == 501:
            return ModelError(
                f"{self.name} is no decision model: {said}. Use it as embedded/{self.name.partition('/')[2]}, which "
                "decides by the words that it would write, or name a GGUF file of a decision model."
            )
        if error.get("type") == "exceed_context_size_error" or "too large" in said or "context" in said:
            return ContextOverflowError(
                f"The question does not fit the context window of {self.name}, {self.context_window} tokens: {said}. "
                "Use fewer or shorter demonstrations, or open the model with a larger context_window."
            )
        return ModelError(f"{self.name} refused the question: {said}.")
