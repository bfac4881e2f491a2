"""Open the teacher of a compile."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path

from cribsheet.dataset.traces import Trace, read_traces, write_traces
from cribsheet.errors import CompileError
from cribsheet.models import Model, open_model
from cribsheet.models.cache import CachedModel
from cribsheet.search.bootstrap.teaching import TeacherSettings
from cribsheet.search.study import Study
from cribsheet.settings import Settings
from cribsheet.signature import Signature


@contextmanager
def open_teacher(
    settings: Settings,
    student: CachedModel,
    signatures: Mapping[str, Signature],
    *,
    notice: Callable[[str], None],
    teacher: Model | None = None,
) -> Iterator[TeacherSettings | None]:
    """Yield the settings for bootstrapping, with saved traces or an open teacher; the teacher is closed afterwards.

    Yield None if no setting asks for bootstrapping. A given `teacher` is used instead of the one in the settings.
    `notice` is told if a busy teacher is waited for.

    Raises:
        DataError: if the file of traces cannot be read.
        CompileError: if its traces are from another teacher.
    """
    if not (settings.bootstraps or teacher):
        yield None
        return
    saved = _saved(settings, signatures)
    is_needed = teacher is None and saved is None and _names_another(settings, student)
    with _opened(settings, notice) if is_needed else nullcontext(teacher) as opened:
        yield TeacherSettings(
            teacher=CachedModel(opened, student.cache, meter=student.meter) if opened else None,
            samples=TeacherSettings.samples if settings.samples is None else settings.samples,
            threshold=TeacherSettings.threshold if settings.threshold is None else settings.threshold,
            reasoning=settings.reasoning,
            saved=saved,
        )


def keep_traces(settings: Settings, study: Study) -> None:
    """Write new traces to the file that the settings name; do nothing if they were read from it, or if none passed."""
    is_new = study.teacher_settings is not None and study.teacher_settings.saved is None
    if settings.traces and is_new and study.teacher_runs and study.teacher_runs.traces:
        write_traces(settings.traces, study.teacher_runs.traces)


def _saved(settings: Settings, signatures: Mapping[str, Signature]) -> tuple[Trace, ...] | None:
    if not (settings.traces and Path(settings.traces).exists()):
        return None
    saved = read_traces(settings.traces, signatures)
    others = sorted({trace.teacher for trace in saved} - {settings.teacher})
    if settings.teacher and others:
        raise CompileError(
            f"{settings.traces} holds traces of {', '.join(others)}, not only of {settings.teacher}. Leave out "
            "--teacher to use them, or name another file for new traces."
        )
    return saved


def _names_another(settings: Settings, student: Model) -> bool:
    is_student = settings.teacher == student.name and settings.teacher_api_base in (None, settings.api_base)
    return bool(settings.teacher) and not is_student


def _opened(settings: Settings, notice: Callable[[str], None]) -> "closing[Model]":
    name, served = settings.teacher or "", settings.teacher_api_base
    return closing(open_model(name, api_base=served, timeout=settings.timeout, notice=notice))
