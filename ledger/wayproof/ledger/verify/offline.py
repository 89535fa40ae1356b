"""What a bundle proves by itself: with no network, no server and no clock."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from wayproof.ledger.evidence import ReadingProof, check_reading
from wayproof.ledger.hexadecimal import to_address, to_hex
from wayproof.ledger.leaves import details_hash, handoff_leaf
from wayproof.ledger.notes import Checkpoint, NoteKey, open_note
from wayproof.ledger.signatures import check_signature
from wayproof.ledger.typed_data import digest
from wayproof.ledger.verify.bundle import Bundle
from wayproof.ledger.verify.report import Check, failed, guarded, judged, passed, unchecked
from wayproof.model.errors import InvalidInput
from wayproof.model.handoff import Party, SigningDomain
from wayproof.model.merkle import leaf_hash, root_from_inclusion


@dataclass(frozen=True, kw_only=True, slots=True)
class Trusted:
    """What the verifier knows from elsewhere, and does not take from the bundle. None: it does not know."""

    log_key: NoteKey | None = None
    chain_id: int | None = None
    #: Address, 20 bytes.
    contract: bytes | None = None
    #: Keccak-256 of the contract's code on the chain; None: the code that belongs to this version of Wayproof.
    code_hash: bytes | None = None


def check_offline(bundle: Bundle, trusted: Trusted) -> Iterator[Check]:
    """Everything that can be told of a bundle without a chain."""
    signed = bundle.signed
    words = digest(bundle.domain, signed.handoff)
    yield passed("format", f"handoff {signed.handoff.seq} of {signed.handoff.item}, digest {to_hex(words)}")
    yield _domain(bundle, trusted)
    yield _details(bundle)
    for party, key, signature in (
        (Party.RELEASER, signed.handoff.releaser, signed.releaser_signature),
        (Party.RECEIVER, signed.handoff.receiver, signed.receiver_signature),
    ):
        yield guarded(f"{party} signature", partial(_signature, party, words, key, signature))
    yield _log_key(bundle, trusted)
    checkpoint = _opened(bundle)
    yield checkpoint if isinstance(checkpoint, Check) else _signed_checkpoint(checkpoint)
    if isinstance(checkpoint, Checkpoint):
        yield guarded("inclusion", partial(_inclusion, bundle, checkpoint))
        yield _anchor(bundle, checkpoint)
    yield _seen(bundle)
    for number, proof in enumerate(bundle.evidence):
        yield guarded(f"evidence {number}", partial(_reading, bundle, proof, f"evidence {number}"))


def _domain(bundle: Bundle, trusted: Trusted) -> Check:
    found = bundle.domain
    wanted = SigningDomain(
        chain_id=found.chain_id if trusted.chain_id is None else trusted.chain_id,
        contract=trusted.contract or found.contract,
    )
    if found != wanted:
        return failed("domain", f"signed for {_place(found)}, expected {_place(wanted)}")
    if trusted.chain_id is None or trusted.contract is None:
        return unchecked(
            "domain",
            f"signed for {_place(found)}, which only the bundle says; compare it with what the log's operator "
            "publishes, and give --contract and --chain-id",
        )
    return passed("domain", f"signed for {_place(found)}, as expected")


def _place(domain: SigningDomain) -> str:
    return f"contract {to_address(domain.contract)} on chain {domain.chain_id}"


def _details(bundle: Bundle) -> Check:
    if bundle.details is None:
        return unchecked("details", f"erased at {bundle.erased_at}, says who made the bundle: nothing to compare")
    found = details_hash(bundle.details.content, bundle.details.salt)
    signed = bundle.signed.handoff.details_hash
    if found != signed:
        return failed(
            "details", f"details and detailsSalt hash to {to_hex(found)}, both parties signed {to_hex(signed)}"
        )
    return passed("details", "are the ones that both parties signed")


def _signature(party: Party, words: bytes, key: bytes, signature: bytes) -> Check:
    check_signature(words, signature, key, who=party)
    return passed(f"{party} signature", f"by key {to_address(key)}")


def _log_key(bundle: Bundle, trusted: Trusted) -> Check:
    if trusted.log_key is None:
        return unchecked(
            "log key",
            f"{bundle.log_key.vkey} is only what the bundle says; compare it with what the log's operator publishes, "
            "and give --log-key",
        )
    holds = trusted.log_key == bundle.log_key
    return judged(
        "log key", f"{bundle.log_key.vkey}" + ("" if holds else f", expected {trusted.log_key.vkey}"), holds=holds
    )


def _opened(bundle: Bundle) -> Checkpoint | Check:
    try:
        return open_note(bundle.checkpoint, bundle.log_key)
    except InvalidInput as error:
        return failed("checkpoint", str(error))


def _signed_checkpoint(checkpoint: Checkpoint) -> Check:
    return passed(
        "checkpoint", f"signed by {checkpoint.origin}: {checkpoint.size} leaves, root {to_hex(checkpoint.root)}"
    )


def _inclusion(bundle: Bundle, checkpoint: Checkpoint) -> Check:
    leaf = leaf_hash(handoff_leaf(bundle.signed, bundle.salt))
    found = root_from_inclusion(leaf=leaf, index=bundle.leaf_index, size=checkpoint.size, proof=bundle.inclusion)
    if found != checkpoint.root:
        return failed(
            "inclusion",
            f"record, signatures, salt, leafIndex and inclusion lead to the root {to_hex(found)}, the checkpoint has "
            f"{to_hex(checkpoint.root)}",
        )
    return passed("inclusion", f"record and signatures are leaf {bundle.leaf_index} of {checkpoint.size}")


def _anchor(bundle: Bundle, checkpoint: Checkpoint) -> Check:
    anchor = bundle.anchor
    if anchor is None:
        return unchecked("anchor", "the checkpoint is not anchored yet; fetch the bundle again later")
    for name, found, wanted in (
        ("chain and contract", anchor.domain, bundle.domain),
        ("size", anchor.size, checkpoint.size),
        ("root", anchor.root, checkpoint.root),
    ):
        if found != wanted:
            return failed("anchor", f"its {name} differs from the checkpoint's or the domain's")
    return passed("anchor", "names exactly this checkpoint, and the contract that the parties signed for")


def _seen(bundle: Bundle) -> Check:
    seen, leaf_index = bundle.signed.handoff.seen_size, bundle.leaf_index
    if not seen:
        return unchecked("seen checkpoint", "the parties had seen none: not before when they signed is not told")
    if seen > leaf_index:
        return failed("seen checkpoint", f"of {seen} leaves, more than stand before leaf {leaf_index}")
    return passed("seen checkpoint", f"the parties signed after the first {seen} leaves were logged")


def _reading(bundle: Bundle, proof: ReadingProof, name: str) -> Check:
    device, stored = check_reading(bundle.signed.handoff, proof)
    at = stored.reading.observed_at.isoformat()
    return passed(name, f"reading of {device} at {at} is among the {bundle.signed.handoff.evidence_size}")
