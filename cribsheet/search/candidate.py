"""One choice of prompts for a program."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from cribsheet.frozen import FrozenPrompt


@dataclass(frozen=True)
class Candidate:
    """A prompt for each predictor, by the predictor's name."""

    prompts: Mapping[str, FrozenPrompt]
    origin: str
    """How it came to be, for reports."""

    @property
    def key(self) -> str:
        """What is the same for two candidates that would ask the same."""
        return "\n".join(
            f"{name}:{prompt.model_dump_json(exclude={'calibration', 'guard', 'signature'})}"
            for name, prompt in sorted(self.prompts.items())
        )

    def with_prompt(self, name: str, prompt: FrozenPrompt, *, origin: str) -> "Candidate":
        """Return the same choice but for one predictor."""
        return replace(self, prompts={**self.prompts, name: prompt}, origin=origin)
