"""Run a decision model inside this process."""

import time

from cribsheet.errors import ContextOverflowError, ModelError, UnknownModelError
from cribsheet.models import weights
from cribsheet.models._base import Completion, Sampling
from cribsheet.models._prompt_kinds import question_in
from cribsheet.models._systemone import SYSTEMONE, NotAnswered
from cribsheet.models.embedded import EmbeddedModel
from cribsheet.prompts import Prompt


class EmbeddedDecisions(EmbeddedModel):
    """A decision model that llama.cpp runs in this process, from a GGUF file whose metadata marks it as one.

    `name` is `systemone/` followed by whatever `EmbeddedModel` accepts after `embedded/`.

    Raises:
        UnknownModelError: no weights have that name.
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
                f"{name} leads to no weights on this machine. Give the address of a server that has the model with "
                "--api-base, or name a file: systemone/PATH.gguf."
            ) from None
        self.name = name

    def complete(self, prompt: Prompt, sampling: Sampling) -> Completion:
        """Return the likeliest option as the text, with the log-probability of every option in `first_token`."""
        question = question_in(prompt, self.name)
        with self._turn:
            engine, start = self._reader().engine, time.perf_counter()
            reply = engine.handle_systemone(SYSTEMONE.request(self.name, prompt, question))
        if "error" in reply:
            raise self._explained(reply["error"])
        try:
            completion = SYSTEMONE.completion(reply, question)
        except NotAnswered as error:
            raise ModelError(
                f"The reply of {self.name} does not answer the question: {error}. Use another decision model."
            ) from None
        return completion.model_copy(update={"seconds": time.perf_counter() - start})

    def _explained(self, error: dict[str, object]) -> ModelError:
        said = str(error.get("message", error)).rstrip(".")
        if error.get("code") == 501:
            return ModelError(
                f"{self.name} is no decision model: {said}. Use it as embedded/{self.name.partition('/')[2]}, a model "
                "that writes text, or name a GGUF file of a decision model."
            )
        if error.get("type") == "exceed_context_size_error" or "too large" in said or "context" in said:
            return ContextOverflowError(
                f"The question does not fit the context window of {self.name}, which is {self.context_window} tokens: "
                f"{said}. "
                "Use fewer or shorter demonstrations, or open the model with a larger context_window."
            )
        return ModelError(f"{self.name} refused the question: {said}. Change the task's options or the layout.")
