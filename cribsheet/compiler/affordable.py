"""Refuse budgets that are too small, and keep back what the testset costs."""

from cribsheet.errors import BudgetError
from cribsheet.layout.decisions import decided_field
from cribsheet.search.study import Study
from cribsheet.search.trial import Trial

BASELINE_ROWS = 16
"""Validation rows that the baseline answers first: they tell what a row costs."""
MIN_TEST_ROWS = 10
"""The fewest rows that a score is given for."""
TEST_SHARE = 0.2
"""The part of the budget that is kept for the testset."""
_REREAD = 16.0  # tokens: the end of a prompt that is read again, and a written outcome


def check_budget(study: Study) -> None:
    """Refuse a budget that cannot pay for the baseline, one candidate, and a score for each."""
    budget = study.ledger.budget
    rows = min(BASELINE_ROWS, len(study.val)) * 2 + MIN_TEST_ROWS * 2
    row = {"calls": 1.0, "tokens": _row_tokens(study), "minutes": 0.0}[budget.unit]
    if budget.limit < rows * row:
        raise BudgetError(
            f"A budget of {budget} is too small for one candidate: the baseline, a candidate and their "
            f"scores are {rows} answers, about {rows * row:.0f} {budget.unit}. Give at least "
            f"--budget {_rounded_up(rows * row * 2, budget.unit)}."
        )


def reserve(study: Study, baseline: Trial, *, test_rows: int) -> None:
    """Keep back what the testset will cost, going by what the baseline's rows did."""
    budget, row = study.ledger.budget, baseline.cost_of_asking
    pair = 2 * row + cost_of_text(study, row)
    affordable = int(TEST_SHARE * budget.limit / pair)
    study.ledger.reserved = pair * min(test_rows, max(MIN_TEST_ROWS, affordable))
    if study.ledger.left <= BASELINE_ROWS * row:
        raise BudgetError(
            f"A budget of {budget} is too small for one candidate: a row costs about {row:.3g} "
            f"{budget.unit}. Give at least --budget {_rounded_up(row * 120, budget.unit)}. "
            "What was asked so far is in the cache."
        )


def cost_of_text(study: Study, row: float) -> float:
    """Return what it costs to score the winner as text on a test row, whose own answer costs `row`.

    Only decided outcomes are asked once more. An engine that keeps earlier prompts hardly reads them again.
    """
    if not (study.tells_logprobs and any(decided_field(one) for one in study.signatures.values())):
        return 0.0
    is_kept = study.ledger.budget.unit == "tokens" and study.ledger.holds_prompts
    return min(_REREAD, row) if is_kept else row


def _row_tokens(study: Study) -> float:
    """Return what a row's inputs take in the baseline, in tokens."""
    (prompt, *others) = study.zero_shot().prompts.values()
    names = [one.name for one in prompt.signature.inputs]
    texts = ["\n".join(str(row.inputs.get(name, "")) for name in names) for row in study.val[:8]]
    tokens = sum(study.model.count_tokens(text) for text in texts) / len(texts)
    return (1 + len(others)) * tokens


def _rounded_up(amount: float, unit: str) -> str:
    if unit == "tokens":
        return f"{int(amount / 1000) + 1}k"
    return f"{int(amount) + 1}{'calls' if unit == 'calls' else 'm'}"
