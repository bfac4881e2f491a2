"""The race spends its rows on what may win."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import pytest

from cribsheet.compiler.bridge import BARE
from cribsheet.dataset.examples import Row
from cribsheet.evaluation.metrics import answer_f1
from cribsheet.frozen.running import direct_wiring
from cribsheet.layout import Layout
from cribsheet.models import Sampling
from cribsheet.models.scripted import ScriptedModel
from cribsheet.outcomes import Unanswerable
from cribsheet.prompts import Prompt
from cribsheet.search.corrections.guard import GuardFitter
from cribsheet.search.race import first_block
from cribsheet.search.study import Study
from cribsheet.search.trial import Trial
from studies import evaluator_of, search, study_of, study_on
from toys import QA


@pytest.mark.slow
def test_it_ends_better_than_it_began(tmp_path: Path) -> None:
    study = search("race", study_of(tmp_path, budget="1500calls"))
    best = study.best
    assert best is not None
    assert best.mean > study.trials[0].mean + 0.2
    assert best.candidate.prompts[BARE].demos


@pytest.mark.slow
def test_good_candidates_get_more_rows_than_bad_ones(tmp_path: Path) -> None:
    study = search("race", study_of(tmp_path, budget="1500calls"))
    answered = [trial for trial in study.trials[1:] if trial.rows]  # the budget may end in the last one's first
    raced = sorted(answered, key=lambda trial: fmean(trial.merits[: first_block(study)]))
    third = len(raced) // 3
    low, high = raced[:third], raced[-third:]
    assert sum(trial.rows for trial in high) > sum(trial.rows for trial in low)


@pytest.mark.slow
def test_no_candidate_is_entered_twice(tmp_path: Path) -> None:
    study = search("race", study_of(tmp_path, budget="3000calls"))
    keys = [trial.candidate.key for trial in study.trials]
    assert len(set(keys)) == len(keys)


@pytest.mark.slow
def test_a_larger_budget_tries_more(tmp_path: Path) -> None:
    few, many = (search("race", study_of(tmp_path, budget=budget)) for budget in ("400calls", "1600calls"))
    assert len(many.trials) > len(few.trials)


def test_a_budget_for_a_few_candidates_is_spent_on_demo_sets_in_the_first_layout(tmp_path: Path) -> None:
    study = search("race", study_of(tmp_path, budget="110calls"))
    raced = [trial.candidate.prompts[BARE] for trial in study.trials[1:]]
    assert {prompt.layout.name for prompt in raced} == {study.layouts[0].name}
    assert len(raced) > 2
    assert study.best is not None
    assert study.best.rows > 2 * first_block(study)


class OneLayout(Study):
    """A study of a model that can be asked in the first layout alone."""

    @property
    def layouts(self) -> list[Layout]:
        return super().layouts[:1]


def test_words_are_screened_where_there_is_one_layout(tmp_path: Path) -> None:
    given = study_of(tmp_path, budget="300calls")
    few = given.train[:16]  # too few to learn on
    study = OneLayout(given.signatures, few, given.val, given.evaluator, given.progress, given.rng)
    search("race", replace(study, carriage="logit_bias"))
    raced = [trial.candidate.prompts[BARE].layout for trial in study.trials]
    assert {layout.name for layout in raced} == {study.layouts[0].name}
    assert len({str(layout.words) for layout in raced}) > 1


def test_the_winner_answers_all_rows_where_a_readout_may_learn_from_them(tmp_path: Path) -> None:
    study = study_of(tmp_path, budget="700calls")
    assert study.may_read_out
    search("race", study)
    assert study.best is not None
    assert study.best.rows == len(study.val)
    assert study.ledger.reserved == 0
    assert study.ledger.spent <= study.ledger.budget.limit + 1


# Abstentions among the demos


def bridges(count: int) -> list[Row]:
    """Rows that ask of bridges, of which every other one's builder the context does not tell."""
    rows = []
    for number in range(count):
        told = number % 2 == 0
        inputs = {
            "question": f"Who built bridge {number}?",
            "context": f"Bridge {number} was built{f' by Ann B{number}' if told else ' long ago'}.",
        }
        rows.append(Row(inputs, {"answer": (f"Ann B{number}" if told else Unanswerable(),)}))
    return rows


def raced_demos(script: Callable[[str, bool], str]) -> Trial:
    """Return the winner of a race with a model that is given a row's context, and whether some demo abstains."""

    def answer(prompt: Prompt, sampling: Sampling) -> str:
        *shown, asked = prompt.full_text.split("Context: ")
        return script(asked, any("unanswerable" in demo for demo in shown))

    rows = bridges(120)
    evaluator = evaluator_of(
        ScriptedModel(answer),
        budget="900calls",
        metric=answer_f1,
        wiring=direct_wiring(BARE, QA),
        fit_guard=GuardFitter(QA, rows, answer_f1),
    )
    study = study_on(QA, rows[:60], rows[60:], evaluator, tells_logprobs=False)
    study.extend(study.trial(study.zero_shot()), 16)
    search("race", study)
    assert study.best
    return study.best


def builder(context: str) -> str | None:
    found = re.search(r"by (Ann B\d+)", context)
    return found[1] if found else None


def shows_abstentions(trial: Trial) -> bool:
    return any(isinstance(demo.outputs["answer"], Unanswerable) for demo in trial.candidate.prompts[BARE].demos)


@pytest.mark.slow
def test_the_winner_shows_no_abstention_if_the_model_abstains_from_all_after_one() -> None:
    best = raced_demos(lambda context, abstain: f" {'unanswerable' if abstain else builder(context) or 'Bob'}")
    assert not shows_abstentions(best)


@pytest.mark.slow
def test_the_winner_shows_abstentions_if_they_teach_the_model_when_to_abstain() -> None:
    invent = "long ago"  # it is in the context, so no guard can find out
    assert shows_abstentions(
        raced_demos(lambda context, abstain: f" {builder(context) or ('unanswerable' if abstain else invent)}")
    )
