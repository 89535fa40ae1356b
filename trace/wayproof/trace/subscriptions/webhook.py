"""Posting to addresses that strangers have given: only to the public internet, whatever names resolve to.

A name is resolved once, every address it has is judged, and the connection goes to an address so judged: a name that
resolves to something else a moment later gains nothing. Redirects are not followed. What answers too slowly is cut off.
"""

import hmac
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from http.client import HTTPConnection, HTTPException
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from threading import Timer
from typing import Final
from urllib.parse import SplitResult, urlsplit

from wayproof.model.errors import InvalidInput

_PORTS: Final = {"https": 443, "http": 80}
_THIS_MACHINE: Final = "localhost"
_LONGEST: Final = 2_000
_MOST_ANSWER_BYTES: Final = 1 << 16
_NAT64: Final = IPv6Network("64:ff9b::/96")
_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")


class NotDelivered(Exception):
    """It did not reach the other side, or the other side did not take it; trying again later can help.

    Attributes:
        status: of the answer; None where there was none.
    """

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, kw_only=True, slots=True)
class Reach:
    """Where webhooks may go, and how long one may take."""

    #: Hosts, as they stand in addresses, that an operator allows although they are not public or not under TLS.
    allowed_hosts: frozenset[str] = frozenset()
    connect_timeout_s: float = 5.0
    #: For everything that comes after the connection: TLS, the request, and the answer to its end.
    total_timeout_s: float = 15.0


def check_dest(dest: str, reach: Reach) -> SplitResult:
    """The address in its parts; InvalidInput where nothing will ever be sent to it.

    What its name resolves to is judged when it is called.
    """
    try:
        parts = urlsplit(dest)
        port, host = parts.port, parts.hostname
    except ValueError as error:
        raise InvalidInput(f"dest: expected a URL, got {dest[:80]!r}", pointer="/dest") from error
    if not host or parts.scheme not in _PORTS or "@" in parts.netloc or port == 0 or not _is_plain(dest):
        raise InvalidInput(f"dest: expected https://host/path without credentials, got {dest[:80]!r}", pointer="/dest")
    if parts.scheme == "http" and host not in reach.allowed_hosts:
        raise InvalidInput("dest: expected https, got http", pointer="/dest")
    literal = _literal(host)
    if literal is not None and not _may_reach(host, literal, reach):
        raise InvalidInput(f"dest: expected a public address, got {host}", pointer="/dest")
    return parts


def post(dest: str, body: bytes, headers: Mapping[str, str], reach: Reach) -> None:
    """Posts `body`; raises NotDelivered unless the answer is 2xx, InvalidInput for an address that is never called."""
    parts = check_dest(dest, reach)
    connection = HTTPConnection(str(parts.hostname), parts.port or _PORTS[parts.scheme])
    try:
        connection.sock = _connected(parts, reach)
        with _cut_off(connection.sock, reach.total_timeout_s):
            status = _exchanged(connection, parts, body, headers)
    except (OSError, HTTPException, ValueError) as error:  # ValueError: a name that no name server can be asked for
        raise NotDelivered(f"{type(error).__name__}: {error}"[:200]) from error
    finally:
        connection.close()
    if not 200 <= status < 300:  # noqa: PLR2004 - the class of success
        raise NotDelivered(f"HTTP {status}", status=status)


def signature(token: str, body: bytes) -> str:
    """The value of `GS1-Signature`: HMAC with SHA-256 of the body, in hexadecimal."""
    return f"sha256={hmac.new(token.encode(), body, sha256).hexdigest()}"


def _exchanged(connection: HTTPConnection, parts: SplitResult, body: bytes, headers: Mapping[str, str]) -> int:
    if isinstance(connection.sock, ssl.SSLSocket):
        connection.sock.do_handshake()
    connection.request("POST", _target(parts), body, {"Host": parts.netloc, **headers, "Connection": "close"})
    response = connection.getresponse()
    response.read(_MOST_ANSWER_BYTES)
    return response.status


@contextmanager
def _cut_off(sock: socket.socket, after_s: float) -> Iterator[None]:
    """Ends the connection at a time: a time-out of a socket is one of each read, and what drips would last for ever."""
    watchdog = Timer(after_s, _cut, [sock])
    watchdog.daemon = True
    watchdog.start()
    try:
        yield
    finally:
        watchdog.cancel()


def _cut(sock: socket.socket) -> None:
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        sock.close()


def _connected(parts: SplitResult, reach: Reach) -> socket.socket:
    host = str(parts.hostname)
    port = parts.port or _PORTS[parts.scheme]
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [str(entry[4][0]) for entry in found]
    for address in addresses:
        if not _may_reach(host, ip_address(address.partition("%")[0]), reach):
            # Without the address: it may be one that only our own name servers tell.
            raise NotDelivered(f"{host} has an address that is not public")
    sock = _first_that_answers(addresses, port, reach)
    if parts.scheme == "http":
        return sock
    try:
        context = ssl.create_default_context()
        return context.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
    except BaseException:
        sock.close()
        raise


def _first_that_answers(addresses: list[str], port: int, reach: Reach) -> socket.socket:
    last: OSError = OSError("no address")
    for address in addresses[:2]:
        try:
            return socket.create_connection((address, port), timeout=reach.connect_timeout_s)
        except OSError as error:
            last = error
    raise last


def _target(parts: SplitResult) -> str:
    return f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"


def _is_plain(dest: str) -> bool:
    """Whether it can stand in a request line as it is."""
    return len(dest) <= _LONGEST and dest.isascii() and all(" " < char < "\x7f" for char in dest)


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    """The address that a host is by itself, in whatever form a resolver takes for one: 127.1, 0x7f.1, 2130706433."""
    if host.rstrip(".").rpartition(".")[2] == _THIS_MACHINE:  # RFC 6761 §6.3
        return IPv4Address("127.0.0.1")
    try:
        return ip_address(host.partition("%")[0])
    except ValueError:
        pass
    try:
        return IPv4Address(socket.inet_aton(host))
    except OSError:
        return None


def _may_reach(host: str, address: IPv4Address | IPv6Address, reach: Reach) -> bool:
    return host in reach.allowed_hosts or is_public(address)


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address belongs to the public internet, also when it only wraps an address of IPv4."""
    if isinstance(address, IPv6Address):
        wrapped = _wrapped(address)
        if wrapped is not None:
            return is_public(wrapped)
        if address not in _GLOBAL_UNICAST:
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _wrapped(address: IPv6Address) -> IPv4Address | None:
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None)
