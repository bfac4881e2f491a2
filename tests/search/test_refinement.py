"""From the best candidate on, one change at a time, and only what is better stays."""

import contextlib
import random
import re

from cribsheet.budget import BudgetExhausted
from cribsheet.compiler.bridge import BARE
from cribsheet.dataset.examples import Demo
from cribsheet.errors import ModelError
from cribsheet.layout.catalogue import layout_named
from cribsheet.models import Completion, Sampling
from cribsheet.models.scripted import ScriptedModel
from cribsheet.prompts import Prompt
from cribsheet.search.bootstrap.teaching import TeacherSettings
from cribsheet.search.demo_sampling import DemoSampler
from cribsheet.search.race import first_block
from cribsheet.search.refinement import Refinement
from cribsheet.search.study import Study
from cribsheet.search.trial import Trial
from studies import arena, leaning, number_asked
from toys import SENTIMENT

TRAIN = range(300, 340)


def right(number: int, is_right: bool = True) -> Completion:
    return leaning(3.0 if is_right == (number % 2 == 0) else -3.0)


def shown(prompt: Prompt) -> list[int]:
    """Return the numbers of the rows that the prompt shows as demos."""
    return [int(number) for number in re.findall(r"Text: review (\d+)\nSentiment: ", prompt.full_text)]


def demos_help(prompt: Prompt, sampling: Sampling) -> Completion:
    """Answer the more rows right, the more demos there are."""
    number = number_asked(prompt)
    return leaning(0.0) if number is None else right(number, number * 37 % 100 < 40 + 8 * len(shown(prompt)))


def leader_of(study: Study, size: int = 4, rows: int | None = None) -> Trial:
    """Enter a candidate of the first demos of the pool."""
    demos = {BARE: study.pools[BARE][:size]}
    trial = study.trial(study.candidate(layout_named("plain"), demos, origin="leader"))
    study.extend(trial, rows or first_block(study))
    return trial


def refine(study: Study, *, pool: tuple[Demo, ...] | None = None) -> list[Trial]:
    """Refine to the end; return the trials that it entered."""
    before = len(study.trials)
    draws = {BARE: DemoSampler(SENTIMENT, study.pools[BARE] if pool is None else pool, rng=study.rng)}
    with contextlib.suppress(BudgetExhausted):
        Refinement(study, draws).run()
    return study.trials[before:]


def demos_shown(trial: Trial) -> list[int]:
    return [int(str(demo.inputs["text"])[-3:]) for demo in trial.candidate.prompts[BARE].demos]


def test_a_better_neighbour_replaces_the_leader_and_is_changed_in_turn() -> None:
    study = arena(demos_help, budget="1500calls")
    leader = leader_of(study, size=2)
    refine(study)
    best = study.best
    assert best is not None
    assert len(demos_shown(best)) >= 6  # each step grows by two at most
    assert best.mean > leader.mean + 0.2


def test_a_worse_neighbour_stays_behind_and_costs_one_block() -> None:
    def only_this_set(prompt: Prompt, sampling: Sampling) -> Completion:
        number = number_asked(prompt)
        is_right = shown(prompt) == [300, 301, 302, 303] and prompt.full_text.startswith("Text")
        return leaning(0.0) if number is None else right(number, is_right)

    study = arena(only_this_set, budget="600calls")
    leader = leader_of(study)
    tried = refine(study)
    assert study.best is leader
    assert leader.rows == len(study.val)
    assert len(tried) > 10
    assert all(trial.rows <= first_block(study) for trial in tried)
    assert all(len({*demos_shown(trial)} - {300, 301, 302, 303}) <= 2 for trial in tried)


def test_no_neighbour_is_tried_twice_nor_what_was_seen_before() -> None:
    study = arena(demos_help, budget="1500calls")
    leader_of(study)
    refine(study)
    keys = [trial.uncorrected.key for trial in study.trials]
    assert len(set(keys)) == len(keys)


def test_the_same_seed_refines_the_same_way() -> None:
    def tried(seed: int) -> list[str]:
        study = arena(demos_help, budget="600calls")
        study.rng = random.Random(seed)
        leader_of(study)
        return [trial.uncorrected.key for trial in refine(study)]

    assert tried(1) == tried(1)
    assert tried(1) != tried(2)


HARD = {307, 312, 321, 330}


def some_are_hard(prompt: Prompt, sampling: Sampling) -> Completion:
    """Get the hard rows of the demo pool wrong, and every third of the others that are compared on."""
    number = number_asked(prompt)
    if number is None:
        return leaning(0.0)
    return right(number, number not in HARD if number in TRAIN else number % 3 > 0)


def test_hard_rows_of_the_demo_pool_are_shown_and_no_others() -> None:
    study = arena(some_are_hard, budget="900calls")
    leader_of(study)
    easy = tuple(demo for demo in study.pools[BARE] if int(str(demo.inputs["text"])[-3:]) not in HARD)
    tried = refine(study, pool=easy)
    added = {number for trial in tried for number in demos_shown(trial)}
    assert added & HARD
    assert added <= set(TRAIN)
    hard = [trial for trial in tried if trial.candidate.origin.endswith("a hard row shown")]
    assert hard
    assert all(HARD & {*demos_shown(trial)} for trial in hard)


def test_the_leaders_own_demos_are_not_asked_as_rows() -> None:
    asked: list[tuple[list[int], int | None]] = []

    def listening(prompt: Prompt, sampling: Sampling) -> Completion:
        if not prompt.is_chat:  # which asks for instructions
            asked.append((shown(prompt), number_asked(prompt)))
        return some_are_hard(prompt, sampling)

    study = arena(listening, budget="300calls")
    leader_of(study)
    refine(study)
    assert any(number in TRAIN for _, number in asked)
    assert not any(number in demos for demos, number in asked)


def hard_rows_help(prompt: Prompt, sampling: Sampling) -> Completion:
    """Get the hard rows wrong, and the more of the others right, the more hard ones are shown."""
    number = number_asked(prompt)
    if number is None:
        return leaning(0.0)
    return right(number, number not in HARD and number * 37 % 100 < 40 + 15 * len(HARD & {*shown(prompt)}))


def test_a_hard_row_that_helps_stays_and_is_shown_once() -> None:
    for seed in range(3):
        study = arena(hard_rows_help, budget="2500calls")
        study.rng = random.Random(seed)
        leader_of(study)
        for trial in refine(study):
            assert len(set(demos_shown(trial))) == len(demos_shown(trial)), trial.candidate.origin
        assert study.best is not None
        assert len(HARD & {*demos_shown(study.best)}) > 1


class Gone:
    """A teacher whose server is down."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, prompt: Prompt, sampling: Sampling) -> str:
        self.asked += 1
        raise ModelError("The server is gone. Start it.")


def test_a_proposer_that_fails_is_done_without() -> None:
    gone, study = Gone(), arena(demos_help, budget="600calls")
    study.teacher_settings = TeacherSettings(teacher=ScriptedModel(gone))
    leader = leader_of(study, size=2)
    tried = refine(study)
    assert gone.asked
    assert any(trial.candidate.origin.endswith("instructions shown") for trial in tried)
    assert study.best is not leader


def test_the_students_own_failure_to_propose_is_survived_too() -> None:
    def no_chat(prompt: Prompt, sampling: Sampling) -> Completion:
        if prompt.is_chat:
            raise ModelError("This server has no chat. Use raw completion.")
        return demos_help(prompt, sampling)

    study = arena(no_chat, budget="600calls")
    leader_of(study, size=2)
    assert len(refine(study)) > 5


def test_what_a_teacher_proposes_is_tried() -> None:
    study = arena(demos_help, budget="600calls")
    study.teacher_settings = TeacherSettings(
        teacher=ScriptedModel(lambda prompt, sampling: "Tell how the writer felt about it.")
    )
    leader_of(study)
    words = [trial.candidate.prompts[BARE].instructions for trial in refine(study)]
    assert "Tell how the writer felt about it." in words


def test_instructions_can_be_dropped_again() -> None:
    study = arena(demos_help, budget="600calls")
    candidate = study.candidate(layout_named("instructed"), {BARE: study.pools[BARE][:2]}, origin="instructed")
    study.extend(study.trial(candidate), first_block(study))
    assert any(trial.candidate.prompts[BARE].layout.instructions_at == "none" for trial in refine(study))


def test_it_ends_where_nothing_is_left_to_try() -> None:
    study = arena(demos_help, demos=2)
    leader_of(study, size=2)
    tried = refine(study)
    assert 0 < len(tried) < 20
    assert study.ledger.left > 0


def test_without_a_leader_there_is_nothing_to_refine() -> None:
    study = arena(demos_help)
    assert refine(study) == []
    assert study.ledger.spent == 0
