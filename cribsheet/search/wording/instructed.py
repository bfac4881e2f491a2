"""Propose other instructions for a candidate."""

from collections.abc import Iterator
from functools import partial

from cribsheet.search.candidate import Candidate
from cribsheet.search.study import Study
from cribsheet.search.wording.proposals import from_teacher, instructions_from

PROPOSALS = 2
"""The instructions that are asked for, for each predictor."""


def instructed(study: Study, candidate: Candidate) -> Iterator[Candidate]:
    """Yield the candidate without instructions, with the signature's own, and with those that a teacher proposes.

    Small models rarely write usable instructions, so without a teacher none are proposed.
    """
    for name, prompt in candidate.prompts.items():
        if prompt.layout.instructions_at != "none":
            yield _with(candidate, name, at="none", words=prompt.instructions)
        infer = partial(instructions_from, prompt.signature, prompt.demos, n=PROPOSALS)
        for words in (prompt.signature.instructions, *from_teacher(study, infer)):
            yield _with(candidate, name, at="start", words=words)


def _with(candidate: Candidate, name: str, *, at: str, words: str) -> Candidate:
    prompt = candidate.prompts[name]
    layout = prompt.layout.model_copy(update={"instructions_at": at})
    changed = prompt.model_copy(update={"layout": layout, "instructions": words})
    how = "no instructions" if at == "none" else "instructions shown"
    return candidate.with_prompt(name, changed, origin=f"{candidate.origin}; {how}")
