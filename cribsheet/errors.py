"""Every error that Cribsheet raises.

CribsheetError
 +-- SignatureError          a signature that cannot become a prompt
 +-- DataError               rows that cannot be read, or do not fit the signature
 +-- LayoutError             an unknown or impossible layout
 +-- MetricError             a metric that raises, or returns something other than a number
 +-- ProgramError            a program whose own code raises
 +-- WorkspaceError          a task, optimizer or folder that does not exist
 +-- FrozenFileError         a frozen file that is edited, truncated or too new
 +-- CompileError            a compile that cannot start or continue
 |    +-- BudgetError        the budget is too small for one candidate
 +-- ExportError             a frozen prompt that cannot be exported to this target
 |    +-- BundleError         source code that cannot be put into one file
 +-- ServeError              a server that cannot start
 +-- UnreadableCompletionError   a completion that cannot be parsed into the signature's outputs
 +-- ModelError              the model gave no completion
      +-- UnknownModelError  no model has this name
      +-- AddressError       the server's address is malformed
      +-- MissingExtraError  the package that the model needs is not installed
      +-- UnreachableError   no server answers at the address
      +-- TransientError     a failure that may not happen again if the call is repeated
      |    +-- TimedOutError          no answer within the time that one request may take
      |    +-- BrokenOffError         the connection ended before the answer did
      +-- PromptError        the model does not accept this prompt, but it may accept others
      |    +-- ContextOverflowError   the prompt is longer than the context window
      |    +-- PromptStyleError   the server does not accept this style of prompt, chat or raw
      |    +-- RefusedError   the server refuses the prompt, for example because of a content filter
      +-- AbandonedError     Ctrl-C was pressed twice, so the answer is not waited for
      +-- WeightsError       weights that cannot be fetched or verified

Each message says what happened, the value received, and what to do next.
"""


class CribsheetError(Exception):
    """Base of all errors that the user can fix."""


class SignatureError(CribsheetError):
    """A signature that cannot become a prompt."""


class DataError(CribsheetError):
    """Rows that cannot be read, or do not fit the signature."""


class LayoutError(CribsheetError):
    """An unknown or impossible layout."""


class MetricError(CribsheetError):
    """A metric that raised, or returned something other than a number."""


class ProgramError(CribsheetError):
    """A program whose own code raised, if there is no score to count that in."""


class WorkspaceError(CribsheetError):
    """A task, optimizer or folder that does not exist."""


class FrozenFileError(CribsheetError):
    """A frozen file that was edited or truncated, or has a newer format."""


class CompileError(CribsheetError):
    """A compile that cannot start or continue."""


class BudgetError(CompileError):
    """A budget that is too small for one candidate."""


class ExportError(CribsheetError):
    """An unknown target, or a prompt that the target cannot express."""


class BundleError(ExportError):
    """Source of the runtime that cannot be put into one file of the standard library alone."""


class ServeError(CribsheetError):
    """A server that cannot start."""


class UnreadableCompletionError(CribsheetError):
    """A completion that cannot be parsed into the signature's outputs."""


class ModelError(CribsheetError):
    """The model gave no completion."""


class UnknownModelError(ModelError):
    """A name that no model has."""


class AddressError(ModelError):
    """A malformed server address."""


class MissingExtraError(ModelError):
    """A model whose package is not installed."""


class UnreachableError(ModelError):
    """A server that does not answer."""


class TransientError(ModelError):
    """A failure that may not happen again if the call is repeated: a time-out, HTTP 429 or 5xx.

    `status` is the HTTP status of the reply; 0 if there was none. `retry_after` is the number of seconds that the
    server asks to wait before the next attempt; 0 if it does not say.
    """

    def __init__(self, message: str, *, status: int = 0, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after


class TimedOutError(TransientError):
    """A request that was not answered within the time that it may take."""


class BrokenOffError(TransientError):
    """A connection that ended before the answer did, as when a server is stopped or crashes."""


class PromptError(ModelError):
    """A prompt that the model does not accept, although it may accept others."""


class ContextOverflowError(PromptError):
    """A prompt longer than the model's context window."""


class PromptStyleError(PromptError):
    """A prompt whose style, chat or raw, the server does not accept."""


class RefusedError(PromptError):
    """A prompt that the server refuses, for example because of a content filter."""


class AbandonedError(ModelError):
    """A completion that is no longer waited for, because Ctrl-C was pressed twice."""


class WeightsError(ModelError):
    """Model weights that cannot be downloaded or do not match their checksum."""


def told(error: BaseException) -> str:
    """Return the type and the message of an exception, which the user's code may have made of anything.

    >>> told(ValueError("no number"))
    'ValueError: no number'
    >>> told(SystemExit(3))
    'sys.exit(3) was called'
    """
    if isinstance(error, SystemExit):
        return f"{_exit_call(error)} was called"
    try:
        return f"{type(error).__name__}: {error}"
    except Exception as failure:  # noqa: BLE001 - the user's own __str__ may raise anything
        return f"{type(error).__name__}, whose message cannot be shown: its __str__ raised {type(failure).__name__}"


def deed(error: BaseException) -> str:
    """Return what the user's code did that ended with an exception.

    >>> deed(ValueError("no number")), deed(SystemExit("bye"))
    ('raised ValueError: no number', "called sys.exit('bye')")
    """
    return f"called {_exit_call(error)}" if isinstance(error, SystemExit) else f"raised {told(error)}"


def _exit_call(error: SystemExit) -> str:
    code = error.code
    return f"sys.exit({'' if code is None else repr(code) if isinstance(code, int | str) else '…'})"
