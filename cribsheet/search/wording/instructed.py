"""Propose other instructions for a candidate."""

from collections.abc import Iterator

from cribsheet.errors import ModelError
from cribsheet.frozen import FrozenPrompt
from cribsheet.search.candidate import Candidate
from cribsheet.search.study import Study
from cribsheet.search.wording.proposals import instructions_from, speaks_of

PROPOSALS = 2
"""The instructions that are asked for, for each predictor."""


def instructed(study: Study, candidate: Candidate) -> Iterator[Candidate]:
    """Yield the candidate without instructions, with the signature's own, and with proposed ones."""
    for name, prompt in candidate.prompts.items():
        if prompt.layout.instructions_at != "none":
            yield _with(candidate, name, at="none", words=prompt.instructions)
        for words in (prompt.signature.instructions, *_proposals(study, prompt)):
            yield _with(candidate, name, at="start", words=words)


def _proposals(study: Study, prompt: FrozenPrompt) -> list[str]:
    """Return instructions by the teacher, or by the model itself. Those of the model have to mention the task."""
    signature = prompt.signature
    try:
        found = instructions_from(signature, study.proposer, prompt.demos, n=PROPOSALS)
    except ModelError:  # the search goes on without proposals; a model that cannot answer at all fails elsewhere
        return []
    return found if study.teacher else [text for text in found if speaks_of(signature, text)]


def _with(candidate: Candidate, name: str, *, at: str, words: str) -> Candidate:
    prompt = candidate.prompts[name]
    layout = prompt.layout.model_copy(update={"instructions_at": at})
    changed = prompt.model_copy(update={"layout": layout, "instructions": words})
    how = "no instructions" if at == "none" else "instructions shown"
    return candidate.with_prompt(name, changed, origin=f"{candidate.origin}; {how}")
