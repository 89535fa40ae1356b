"""Schemathesis against the whole API, as a process, with rows to find: it never breaks, and does what it says."""

from http.cookiejar import DefaultCookiePolicy
from itertools import count
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from wayproof.ledger.hexadecimal import to_address
from wayproof.ledger.signatures import KeySigner
from wayproof.model.access import Scope
from wayproof.model.log import LogIdentity
from wayproof.store import recalls
from wayproof.store.keys import create_key
from wayproof.store.pool import Conn, tenant_transaction
from wayproof.store.recalls import NewRecall
from wayproof.trace.recall.criteria import lots
from wayproof.trace.recall.dossier import create

from fix_api import ApiProcess
from fix_custody import Organisation, new_party
from fix_exports import Exporter
from fix_registry import MONDAY, Registry
from fix_telemetry import Tell
from recall_events import SHOP, lot, moved

_CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


_PATIENCE_S = 60
"""The first answer makes the document, on a machine on which every core is busy."""
_SETTINGS = settings(max_examples=40, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture
def rows(registry: Registry, tell: Tell, superuser: Conn, founded: LogIdentity) -> dict[str, str]:
    """A row of everything, by the name of the parameter or member that names it."""
    key, _ = create_key(superuser, tenant_id=registry.tenant_id, label="to be revoked", scopes=[Scope.SITES_READ])
    profile, device = registry.profile(), registry.device("truck-1")
    shipment = registry.shipment(profile=profile)
    assignment = registry.assignment(shipment, device)
    tell(device, MONDAY, latitude_deg=51.5, longitude_deg=5.5, temperature_c=4.5, extra={"a": [None, {"b": 1.5}]})
    tell(device, MONDAY.replace(year=2004), received_at=MONDAY, boot=0, seq=2**62)
    releaser, receiver = (
        Organisation(registry=registry, party=new_party(registry, name, key), key=key)
        for name, key in (("dock", KeySigner(b"\1" * 32)), ("gate", KeySigner(b"\2" * 32)))
    )
    handoff = releaser.offer(releaser.draft(receiver, item=None, shipment_id=shipment.shipment_id))
    return {
        "address": to_address(receiver.key.address),
        "assignment_id": str(assignment.assignment_id),
        "destination_site_id": str(shipment.destination_site_id),
        "counterparty": str(receiver.party.party_id),
        "device": device.name,
        "handoff_id": str(handoff.handoff_id),
        "item": handoff.item,
        "key_id": key.key_id,
        "name": device.name,
        "party_id": str(releaser.party.party_id),
        "origin_site_id": str(shipment.origin_site_id),
        "profile_id": str(profile.profile_id),
        "signer": to_address(releaser.key.address),
        "shipment_id": str(shipment.shipment_id),
        "site_id": str(shipment.origin_site_id),
        "slug": "conflict",
        **_recall(registry),
    }


def _recall(registry: Registry) -> dict[str, str]:
    """A recall of a lot that somebody holds."""
    exporter = Exporter(pool=registry.pool, tenant_id=registry.tenant_id)
    assert not exporter.capture_events(moved(0, "receiving", lot("MILK"), SHOP, quantity=100)).faults
    new = NewRecall(title="fuzz", reason="", is_mock=True, request_key=None, started_at=MONDAY)
    made = create(registry.pool, registry.tenant_id, new, lots(lot("MILK")))
    with tenant_transaction(registry.pool, registry.tenant_id) as conn:
        [notice] = recalls.list_notices(conn, made)
    return {"recall_id": str(made.recall_id), "notice_id": str(notice.notice_id), "place": SHOP, "source": SHOP}


@pytest.fixture
def bearer(registry: Registry, superuser: Conn) -> dict[str, str]:
    """The header of a key with every scope."""
    _, token = create_key(superuser, tenant_id=registry.tenant_id, label="fuzz", scopes=[*Scope])
    return {"Authorization": f"Bearer {token}"}


def _cases(operation: APIOperation[Any, Any, Any, Any]) -> st.SearchStrategy[Case[Any]]:
    modes = list(GenerationMode)
    return st.one_of([operation.as_strategy(generation_mode=mode) for mode in modes])


@pytest.mark.timeout(900)
def test_api_does_what_it_says(
    api_process: ApiProcess, rows: dict[str, str], bearer: dict[str, str], subtests: pytest.Subtests
) -> None:
    """No request, well or ill formed, yields a 500 or an answer that the document does not describe."""
    document = schemathesis.openapi.from_url(f"{api_process.address}/openapi.json", timeout=_PATIENCE_S)
    turns = count()
    # One connection for all, and no cookie of one request goes into the next.
    session = requests.Session()
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))

    def attack(case: Case[Any]) -> None:
        if next(turns) % 2:
            for part in (case.path_parameters, case.body):
                if isinstance(part, dict):
                    part.update({name: rows[name] for name in part if name in rows})
        case.call_and_validate(headers=bearer, checks=_CHECKS, session=session)

    with session:
        for result in document.get_all_operations():
            operation = result.ok()  # type: ignore[union-attr]  # the linter has found it valid
            with subtests.test(operation.label):
                _SETTINGS(given(_cases(operation))(attack))()
