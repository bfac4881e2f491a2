"""Words for fields and outcomes come from tables, the model and a teacher, each asked once."""

from pathlib import Path

from cribsheet.compiler.bridge import BARE
from cribsheet.errors import ModelError
from cribsheet.models import Completion, Sampling
from cribsheet.models.scripted import ScriptedModel
from cribsheet.prompts import Prompt
from cribsheet.search.bootstrap.teaching import TeacherSettings
from cribsheet.search.study import Study
from cribsheet.search.wording.choices import WordChoices
from studies import study_of


def taught(tmp_path: Path, teacher: ScriptedModel) -> Study:
    study = study_of(tmp_path, budget="3000calls")
    study.teacher_settings = TeacherSettings(teacher=teacher)
    return study


def test_a_teachers_words_come_after_those_of_the_tables_and_cost_one_call_each(tmp_path: Path) -> None:
    def reply(prompt: Prompt, sampling: Sampling) -> Completion:
        if "negative = ..." in prompt.full_text:
            return Completion(text="negative = gloomy; positive = sunny")
        return Completion(text="text = Line; sentiment = Colour")

    teacher = ScriptedModel(reply)
    wordings = WordChoices(taught(tmp_path, teacher))
    for _ in range(2):
        assert wordings.names(BARE, "en")[-1] == {"text": "Line", "sentiment": "Colour"}
        assert wordings.labels(BARE, "en")[-1] == {"negative": "gloomy", "positive": "sunny"}
    assert len(teacher.calls) == 2


def test_a_teacher_that_fails_is_done_without(tmp_path: Path) -> None:
    def fail(prompt: Prompt, sampling: Sampling) -> Completion:
        raise ModelError("gone")

    teacher = ScriptedModel(fail)
    wordings = WordChoices(taught(tmp_path, teacher))
    assert wordings.names(BARE, "en")
    assert wordings.names(BARE, "en") == WordChoices(study_of(tmp_path, budget="3000calls")).names(BARE, "en")
    assert len(teacher.calls) == 1


def test_without_log_probabilities_no_outcome_needs_a_word(tmp_path: Path) -> None:
    study = study_of(tmp_path, budget="3000calls")
    study.tells_logprobs = False
    assert WordChoices(study).labels(BARE, "en") == []


def test_the_models_own_words_are_asked_for_once(tmp_path: Path) -> None:
    study = study_of(tmp_path, budget="3000calls")
    wordings = WordChoices(study)
    wordings.labels(BARE, "en")
    before = study.ledger.left
    wordings.labels(BARE, "zh")
    assert study.ledger.left == before
