"""The prompts without a search that a compiled prompt is compared with."""

from dataclasses import replace

from cribsheet.frozen import FrozenPrompt
from cribsheet.layout.decisions import decided_field
from cribsheet.search.candidate import Candidate
from cribsheet.search.study import DECIDED_BY, Study


def decided_zero_shot(study: Study) -> Candidate | None:
    """Return the zero-shot prompt with its labels decided by log-probabilities, without demos and corrections.

    It needs no search either, and many models score far better with it than if the label is read from what they write.
    None if there is no label to decide, if the deployment or the model has no log-probabilities, or if the zero-shot
    prompt is decided anyway.
    """
    if not study.tells_logprobs or study.carriage == "text" or study.only_decides:
        return None
    asked = study.zero_shot()
    prompts = {name: _decided(study, prompt) for name, prompt in asked.prompts.items()}
    if prompts == asked.prompts:
        return None
    return replace(asked, prompts=prompts, origin="zero-shot, decided")


def _decided(study: Study, prompt: FrozenPrompt) -> FrozenPrompt:
    if decided_field(prompt.signature) is None:
        return prompt
    decide_by = DECIDED_BY.get(study.carriage, "logprobs")
    changes = {"decide_by": decide_by, "top_logprobs": study.alternatives(True)}
    return prompt.model_copy(update={"decoding": prompt.decoding.model_copy(update=changes)})
