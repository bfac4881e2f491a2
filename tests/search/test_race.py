"""A stage spends its rows on the candidates that may win."""

from collections.abc import Iterator
from itertools import pairwise

import pytest

from cribsheet.search.candidate import Candidate
from cribsheet.search.race import ENTRY, Listed, Race, first_block
from cribsheet.search.study import Study
from cribsheet.search.trial import Trial
from studies import arena, fighter

EVERYTHING = 1e9
"""An allowance that no stage here can spend."""


class Costs:
    """Hears what each block costs."""

    def __init__(self) -> None:
        self.spent = [0.0]

    def stage(self, name: str) -> None:
        """Hear what begins."""

    def advance(self, *, spent: float, limit: float, best: float | None, rows: int | None = None) -> None:
        """Hear what has been spent."""
        self.spent.append(spent)

    @property
    def largest(self) -> float:
        """The most that one block cost."""
        return max(after - before for before, after in pairwise(self.spent))


def fighters(study: Study, *skills: int) -> list[Candidate]:
    return [fighter(study, skill, note=f"Number {place}.") for place, skill in enumerate(skills)]


def answered(study: Study, candidate: Candidate, rows: int) -> Trial:
    trial = study.trial(candidate)
    study.extend(trial, rows)
    return trial


def test_all_answer_the_same_rows_in_the_same_order() -> None:
    study = arena()
    race = Race(study, EVERYTHING)
    race.run(Listed(fighters(study, 60, 90, 80, 70)), keep=1)
    assert len(race.trials) == 4
    for trial in race.trials:
        assert [row.example for row in trial.evaluation.rows] == list(study.val[: trial.rows])
    leaders = sorted(race.trials, key=lambda trial: trial.rows)[-2:]
    assert leaders[0].rows == leaders[1].rows > first_block(study)


def test_a_clear_loser_gets_no_second_block() -> None:
    study = arena()
    race = Race(study, EVERYTHING)
    race.run(Listed(fighters(study, 90, 2, 85, 3)), keep=1)
    first = first_block(study)
    assert [trial.rows > first for trial in race.trials] == [True, False, True, False]


def test_near_equals_are_told_apart_on_all_rows_where_the_allowance_lasts() -> None:
    study = arena()
    (winner,) = Race(study, EVERYTHING).run(Listed(fighters(study, 80, 84, 78)), keep=1)
    assert winner.candidate.origin.startswith("skill 84")
    assert winner.rows == len(study.val)


@pytest.mark.parametrize("allowance", [1, 20, 60, 100, 200])
def test_it_never_spends_more_than_one_block_beyond_its_allowance(allowance: float) -> None:
    study = arena()
    study.progress = costs = Costs()
    race = Race(study, allowance)
    race.run(Listed(fighters(study, *[80] * 30)), keep=1)
    assert study.ledger.spent <= allowance + costs.largest
    assert race.left == allowance - study.ledger.spent


def test_what_others_spent_before_does_not_count() -> None:
    study = arena()
    answered(study, fighter(study, 50), 96)
    assert Race(study, 70).left == 70


def test_a_larger_allowance_lets_more_enter_and_answer_more() -> None:
    def sizes(allowance: float) -> tuple[int, int]:
        study = arena()
        race = Race(study, allowance)
        race.run(Listed(fighters(study, *[80] * 30)), keep=1)
        return len(race.trials), max(trial.rows for trial in race.trials)

    few, many = sizes(60), sizes(1000)
    assert few[0] < many[0]
    assert few[1] < many[1]


def test_part_of_the_allowance_is_kept_for_the_survivors() -> None:
    study = arena()
    race = Race(study, 400)
    race.run(Listed(fighters(study, *[80] * 200)), keep=1)
    assert max(trial.rows for trial in race.trials) > first_block(study)
    assert study.ledger.spent > ENTRY * 400


def test_incumbents_are_compared_on_the_rows_that_the_others_have() -> None:
    study = arena()
    bloomer = answered(study, fighter(study, 50, note="Late 100."), 96)  # right where the challenger was not asked
    assert bloomer.merit > 0.8
    first, second = Race(study, EVERYTHING).run(Listed([fighter(study, 80)]), keep=2, incumbents=[bloomer])
    assert first.candidate.origin == "skill 80"
    assert second is bloomer


def test_an_incumbent_wins_where_no_challenger_is_better_and_is_asked_nothing_again() -> None:
    study = arena()
    incumbent = answered(study, fighter(study, 95), 96)
    spent = study.ledger.spent
    race = Race(study, EVERYTHING)
    assert race.run(Listed(fighters(study, 2, 3)), keep=1, incumbents=[incumbent]) == [incumbent]
    assert study.ledger.spent == spent + 2 * first_block(study)


def test_nothing_is_entered_twice_not_even_by_another_stage() -> None:
    study = arena()
    twins = [fighter(study, 80), fighter(study, 70), fighter(study, 80)]
    assert len(set(map(id, twins))) == 3
    first = Race(study, EVERYTHING)
    first.run(Listed(twins), keep=1)
    second = Race(study, EVERYTHING)
    second.run(Listed([fighter(study, 70), fighter(study, 60)]), keep=1)
    origins = [trial.candidate.origin for trial in study.trials]
    assert origins == ["skill 80", "skill 70", "skill 60"]


def test_what_does_not_fit_the_context_window_is_not_entered() -> None:
    study = arena(context_window=60)
    race = Race(study, EVERYTHING)
    race.run(Listed([fighter(study, 99, note="word " * 60), fighter(study, 70)]), keep=1)
    assert [trial.candidate.origin for trial in race.trials] == ["skill 70"]


def test_the_best_come_first() -> None:
    study = arena()
    best = Race(study, EVERYTHING).run(Listed(fighters(study, 60, 82, 88, 85, 68)), keep=3)
    assert [trial.candidate.origin[:8] for trial in best] == ["skill 88", "skill 85", "skill 82"]
    short = Race(arena(), 1)  # one block is all that it gets
    assert len(short.run(Listed(fighters(short.study, 60, 90)), keep=2)) == 2


def test_candidates_are_drawn_one_by_one_after_the_one_before_has_answered() -> None:
    study = arena()
    heard: list[int] = []

    def drawn() -> Iterator[Candidate]:
        for place in range(5):
            heard.append(sum(trial.rows for trial in study.trials))
            yield fighter(study, 80, note=f"Number {place}.")

    Race(study, EVERYTHING).run(Listed(drawn()), keep=5)
    assert heard == [first_block(study) * entered for entered in range(5)]


def test_few_rows_are_no_trouble() -> None:
    study = arena(rows=3)
    (winner,) = Race(study, EVERYTHING).run(Listed(fighters(study, 10, 90)), keep=1)
    assert winner.rows == 3
    assert Race(study, EVERYTHING).run(Listed([]), keep=2) == []
