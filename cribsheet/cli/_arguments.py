"""Arguments of a command as text."""

import sys
from collections.abc import Iterable

import click


def argument_text(value: str) -> str:
    """Return an argument as text: its bytes are read as UTF-8 if the locale has another encoding.

    Raises:
        ValueError: if the bytes are not UTF-8.
    """
    try:
        value.encode()
    except UnicodeEncodeError:  # Python keeps bytes that it cannot decode as halves of surrogate pairs
        return _decoded(value)
    return value


def check_no_nul(arguments: Iterable[str], ctx: click.Context) -> None:
    """Refuse an argument with the character NUL, which no path and no prompt can have."""
    for argument in arguments:
        if "\0" in argument:
            raise click.UsageError(f"The argument {argument!r} has the character NUL. Remove it.", ctx=ctx)


def check_names(command: click.Command, ctx: click.Context) -> None:
    """Refuse names of models, tasks and the like that the locale could not decode; names of files may be any bytes."""
    for param in command.params:
        value = ctx.params.get(param.name or "")
        if not (isinstance(value, str) and isinstance(param.type, click.types.StringParamType)):
            continue
        try:
            text = argument_text(value)
        except ValueError as error:
            raise click.BadParameter(f"{error}.", ctx=ctx, param=param) from None
        if text != value:
            raise click.BadParameter(
                f"{text!r} cannot be read as {sys.getfilesystemencoding()}, in which Python takes arguments here. "
                "Set PYTHONUTF8=1, or use a locale of UTF-8 such as LC_ALL=C.UTF-8.",
                ctx=ctx,
                param=param,
            )


def _decoded(value: str) -> str:
    try:
        return value.encode("utf-8", "surrogateescape").decode()
    except UnicodeDecodeError as error:
        byte = f"byte 0x{error.object[error.start]:02x} at offset {error.start}"
    except UnicodeEncodeError as error:
        byte = f"half of a surrogate pair at position {error.start}"
    raise ValueError(f"{value!r} is not UTF-8, {byte}. Give it in UTF-8")
