"""Other instructions are proposed for a candidate, by the teacher or the model itself."""

import pytest

from cribsheet.compiler.bridge import BARE
from cribsheet.errors import ModelError
from cribsheet.layout.catalogue import layout_named
from cribsheet.models import Completion, Sampling
from cribsheet.models.scripted import ScriptedModel
from cribsheet.prompts import Prompt
from cribsheet.search.bootstrap.teaching import TeacherSettings
from cribsheet.search.candidate import Candidate
from cribsheet.search.study import Study
from cribsheet.search.wording.instructed import PROPOSALS, instructed
from studies import arena, leaning

OWN = "Tell how the writer felt about it."


def silent(prompt: Prompt, sampling: Sampling) -> Completion:
    return leaning(0.0)


def of(study: Study, layout: str = "plain") -> tuple[Candidate, list[tuple[str, str]]]:
    """Return a candidate, and where its variants have which instructions."""
    candidate = study.candidate(layout_named(layout), {BARE: study.pools[BARE][:2]}, origin="two demos")
    prompts = [one.prompts[BARE] for one in instructed(study, candidate)]
    return candidate, [(prompt.layout.instructions_at, prompt.instructions) for prompt in prompts]


def taught(answer: object) -> Study:
    study = arena(silent, budget="600calls")
    study.teacher_settings = TeacherSettings(teacher=ScriptedModel(answer))  # type: ignore[arg-type]  # any answer
    return study


def test_a_prompt_without_instructions_may_get_the_signatures_own_and_a_teachers() -> None:
    study = taught(lambda prompt, sampling: OWN)
    candidate, found = of(study)
    assert found == [("start", candidate.prompts[BARE].signature.instructions), ("start", OWN)]


def test_instructions_may_be_dropped() -> None:
    _, found = of(taught(lambda prompt, sampling: OWN), "instructed")
    assert found[0][0] == "none"


def test_a_teacher_gives_no_more_proposals_than_asked_for() -> None:
    replies = iter(range(99))
    _, found = of(taught(lambda prompt, sampling: f"Tell how writer number {next(replies)} felt about it."))
    assert len(found) == 1 + PROPOSALS


@pytest.mark.parametrize("who", ["teacher", "student"])
def test_the_signatures_own_are_left_if_no_one_can_propose(who: str) -> None:
    def fails(prompt: Prompt, sampling: Sampling) -> Completion:
        raise ModelError("The server is gone. Start it.")

    study = taught(fails) if who == "teacher" else arena(fails, budget="600calls")
    assert [at for at, _ in of(study)[1]] == ["start"]


def test_what_the_model_itself_proposes_has_to_speak_of_the_task() -> None:
    beside, about = "Bake a cake with eggs and flour.", "Say whether the sentiment is good."
    study = arena(lambda prompt, sampling: beside if sampling.temperature == 0 else about, budget="600calls")
    assert [words for _, words in of(study)[1]][1:] == [about]
