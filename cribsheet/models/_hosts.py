"""Read the address of a server that is reached through httpx."""

from urllib.parse import urlsplit

from cribsheet.models.addresses import Dialect, no_address, read_address


def read_server(text: str, *, dialect: Dialect, source: str) -> str:
    """Return the URL of a server as `read_address` does, if httpx accepts its host name too.

    Like browsers, httpx follows IDNA 2008 (RFC 5891), which permits fewer characters than Python's own codec does.

    >>> read_server("http://bücher.example", dialect="openai", source="--api-base")
    'http://bücher.example'

    Raises:
        AddressError: the text is not a valid server address.
    """
    url = read_address(text, dialect=dialect, source=source)
    host = urlsplit(url).hostname or ""
    if not host.isascii() or "xn--" in host:
        import idna  # imported here because few host names need its tables

        try:
            idna.decode(idna.encode(host))
        except UnicodeError as error:
            raise no_address(text, f"{host!r} is not a host name ({error})", dialect=dialect, source=source) from None
    return url
