"""Proofs of single readings, put into a bundle."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Annotated, Any
from urllib.parse import quote

import typer

from wayproof.cli.app import instant_of
from wayproof.cli.remote import Remote
from wayproof.ledger.strict_json import strict_json
from wayproof.ledger.verify.bundle import parse_bundle
from wayproof.model.canonical import canonical_json
from wayproof.model.errors import InvalidInput, NotFound

Readings = Annotated[
    list[str] | None,
    typer.Option(
        "--evidence",
        metavar="DEVICE@TIME",
        help="Prove also what this device of yours observed at this time; give it again for more, up to 64 readings.",
    ),
]


def with_readings(api: Remote, handoff_id: str, bundle: bytes, named: Sequence[str]) -> bytes:
    """The bundle with proofs of the named readings. InvalidInput where it grows beyond what verifiers take."""
    proofs = [proof for each in named for proof in _proofs(api, handoff_id, each)]
    grown = canonical_json({**strict_json(bundle), "evidence": proofs})
    parse_bundle(grown)
    return grown


def _proofs(api: Remote, handoff_id: str, named: str) -> Iterator[dict[str, Any]]:
    device, _, time = named.rpartition("@")
    if not device:
        raise InvalidInput(f"--evidence: expected one like truck-7@2026-03-01T12:00:00Z, got {named!r}")
    since = instant_of(time, "--evidence")
    span = {"from": since.isoformat(), "to": (since + timedelta(microseconds=1)).isoformat()}
    found = list(api.every(f"/v1/devices/{quote(device, safe='')}/readings", **span))
    if not found:
        raise NotFound(f"--evidence: {device} observed nothing at {time}; /v1/devices/{device}/readings has the times")
    for reading in found:
        if reading["boot"] is None:
            raise InvalidInput(f"--evidence: {device} counts no readings, and the API proves only counted ones")
        which = {name: reading[name] for name in ("observed_at", "boot", "seq")}
        yield api.get(f"/v1/handoffs/{handoff_id}/evidence/proof", device=device, **which)
