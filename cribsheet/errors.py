"""Every error that Cribsheet raises.

CribsheetError
 +-- SignatureError          a signature that cannot become a prompt
 +-- DataError               rows that cannot be read, or do not fit the signature
 +-- LayoutError             an unknown or impossible layout
 +-- MetricError             a metric that raises, or gives no number
 +-- WorkspaceError          a task, optimizer or folder that is not there
 +-- FrozenFileError         a frozen file that is edited, truncated or too new
 +-- CompileError            a compile that cannot start or go on
 |    +-- BudgetError        the budget does not cover one candidate
 +-- ExportError             a frozen prompt that cannot be exported so
 |    +-- BundleError         source that cannot be put into one file
 +-- UnreadableCompletionError   a completion that holds no value of the signature
 +-- ModelError              a completion that cannot be had
      +-- UnknownModelError  the name leads to no model
      +-- AddressError       an address where no server can be
      +-- MissingExtraError  the package behind the model is not installed
      +-- UnreachableError   no server answers there
      +-- TransientError     a fault that a later call may not meet again
      +-- ContextOverflowError   the prompt is longer than the context window
      +-- PromptStyleError   the server takes no prompts of this style, chat or raw
      +-- AbandonedError     a second Ctrl-C: the answer is not waited for
      +-- WeightsError       weights that cannot be fetched or verified

Each message says what happened, the value received, and what to do next.
"""


class CribsheetError(Exception):
    """Base of all errors that are the user's to mend."""


class SignatureError(CribsheetError):
    """A signature that cannot become a prompt."""


class DataError(CribsheetError):
    """Rows that cannot be read, or do not fit the signature."""


class LayoutError(CribsheetError):
    """An unknown or impossible layout."""


class MetricError(CribsheetError):
    """A metric that raised, or gave something that is not a number."""


class WorkspaceError(CribsheetError):
    """A task, optimizer or folder that is not there."""


class FrozenFileError(CribsheetError):
    """A frozen file that is edited, truncated, or of a newer format."""


class CompileError(CribsheetError):
    """A compile that cannot start or go on."""


class BudgetError(CompileError):
    """A budget that does not cover one candidate."""


class ExportError(CribsheetError):
    """An unknown target, or a prompt that the target cannot express."""


class BundleError(ExportError):
    """Source of the runtime that cannot be put into one file of the standard library alone."""


class UnreadableCompletionError(CribsheetError):
    """A completion that holds no value of the signature."""


class ModelError(CribsheetError):
    """A completion that cannot be had."""


class UnknownModelError(ModelError):
    """A model name that leads to no model."""


class AddressError(ModelError):
    """An address where no server can be."""


class MissingExtraError(ModelError):
    """A model whose package is not installed."""


class UnreachableError(ModelError):
    """A server that does not answer."""


class TransientError(ModelError):
    """A fault that a later call may not meet again: a time-out, a 429, a 5xx."""


class ContextOverflowError(ModelError):
    """A prompt longer than the model's context window."""


class PromptStyleError(ModelError):
    """A prompt of a style, chat or raw, that the server does not take."""


class AbandonedError(ModelError):
    """A completion that is not waited for any longer, since Ctrl-C was pressed twice."""


class WeightsError(ModelError):
    """Weights that cannot be fetched, or are not what they should be."""
