"""Check that the budget covers a compile, the final test included."""

from cribsheet.errors import BudgetError
from cribsheet.layout.decisions import decided_field
from cribsheet.search.baselines import decided_zero_shot
from cribsheet.search.study import Study
from cribsheet.search.trial import Trial

BASELINE_ROWS = 16
"""How many validation rows the baseline answers first, to measure what a row costs."""
MIN_TEST_ROWS = 10
"""The fewest test rows that are scored."""
TEST_SHARE = 0.2
"""The share of the budget that is reserved for the testset."""
_REREAD = 16.0  # tokens for a cached prompt: its end, which is read again, plus the written outcome


def check_budget(study: Study) -> None:
    """Raise BudgetError if the budget cannot pay for the baseline, one candidate, and the test scores of both."""
    budget = study.ledger.budget
    rows = min(BASELINE_ROWS, len(study.val)) * 2 + MIN_TEST_ROWS * 2
    row = {"calls": 1.0, "tokens": _row_tokens(study), "minutes": 0.0}[budget.unit]
    if budget.limit < rows * row:
        raise BudgetError(
            f"A budget of {budget} is too small for one candidate: the baseline, a candidate and their test "
            f"scores need {rows} answers, about {rows * row:.0f} {budget.unit}. Give at least "
            f"--budget {_rounded_up(rows * row * 2, budget.unit)}."
        )


def reserve(study: Study, baseline: Trial, *, test_rows: int) -> None:
    """Reserve the cost of the testset, estimated from the cost of the baseline's rows.

    Raises:
        BudgetError: if too little is left for the search.
    """
    budget, row = study.ledger.budget, baseline.cost_of_asking
    pair = 2 * row + cost_of_text(study, row) + cost_of_decided(study, row)
    affordable = int(TEST_SHARE * budget.limit / pair)
    study.ledger.reserved = pair * min(test_rows, max(MIN_TEST_ROWS, affordable))
    if study.ledger.left <= BASELINE_ROWS * row:
        raise BudgetError(
            f"A budget of {budget} is too small for one candidate: a row costs about {row:.3g} "
            f"{budget.unit}. Give at least --budget {_rounded_up(row * 120, budget.unit)}. "
            "The completions so far are in the cache."
        )


def cost_of_text(study: Study, row: float) -> float:
    """Return what it costs to score the winner as text on a test row, whose own answer costs `row`.

    Only decided outcomes are asked once more. An engine that keeps earlier prompts hardly reads them again.
    """
    decides = study.tells_logprobs and any(decided_field(one) for one in study.signatures.values())
    if study.carriage == "text" or not decides:
        return 0.0
    is_kept = study.ledger.budget.unit == "tokens" and study.ledger.holds_prompts
    return min(_REREAD, row) if is_kept else row


def cost_of_decided(study: Study, row: float) -> float:
    """Return what it costs to decide the zero-shot prompt's labels on a test row, whose written answer costs `row`.

    It is the same prompt, which an engine that keeps earlier prompts hardly reads again. A label of several tokens may
    take more than one request.
    """
    if decided_zero_shot(study) is None:
        return 0.0
    is_kept = study.ledger.budget.unit == "tokens" and study.ledger.holds_prompts
    return min(2 * _REREAD, row) if is_kept else row


def _row_tokens(study: Study) -> float:
    """Return the average number of tokens of a row's inputs, summed over the predictors."""
    (prompt, *others) = study.zero_shot().prompts.values()
    names = [one.name for one in prompt.signature.inputs]
    texts = ["\n".join(str(row.inputs.get(name, "")) for name in names) for row in study.val[:8]]
    tokens = sum(study.model.count_tokens(text) for text in texts) / len(texts)
    return (1 + len(others)) * tokens


def _rounded_up(amount: float, unit: str) -> str:
    if unit == "tokens":
        return f"{int(amount / 1000) + 1}k"
    return f"{int(amount) + 1}{'calls' if unit == 'calls' else 'm'}"
