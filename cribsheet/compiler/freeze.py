"""Score what a search found, then make the frozen program of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version

from cribsheet.carriage import CARRIAGES, Carriage
from cribsheet.compiler.bridge import BARE, DspyProgram
from cribsheet.compiler.logit_bias import with_logit_bias
from cribsheet.compiler.wiring import infer_wiring
from cribsheet.dataset.examples import Row
from cribsheet.dataset.splits import Splits
from cribsheet.evaluation.evaluate import Evaluation, RowResult, uncorrected_evaluation
from cribsheet.evaluation.scores import paired_gain
from cribsheet.frozen import FrozenProgram, FrozenPrompt, ModelIdentity, Provenance, Results, Taught, Wiring
from cribsheet.frozen.running import direct_wiring
from cribsheet.frozen.tested import TestedRow, hash_of, to_lines
from cribsheet.layout.decisions import decided_field
from cribsheet.search.candidate import Candidate
from cribsheet.search.study import Study
from cribsheet.search.trial import Trial

MIN_TEST_ROWS = 10
"""The fewest rows that a score is given for."""
_WRITTEN = 0.1  # of what reading a row costs: writing an outcome
_PART = 0.85  # of what is left: test rows may be longer than those that their cost is judged by


@dataclass(frozen=True)
class Found:
    """What a search leaves behind."""

    study: Study
    best: Trial
    baseline: Trial
    program: DspyProgram
    splits: Splits
    interrupted: bool


def freeze(found: Found, *, task: str, optimizer: str, seed: int) -> tuple[FrozenProgram, tuple[TestedRow, ...]]:
    """Return the frozen program of the best trial, scored once beside the zero-shot prompt, and the test rows."""
    wiring, prompts = _wiring(found), _prompts(found)
    results, tested, crashes = _score(found, replace(found.best.candidate, prompts=prompts))
    program = FrozenProgram(
        task=task,
        prompts=prompts,
        wiring=wiring,
        model=_identity(found.study),
        results=results,
        provenance=_provenance(found, optimizer=optimizer, seed=seed),
        notes=(*_notes(found.study, wiring), *crashes),
    )
    return program, tested


def _prompts(found: Found) -> dict[str, FrozenPrompt]:
    """Return the prompts of the best trial, with their biases as servers take them where that decides the same."""
    calls = [call for row in found.best.evaluation.rows for call in row.calls]
    return {
        name: with_logit_bias(prompt, found.study.model, [call.answer for call in calls if call.predictor == name])
        for name, prompt in found.best.candidate.prompts.items()
    }


def _score(found: Found, winner: Candidate) -> tuple[Results, tuple[TestedRow, ...], Sequence[str]]:
    """Answer the test rows with what the search settled on, and note crashes; nothing is fitted on them."""
    study, rows = found.study, _test_rows(found)
    baseline = study.answer(study.zero_shot(), rows, ignore_budget=True)
    by_carriage = _by_carriage(study, winner, rows)
    compiled = by_carriage[study.carriage]
    metric = study.evaluator.metric
    uncorrected = uncorrected_evaluation(compiled, metric)
    tested = tuple(
        TestedRow.of(row, {carriage: answered.scores[at] for carriage, answered in by_carriage.items()})
        for at, row in enumerate(rows)
    )
    results = Results(
        metric=getattr(metric, "__name__", type(metric).__name__),
        baseline=baseline.score,
        compiled=compiled.score,
        gain=paired_gain(baseline.scores, compiled.scores, groups=[row.group for row in rows]),
        uncorrected=uncorrected.score if uncorrected else None,
        carriage=study.carriage,
        carriages={carriage: answered.score for carriage, answered in by_carriage.items()},
        tested=hash_of(to_lines(tested)),
    )
    crashed = [row.crash for row in compiled.rows if row.error]
    notes = [f"Test rows that crashed and count as 0: {len(crashed)}, the first with {crashed[0]}"] if crashed else []
    return results, tested, notes


def _by_carriage(study: Study, winner: Candidate, rows: Sequence[Row]) -> dict[Carriage, Evaluation]:
    """Answer rows under each carriage that can express the winner.

    A few rows at a time, so that the engine still holds a row's prompt when it is asked once more. Most carriages
    read completions that are known already; only decided outcomes have to be written in full as text.
    """
    candidates: dict[Carriage, Candidate] = {study.carriage: winner}
    for carriage in reversed(CARRIAGES):
        prompts = {name: prompt.carried_by(carriage) for name, prompt in winner.prompts.items()}
        known = {name: prompt for name, prompt in prompts.items() if prompt is not None}
        if len(known) == len(prompts):
            candidates.setdefault(carriage, replace(winner, prompts=known))
    answered: dict[Carriage, list[RowResult]] = {carriage: [] for carriage in candidates}
    for at in range(0, len(rows), study.model.parallel):
        for carriage, candidate in candidates.items():
            some = rows[at : at + study.model.parallel]
            answered[carriage] += study.answer(candidate, some, ignore_budget=True).rows
    return {carriage: Evaluation(tuple(answered[carriage])) for carriage in CARRIAGES if carriage in answered}


def cost_of_text(study: Study, row: float) -> float:
    """Return what the winner costs as text on a test row, beside its own answer; `row` is what an answer costs.

    Only decided outcomes are asked once more. An engine that holds the prompt reads none of it again.
    """
    if not (study.tells_logprobs and any(decided_field(one) for one in study.signatures.values())):
        return 0.0
    reads_again = study.ledger.budget.unit != "tokens" or not study.ledger.holds_prompts
    return row if reads_again else _WRITTEN * row


def _test_rows(found: Found) -> Sequence[Row]:
    """Return the test rows that what is left of the budget pays for."""
    ledger = found.study.ledger
    ledger.reserved = 0.0
    own = found.best.cost_of_asking
    pair = found.baseline.cost_of_asking + own + cost_of_text(found.study, own)
    part = 1.0 if ledger.budget.unit == "calls" else _PART
    return found.splits.test[: max(MIN_TEST_ROWS, int(part * ledger.left / pair))]


def _wiring(found: Found) -> Wiring | None:
    if found.program.is_one_predictor:
        return direct_wiring(BARE, found.program.signature)
    rows = found.best.evaluation.rows
    return infer_wiring([(row.example.inputs, row.run) for row in rows if row.run is not None])


def _identity(study: Study) -> ModelIdentity:
    model = study.model
    return ModelIdentity(
        name=model.name, digest=model.digest, endpoint=model.endpoint, context_window=model.context_window
    )


def _provenance(found: Found, *, optimizer: str, seed: int) -> Provenance:
    study = found.study
    return Provenance(
        optimizer=optimizer,
        seed=seed,
        budget=str(study.ledger.budget),
        spent_tokens=study.ledger.tokens,
        origin=found.best.candidate.origin,
        evaluations=sum(trial.rows for trial in study.trials),
        candidates=sum(trial.rows > 0 for trial in study.trials),
        interrupted=found.interrupted,
        splits=found.splits.hashes,
        versions=_versions(study.model.name),
        curve=tuple(study.curve),
        taught=_taught(study),
    )


def _taught(study: Study) -> Taught | None:
    runs = study.teacher_runs
    return Taught(teacher=runs.teachers, traces=len(runs.traces)) if runs and runs.traces else None


def _notes(study: Study, wiring: Wiring | None) -> tuple[str, ...]:
    notes = []
    if not study.tells_logprobs and study.carriage != "text":
        notes.append(
            f"{study.model.name} tells no log-probabilities, so outcomes are read from its text, uncalibrated."
        )
    if wiring is None:
        notes.append("The program runs code of its own between its prompts: it runs in its workspace.")
    return (*notes, *(study.teacher_runs.notes if study.teacher_runs else ()))


def _versions(model: str) -> dict[str, str]:
    packages = ["cribsheet", "dspy", *(["xllamacpp"] if model.startswith("embedded/") else [])]
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
