"""Check that the budget covers a compile, the final test included."""

from cribsheet.errors import BudgetError
from cribsheet.layout.decisions import decided_field
from cribsheet.search.baselines import decided_zero_shot
from cribsheet.search.holding import held
from cribsheet.search.study import Study
from cribsheet.search.trial import Trial
from cribsheet.text import counted

BASELINE_ROWS = 16
"""How many validation rows the baseline answers first, to measure what a row costs."""
MIN_TEST_ROWS = 10
"""The fewest test rows that are scored."""
TEST_SHARE = 0.2
"""The share of the budget that is reserved for the testset."""
_ROOM = 1.1  # the rows to come may be longer
_REREAD = 16.0  # tokens for a cached prompt: its end, which is read again, plus the written outcome


def check_budget(study: Study, *, test_rows: int) -> None:
    """Raise BudgetError if the budget cannot pay for the baseline, one candidate, and the test scores of both.

    Nothing is answered yet. So a row costs its inputs at least, and a whole answer more at most.
    """
    budget = study.ledger.budget
    rows = 2 * (_first_rows(study) + min(MIN_TEST_ROWS, test_rows))
    least = {"calls": 1.0, "tokens": _row_tokens(study), "minutes": 0.0}[budget.unit]
    if budget.limit < rows * least:
        zero_shot, most, prompts, each = study.zero_shot(), least, 0.0, "some of which may take more than one call"
        if budget.unit == "tokens":
            written = sum(prompt.decoding.max_tokens for prompt in zero_shot.prompts.values())
            most, each = most + written, f"each with its prompt to read and up to {counted(written, 'token')} to write"
            prompts = 2.0 * len(zero_shot.prompts) * study.lengths.candidate(zero_shot)
        needed = _needed(study, most, spent=_first_rows(study) * most + prompts, test_rows=test_rows)
        raise BudgetError(
            f"A budget of {budget} is too small for one candidate: the baseline, a candidate and their test "
            f"scores need {counted(rows, 'answer')}, {each}. Give at least --budget "
            f"{_rounded_up(needed, budget.unit)}."
        )


def reserve(study: Study, baseline: Trial, *, test_rows: int) -> None:
    """Reserve the cost of the testset, estimated from the cost of the baseline's rows.

    Raises:
        BudgetError: if too little is left for the search.
    """
    budget, row = study.ledger.budget, baseline.cost_of_asking
    pair = _pair(study, row)
    affordable = int(TEST_SHARE * budget.limit / pair)
    study.ledger.reserved = pair * min(test_rows, max(MIN_TEST_ROWS, affordable))
    if study.ledger.left <= _first_rows(study) * row:
        missing = _first_rows(study) - baseline.rows
        needed = _needed(study, row, spent=study.ledger.spent + missing * row, test_rows=test_rows)
        raise BudgetError(
            f"A budget of {budget} is too small for one candidate: {counted(baseline.rows, 'row')} of the baseline "
            f"cost {_amount(study.ledger.spent, budget.unit)}, and the rest does not pay for a candidate and the test "
            f"scores. Give at least --budget {_rounded_up(needed, budget.unit)}. The completions so far are cached."
        )


def _needed(study: Study, row: float, *, spent: float, test_rows: int) -> float:
    """Return the smallest budget with which `reserve` leaves enough for a candidate, with some room.

    `row` is what a row costs, `spent` what the baseline costs.
    """
    pair = _pair(study, row)
    searched = spent + _first_rows(study) * row
    few = searched + pair * min(test_rows, MIN_TEST_ROWS)
    shared = min(searched / (1 - TEST_SHARE), searched + pair * test_rows)
    return _ROOM * max(few, shared)


def _pair(study: Study, row: float) -> float:
    """Return what it costs to score the winner and the baselines on a test row."""
    return 2 * row + cost_of_text(study, row) + cost_of_decided(study, row)


def _first_rows(study: Study) -> int:
    return min(BASELINE_ROWS, len(study.val))


def cost_of_text(study: Study, row: float) -> float:
    """Return what it costs to score the winner as text on a test row, whose own answer costs `row`.

    Only decided outcomes, and answers that a grammar may hold, are asked once more. An engine that keeps earlier
    prompts hardly reads them again.
    """
    if held(study, study.zero_shot()) is not None:
        return row
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


def _amount(amount: float, unit: str) -> str:
    """Return an amount of the budget in words.

    >>> _amount(1.0, "calls"), _amount(1234.5, "tokens"), _amount(0.25, "minutes")
    ('1 call', '1,234 tokens', '0.25 minutes')
    """
    noun = unit.removesuffix("s")
    return counted(round(amount, 2), noun) if unit == "minutes" else counted(round(amount), noun)
