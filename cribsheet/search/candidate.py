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
    """How it was made, for reports, such as `8 demos, plain`."""

    @cached_property
    def key(self) -> str:
        """A text that is equal for two candidates that send the same prompts and read the answers in the same way."""
        return "\n".join(f"{name}:{_asked(prompt)}" for name, prompt in sorted(self.prompts.items()))

    def with_demos(self, demos: Mapping[str, Sequence[Demo]], *, origin: str) -> "Candidate":
        """Return the same prompts with other demonstrations."""
        prompts = {
            name: prompt.model_copy(update={"demos": tuple(demos[name])}) for name, prompt in self.prompts.items()
        }
        return replace(self, prompts=prompts, origin=origin)

    def with_prompt(self, name: str, prompt: FrozenPrompt, *, origin: str) -> "Candidate":
        """Return the candidate with another prompt for one predictor."""
        return replace(self, prompts={**self.prompts, name: prompt}, origin=origin)


def _asked(prompt: FrozenPrompt) -> str:
    """Return the prompt's template and how its answer is read. Two layouts may have the same."""
    opened = prompt.template
    words = [[prompt.layout.verbalizer(outcome) for outcome in field.outcomes] for field in prompt.signature.outputs]
    notations = [prompt.layout.notation(field) for field in prompt.signature.outputs if field.type.is_structured]
    return repr((opened, words, notations, prompt.decoding, prompt.reasoning, prompt.demo_source))
