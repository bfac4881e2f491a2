"""Keep requests to this machine away from proxies, and name the proxy that other requests go through."""

import os
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies_environment, proxy_bypass

from cribsheet.errors import ModelError
from cribsheet.models.addresses import is_this_machine

_OWN_NAMES = ("localhost", "127.0.0.1", "::1", "0.0.0.0")


def keep_direct(url: str) -> bool:
    """Have no client of this process reach this machine through a proxy; return whether the environment was changed.

    LiteLLM makes its HTTP clients by itself, several kinds of them. All heed `NO_PROXY` when they are made, so that is
    where the names of this machine are entered, if the environment names proxies at all.
    """
    proxies = getproxies_environment()
    if not is_this_machine(url) or not set(proxies) - {"no"}:
        return False
    known = [name.strip() for name in proxies.get("no", "").split(",") if name.strip()]
    missing = [name for name in dict.fromkeys([*_OWN_NAMES, urlsplit(url).hostname or ""]) if name not in known]
    if not missing or "*" in known:
        return False
    # urllib reads the variable in small letters first, others the one in capitals.
    os.environ["no_proxy"] = os.environ["NO_PROXY"] = ",".join([*known, *missing])
    return True


def http_client(url: str, **options: Any) -> Any:
    """Return an httpx client for a server, which goes through a proxy only if another machine is reached by one.

    Raises:
        ModelError: the environment names a proxy that cannot be used.
    """
    import httpx  # here, for it takes a fifth of a second that other models need not pay

    try:
        return httpx.Client(**direct(url), **options)
    except (ValueError, ImportError, httpx.InvalidURL) as error:
        raise bad_proxy(url, error) from error


def direct(url: str) -> dict[str, Any]:
    """Return the options of an httpx client that reaches this machine without a proxy; none for another machine."""
    if not is_this_machine(url):
        return {}
    import httpx

    # Without the environment there would be no SSL_CERT_FILE either.
    return {"trust_env": False, **({"verify": httpx.create_ssl_context()} if url.startswith("https:") else {})}


def bad_proxy(url: str, error: Exception) -> ModelError:
    """Return the error for a proxy that cannot be used."""
    proxy = proxy_of(url)
    variable = proxy[0] if proxy else "HTTP_PROXY, HTTPS_PROXY or ALL_PROXY"
    reason = str(error).splitlines()[0].rstrip(".")
    return ModelError(
        f"The proxy that {variable} names cannot be used for {url}: {reason}. Correct the variable, or put the "
        "server's host into NO_PROXY."
    )


def through_proxy(url: str) -> str:
    """Return a sentence for error messages that names the proxy of requests to a server; empty if there is none.

    The URL of a hosted model is not known: it is empty.
    """
    proxy = proxy_of(url or "https://hosted")
    if proxy is None:
        return ""
    variable, address = proxy
    said = f" The request went through the proxy {address} that {variable} names"
    return f"{said}: put {urlsplit(url).hostname} into NO_PROXY to avoid it." if url else f"{said}."


def proxy_of(url: str) -> tuple[str, str] | None:
    """Return the variable that names the proxy of requests to a server, and its address; None if there is none."""
    parts = urlsplit(url)
    proxies = getproxies_environment()
    if is_this_machine(url) or not parts.hostname or proxy_bypass(parts.hostname):
        return None
    kind = next((kind for kind in (parts.scheme, "all") if proxies.get(kind)), None)
    if kind is None:
        return None
    variable = next(_spellings(f"{kind}_proxy"), f"{kind}_proxy")
    return variable, _without_password(proxies[kind])


def _spellings(name: str) -> Iterator[str]:
    """Yield the variables that are set, of those that are spelled so but for capitals: small letters count first."""
    yield from sorted((one for one in os.environ if one.lower() == name and os.environ[one]), reverse=True)


def _without_password(address: str) -> str:
    scheme, mark, rest = address.rpartition("://")
    return f"{scheme}{mark}{rest.rpartition('@')[2]}"
