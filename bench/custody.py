"""Handoffs accepted end to end, and evidence over a leg, on a real PostgreSQL.

python -m bench.custody [--handoffs 4000] [--batch 250] [--readings 100000]
"""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from threading import Barrier
from typing import Final
from uuid import UUID

from bench.report import Result, at_least, at_most, figure, report
from bench.services import running_database
from wayproof.ledger import custody, drafts
from wayproof.ledger.custody import Answer
from wayproof.ledger.evidence import EvidenceTree
from wayproof.ledger.signatures import KeySigner
from wayproof.ledger.typed_data import claim_digest
from wayproof.model.custody import EvidenceLeg, StoredHandoff
from wayproof.model.handoff import Party
from wayproof.model.log import LogIdentity
from wayproof.model.telemetry import StoredReading
from wayproof.store import evidence, log, parties
from wayproof.store.partitions import open_days_ahead
from wayproof.store.pool import Conn, Pool, connect, open_pool, tenant_transaction
from wayproof.store.queries import load
from wayproof.store.settings import DatabaseSettings
from wayproof.store.tenants import create_tenant

_SQL: Final = load("custody", "bench")
_LOG: Final = LogIdentity(origin="log.example/bench", public_key=bytes(32), chain_id=31_337, contract=b"\1" * 20)
_BEGIN: Final = datetime(2026, 3, 2, tzinfo=UTC)
_SINGLE: Final = 200
_DETAILS: Final = {
    "place": "Dock 4",
    "goods": [{"name": "Vaccine", "quantity": 20, "unit": "pallet"}],
    "seals": ["A-1"],
}


@dataclass(frozen=True, kw_only=True)
class _Receiver:
    """Who answers."""

    pool: Pool
    tenant_id: UUID

    @contextmanager
    def transaction(self) -> Iterator[Conn]:
        with tenant_transaction(self.pool, self.tenant_id) as conn:
            yield conn


@dataclass(frozen=True, kw_only=True)
class _Side(_Receiver):
    """One party with its tenant and key."""

    party_id: UUID
    key: KeySigner


def main() -> int:
    """Drafts and offers handoffs, then measures their acceptance; then evidence over many readings."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--handoffs", type=int, default=4_000)
    parser.add_argument("--batch", type=int, default=250)
    parser.add_argument("--readings", type=int, default=100_000)
    options = parser.parse_args()
    with TemporaryDirectory(prefix="wayproof-bench-") as folder, running_database(Path(folder)) as settings:
        with connect(settings, autocommit=True) as conn:
            log.found_log(conn, _LOG)
        with open_pool(settings, role="wayproof_api") as pool:
            releaser, receiver = (_side(settings, pool, name) for name in ("shipper", "carrier"))
            results = _accept(settings, releaser, receiver, options.handoffs, options.batch)
            results += _evidence(settings, releaser, options.readings)
    return report("custody", results)


def _side(settings: DatabaseSettings, pool: Pool, name: str) -> _Side:
    with connect(settings, autocommit=True) as conn:
        tenant_id = create_tenant(conn, name).tenant_id
    key, at = KeySigner(name.encode().rjust(32, b"\1")), datetime.now(UTC).replace(microsecond=0)
    with tenant_transaction(pool, tenant_id) as conn:
        party = parties.create_party(conn, tenant_id=tenant_id, name=name)
        words = claim_digest(custody.signing_domain(conn), party=str(party.party_id), key=key.address, claimed_at=at)
        custody.register_key(
            conn,
            tenant_id=tenant_id,
            party_id=party.party_id,
            address=key.address,
            claimed_at=at,
            signature=key.sign(words),
            now=at,
        )
    return _Side(pool=pool, tenant_id=tenant_id, party_id=party.party_id, key=key)


def _accept(settings: DatabaseSettings, releaser: _Side, receiver: _Side, count: int, batch: int) -> list[Result]:
    started = time.perf_counter()
    offers = [_offer(releaser, receiver, number) for number in range(count + _SINGLE)]
    offered_s = (time.perf_counter() - started) / len(offers)
    answers = [Answer(handoff_id=each.handoff_id, signature=receiver.key.sign(each.digest)) for each in offers]
    singles = [_milliseconds(receiver, answer) for answer in answers[count:]]
    half = count // 2
    began, ended = _accepted(receiver, answers[:half], batch)
    together_s = _accepted_by_two(settings, receiver.tenant_id, answers[half:count], batch)
    with receiver.transaction() as conn:
        assert log.size(conn) == len(offers)
    return [
        figure(f"dual-signed handoffs accepted, {batch} a transaction", half / (ended - began), "handoffs/s"),
        at_least("same, a process on each of two cores", (count - half) / together_s, "handoffs/s", 2_000),
        at_most("one handoff accepted in a transaction of its own", median(singles), "ms", 10),
        figure("one handoff drafted and offered", offered_s * 1000, "ms"),
    ]


def _accepted(receiver: _Receiver, answers: Sequence[Answer], batch: int) -> tuple[float, float]:
    """Accepts all; when it began and when it ended, by the clock of all processes."""
    began = time.monotonic()
    for at in range(0, len(answers), batch):
        with receiver.transaction() as conn:
            custody.accept_many(conn, tenant_id=receiver.tenant_id, answers=answers[at : at + batch])
    return began, time.monotonic()


def _accepted_by_two(settings: DatabaseSettings, tenant_id: UUID, answers: Sequence[Answer], batch: int) -> float:
    """Each takes every second answer; seconds from when the first began until both had ended."""
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as two, get_context("spawn").Manager() as shared:
        ready = shared.Barrier(2)
        work = [two.submit(_accept_apart, settings, tenant_id, answers[at::2], batch, ready) for at in range(2)]
        times = [each.result() for each in work]
    return max(ended for _, ended in times) - min(began for began, _ in times)


def _accept_apart(
    settings: DatabaseSettings, tenant_id: UUID, answers: Sequence[Answer], batch: int, ready: Barrier
) -> tuple[float, float]:
    with open_pool(settings.model_copy(update={"pool_size": 1}), role="wayproof_api") as pool:
        ready.wait(60)
        return _accepted(_Receiver(pool=pool, tenant_id=tenant_id), answers, batch)


def _offer(releaser: _Side, receiver: _Side, number: int) -> StoredHandoff:
    proposal = drafts.Proposal(
        role=Party.RELEASER,
        signer=releaser.key.address,
        counterparty=receiver.party_id,
        counterparty_address=None,
        item=f"urn:epc:id:sscc:0614141.{number:010}",
        shipment_id=None,
        occurred_at=None,
        expires_at=None,
        details=_DETAILS,
    )
    with releaser.transaction() as conn:
        drafted = drafts.draft(conn, tenant_id=releaser.tenant_id, proposal=proposal, now=datetime.now(UTC))
        signature = releaser.key.sign(drafted.digest)
        return custody.offer(conn, tenant_id=releaser.tenant_id, handoff_id=drafted.handoff_id, signature=signature)


def _milliseconds(receiver: _Side, answer: Answer) -> float:
    started = time.perf_counter()
    with receiver.transaction() as conn:
        custody.accept(conn, tenant_id=receiver.tenant_id, handoff_id=answer.handoff_id, signature=answer.signature)
    return (time.perf_counter() - started) * 1000


def _evidence(settings: DatabaseSettings, owner: _Side, count: int) -> list[Result]:
    with connect(settings, autocommit=True) as conn:
        open_days_ahead(conn, _BEGIN.date(), count // 86_400 + 1)
        conn.execute("insert into device (tenant_id, name, kind) values (%s, 'truck-1', 'truck')", [owner.tenant_id])
        conn.execute(_SQL["fill"], {"since": _BEGIN, "count": count})
        conn.execute("vacuum analyze reading")
    leg = EvidenceLeg(device="truck-1", begins_at=_BEGIN, ends_at=_BEGIN + timedelta(seconds=count + 1))
    with owner.transaction() as conn:
        started = time.perf_counter()
        found = evidence.collect(conn, [leg], cutoff=datetime.now(UTC))
        collected_s = time.perf_counter() - started
        stored = evidence.find_reading(
            conn, device="truck-1", observed_at=_BEGIN + timedelta(seconds=17), boot=1, seq=17
        )
    assert found.size == count
    return [figure(f"evidence over {count} readings", collected_s, "s"), *_proof(found.leaf_hashes, stored)]


def _proof(leaf_hashes: bytes, stored: StoredReading) -> Sequence[Result]:
    leaves = [leaf_hashes[at : at + 32] for at in range(0, len(leaf_hashes), 32)]
    started = time.perf_counter()
    EvidenceTree(leaves).proof("truck-1", stored)
    return [figure("proof of one of them", (time.perf_counter() - started) * 1000, "ms")]


if __name__ == "__main__":
    sys.exit(main())
