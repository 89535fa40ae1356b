"""The bundle: everything that proves one handoff, as JSON (docs/verifying.md). Read strictly or not at all."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

from wayproof.ledger.evidence import ReadingProof
from wayproof.ledger.hexadecimal import HASH_BYTES, from_address, from_hex, shown
from wayproof.ledger.leaves import SALT_BYTES, signed_handoff
from wayproof.ledger.notes import NoteKey, parse_vkey
from wayproof.ledger.strict_json import strict_json
from wayproof.ledger.typed_data import MAX_INTEGER, time_of
from wayproof.model.errors import InvalidInput
from wayproof.model.handoff import SignedHandoff, SigningDomain

T = TypeVar("T")

FORMAT: Final = "wayproof-bundle/v1"
MAX_BYTES: Final = 65_536
"""A bundle without proofs of single readings takes less than 4 KiB; with 64 of them it stays below this."""
MAX_PATH: Final = 64
"""Hashes of an inclusion proof: a tree of 2^53 leaves needs 53."""
MAX_READINGS: Final = 64
_READING_BYTES: Final = 8_192

_REQUIRED: Final = frozenset({
    "format", "domain", "record", "signatures", "salt", "leafIndex", "inclusion", "checkpoint", "logKey", "anchor",
})  # fmt: skip
_DETAILS: Final = frozenset({"details", "detailsSalt"})
_ERASED: Final = frozenset({"erased"})
_ANCHOR: Final = frozenset({"chainId", "contract", "size", "root", "txHash", "blockNumber", "blockHash", "blockTime"})


@dataclass(frozen=True, kw_only=True, slots=True)
class AnchorClaim:
    """Where on the chain the checkpoint is said to stand."""

    domain: SigningDomain
    size: int
    root: bytes
    tx_hash: bytes
    block_number: int
    block_hash: bytes
    block_time: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Details:
    """What `detailsHash` of the record commits to."""

    content: Mapping[str, Any]
    salt: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Bundle:
    """A bundle that is well-formed; nothing of it is verified."""

    domain: SigningDomain
    signed: SignedHandoff
    #: None: erased, at `erased_at`.
    details: Details | None
    erased_at: datetime | None
    salt: bytes
    leaf_index: int
    inclusion: tuple[bytes, ...]
    #: A signed note.
    checkpoint: str
    log_key: NoteKey
    anchor: AnchorClaim | None
    evidence: tuple[ReadingProof, ...]


def parse_bundle(data: bytes) -> Bundle:
    """The bundle in these bytes. InvalidInput with a JSON pointer where it is not exactly of the format."""
    with _below(""):
        document = strict_json(data, max_bytes=MAX_BYTES)
        members = _members(document)
        if members["format"] != FORMAT:
            raise InvalidInput(f"/format: expected {FORMAT}, got {shown(members['format'])}", pointer="/format")
        details, erased_at = _details(members)
    signatures = _object(members["signatures"], {"releaser", "receiver"}, "/signatures")
    with _below("", "/record"):
        signed = signed_handoff(members["record"], signatures)
    with _below("/logKey"):
        log_key = parse_vkey(_text(members["logKey"], ""))
    return Bundle(
        domain=_domain(_object(members["domain"], {"chainId", "contract"}, "/domain"), "/domain"),
        signed=signed,
        details=details,
        erased_at=erased_at,
        salt=from_hex(members["salt"], SALT_BYTES, pointer="/salt"),
        leaf_index=_number(members["leafIndex"], "/leafIndex"),
        inclusion=_path(members["inclusion"], "/inclusion"),
        checkpoint=_text(members["checkpoint"], "/checkpoint"),
        log_key=log_key,
        anchor=None if members["anchor"] is None else _anchor(members["anchor"]),
        evidence=tuple(_items(members.get("evidence", []), MAX_READINGS, "/evidence", _reading)),
    )


@contextmanager
def _below(prefix: str, within: str = "") -> Iterator[None]:
    """Gives errors of what is read inside a pointer from the document's root; `within` is where they mean."""
    try:
        yield
    except InvalidInput as error:
        inner = error.pointer or ""
        # Signatures come with their own whole pointer, the record's members with one from the record.
        pointer = prefix + (inner if inner.startswith("/signatures") else within + inner)
        text = str(error).removeprefix(f"{inner}: ") if inner else str(error)
        raise InvalidInput(f"{pointer or 'bundle'}: {text}", pointer=pointer) from None


def _members(document: Any) -> Mapping[str, Any]:
    if not isinstance(document, dict):
        raise InvalidInput(f"expected a JSON object, got {shown(document)}")
    names = document.keys() - {"evidence"}
    of_details = _ERASED if "erased" in names else _DETAILS
    return _object(document, _REQUIRED | of_details | (document.keys() & {"evidence"}), "")


def _object(value: Any, names: set[str] | frozenset[str], pointer: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise InvalidInput(f"{pointer}: expected a JSON object, got {shown(value)}", pointer=pointer)
    for wrong, problem in ((names - value.keys(), "is missing"), (value.keys() - names, "is unknown")):
        if wrong:
            at = f"{pointer}/{min(wrong)}"
            raise InvalidInput(f"{shown(at)}: {problem}", pointer=at)
    return value


def _details(members: Mapping[str, Any]) -> tuple[Details | None, datetime | None]:
    if "erased" in members:
        erased = _object(members["erased"], {"details", "erasedAt"}, "/erased")
        if erased["details"] is not True:
            raise InvalidInput("/erased/details: expected true", pointer="/erased/details")
        return None, _time(erased["erasedAt"], "/erased/erasedAt")
    content = members["details"]
    if not isinstance(content, dict):
        raise InvalidInput(f"/details: expected a JSON object, got {shown(content)}", pointer="/details")
    return Details(content=content, salt=from_hex(members["detailsSalt"], SALT_BYTES, pointer="/detailsSalt")), None


def _anchor(value: Any) -> AnchorClaim:
    members = _object(value, _ANCHOR, "/anchor")
    return AnchorClaim(
        domain=_domain(members, "/anchor"),
        size=_number(members["size"], "/anchor/size"),
        root=from_hex(members["root"], HASH_BYTES, pointer="/anchor/root"),
        tx_hash=from_hex(members["txHash"], HASH_BYTES, pointer="/anchor/txHash"),
        block_number=_number(members["blockNumber"], "/anchor/blockNumber"),
        block_hash=from_hex(members["blockHash"], HASH_BYTES, pointer="/anchor/blockHash"),
        block_time=_time(members["blockTime"], "/anchor/blockTime"),
    )


def _domain(members: Mapping[str, Any], pointer: str) -> SigningDomain:
    return SigningDomain(
        chain_id=_number(members["chainId"], f"{pointer}/chainId"),
        contract=from_address(members["contract"], pointer=f"{pointer}/contract"),
    )


def _reading(value: Any, pointer: str) -> ReadingProof:
    members = _object(value, {"data", "index", "path"}, pointer)
    return ReadingProof(
        data=_bytes(members["data"], f"{pointer}/data"),
        index=_number(members["index"], f"{pointer}/index"),
        path=_path(members["path"], f"{pointer}/path"),
    )


def _path(value: Any, pointer: str) -> tuple[bytes, ...]:
    return tuple(_items(value, MAX_PATH, pointer, lambda each, at: from_hex(each, HASH_BYTES, pointer=at)))


def _items(value: Any, most: int, pointer: str, read: Callable[[Any, str], T]) -> Iterator[T]:
    if not isinstance(value, list) or len(value) > most:
        got = f"{len(value)}" if isinstance(value, list) else shown(value)
        raise InvalidInput(f"{pointer}: expected a list of at most {most}, got {got}", pointer=pointer)
    return (read(each, f"{pointer}/{number}") for number, each in enumerate(value))


def _bytes(value: Any, pointer: str) -> bytes:
    size = len(value) // 2 - 1 if isinstance(value, str) else 0
    if not 0 < size <= _READING_BYTES:
        raise InvalidInput(f"{pointer}: expected 0x and 1 to {_READING_BYTES} bytes in hexadecimal", pointer=pointer)
    return from_hex(value, size, pointer=pointer)


def _text(value: Any, pointer: str) -> str:
    if not isinstance(value, str):
        raise InvalidInput(f"{pointer}: expected a text, got {shown(value)}", pointer=pointer)
    return value


def _number(value: Any, pointer: str) -> int:
    if type(value) is not int or not 0 <= value <= MAX_INTEGER:  # a bool is no number here
        raise InvalidInput(
            f"{pointer}: expected a whole number from 0 to {MAX_INTEGER}, got {shown(value)}", pointer=pointer
        )
    return value


def _time(value: Any, pointer: str) -> datetime:
    return time_of(_number(value, pointer), pointer=pointer)
