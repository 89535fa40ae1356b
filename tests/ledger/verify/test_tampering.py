"""Whatever is changed in a bundle, verification fails and names the part."""

import json
from collections.abc import Iterator
from typing import Any, Final

import pytest

from wayproof.ledger.hexadecimal import to_address, to_hex
from wayproof.ledger.notes import NoteSigner, open_note, parse_vkey, sign_checkpoint
from wayproof.ledger.verify import Status, Trusted, Verdict, verify
from wayproof.model.errors import InvalidInput

from fix_verify import TRUSTED, Proven, malleated

#: The check that fails when something at or below a pointer is changed.
NAMED: Final = {
    "/domain/chainId": "domain",
    "/domain/contract": "domain",
    "/record": "releaser signature",
    "/record/detailsHash": "details",
    "/record/evidenceRoot": "evidence 0",
    "/record/seenRoot": "seen root",
    "/signatures/releaser": "releaser signature",
    "/signatures/receiver": "receiver signature",
    "/details": "details",
    "/detailsSalt": "details",
    "/salt": "inclusion",
    "/leafIndex": "inclusion",
    "/inclusion": "inclusion",
    "/checkpoint": "checkpoint",
    "/logKey": "log key",
    "/anchor/chainId": "anchor",
    "/anchor/contract": "anchor",
    "/anchor/size": "anchor",
    "/anchor/root": "anchor",
    "/anchor/txHash": "anchor transaction",
    "/anchor/blockNumber": "anchor transaction",
    "/anchor/blockHash": "anchor block",
    "/anchor/blockTime": "anchor block",
    "/evidence": "evidence 0",
}


def places(value: Any, pointer: str = "") -> Iterator[str]:
    """Pointers to everything in a document, itself left out."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield f"{pointer}/{key}"
        yield from places(each, f"{pointer}/{key}")


def parent(document: Any, pointer: str) -> tuple[Any, Any]:
    """What holds the value at a pointer, and by which key."""
    *path, last = pointer.split("/")[1:]
    for key in path:
        document = document[int(key)] if isinstance(document, list) else document[key]
    return document, int(last) if isinstance(document, list) else last


def others(value: Any) -> list[Any]:  # noqa: PLR0911 - one a kind
    """Other values of the same kind, close to one."""
    match value:
        case bool():
            return [not value]
        case int():
            return [value + 1, max(value - 1, 0), 0, 2**53 - 1] if value else [1]
        case float():
            return [value + 0.5]
        case str() if value.startswith("0x") and len(value) == 42:
            return [to_address(bytes([byte]) * 20) for byte in (0, 1)]
        case str() if value.startswith("0x"):
            data = bytes.fromhex(value[2:])
            flipped = [bytes([data[0] ^ 0x80]) + data[1:], data[:-1] + bytes([data[-1] ^ 1]), bytes(len(data))]
            return [to_hex(each) for each in flipped]
        case str():
            return [value + "x", value[1:], value.swapcase()]
    return []


def found(data: bytes, url: str) -> set[str]:
    """Names of checks that fail, or the pointer at which it is no bundle."""
    try:
        report = verify(data, rpcs=[url], trusted=TRUSTED)
    except InvalidInput as error:
        return {error.pointer or "no pointer"}
    return {check.name for check in report.checks if check.status is Status.FAILED}


def is_named(pointer: str, names: set[str]) -> bool:
    """Whether what fails names the part that a pointer lies in: the nearest one of NAMED, or the place itself."""
    known = max((each for each in NAMED if f"{pointer}/".startswith(f"{each}/")), key=len, default="")
    near = pointer.rpartition("/")[0] if pointer.count("/") > 1 else pointer  # its object, or itself at the top
    return NAMED.get(known) in names or any(name.startswith(near) for name in names if name.startswith("/"))


def test_every_value_is_bound(proven: Proven) -> None:
    """Each value of a bundle changed to others of its kind: a check of its part fails, or its pointer is refused."""
    data, url = proven.with_reading(), proven.world.chain.url
    document = json.loads(data)
    missed = []
    for pointer in places(document):
        holder, key = parent(document, pointer)
        original = holder[key]
        for other in others(original):
            if other == original:
                continue
            holder[key] = other
            names = found(json.dumps(document).encode(), url)
            if not is_named(pointer, names):
                missed.append((pointer, original, other, names))
        holder[key] = original
    assert missed == []


def test_every_value_is_needed(proven: Proven) -> None:
    """Each value removed, or set to null or to another kind: a check of its part fails, or its pointer is refused."""
    data, url = proven.with_reading(), proven.world.chain.url
    places_of = list(places(json.loads(data)))
    missed = []
    for pointer in places_of:
        if pointer in {"/evidence", "/evidence/0"}:  # may be left out: then nothing is said of readings
            continue
        instead: Any
        for instead in (None, [], {}, 1.5, True, "", "remove"):
            document = json.loads(data)
            holder, key = parent(document, pointer)
            if instead == "remove":
                del holder[key]
            elif pointer == "/anchor" and instead is None:  # tested below: it says that there is no anchor
                continue
            else:
                holder[key] = instead
            names = found(json.dumps(document).encode(), url)
            if not is_named(pointer, names):
                missed.append((pointer, instead, names))
    assert missed == []


def test_values_of_one_kind_cannot_be_swapped(proven: Proven) -> None:
    """Two values of one kind swapped anywhere in the bundle: it fails."""
    document, url = json.loads(proven.with_reading()), proven.world.chain.url
    hashes = [each for each in places(document) if _is_hash(document, each)]
    missed = []
    for at, first in enumerate(hashes):
        for second in hashes[at + 1 :]:
            (one, key), (two, other) = parent(document, first), parent(document, second)
            if one[key] == two[other]:
                continue
            one[key], two[other] = two[other], one[key]
            if not found(json.dumps(document).encode(), url):
                missed.append((first, second))
            one[key], two[other] = two[other], one[key]
    assert missed == []


def _is_hash(document: Any, pointer: str) -> bool:
    holder, key = parent(document, pointer)
    return isinstance(holder[key], str) and holder[key].startswith("0x") and len(holder[key]) in {66, 132}


def test_every_bit_of_the_file_counts(proven: Proven) -> None:
    """A flipped bit at any byte of the file is found: by the file alone, or, where the chain is meant, by a node."""
    data, url = proven.data, proven.world.chain.url
    missed = []
    for at in range(len(data)):
        flipped = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        try:
            is_bad = verify(flipped, trusted=TRUSTED).verdict is Verdict.FAILED
        except InvalidInput:
            continue
        if not is_bad and not found(flipped, url):
            missed.append(at)
    assert missed == []


def test_keys_stand_once(proven: Proven) -> None:
    """A key that stands twice in any object is refused, even with the same value."""
    text = proven.with_reading().decode()
    for pointer in places(json.loads(text)):
        holder, key = parent(json.loads(text), pointer)
        if not isinstance(holder, dict):
            continue
        member = f"{json.dumps(key)}: {json.dumps(holder[key])}"
        twice = text.replace(member, f"{member}, {member}", 1)
        assert twice != text, pointer
        with pytest.raises(InvalidInput, match="more than once"):
            verify(twice.encode())


def test_unknown_keys_are_refused(proven: Proven) -> None:
    """A member that the format does not know is refused with its pointer; details alone may hold anything."""
    for holder in ("", "/domain", "/record", "/signatures", "/anchor", "/evidence/0"):
        document = json.loads(proven.with_reading())
        inside = document
        for key in holder.split("/")[1:]:
            inside = inside[int(key)] if isinstance(inside, list) else inside[key]
        inside["more"] = 1
        with pytest.raises(InvalidInput, match="more") as refused:
            verify(json.dumps(document).encode())
        assert (refused.value.pointer or "").startswith(holder)


@pytest.mark.parametrize("number", [2**53, -(2**53), 10**40, 1e300])
@pytest.mark.parametrize("member", ["seq", "occurredAt", "seenSize"])
def test_numbers_beyond_everybodys(proven: Proven, number: float, member: str) -> None:
    """Numbers that readers of JSON round are refused, with the reason."""
    data = proven.changed(lambda document: document["record"].update({member: number}))
    with pytest.raises(InvalidInput, match="the largest that everybody keeps"):
        verify(data)


@pytest.mark.parametrize("party", ["releaser", "receiver"])
def test_high_s(proven: Proven, party: str) -> None:
    """The second signature that mathematics allows for the same words is refused, with the reason."""

    def change(document: dict[str, Any]) -> None:
        signature = bytes.fromhex(document["signatures"][party][2:])
        document["signatures"][party] = to_hex(malleated(signature))

    check = verify(proven.changed(change)).check(f"{party} signature")
    assert check.status is Status.FAILED
    assert "upper half" in check.detail


def test_reordered_signatures(proven: Proven) -> None:
    """Each party's signature counts in its own place only."""

    def change(document: dict[str, Any]) -> None:
        signatures = document["signatures"]
        signatures["releaser"], signatures["receiver"] = signatures["receiver"], signatures["releaser"]

    report = verify(proven.changed(change))
    failed = {check.name for check in report.checks if check.status is Status.FAILED}
    assert failed == {"releaser signature", "receiver signature", "inclusion"}


def test_wrong_chain_id(proven: Proven) -> None:
    """Signatures for one chain hold for no other, whatever the bundle then says of itself."""

    def change(document: dict[str, Any]) -> None:
        document["domain"]["chainId"] = document["anchor"]["chainId"] = 1

    report = verify(proven.changed(change), rpcs=[proven.world.chain.url], trusted=Trusted())
    failed = {check.name for check in report.checks if check.status is Status.FAILED}
    assert failed == {"releaser signature", "receiver signature", "chain id"}


def test_another_logs_key(proven: Proven) -> None:
    """A checkpoint signed anew by another key holds by itself and fails against the pinned key and the event."""
    forger = NoteSigner(name="log.example/test", seed=bytes(32))

    def change(document: dict[str, Any]) -> None:
        checkpoint = open_note(document["checkpoint"], parse_vkey(document["logKey"]))
        document.update(checkpoint=sign_checkpoint(checkpoint, forger), logKey=forger.key.vkey)

    data = proven.changed(change)
    assert verify(data).verdict is Verdict.PASSED
    assert found(data, proven.world.chain.url) == {"log key", "anchor transaction"}


def test_taken_away_anchor_is_not_proof(proven: Proven) -> None:
    """A bundle without its anchor never says that it is anchored."""
    data = proven.changed(lambda document: document.update(anchor=None))
    report = proven.world.verify(data)
    assert report.verdict is Verdict.INCOMPLETE
    assert report.check("anchor").status is Status.UNCHECKED


def test_erased_details_prove_nothing(proven: Proven) -> None:
    """Erased details are unchecked, and nothing else fails."""

    def change(document: dict[str, Any]) -> None:
        del document["details"], document["detailsSalt"]
        document["erased"] = {"details": True, "erasedAt": 1_780_000_000}

    report = verify(proven.changed(change), trusted=TRUSTED)
    assert report.check("details").status is Status.UNCHECKED
    assert report.verdict is Verdict.PASSED
