"""Screening tells what layouts, words and demos do from many small sets."""

from dataclasses import replace
from pathlib import Path

import pytest

from cribsheet.compiler.bridge import BARE
from cribsheet.dataset.examples import Row
from cribsheet.evaluation.metrics import answer_f1
from cribsheet.frozen.running import direct_wiring
from cribsheet.models import Completion, Sampling
from cribsheet.models.scripted import ScriptedModel
from cribsheet.outcomes import Unanswerable
from cribsheet.prompts import Prompt
from cribsheet.search.corrections.guard import GuardFitter
from cribsheet.search.race import first_block
from cribsheet.search.screening import BLOCK, DEMOS, LEAST_SETS, SETS_A_BLOCK, Screening
from cribsheet.search.study import Study
from studies import evaluator_of, leaning, study_of, study_on
from toys import GOOD, QA

OFF_TOPIC = "Gravity pulls at apples."


def screening_of(study: Study, *, pool: int = 12) -> Screening:
    """Return a screening whose sets are drawn from the first demos."""
    return Screening(study, {BARE: study.pools[BARE][:pool]})


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return study_of(tmp_path, budget="3000calls")


def knows_when_told(word: str) -> ScriptedModel:
    """A model that tells good from bad only where a prompt has a word in it."""

    def answer(prompt: Prompt, sampling: Sampling) -> Completion:
        text = prompt.full_text
        last = text[max(text.rfind("The "), 0) :]
        sure = 2.0 if word in text else 0.1
        return leaning(sure if any(good in last for good in GOOD) else -sure)

    return ScriptedModel(answer)


def test_the_rows_it_learns_on_are_neither_shown_nor_validated_on(study: Study) -> None:
    screening = screening_of(study)
    asked = {row.id for block in screening.blocks for row in block}
    assert screening.blocks
    assert {len(block) for block in screening.blocks} == {BLOCK}
    shown = {repr(demo) for demo in study.pools[BARE][:12]}
    assert not shown & {repr(row.demo) for block in screening.blocks for row in block}
    assert not asked & {row.id for row in study.val}


@pytest.mark.slow
def test_words_that_help_are_in_the_best_layout(study: Study) -> None:
    words = "Review: The"
    study = replace(study, evaluator=evaluator_of(knows_when_told(words), budget="4000calls"))
    best, *_ = screening_of(study).run(3000)
    assert best.prompts[BARE].layout.words.get("text") == "Review"


@pytest.mark.slow
def test_the_outcomes_own_words_are_raced_even_if_others_did_best(study: Study) -> None:
    def answer(prompt: Prompt, sampling: Sampling) -> Completion:
        completion = knows_when_told("awful\n").complete(prompt, sampling)
        if "awful\n" not in prompt.full_text:
            return completion
        other = {"positive": "wonderful", "negative": "awful"}
        told = {other.get(word.strip(), word): value for word, value in (completion.first_token or {}).items()}
        return completion.model_copy(update={"first_token": told})

    study = replace(study, evaluator=evaluator_of(ScriptedModel(answer), budget="4000calls"))
    best, *others = screening_of(study).run(3000)
    assert set(best.prompts[BARE].layout.verbalizers.values()) == {"awful", "wonderful"}
    assert any(not one.prompts[BARE].layout.verbalizers for one in others)


@pytest.mark.slow
def test_layouts_differ_and_hold_demos(study: Study) -> None:
    layouts = screening_of(study).run(800)
    assert 1 <= len({layout.key for layout in layouts}) == len(layouts) <= 3
    assert {len(layout.prompts[BARE].demos) for layout in layouts} == {DEMOS}


def test_it_spends_its_part_of_the_budget_and_little_more(study: Study) -> None:
    study = replace(study, carriage="logit_bias")
    before = study.ledger.left
    screening_of(study).run(400)
    assert 400 <= before - study.ledger.left <= 400 + 2 * BLOCK


def test_a_small_part_of_the_budget_learns_on_few_rows_so_that_sets_are_compared(study: Study) -> None:
    model = knows_when_told("Review")
    study = replace(study, evaluator=evaluator_of(model, budget="4000calls"), carriage="logit_bias")
    screening = screening_of(study)
    screening.run(2 * SETS_A_BLOCK * BLOCK)
    asked = [call.prompt.full_text for call in model.calls if call.prompt.full_text.count("The ") > DEMOS]  # with demos
    texts = [{str(row.inputs["text"]) for row in block} for block in screening.blocks]
    seen = [any(text in prompt for text in block for prompt in asked) for block in texts]
    assert seen == [True] * 2 + [False] * (len(texts) - 2)
    assert len(seen) > 2


def test_a_budget_for_few_sets_compares_layouts_in_turn_on_the_same_rows(study: Study) -> None:
    study = replace(study, evaluator=evaluator_of(knows_when_told("<"), budget="4000calls"), tells_logprobs=False)
    model = study.model
    found = screening_of(study).run(LEAST_SETS * BLOCK - 1)
    assert isinstance(model, ScriptedModel)
    asked = {call.prompt.full_text.rsplit("The ", 1)[-1].split(".")[0] for call in model.calls}
    assert len(asked) <= first_block(study)
    assert len(found) == 2
    assert all(candidate.prompts[BARE].layout.words == {} for candidate in found)


def test_a_budget_for_few_sets_takes_the_first_layout_if_a_readout_may_learn_instead(study: Study) -> None:
    assert study.may_read_out
    screening = screening_of(study)
    (found,) = screening.run(LEAST_SETS * (BLOCK + DEMOS))  # more sets than that are needed to judge all choices
    assert found.prompts[BARE].layout == study.layouts[0]


def test_layouts_that_ask_the_same_count_once(study: Study) -> None:
    layouts = screening_of(study).layouts
    assert "plain" in layouts
    assert "plain-lead-last" not in layouts  # with one input, nothing leads


def bridges(count: int) -> list[Row]:
    """Rows that ask who built a bridge: of three, one is of another subject's text, and one leaves it open."""
    rows = []
    for number in range(count):
        texts = (f"Bridge {number} was built by Ann B{number}.", OFF_TOPIC, f"Bridge {number} was built of oak.")
        answer = Unanswerable() if number % 3 else f"Ann B{number}"
        inputs = {"question": f"Who built bridge {number}?", "context": texts[number % 3]}
        rows.append(Row(inputs, {"answer": (answer,)}))
    return rows


def test_where_a_guard_may_abstain_sets_show_answers_and_rows_that_it_withholds_in_any_case_are_not_asked() -> None:
    rows, model = bridges(180), ScriptedModel(lambda prompt, sampling: " Ann B1")
    guards = GuardFitter(QA, rows, answer_f1)
    evaluator = evaluator_of(
        model, budget="1000calls", metric=answer_f1, wiring=direct_wiring(BARE, QA), fit_guard=guards
    )
    study = study_on(QA, rows[:120], rows[120:], evaluator, tells_logprobs=False)
    screening = Screening(study, {BARE: study.pools[BARE][:24]})
    contexts = {str(row.inputs["context"]) for block in screening.blocks for row in block}
    assert len(contexts) > BLOCK
    assert OFF_TOPIC not in contexts
    screening.run(100)
    assert not any("unanswerable" in call.prompt.full_text for call in model.calls)


def test_a_small_demo_pool_has_validation_rows_asked(study: Study) -> None:
    blocks = screening_of(study, pool=len(study.train)).blocks
    assert [row for block in blocks for row in block] == list(study.val[: len(blocks) * BLOCK])
