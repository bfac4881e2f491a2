"""Ask the task in words, without demonstrations."""

from cribsheet.search.candidate import Candidate
from cribsheet.search.study import Study


def search(study: Study) -> None:
    """Use the baseline's prompt, but decide by calibrated log-probabilities if the model tells them."""
    prompts = {
        name: study.prompt(prompt.signature, prompt.layout, (), instructions=prompt.instructions)
        for name, prompt in study.zero_shot().prompts.items()
    }
    study.extend(study.trial(Candidate(prompts, origin="zero-shot, calibrated")), len(study.val))
