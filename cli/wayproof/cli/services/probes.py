"""Whether a service answers: quick questions over loopback, asked while it starts."""

import http.client
import json
import re
import socket
import ssl
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

from pydantic import SecretStr

from wayproof.model.errors import Unavailable
from wayproof.store.pool import connect
from wayproof.store.settings import DatabaseSettings

_TIMEOUT_S: Final = 1.0
_HTTP_OK: Final = 200


def accepts(host: str, port: int) -> bool:
    """Whether somebody takes TCP connections there."""
    try:
        socket.create_connection((host, port), timeout=_TIMEOUT_S).close()
    except OSError:
        return False
    return True


def certificate_ends_at(host: str, port: int, trusted: str) -> datetime:
    """When the certificate ends that a TLS server shows; Unavailable, with the reason, where a client would refuse it.

    `trusted`: file of the certificates (PEM) that it must chain up to.
    """
    context = ssl.create_default_context(cafile=trusted)
    try:
        with (
            socket.create_connection((host, port), timeout=_TIMEOUT_S) as plain,
            context.wrap_socket(plain, server_hostname=host) as secure,
        ):
            shown: Any = secure.getpeercert()
    except ssl.SSLCertVerificationError as error:
        raise Unavailable(error.verify_message) from error
    except OSError as error:
        raise Unavailable(f"no TLS: {error}") from error
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(shown["notAfter"]), UTC)


def http_answers(port: int, path: str) -> bool:
    """Whether `GET path` on a loopback port is answered with 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_S)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == _HTTP_OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def database_answers(url: str) -> bool:
    """Whether a database lets us in."""
    try:
        connect(DatabaseSettings(url=SecretStr(url))).close()
    except Unavailable:
        return False
    return True


def chain_id(url: str) -> int | None:
    """The chain id that an Ethereum JSON-RPC endpoint tells, or None where it tells none (`eth_chainId`)."""
    answer = ask_chain(url, "eth_chainId")
    return int(answer, 16) if answer and answer != "0x" else None


def ask_chain(url: str, method: str, *params: str) -> str | None:
    """What an Ethereum JSON-RPC endpoint answers in hexadecimal, with 0x; None where it does not."""
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    make = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    connection = make(parts.hostname or "127.0.0.1", parts.port, timeout=_TIMEOUT_S)
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
    try:
        path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        connection.request("POST", path, body, {"content-type": "application/json"})
        answer = str(json.loads(connection.getresponse().read())["result"])
        return answer if _HEX.fullmatch(answer) else None
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
        return None
    finally:
        connection.close()


_HEX: Final = re.compile(r"0x[0-9a-fA-F]*")
