"""Parse the address of a server."""

import ipaddress
import re
import socket
import unicodedata
from typing import Literal
from urllib.parse import urlsplit

from cribsheet.errors import AddressError
from cribsheet.text import shortened

SERVED_BY = "X-Served-By"
"""The header in which `cribsheet serve` names itself."""
OLLAMA_PORT = 11434
LLAMA_SERVER_PORT = 9931
"""The default port of llama-server since 2026; see `OLD_LLAMA_SERVER_PORT`."""
OLD_LLAMA_SERVER_PORT = 8080
"""The default port of llama-server before 2026."""
LLAMA_SERVER = f"http://localhost:{LLAMA_SERVER_PORT}"
"""The address of a llama-server on this machine."""
_THIS_MACHINE = "127.0.0.1"
_PORTS = {"http": 80, "https": 443}
_FORBIDDEN = re.compile(r"[\s\x00-\x1f\x7f\"'<>\\^`{|}%*,;!()=&$]")
_UNSENDABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
"""Matches a control character, and half a character, as Python makes of an argument that is not UTF-8."""

_HALF_SCHEME = re.compile(r"(https?)(:[/\\]|:(?=[^/]*[.:\\])|[/\\]{2})", re.IGNORECASE)
"""Matches a scheme that is not followed by `://`, but is no host name with a port either."""

Dialect = Literal["ollama", "openai"]


def read_address(text: str, *, dialect: Dialect, source: str) -> str:
    """Return the URL of a server, without a slash at the end.

    Parts that are missing from an Ollama address get the defaults of Ollama's own client: scheme `http`, host
    127.0.0.1, port 11434. After an explicit `http://` or `https://`, the default port is 80 or 443. OpenAI-compatible
    servers have no default port. Spaces and quotes around the address are dropped. `source` is the option or
    environment variable that error messages name.

    >>> read_address("localhost", dialect="ollama", source="OLLAMA_HOST")
    'http://localhost:11434'
    >>> read_address("::1", dialect="ollama", source="OLLAMA_HOST")
    'http://[::1]:11434'
    >>> read_address(" localhost:8080/v1/ ", dialect="openai", source="--api-base")
    'http://localhost:8080/v1'

    Raises:
        AddressError: the text is not a valid server address.
    """
    try:
        return _read(text.strip().strip("\"'").strip(), dialect)
    except ValueError as error:
        raise no_address(text, str(error), dialect=dialect, source=source) from None


def no_address(text: str, reason: str, *, dialect: Dialect, source: str) -> AddressError:
    """Return the error for a text that is not the address of a server."""
    example = f"127.0.0.1:{OLLAMA_PORT}" if dialect == "ollama" else f"http://127.0.0.1:{LLAMA_SERVER_PORT}/v1"
    return AddressError(
        f"{source} is {shortened(repr(text))}, which is not the address of a server: {shortened(reason)}. Write it "
        f"like {example}."
    )


def with_path(url: str) -> str:
    """Return the base URL of an OpenAI-compatible server, with the usual path `/v1` if the URL has none.

    >>> with_path("http://127.0.0.1:8080"), with_path("http://127.0.0.1:8080/api/v1")
    ('http://127.0.0.1:8080/v1', 'http://127.0.0.1:8080/api/v1')
    """
    return url if "/" in url.partition("://")[2] else f"{url}/v1"


def is_this_machine(url: str) -> bool:
    """Return whether a URL leads to this machine.

    >>> is_this_machine("http://127.0.0.2:8080/v1"), is_this_machine("http://192.168.0.2:8080")
    (True, False)
    """
    host = (urlsplit(url).hostname or "").rstrip(".")
    if host == "localhost" or host.endswith(".localhost"):
        return True
    address = _as_ip(host)
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return address is not None and (address.is_loopback or address.is_unspecified)


def _read(text: str, dialect: Dialect) -> str:
    if found := _UNSENDABLE.search(text):
        raise ValueError(f"{found[0]!r} cannot be part of an address")
    scheme, mark, rest = text.partition("://")
    if not mark:
        scheme, rest = "http", text
    if scheme.lower() not in _PORTS:
        raise ValueError(f"it begins with {scheme + mark!r} instead of http:// or https://")
    if not rest and (mark or dialect == "openai"):
        raise ValueError("it names no host")
    if not mark and (begun := _HALF_SCHEME.match(text)):
        raise ValueError(f"{begun[1]!r} is a scheme, not a host name, and {begun[2]!r} after it is not '://'")
    try:
        parts = urlsplit(f"http://{_bracketed(rest)}")
    except ValueError:
        raise ValueError("its brackets do not enclose an IPv6 address") from None
    if "@" in parts.netloc and dialect == "openai":
        raise ValueError("it contains a user name, which a frozen file would show to its readers")
    if dialect == "openai" and (parts.query or parts.fragment):
        left_out = f"?{parts.query}" if parts.query else f"#{parts.fragment}"
        raise ValueError(f"it ends with {left_out!r}, which would not be sent with the requests")
    port, host, path = (
        _port(parts.netloc, least=1 if dialect == "openai" else 0),
        _host(parts.hostname),
        parts.path.strip("/"),
    )
    if not port and dialect == "ollama":
        # As in Ollama's client: the scheme's usual port applies only if the scheme is written, in lower case.
        port = _PORTS.get(scheme, OLLAMA_PORT) if mark else OLLAMA_PORT
    return f"{scheme.lower()}://{host}{f':{port}' if port else ''}{f'/{path}' if path else ''}"


def _bracketed(rest: str) -> str:
    """Put brackets around an IPv6 address that has none."""
    host, slash, path = rest.partition("/")
    return f"[{host}]{slash}{path}" if _is_ipv6(host) else rest


def _port(netloc: str, *, least: int) -> int | None:
    digits = re.sub(r".*\]", "", netloc.rpartition("@")[2]).partition(":")[2]
    if not digits:
        return None
    if ":" in digits and "::" not in netloc:
        raise ValueError(f"it names more than one port: {digits!r}")
    if ":" in digits:
        raise ValueError("an IPv6 address with a port needs brackets, as in [::1]:8080")
    if not (digits.isascii() and digits.isdecimal() and least <= int(digits) < 2**16):
        raise ValueError(f"its port {digits!r} is not a number from 1 to 65535")
    return int(digits)


def _host(name: str | None) -> str:
    """Return the host as it is written in a URL: with brackets if it is an IPv6 address."""
    host = name or _THIS_MACHINE
    if ":" in host:
        if not _is_ipv6(host):
            raise ValueError(f"[{host}] is not an IPv6 address")
        return f"[{host}]"
    if found := _FORBIDDEN.search(host):
        raise ValueError(f"{found[0]!r} cannot be part of a host name")
    if not host.isascii() and (address := _as_ip(unicodedata.normalize("NFKC", host))):
        raise ValueError(f"{host!r} is not written in ASCII; {str(address)!r} may be meant")
    if re.fullmatch(r"[0-9]+(\.[0-9]+){3}", host) and _as_ip(host) is None:
        raise ValueError(f"{host!r} is not an IPv4 address, whose numbers are from 0 to 255")
    try:
        host.encode("idna")
    except UnicodeError:
        raise ValueError(f"{host!r} is not a host name") from None
    if host in _PORTS:
        raise ValueError(f"{host!r} is a scheme, not a host name")
    return host


def _is_ipv6(host: str) -> bool:
    if not host.isascii():  # Python would accept any text as the zone after `%`
        return False
    try:
        ipaddress.IPv6Address(host)
    except ValueError:
        return False
    return True


def _as_ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))  # short forms, such as 127.1
    except (OSError, ValueError):
        return None
