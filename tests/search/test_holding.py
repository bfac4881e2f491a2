"""The race holds answers to their types if that scores better, and leaves them free if not."""

import pytest

from cribsheet.compiler.bridge import BARE
from cribsheet.evaluation.structured_metrics import set_f1
from cribsheet.frozen.running import direct_wiring
from cribsheet.models import Completion, Sampling
from cribsheet.models._base import KINDS
from cribsheet.models.scripted import ScriptedModel
from cribsheet.prompts import Prompt
from cribsheet.search.holding import held
from cribsheet.search.study import Study
from search.test_notations import PEOPLE, rows
from studies import evaluator_of, search, study_on


class Held(ScriptedModel):
    """A model that takes a grammar, and writes both names either with it or without."""

    takes_grammar = KINDS

    def __init__(self, *, best: str) -> None:
        super().__init__(self._written)
        self.best = best

    def _written(self, prompt: Prompt, sampling: Sampling) -> Completion:
        mail = prompt.full_text[prompt.full_text.rfind("Mail") :]
        first, second = (word.strip(".") for word in mail.split() if word[0] in "AB" and word[1:2].isdigit())
        is_best = bool(sampling.grammar) == (self.best == "grammar")
        return Completion(text=f'["{first}", "{second}"]' if is_best else f'["{first}"]')


def study_of(model: Held, **options: str) -> Study:
    evaluator = evaluator_of(model, budget="1500calls", metric=set_f1, wiring=direct_wiring(BARE, PEOPLE))
    study = study_on(PEOPLE, rows()[:50], rows()[50:], evaluator, tells_logprobs=False, **options)  # type: ignore[arg-type]
    study.extend(study.trial(study.zero_shot()), 16)
    return study


@pytest.mark.slow
@pytest.mark.parametrize("best", ["grammar", "nothing"])
def test_the_better_of_held_and_free_is_kept(best: str) -> None:
    study = search("race", study_of(Held(best=best)))
    assert study.best is not None
    assert study.best.candidate.prompts[BARE].decoding.held_by == best
    assert study.best.merit == 1.0
    in_text = study.best.candidate.prompts[BARE].carried_by("text")
    assert in_text is not None
    assert in_text.decoding.held_by == "nothing"


def test_nothing_is_held_for_a_deployment_of_text_or_a_model_that_takes_no_grammar() -> None:
    text = study_of(Held(best="grammar"), carriage="text")
    assert held(text, text.bare()) is None
    taking = study_of(Held(best="grammar"))
    assert held(taking, taking.bare()) is not None
    taking.model.takes_grammar = ()  # type: ignore[attr-defined]
    assert held(taking, taking.bare()) is None


def test_a_model_that_takes_json_schemas_alone_is_held_by_one() -> None:
    study = study_of(Held(best="nothing"))
    study.model.takes_grammar, study.model.takes_json_schema = (), KINDS  # type: ignore[attr-defined]
    candidate = held(study, study.bare())
    assert candidate is not None
    assert candidate.prompts[BARE].decoding.held_by == "json_schema"


class Wrong(Held):
    """A model that names nobody who is meant, in JSON that is broken unless it is held to a grammar."""

    def _written(self, prompt: Prompt, sampling: Sampling) -> Completion:
        return Completion(text='["nobody"]' if sampling.grammar else '["nobody')


def test_of_prompts_that_score_alike_the_one_whose_answers_can_be_read_is_best() -> None:
    study = study_of(Wrong(best="grammar"))
    candidate = held(study, study.bare())
    assert candidate is not None
    free, readable = study.trial(study.bare()), study.trial(candidate)
    for trial in (free, readable):
        study.extend(trial, 24)
    assert free.mean == readable.mean == 0
    assert study.best is readable
