"""Decide which requests go through an HTTP proxy."""

import os
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, getproxies_environment, proxy_bypass

from cribsheet.errors import ModelError
from cribsheet.models import forks
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
    known = _names(proxies)
    missing = [name for name in dict.fromkeys([*_OWN_NAMES, urlsplit(url).hostname or ""]) if name not in known]
    if not missing or "*" in known:
        return False
    # urllib reads the lower-case variable first, other clients the upper-case one.
    os.environ["no_proxy"] = os.environ["NO_PROXY"] = ",".join([*known, *missing])
    return True


def http_client(url: str, **options: Any) -> Any:
    """Return an httpx client for a server; see `route` for the proxy and for what it raises."""
    with forks.importing:
        import httpx  # imported here because it takes 0.2 seconds, which embedded models need not spend

    return httpx.Client(**route(url), **options)


def route(url: str) -> dict[str, Any]:
    """Return the httpx options that send requests through the proxy for a URL, or directly if there is none.

    httpx itself reads all variables of the environment, so that a mistake in one would stop requests that it does not
    apply to. So only those that apply are read here, and httpx reads none.

    Raises:
        ModelError: the proxy, or the file of certificates, cannot be used.
    """
    options: dict[str, Any] = {
        "trust_env": False,
        "verify": _certificates() if url.startswith("https:") else _no_certificates(),
    }
    if proxy := _proxy_for(url):
        import httpx

        address = proxy[1] if "://" in proxy[1] else f"http://{proxy[1]}"
        try:
            httpx.HTTPTransport(verify=False, proxy=address).close()
        except (ValueError, ImportError, httpx.InvalidURL) as error:
            raise _bad_proxy(proxy[0], error, url) from error
        options["proxy"] = address
    return options


def _certificates() -> Any:
    """Return the certificates that secure connections are checked with, which the environment may name."""
    import httpx

    try:
        return httpx.create_ssl_context()
    except OSError as error:
        raise bad_certificates(error) from error


def _no_certificates() -> Any:
    """Return settings that trust no server, for requests without TLS; reading certificates takes 40 milliseconds."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def bad_certificates(error: Exception) -> ModelError:
    """Return the error for certificates that cannot be read."""
    reason = getattr(error, "strerror", None) or str(error)
    told = [name for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if os.environ.get(name)]
    if not told:
        return ModelError(f"The certificates for https cannot be read: {reason}. Set SSL_CERT_FILE to a file of them.")
    return ModelError(
        f"{told[0]} is {os.environ[told[0]]!r}, where no certificates can be read: {reason}. Set it to a file of "
        "certificates, or unset it."
    )


def bad_variable(url: str, reason: str) -> ModelError | None:
    """Return the error for the environment variable that keeps a client of LiteLLM from being made; None if none does.

    Such a client reads all variables that name proxies, even those that do not apply to a URL. `url` is empty for a
    hosted model, and `reason` is what the client says.
    """
    import httpx

    proxies = getproxies()
    for kind in sorted(set(proxies) & {"http", "https", "all"}):
        address = proxies[kind]
        try:
            httpx.HTTPTransport(verify=False, proxy=address if "://" in address else f"http://{address}").close()
        except (ValueError, ImportError, httpx.InvalidURL) as failure:
            return _bad_proxy(_variable(kind), failure, url)
    if not proxies.get("no"):
        return None
    return ModelError(f"{_variable('no')} is {proxies['no']!r}, which cannot be read: {reason}. Correct it.")


def _bad_proxy(variable: str, error: Exception, url: str) -> ModelError:
    """Return the error for a proxy that cannot be used."""
    what = f" for {url}" if url else ""
    mend = "add the server's host to NO_PROXY" if url else "unset it"
    return ModelError(
        f"The proxy that {variable} names cannot be used{what}: {_first_line(error)}. Correct the variable, or {mend}."
    )


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__).rstrip(".")


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


def proxy_wants_password(url: str, status: int) -> ModelError | None:
    """Return the error for a proxy that asks who the user is; None if the reply is not about that."""
    proxy = _proxy_for(url or "https://hosted")
    if status != 407 or proxy is None:
        return None
    variable, address = proxy[0], _without_password(proxy[1])
    scheme, mark, host = address.rpartition("://")
    way = f", or add {urlsplit(url).hostname} to NO_PROXY to avoid it" if url else ""
    does = (
        "does not accept the user name and password in" if "@" in proxy[1] else "expects a user name and a password in"
    )
    return ModelError(
        f"The proxy {address} {does} {variable} (status 407). Set it to {scheme or 'http'}{mark or '://'}USER:PASSWORD@{host}"
        f"{way}."
    )


def proxy_of(url: str) -> tuple[str, str] | None:
    """Return the environment variable that names the proxy for a URL, and the proxy's address; None if there is none.

    The address comes without user name or password.
    """
    proxy = _proxy_for(url)
    return proxy and (proxy[0], _without_password(proxy[1]))


def _proxy_for(url: str) -> tuple[str, str] | None:
    """Return the variable and the address as it is written; requests to this machine never take a proxy."""
    parts, proxies = urlsplit(url), getproxies()
    if is_this_machine(url) or not parts.hostname:
        return None
    is_direct = "*" in _names(proxies) or proxy_bypass(parts.hostname) or proxy_bypass(parts.netloc)
    kind = next((kind for kind in (parts.scheme, "all") if proxies.get(kind)), None)
    return None if is_direct or kind is None else (_variable(kind), proxies[kind])


def _names(proxies: Mapping[str, str]) -> list[str]:
    """Return the hosts that are reached without a proxy."""
    return [name.strip() for name in proxies.get("no", "").split(",") if name.strip()]


def _variable(kind: str) -> str:
    """Return the name of the set variable for a kind of proxy; the lower-case name takes precedence."""
    name = f"{kind}_proxy"
    found = sorted((one for one in os.environ if one.lower() == name and os.environ[one]), reverse=True)
    return found[0] if found else "the system's configuration"


def _without_password(address: str) -> str:
    scheme, mark, rest = address.rpartition("://")
    return f"{scheme}{mark}{rest.rpartition('@')[2]}"
