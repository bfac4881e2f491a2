"""Import LiteLLM as Cribsheet uses it."""

import os
import warnings
from typing import Any

from cribsheet.models import forks
from cribsheet.models._hosts import read_server
from cribsheet.models._proxies import bad_certificates


def import_litellm() -> Any:
    """Import and return the package `litellm`, which takes seconds, so call this only if it is needed.

    Raises:
        ModelError: the environment names certificates that cannot be read.
    """
    # Unless this is set before the import, LiteLLM downloads a price list, with three attempts.
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    try:
        with forks.importing:
            import litellm
    except OSError as error:  # LiteLLM reads the certificates for https when it is imported
        raise bad_certificates(error) from error

    litellm.suppress_debug_info = True
    # LiteLLM reads unusual replies into types that do not fit them. Users cannot do anything about these warnings.
    warnings.filterwarnings("ignore", message="Pydantic serializer warnings")
    return litellm


def address_of(api_base: str | None, provider: str) -> str:
    """Return the server's address from --api-base or the environment; empty for a hosted model."""
    name = provider.removeprefix("text-completion-")
    variables = ("OPENAI_BASE_URL", "OPENAI_API_BASE") if name == "openai" else (f"{provider.upper()}_API_BASE",)
    for source, value in (("--api-base", api_base), *((name, os.environ.get(name)) for name in variables)):
        if value:
            return read_server(value, dialect="openai", source=source)
    return ""
