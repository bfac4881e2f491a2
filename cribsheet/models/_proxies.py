"""Decide which requests go through an HTTP proxy."""

import os
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies_environment, proxy_bypass

from cribsheet.errors import ModelError
from cribsheet.models.addresses import is_this_machine

_OWN_NAMES = ("localhost", "127.0.0.1", "::1", "0.0.0.0")


def keep_direct(url: str) -> bool:
    """Add this machine to `NO_PROXY` if the URL leads to it; return whether the environment was changed.

    LiteLLM creates several kinds of HTTP clients itself. All of them read `NO_PROXY` when they are created, so the
    names of this machine are added there, if the environment names any proxy at all.
    """
    proxies = getproxies_environment()
    if not is_this_machine(url) or not set(proxies) - {"no"}:
        return False
    known = [name.strip() for name in proxies.get("no", "").split(",") if name.strip()]
    missing = [name for name in dict.fromkeys([*_OWN_NAMES, urlsplit(url).hostname or ""]) if name not in known]
    if not missing or "*" in known:
        return False
    # urllib reads the lower-case variable first, other clients the upper-case one.
    os.environ["no_proxy"] = os.environ["NO_PROXY"] = ",".join([*known, *missing])
    return True


def http_client(url: str, **options: Any) -> Any:
    """Return an httpx client for a server. It uses the environment's proxy, except for a server on this machine.

    Raises:
        ModelError: the environment names a proxy that cannot be used.
    """
    import httpx  # imported here because it takes 0.2 seconds, which embedded models need not spend

    try:
        return httpx.Client(**direct(url), **options)
    except (ValueError, ImportError, httpx.InvalidURL) as error:
        raise bad_proxy(url, error) from error


def direct(url: str) -> dict[str, Any]:
    """Return the httpx options that bypass proxies for a server on this machine; empty for another machine."""
    if not is_this_machine(url):
        return {}
    import httpx

    # `trust_env=False` also ignores SSL_CERT_FILE, so the certificates are loaded here.
    return {"trust_env": False, **({"verify": httpx.create_ssl_context()} if url.startswith("https:") else {})}


def bad_proxy(url: str, error: Exception) -> ModelError:
    """Return the error for a proxy that cannot be used."""
    proxy = proxy_of(url)
    variable = proxy[0] if proxy else "HTTP_PROXY, HTTPS_PROXY or ALL_PROXY"
    reason = str(error).splitlines()[0].rstrip(".")
    return ModelError(
        f"The proxy that {variable} names cannot be used for {url}: {reason}. Correct the variable, or add the "
        "server's host to NO_PROXY."
    )


def through_proxy(url: str) -> str:
    """Return a sentence for error messages that names the proxy used for a server; empty if there is none.

    `url` is empty for a hosted model, whose address is not known.
    """
    proxy = proxy_of(url or "https://hosted")
    if proxy is None:
        return ""
    variable, address = proxy
    said = f" The request went through the proxy {address} that {variable} names"
    return f"{said}. Add {urlsplit(url).hostname} to NO_PROXY to avoid the proxy." if url else f"{said}."


def proxy_of(url: str) -> tuple[str, str] | None:
    """Return the environment variable that names the proxy for a URL, and the proxy's address; None if there is none.

    The address comes without user name or password.
    """
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
    """Yield the set variables whose name matches in any case; a lower-case name comes first and takes precedence."""
    yield from sorted((one for one in os.environ if one.lower() == name and os.environ[one]), reverse=True)


def _without_password(address: str) -> str:
    scheme, mark, rest = address.rpartition("://")
    return f"{scheme}{mark}{rest.rpartition('@')[2]}"
