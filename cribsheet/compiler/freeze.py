"""Turn the result of a search into a scored, frozen program."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version

from cribsheet.carriage import CARRIAGES, Carriage
from cribsheet.compiler.affordable import MIN_TEST_ROWS, cost_of_decided, cost_of_text
from cribsheet.compiler.bridge import BARE, DspyProgram
from cribsheet.compiler.logit_bias import with_logit_bias
from cribsheet.compiler.score_notes import unanswered, unpaid, unvaried
from cribsheet.compiler.wiring import infer_wiring
from cribsheet.compiler.without_model import constant_of, words_alone_score
from cribsheet.dataset.examples import Row
from cribsheet.dataset.splits import Splits
from cribsheet.evaluation.evaluate import Evaluation, RowResult, summarize, uncorrected_evaluation
from cribsheet.evaluation.scores import paired_gain
from cribsheet.frozen import FrozenProgram, FrozenPrompt, ModelIdentity, Provenance, Results, Taught, Wiring
from cribsheet.frozen.running import direct_wiring
from cribsheet.frozen.tested import TestedRow, hash_of, to_lines
from cribsheet.models import Model
from cribsheet.models.cache import CachedModel
from cribsheet.models.capabilities import refusals_in_words
from cribsheet.search.baselines import decided_zero_shot
from cribsheet.search.candidate import Candidate
from cribsheet.search.holding import lacks_holding, way_to_hold_again
from cribsheet.search.study import Study
from cribsheet.search.trial import Trial
from cribsheet.settings import Settings
from cribsheet.text import counted


@dataclass(frozen=True)
class Found:
    """The result of a search."""

    study: Study
    best: Trial
    baseline: Trial
    program: DspyProgram
    splits: Splits
    interrupted: bool
    numbers: Mapping[str, int] = field(default_factory=dict)
    """Each row's position in the trainset, by row id."""


@dataclass(frozen=True)
class Scored:
    """The final scores, with notes about them."""

    results: Results
    notes: tuple[str, ...] = ()
    tested: tuple[TestedRow, ...] = ()
    """The test rows with their scores; empty if the testset was not scored."""


def freeze(found: Found, scored: Scored, *, task: str, settings: Settings) -> FrozenProgram:
    """Return the frozen program of the best trial."""
    wiring = _wiring(found)
    return FrozenProgram(
        task=task,
        prompts=_prompts(found),
        wiring=wiring,
        model=_identity(found.study),
        results=scored.results,
        provenance=_provenance(found, settings),
        notes=(*_notes(found.study, wiring), *dict.fromkeys(found.study.notes), *scored.notes),
    )


def _prompts(found: Found) -> dict[str, FrozenPrompt]:
    """Return the prompts of the best trial; `logit_bias` is added to those for which it gives the same decisions.

    A prompt for text alone no longer asks for the log-probabilities that told the search how good it is. If the client
    is a program, it asks again for an answer that cannot be read. The search does not: it would pay most for the
    prompts that are worst to read.
    """
    if found.study.carriage == "text":
        return {name: _without_alternatives(prompt) for name, prompt in found.best.candidate.prompts.items()}
    calls = [call for row in found.best.evaluation.rows for call in row.calls]
    prompts = {
        name: with_logit_bias(prompt, found.study.model, [call.answer for call in calls if call.predictor == name])
        for name, prompt in found.best.candidate.prompts.items()
    }
    if found.study.carriage == "logit_bias":
        return prompts
    return {name: _asking_again(prompt, found.study.model) for name, prompt in prompts.items()}


def _asking_again(prompt: FrozenPrompt, model: Model) -> FrozenPrompt:
    if prompt.decoding.decide_by != "text":
        return prompt
    update = {"asks_again": True, "again_held_by": way_to_hold_again(model, prompt.layout, prompt.signature)}
    return prompt.model_copy(update={"decoding": prompt.decoding.model_copy(update=update)})


def _without_alternatives(prompt: FrozenPrompt) -> FrozenPrompt:
    return prompt.model_copy(update={"decoding": prompt.decoding.model_copy(update={"top_logprobs": 0})})


def score(found: Found) -> Scored:
    """Score the baselines and the winner on the test rows; nothing is fitted on these rows.

    Raises:
        SearchStopped, AbandonedError: if Ctrl-C was pressed twice.
    """
    study, (rows, pays_for_text) = found.study, _test_rows(found)
    candidates = _carried(study, replace(found.best.candidate, prompts=_prompts(found)), as_text=pays_for_text)
    decided = decided_zero_shot(study)
    asked = [study.zero_shot(), *([decided] if decided else []), *candidates.values()]
    baseline, *others = _answer_in_turn(study, asked, rows)
    by_logprobs = others.pop(0) if decided else None
    answered = dict(zip(candidates, others, strict=True))
    by_carriage = {carriage: answered[carriage] for carriage in CARRIAGES if carriage in answered}
    compiled = by_carriage[study.carriage]
    tested = tuple(
        TestedRow.of(row, {carriage: evaluation.scores[at] for carriage, evaluation in by_carriage.items()})
        for at, row in enumerate(rows[: len(compiled.rows)])
    )
    labelled = found.program.signature.labelled_by(rows[0].outputs)
    seen, scored = (*study.train, *study.val), rows[: len(compiled.rows)]
    metric = study.evaluator.metric
    known = {
        "words_alone": words_alone_score(labelled.outputs, seen, scored, metric),
        "constant": constant_of(labelled.outputs, seen, compiled.rows, metric),
        "carriages": {carriage: evaluation.score for carriage, evaluation in by_carriage.items()},
        "tested": hash_of(to_lines(tested)),
    }
    results = _results(found, baseline, compiled, by_logprobs).model_copy(update=known)
    notes = (
        *unpaid(len(compiled.rows), whole=len(found.splits.test), as_text="text" in by_carriage),
        *unanswered(compiled, baseline, found.numbers),
        *unvaried(labelled.outputs, compiled.rows),
    )
    return Scored(results, notes, tested)


def score_on_validation_rows(found: Found) -> Scored:
    """Return the scores on validation rows, for a compile that was stopped before the testset was scored."""
    rows = min(found.best.rows, found.baseline.rows)
    baseline, compiled = (summarize(trial.evaluation.rows[:rows]) for trial in (found.baseline, found.best))
    results = _results(found, baseline, compiled).model_copy(update={"rows": "valset"})
    note = (
        "The testset was not scored, because Ctrl-C was pressed twice. The scores are from "
        f"{counted(rows, 'validation row')}, by which the prompt was chosen, so they are too high. Score it on other "
        "rows with `cribsheet evaluate`."
    )
    return Scored(results, (note,))


def _results(found: Found, baseline: Evaluation, compiled: Evaluation, decided: Evaluation | None = None) -> Results:
    metric = found.study.evaluator.metric
    better = decided if decided and decided.mean > baseline.mean else baseline
    uncorrected = uncorrected_evaluation(compiled, metric)
    return Results(
        metric=getattr(metric, "__name__", type(metric).__name__),
        baseline=baseline.score,
        decided=decided.score if decided else None,
        compiled=compiled.score,
        gain=paired_gain(better.scores, compiled.scores, groups=[row.example.group for row in compiled.rows]),
        uncorrected=uncorrected.score if uncorrected else None,
        unread=compiled.unread,
        carriage=found.study.carriage,
    )


def _carried(study: Study, winner: Candidate, *, as_text: bool) -> dict[Carriage, Candidate]:
    """Return the winner under each carriage that can express it, first under the one that is compiled for.

    Most carriages read completions that are known already. Only decided outcomes have to be written in full as text.
    """
    candidates: dict[Carriage, Candidate] = {study.carriage: winner}
    for carriage in reversed(CARRIAGES):
        prompts = {name: prompt.carried_by(carriage) for name, prompt in winner.prompts.items()}
        known = {name: prompt for name, prompt in prompts.items() if prompt is not None}
        if len(known) == len(prompts) and (as_text or carriage != "text"):
            candidates.setdefault(carriage, replace(winner, prompts=known))
    return candidates


def _answer_in_turn(study: Study, candidates: Sequence[Candidate], rows: Sequence[Row]) -> list[Evaluation]:
    """Answer the same rows with each candidate, until the budget could not pay for a few more.

    A few rows at a time, so that the engine still holds a row's prompt when it is asked once more.
    """
    answered: list[list[RowResult]] = [[] for _ in candidates]
    step, dearest = study.model.parallel, 0.0
    for at in range(0, len(rows), step):
        left = study.ledger.left
        if left < dearest:
            break
        for results, candidate in zip(answered, candidates, strict=True):
            results += study.answer(candidate, rows[at : at + step], ignore_budget=True).rows
        dearest = max(dearest, left - study.ledger.left)
    return [Evaluation(tuple(results)) for results in answered]


def _test_rows(found: Found) -> tuple[Sequence[Row], bool]:
    """Return the test rows that the remaining budget pays for, and whether it also pays for the carriage `text`."""
    ledger, own = found.study.ledger, found.best.cost_of_asking
    ledger.reserved = 0.0
    row = found.baseline.cost_of_asking
    pair, text = row + cost_of_decided(found.study, row) + own, cost_of_text(found.study, own)
    left = max(0.0, ledger.left)
    pays_for_text = left >= MIN_TEST_ROWS * (pair + text)
    rows = int(left / (pair + text * pays_for_text))
    return found.splits.test[: max(MIN_TEST_ROWS, rows)], pays_for_text


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


def _provenance(found: Found, settings: Settings) -> Provenance:
    study = found.study
    return Provenance(
        optimizer=settings.optimizer,
        seed=settings.seed,
        limit=settings.limit,
        sample=settings.sample,
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
    notes: list[str] = []
    if isinstance(study.model, CachedModel):
        notes += refusals_in_words(study.model.capabilities, study.model.refused, study.model.name)
    if not study.tells_logprobs and study.carriage != "text":
        notes.append(
            f"{study.model.name} reports no log-probabilities, so outcomes are read from its text, uncalibrated."
        )
    if lacks_holding(study):
        notes.append(
            f"{study.model.name} refuses or ignores both grammars and JSON Schemas, so answers are not held to their "
            "types."
        )
    if wiring is None:
        notes.append("The program runs its own code around its prompts, so it runs only in its workspace.")
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
