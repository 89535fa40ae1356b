"""JSON-RPC of an Ethereum node over HTTP, by the standard library.

A node may lie: nothing it says is taken as bytes or numbers before it was read strictly.
"""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from http.client import HTTPException
from typing import Any, Final
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request

from wayproof.ledger.hexadecimal import shown, to_address, to_hex
from wayproof.ledger.verify.fetch import fetch
from wayproof.model.errors import InvalidInput, Unavailable

TIMEOUT_S: Final = 15.0
_MAX_BYTES: Final = 16 * 1024 * 1024
_HEX: Final = re.compile("0x(?:[0-9a-fA-F]{2})*")
_NUMBER: Final = re.compile("0x[0-9a-fA-F]{1,16}")
_WORD: Final = 32


class RpcError(Unavailable):
    """A node answered that it does not answer this question."""


class Rpc:
    """One node. Every method raises Unavailable where it does not answer, or not as a node does."""

    def __init__(self, url: str, *, timeout_s: float = TIMEOUT_S) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise InvalidInput(f"expected the http or https URL of a node, got {shown(url)}")
        #: Host and port: paths and user names of providers' URLs are keys.
        self.name: Final = f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname
        self.url: Final = url
        self._timeout_s = timeout_s
        #: Whether it has kept us waiting for the whole time: it is not given that time again.
        self._is_silent = False

    def chain_id(self) -> int:
        """For which chain it speaks."""
        return number_of(self._ask("eth_chainId"))

    def block(self, which: int | str) -> Mapping[str, Any] | None:
        """A block by its number or tag; None where it has none."""
        return self._found("eth_getBlockByNumber", _tag(which), False)

    def block_by_hash(self, block_hash: bytes) -> Mapping[str, Any] | None:
        """A block by its hash, canonical or not; None where it has none."""
        return self._found("eth_getBlockByHash", to_hex(block_hash), False)

    def receipt(self, tx_hash: bytes) -> Mapping[str, Any] | None:
        """The receipt of a transaction; None where it has none."""
        return self._found("eth_getTransactionReceipt", to_hex(tx_hash))

    def code(self, address: bytes) -> bytes:
        """The code at an address."""
        return data_of(self._ask("eth_getCode", to_address(address), "latest"), None)

    def call(self, address: bytes, data: bytes) -> list[bytes]:
        """The words of 32 bytes that a call of a contract returns, on the latest state."""
        call = {"to": to_address(address), "data": to_hex(data)}
        answer = data_of(self._ask("eth_call", call, "latest"), None)
        return [answer[at : at + _WORD] for at in range(0, len(answer), _WORD)]

    def proof(self, address: bytes, slots: Sequence[bytes], number: int) -> Mapping[str, Any]:
        """What eth_getProof tells of storage slots (32 bytes each) after a block (EIP-1186)."""
        found = self._found("eth_getProof", to_address(address), [to_hex(slot) for slot in slots], hex(number))
        if found is None:
            raise RpcError(f"{self.name}: eth_getProof answers nothing")
        return found

    def _found(self, method: str, *params: Any) -> Mapping[str, Any] | None:
        found = self._ask(method, *params)
        if found is not None and not isinstance(found, dict):
            raise Unavailable(f"{self.name}: {method} answers {shown(found)}, expected an object")
        return found

    def _ask(self, method: str, *params: Any) -> Any:
        if self._is_silent:
            raise Unavailable(f"{self.name} is not asked {method}: it has kept us waiting for {self._timeout_s:g} s")
        try:
            answer = json.loads(self._post({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}))
        except HTTPError as error:
            with error:
                raise Unavailable(f"{self.name}: {method} is answered by HTTP {error.code}") from None
        except (OSError, HTTPException, ValueError, RecursionError) as error:
            self._is_silent = isinstance(error, TimeoutError)
            raise Unavailable(f"{self.name} does not answer {method}: {shown(str(error))}") from None
        if not isinstance(answer, dict) or ("result" not in answer and "error" not in answer):
            raise Unavailable(f"{self.name}: {method} is not answered as JSON-RPC 2.0 has it")
        if "error" in answer:
            fault = answer["error"]
            said = fault.get("message") if isinstance(fault, dict) else fault
            raise RpcError(f"{self.name} refuses {method}: {shown(said)}")
        return answer["result"]

    def _post(self, call: Mapping[str, Any]) -> bytes:
        headers = {"Content-Type": "application/json", "User-Agent": "wayproof"}
        request = Request(self.url, json.dumps(call).encode(), headers)  # noqa: S310 - http or https, see above
        return fetch(request, timeout_s=self._timeout_s, max_bytes=_MAX_BYTES)


def list_of(value: Any) -> list[Any]:
    """A list as a node writes it, empty where it is left out. Unavailable where it is none."""
    if value is None or isinstance(value, list):
        return value or []
    raise Unavailable(f"a node answers {shown(value)}, expected a list")


def data_of(value: Any, size: int | None, *, most: int = _MAX_BYTES) -> bytes:
    """Bytes as a node writes them, exactly `size` where that is given. Unavailable where it is none."""
    if isinstance(value, str) and _HEX.fullmatch(value):
        data = bytes.fromhex(value[2:])
        if len(data) == size or (size is None and len(data) <= most):
            return data
    raise Unavailable(f"a node answers {shown(value)}, expected {'some' if size is None else size} bytes as 0x…")


def number_of(value: Any) -> int:
    """A whole number below 2^64 as a node writes it. Unavailable where it is none."""
    if not isinstance(value, str) or not _NUMBER.fullmatch(value):
        raise Unavailable(f"a node answers {shown(value)}, expected a number as 0x…")
    return int(value, 16)


def time_of_seconds(seconds: int) -> datetime:
    """A time that a node tells, in seconds since 1970. Unavailable past the year 9999."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        raise Unavailable(f"a node tells the time {seconds}, expected one before the year 10000") from None


def _tag(which: int | str) -> str:
    return hex(which) if isinstance(which, int) else which
