"""Read the addresses of servers."""

import ipaddress
import re
import socket
from typing import Literal
from urllib.parse import urlsplit

from cribsheet.errors import AddressError

OLLAMA_PORT = 11434
_THIS_MACHINE = "127.0.0.1"
_PORTS = {"http": 80, "https": 443}
_FORBIDDEN = re.compile(r"[\s\x00-\x1f\x7f\"'<>\\^`{|}%*,;!()=&$]")

Dialect = Literal["ollama", "openai"]


def read_address(text: str, *, dialect: Dialect, source: str) -> str:
    """Return the URL of a server, without a slash at the end.

    Ollama's address may lack its parts, which are then those that Ollama's own client takes: `http`, 127.0.0.1 and
    11434, or 80 and 443 after `http://` and `https://`. An OpenAI-compatible server has no port of its own.
    Blanks and quotes around the address are dropped. `source` is the option or variable that error messages name.

    >>> read_address("localhost", dialect="ollama", source="OLLAMA_HOST")
    'http://localhost:11434'
    >>> read_address("::1", dialect="ollama", source="OLLAMA_HOST")
    'http://[::1]:11434'
    >>> read_address(" localhost:8080/v1/ ", dialect="openai", source="--api-base")
    'http://localhost:8080/v1'

    Raises:
        AddressError: no server can be at that address.
    """
    try:
        return _read(text.strip().strip("\"'").strip(), dialect)
    except ValueError as error:
        example = "127.0.0.1:11434" if dialect == "ollama" else "http://127.0.0.1:8080/v1"
        raise AddressError(
            f"{source} is {text!r}, which is no address of a server: {error}. Write it like {example}."
        ) from None


def is_this_machine(url: str) -> bool:
    """Tell whether a URL leads to this machine.

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
    scheme, mark, rest = text.partition("://")
    if not mark:
        scheme, rest = "http", text
    if scheme.lower() not in _PORTS:
        raise ValueError(f"it begins with {scheme + mark!r} in place of http:// or https://")
    if not rest and (mark or dialect == "openai"):
        raise ValueError("it names no host")
    try:
        parts = urlsplit(f"http://{_bracketed(rest)}")
    except ValueError:
        raise ValueError("its brackets do not enclose an IPv6 address") from None
    if "@" in parts.netloc and dialect == "openai":
        raise ValueError("it holds a user's name, which a frozen file would show to its readers")
    port, host, path = _port(parts.netloc), _host(parts.hostname), parts.path.strip("/")
    if not port and dialect == "ollama":
        # As Ollama's client has it: the usual port of a scheme only if that is written, and in small letters.
        port = _PORTS.get(scheme, OLLAMA_PORT) if mark else OLLAMA_PORT
    return f"{scheme.lower()}://{host}{f':{port}' if port else ''}{f'/{path}' if path else ''}"


def _bracketed(rest: str) -> str:
    """Put brackets around an IPv6 address that stands without them."""
    host, slash, path = rest.partition("/")
    return f"[{host}]{slash}{path}" if _is_ipv6(host) else rest


def _port(netloc: str) -> int | None:
    digits = re.sub(r".*\]", "", netloc.rpartition("@")[2]).partition(":")[2]
    if not digits:
        return None
    if ":" in digits:
        raise ValueError("an IPv6 address that has a port needs brackets, as in [::1]:8080")
    if not (digits.isascii() and digits.isdecimal() and int(digits) < 2**16):
        raise ValueError(f"its port {digits!r} is no number from 1 to 65535")
    return int(digits)


def _host(name: str | None) -> str:
    """Return the host as a URL has it; `hostname` of `urlsplit` lacks the brackets of IPv6."""
    host = name or _THIS_MACHINE
    if ":" in host:
        if not _is_ipv6(host):
            raise ValueError(f"[{host}] is no IPv6 address")
        return f"[{host}]"
    if found := _FORBIDDEN.search(host):
        raise ValueError(f"{found[0]!r} cannot be part of a host's name")
    try:
        host.encode("idna")
    except UnicodeError:
        raise ValueError(f"{host!r} is no name of a host") from None
    if host in _PORTS:
        raise ValueError(f"{host!r} is no host")
    return host


def _is_ipv6(host: str) -> bool:
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
