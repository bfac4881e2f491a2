"""One choice of prompts for a program."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from cribsheet.dataset.examples import Demo
from cribsheet.frozen import FrozenPrompt


@dataclass(frozen=True)
class Candidate:
    """A prompt for each predictor, by the predictor's name."""

    prompts: Mapping[str, FrozenPrompt]
    origin: str
    """How it came to be, for reports."""

    @cached_property
    def key(self) -> str:
        """What is the same for two candidates that ask and read the same."""
        return "\n".join(f"{name}:{_asked(prompt)}" for name, prompt in sorted(self.prompts.items()))

    def with_demos(self, demos: Mapping[str, Sequence[Demo]], *, origin: str) -> "Candidate":
        """Return the same prompts with other demonstrations."""
        prompts = {
            name: prompt.model_copy(update={"demos": tuple(demos[name])}) for name, prompt in self.prompts.items()
        }
        return replace(self, prompts=prompts, origin=origin)

    def with_prompt(self, name: str, prompt: FrozenPrompt, *, origin: str) -> "Candidate":
        """Return the same choice but for one predictor."""
        return replace(self, prompts={**self.prompts, name: prompt}, origin=origin)


def _asked(prompt: FrozenPrompt) -> str:
    """Return the prompt's text with its inputs left open, and how it is decided: two layouts may ask the same."""
    opened = prompt.template
    words = [[prompt.layout.verbalizer(outcome) for outcome in field.outcomes] for field in prompt.signature.outputs]
    return repr((opened, words, prompt.decoding, prompt.reasoning, prompt.demo_source))
