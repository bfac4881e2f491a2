"""A stand-in for a model in tests, which answers from a script."""

import re
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from cribsheet.errors import ContextOverflowError, ModelError
from cribsheet.models._base import Completion, Sampling, Usage
from cribsheet.prompts import Prompt

Script = Callable[[Prompt, Sampling], str | Completion]


class Call(NamedTuple):
    """One request that a scripted model received."""

    prompt: Prompt
    sampling: Sampling


class ScriptedModel:
    """A model that gives scripted answers, for tests that need no real model.

    The script is a function of prompt and sampling, or a dict of answers. A dict gives the answer whose key occurs
    last in the prompt, because the question comes after the demos. Each word counts as a token. A text is cut as a
    real model's would be: before a stop sequence, or after `max_tokens`. A `Completion` is returned unchanged.

    >>> model = ScriptedModel({"lovely": " positive", "boring": " negative"})
    >>> prompt = Prompt(text="Review: lovely\\nSentiment: positive\\n\\nReview: boring\\nSentiment:")
    >>> model.complete(prompt, Sampling()).text
    ' negative'
    >>> len(model.calls)
    1
    """

    supports_raw = True
    endpoint = ""
    digest: str | None = None

    def __init__(
        self,
        script: Script | Mapping[str, str | Completion],
        *,
        name: str = "scripted/model",
        parallel: int = 1,
        context_window: int = 4096,
    ) -> None:
        self.name = name
        self.parallel = parallel
        self.context_window = context_window
        self.calls: list[Call] = []
        self._script = _by_key(script) if isinstance(script, Mapping) else script

    def complete(self, prompt: Prompt, sampling: Sampling) -> Completion:
        """Return the script's answer, and record the request in `calls`."""
        started = time.perf_counter()
        self.calls.append(Call(prompt, sampling))
        prompt_tokens = self.count_tokens(prompt.full_text)
        if prompt_tokens + sampling.max_tokens > self.context_window:
            raise ContextOverflowError(
                f"The prompt has {prompt_tokens} tokens. Together with {sampling.max_tokens} tokens to generate, it "
                f"exceeds the context window of {self.context_window}. Use fewer demos."
            )
        answer = self._script(prompt, sampling)
        completion = _cut(answer, prompt.stop, sampling.max_tokens) if isinstance(answer, str) else answer
        if completion.usage != Usage():
            return completion
        usage = Usage(prompt_tokens=prompt_tokens, completion_tokens=self.count_tokens(completion.text))
        return completion.model_copy(update={"usage": usage, "seconds": time.perf_counter() - started})

    def count_tokens(self, text: str) -> int:
        """Return the number of words in the text."""
        return len(text.split())

    def close(self) -> None:
        """Do nothing, since a script holds no resources."""


def _by_key(answers: Mapping[str, str | Completion]) -> Script:
    def answer(prompt: Prompt, sampling: Sampling) -> str | Completion:
        places = {key: prompt.full_text.rfind(key) for key in answers}
        key = max(places, key=places.__getitem__, default="")
        if places.get(key, -1) < 0:
            raise ModelError(
                f"The script has no answer to {prompt.full_text[-80:]!r}. Its keys are {sorted(answers)}. Add a key "
                "that occurs in the prompt."
            )
        return answers[key]

    return answer


def _cut(text: str, stop: tuple[str, ...], max_tokens: int) -> Completion:
    ends = [place for sequence in stop if (place := text.find(sequence)) >= 0]
    text = text[: min(ends, default=len(text))]
    words = re.findall(r"\s*\S+", text)
    if len(words) > max_tokens:
        return Completion(text="".join(words[:max_tokens]), finish_reason="length")
    return Completion(text=text)
