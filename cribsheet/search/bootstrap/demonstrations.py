"""Bootstrap demonstrations from a teacher's runs."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from cribsheet.dataset.examples import Demo
from cribsheet.dataset.traces import demos_of_traces
from cribsheet.layout import Layout
from cribsheet.layout.catalogue import ZERO_SHOT, layout_named
from cribsheet.search.bootstrap.reasoning import asked_to_reason
from cribsheet.search.bootstrap.runs import bootstrap
from cribsheet.search.bootstrap.teaching import TeacherRuns, TeacherSettings
from cribsheet.search.candidate import Candidate
from cribsheet.search.demos import balanced
from cribsheet.search.study import Study

SHOWN = 4
"""Labelled demos that a teacher is shown. The row that it answers is not among them."""
FEW_ROWS = 32
"""Rows that the student answers if rows lack a predictor's fields, but the user did not ask for bootstrapping."""


def bootstrap_if_needed(study: Study) -> None:
    """Bootstrap if the user asked for it, or if rows lack a predictor's fields. It happens once for each study."""
    if study.teacher_settings is not None:
        bootstrap_demos(study)
    elif not all(study.pools.values()):
        bootstrap_demos(study, TeacherSettings(rows=FEW_ROWS))


def bootstrap_demos(study: Study, teaching: TeacherSettings | None = None) -> TeacherRuns:
    """Let the teacher run the program on rows of the demo pool, or use saved traces. It happens once for each study.

    The demos of passing runs are added to `study.pools`. Rationales stay in `study.teacher_runs`.

    Raises:
        ModelError: the teacher gives no answer at all.
    """
    if study.teacher_runs is None:
        teaching = teaching or study.teacher_settings or TeacherSettings()
        study.progress.stage("bootstrapping demonstrations")
        study.teacher_runs = _reused(study, teaching) if teaching.saved is not None else _asked(study, teaching)
        for name, pool in study.pools.items():
            study.pools[name] = _joined(pool, bootstrapped(study, name))
    return study.teacher_runs


def bootstrapped(study: Study, name: str) -> tuple[Demo, ...]:
    """Return a predictor's demos from the teacher's runs; none if there were no runs."""
    return demos_of_traces(study.teacher_runs.traces, name, study.signatures[name]) if study.teacher_runs else ()


def _joined(pool: Iterable[Demo], more: Iterable[Demo]) -> tuple[Demo, ...]:
    """Return each demo once, those of `pool` first."""
    return tuple({repr(demo): demo for demo in (*pool, *more)}.values())


def _reused(study: Study, teaching: TeacherSettings) -> TeacherRuns:
    """Return the saved traces whose rows are in the demo pool: other rows are for comparing and scoring."""
    rows, saved = {row.id for row in study.train}, list(teaching.saved or ())
    good = [trace for trace in saved if trace.row in rows and trace.score >= teaching.threshold]
    return TeacherRuns(traces=good, ignored=len(saved) - len(good), reasoning=teaching.reasoning)


def _asked(study: Study, teaching: TeacherSettings) -> TeacherRuns:
    plain = bootstrap(study, _teachers_candidate(study, teaching), teaching)
    if not teaching.reasoning:
        return plain
    study.progress.stage("bootstrapping rationales")
    reasons = bootstrap(study, _reasoning_candidate(study, teaching), teaching, wanted=teaching.rationales)
    return TeacherRuns(
        traces=[*plain.traces, *reasons.traces],
        tried=plain.tried + reasons.tried,
        passed=plain.passed + reasons.passed,
        failed=plain.failed + reasons.failed,
        reasoning=True,
        stopped=plain.stopped or reasons.stopped,
    )


def _teachers_candidate(study: Study, teaching: TeacherSettings) -> Candidate:
    """Return the prompts of runs without rationales, with a few labelled demos if there are some and they fit.

    The student is asked in a layout that the search uses. Another teacher is asked in words that name the outcomes.
    """
    window = (teaching.teacher or study.model).context_window
    for size in range(SHOWN, -1, -1):
        demos = {
            name: balanced(signature, study.pools[name], size=size, rng=study.rng)
            for name, signature in study.signatures.items()
        }
        candidate = _with_demos(study, teaching, demos)
        if study.fits(candidate, window=window):
            break
    return candidate


def _with_demos(study: Study, teaching: TeacherSettings, demos: Mapping[str, tuple[Demo, ...]]) -> Candidate:
    if teaching.teacher is None:
        return study.candidate(study.layouts[0], demos, origin="student as teacher")
    asked = study.in_words()
    prompts = {name: prompt.model_copy(update={"demos": demos[name]}) for name, prompt in asked.prompts.items()}
    return replace(asked, prompts=prompts, origin="teacher")


def _reasoning_candidate(study: Study, teaching: TeacherSettings) -> Candidate:
    layout = _worded_layout(study, teaching)
    asked = study.in_words()
    prompts = {
        name: asked_to_reason(signature, asked.prompts[name], layout) if signature.may_reason else asked.prompts[name]
        for name, signature in study.signatures.items()
    }
    return replace(asked, prompts=prompts, origin="teacher, reasoning")


def _worded_layout(study: Study, teaching: TeacherSettings) -> Layout:
    """Return a layout that shows the instructions."""
    if teaching.teacher is not None:
        return layout_named(ZERO_SHOT)
    return next(layout for layout in study.layouts if layout.instructions_at != "none")
