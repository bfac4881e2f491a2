"""Other instructions are proposed for a candidate, by a teacher."""

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


def test_the_signatures_own_are_left_without_a_teacher() -> None:
    study = arena(silent, budget="600calls")
    assert [at for at, _ in of(study)[1]] == ["start"]
    assert not study.notes


def test_a_teacher_that_fails_is_noted() -> None:
    def fails(prompt: Prompt, sampling: Sampling) -> Completion:
        raise ModelError("The server is gone. Start it.")

    study = taught(fails)
    assert [at for at, _ in of(study)[1]] == ["start"]
    assert "The server is gone" in study.notes[0]
