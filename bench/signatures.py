"""How fast handoffs are signed and checked in one process, against eth_account's own functions in the same run.

A handoff here is the whole way: record, two signatures, the check of both, canonical JSON, salt, leaf.
Both sides sign the same words; the other side makes no leaf and insists on no low s, so it has the lighter task.
Seconds are of the process on one core: all is arithmetic, so waiting for a busy machine does not count. "On all cores"
is the sum over a process a core, all at once: a machine's cores slow one another down. Threads share one interpreter's
lock, and two of them check no more than one.

    python -m bench.signatures [--handoffs 4000] [--rounds 3] [--peer-handoffs 100]
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import TypeVar

from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_hash.auto import keccak as their_keccak

from bench.report import Result, at_least, figure, report
from wayproof.ledger.keccak import keccak
from wayproof.ledger.leaves import details_hash, handoff_leaf, new_salt
from wayproof.ledger.signatures import KeySigner, check_signatures, sign_handoff, signer_of
from wayproof.ledger.typed_data import digest, typed_data
from wayproof.model.handoff import ZERO_HASH, Handoff, SignedHandoff, SigningDomain
from wayproof.model.merkle import leaf_hash

_T = TypeVar("_T")
_CORES = len(os.sched_getaffinity(0))
_KEYS = (bytes(31) + b"\x01", bytes(31) + b"\x02")
_RELEASER, _RECEIVER = (KeySigner(key) for key in _KEYS)
_DOMAIN = SigningDomain(chain_id=31_337, contract=bytes(range(20)))
_DETAILS = {
    "place": "https://id.gs1.org/414/9521321000010",
    "goods": [{"lot": "A-17", "quantity": 18, "unit": "pallet"}],
    "seals": ["NL-204417"],
    "temperature": {"verdict": "kept", "min_c": 2.1, "max_c": 7.4},
}


def handoffs(count: int) -> list[Handoff]:
    """As many different handoffs, all between two parties."""
    first = Handoff(
        item="https://id.gs1.org/00/340123450000000018",
        seq=1,
        prev=ZERO_HASH,
        releaser=_RELEASER.address,
        receiver=_RECEIVER.address,
        occurred_at=datetime(2026, 3, 1, 9, tzinfo=UTC),
        expires_at=datetime(2026, 3, 2, 9, tzinfo=UTC),
        details_hash=bytes(31) + b"\x0d",
        evidence_root=bytes(31) + b"\x0e",
        evidence_size=1_440,
        seen_size=1_000_000,
        seen_root=bytes(31) + b"\x0f",
    )
    return [replace(first, item=f"https://id.gs1.org/00/34012345{number:010}") for number in range(count)]


def sign_both(handoff: Handoff) -> SignedHandoff:
    """Details and both signatures, as the parties make them."""
    ready = replace(handoff, details_hash=details_hash(_DETAILS, new_salt()))
    return SignedHandoff(
        handoff=ready,
        releaser_signature=sign_handoff(_DOMAIN, ready, _RELEASER),
        receiver_signature=sign_handoff(_DOMAIN, ready, _RECEIVER),
    )


def accept(signed: SignedHandoff) -> bytes:
    """Both signatures checked, and the leaf's hash."""
    check_signatures(_DOMAIN, signed)
    return leaf_hash(handoff_leaf(signed, new_salt()))


def sign_and_check_by_eth_account(handoff: Handoff) -> None:
    """The same two signatures and their check, as a program that uses eth_account would."""
    document = typed_data(_DOMAIN, handoff)
    for key, signer in zip(_KEYS, (_RELEASER, _RECEIVER), strict=True):
        message = encode_typed_data(full_message=document)
        signed = Account.sign_message(message, key)
        found = Account.recover_message(encode_typed_data(full_message=document), signature=signed.signature)
        assert bytes.fromhex(found[2:]) == signer.address


def rate_hz(work: Callable[[_T], object], values: Sequence[_T]) -> float:
    """How many values the work takes in a second of one core's time."""
    started = time.process_time()
    for value in values:
        work(value)
    return len(values) / (time.process_time() - started)


def checks_hz(signatures: Sequence[tuple[bytes, bytes]]) -> float:
    """How many signatures are checked in a second of one core's time."""
    return rate_hz(lambda pair: signer_of(*pair), signatures)


def one_round(count: int, peer_count: int, cores: ProcessPoolExecutor) -> dict[str, float]:
    """Rates of both sides."""
    drafts = handoffs(count)
    signed = [sign_both(handoff) for handoff in drafts]
    signatures = [(digest(_DOMAIN, one.handoff), one.releaser_signature) for one in signed]
    words = [one for one, _ in signatures]
    return {
        "keccak": rate_hz(keccak, words) / rate_hz(their_keccak, words),
        "digests": rate_hz(lambda handoff: digest(_DOMAIN, handoff), drafts),
        "checks": checks_hz(signatures),
        "checks on all cores": sum(cores.map(checks_hz, [signatures] * _CORES)),
        "acceptances": rate_hz(accept, signed),
        "handoffs": rate_hz(lambda handoff: accept(sign_both(handoff)), drafts),
        "peer": rate_hz(sign_and_check_by_eth_account, drafts[:peer_count]),
    }


def main() -> int:
    """Runs the rounds and reports the median of each rate."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--handoffs", type=int, default=4_000)
    parser.add_argument("--peer-handoffs", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with ProcessPoolExecutor(_CORES) as cores:
        rounds = [one_round(options.handoffs, options.peer_handoffs, cores) for _ in range(options.rounds)]
    return report("signatures", results(rounds))


def results(rounds: Sequence[dict[str, float]]) -> list[Result]:
    """The median over the rounds, and of the ratio of each."""
    rate = {name: statistics.median(each[name] for each in rounds) for name in rounds[0]}
    ratio = statistics.median(each["handoffs"] / each["peer"] for each in rounds)
    return [
        at_least("Keccak-256 / eth_hash's of pycryptodome", rate["keccak"], "ratio", 3),
        figure("digests of a handoff", rate["digests"], "1/s"),
        figure("signatures checked on one core", rate["checks"], "1/s"),
        at_least(f"signatures checked on all {_CORES} cores", rate["checks on all cores"], "1/s", 20_000),
        figure("handoffs accepted: two checks, JSON, leaf", rate["acceptances"], "1/s"),
        at_least("handoffs made, signed twice and accepted", rate["handoffs"], "1/s", 2_000),
        figure("eth_account: signed twice and checked twice", rate["peer"], "1/s"),
        at_least("ours / eth_account, median of rounds", ratio, "ratio", 3),
    ]


if __name__ == "__main__":
    sys.exit(main())
