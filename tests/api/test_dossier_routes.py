"""The audit dossier: what is in it, and what its verification finds out."""

import json
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile

import pytest

from wayproof.ledger.checkpoints import make_checkpoint
from wayproof.ledger.verify import Report, Status, Verdict
from wayproof.ledger.verify.dossier import pack, verify_dossier
from wayproof.ledger.verify.report import verdict_of
from wayproof.model.access import Scope
from wayproof.model.errors import InvalidInput
from wayproof.model.shipment import Shipment
from wayproof.store.keys import create_key
from wayproof.store.pool import Conn
from wayproof.trace.epcis.documents import read_document
from wayproof.trace.epcis.validate import check_document

from fix_api import Customer, problem
from fix_custody import LOG_SIGNER, Organisation
from fix_epcis import new_event
from fix_exports import PACKED, Exporter, capture_fsma
from fix_registry import MONDAY
from fix_telemetry import Tell


@dataclass(frozen=True, kw_only=True)
class Delivered:
    """A shipment that was handed over twice, with readings before each handoff, and somebody who may see it all."""

    customer: Customer
    shipment: Shipment

    def dossier(self) -> bytes:
        """The shipment's dossier."""
        answer = self.customer.get(f"/v1/dossiers/shipments/{self.shipment.shipment_id}")
        assert answer.status_code == 200, answer.text
        return answer.content


@pytest.fixture
def delivered(
    shipper: Organisation,
    carrier: Organisation,
    customer_factory: Callable[[str], Customer],
    superuser: Conn,
    tell: Tell,
) -> Delivered:
    """Shipper to carrier and back, checkpointed."""
    registry = shipper.registry
    shipment, device = registry.shipment(profile=registry.profile()), registry.device("truck-9")
    registry.assignment(shipment, device, MONDAY)
    for place in range(12):
        tell(device, MONDAY + timedelta(minutes=5 * place), temperature_c=4.0 + place)
    half, end = MONDAY + timedelta(minutes=28), MONDAY + timedelta(hours=1)
    shipper.hand_over(carrier, item=None, shipment_id=shipment.shipment_id, occurred_at=half)
    carrier_says = {"item": f"urn:wayproof:shipment:{shipment.shipment_id}", "occurred_at": end}
    carrier.hand_over(shipper, **carrier_says)
    registry.change(shipment, picked_up_at=MONDAY, delivered_at=end)
    make_checkpoint(superuser, LOG_SIGNER)
    _, token = create_key(superuser, tenant_id=shipper.tenant_id, label="auditor", scopes=[Scope.DOSSIERS_READ])
    stranger = customer_factory("stranger")
    customer = Customer(client=stranger.client, superuser=superuser, registry=registry, token=token)
    return Delivered(customer=customer, shipment=shipment)


def files_of(data: bytes) -> dict[str, bytes]:
    """Every file but the manifest."""
    with ZipFile(BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist() if name != "manifest.json"}


def failures(data: bytes) -> list[str]:
    """What verification says is wrong: report and check."""
    _, reports = verify_dossier(BytesIO(data))
    return [
        f"{name}: {check.name}"
        for name, report in reports.items()
        for check in report.checks
        if check.status is Status.FAILED
    ]


def verdict(reports: dict[str, Report]) -> Verdict:
    """What all reports together say."""
    return verdict_of([check for report in reports.values() for check in report.checks])


def test_shipment_in_one_file(delivered: Delivered) -> None:
    """A shipment's dossier holds bundles, the readings under them, temperatures and a report, and verifies."""
    data = delivered.dossier()
    names = sorted(files_of(data))
    assert [name.split("/")[0] for name in names] == [
        "custody",
        "custody",
        "readings",
        "report.html",
        "temperature",
        "temperature",
    ]
    manifest, reports = verify_dossier(BytesIO(data))
    assert manifest.subject == f"urn:wayproof:shipment:{delivered.shipment.shipment_id}"
    assert verdict(reports) is Verdict.PASSED
    [readings] = reports["readings"].checks
    assert (readings.status, readings.detail) == (Status.PASSED, "all 6 readings are those that both parties signed")
    assert reports["together"].check("one log").status is Status.PASSED


def test_same_state_same_bytes(delivered: Delivered) -> None:
    """Two dossiers of one state are equal to the byte."""
    assert delivered.dossier() == delivered.dossier()


def test_report_needs_nothing_else(delivered: Delivered) -> None:
    """The report is one HTML file without scripts or addresses to load from, and says how to verify."""
    report = files_of(delivered.dossier())["report.html"].decode()
    assert "wayproof dossier verify" in report
    assert "outside of the limits" in report
    for word in ("<script", "src=", "href=", "@import", "url("):
        assert word not in report


def test_every_changed_file_is_named(delivered: Delivered) -> None:
    """Whichever file is changed, verification fails and names it, whatever else it finds."""
    data = delivered.dossier()
    for path in files_of(data):
        changed = {**files_of(data), path: files_of(data)[path].replace(b"4", b"5", 1)}
        assert f"files: {path}" in failures(_as_it_was(data, changed)), path


def test_a_forger_with_a_new_manifest_fails(delivered: Delivered) -> None:
    """Who changes a reading or a bundle, and all sums with it, is found out by what both parties signed."""
    files = files_of(delivered.dossier())
    [readings] = [path for path in files if path.startswith("readings/")]
    first, *others = files[readings].splitlines()
    forged = {
        "without the first": b"\n".join(others),
        "in another order": b"\n".join([*others, first]),
        "twice": files[readings] + first,
        "nonsense": b"zz",
    }
    for how, content in forged.items():
        data = pack({**files, readings: content}, subject="urn:x", as_of="2026-03-02T08:00:00+00:00")
        assert failures(data) == [f"readings: {readings}"], how
    bundle = next(path for path in files if path.startswith("custody/"))
    document = json.loads(files[bundle])
    document["details"]["place"] = "Dock 5"
    data = pack({**files, bundle: json.dumps(document).encode()}, subject="urn:x", as_of="2026-03-02T08:00:00+00:00")
    assert any(name.startswith(f"{bundle}: ") for name in failures(data))


def test_missing_and_strange_files_are_named(delivered: Delivered) -> None:
    """A file that is gone, or one that was put in, is named."""
    data = delivered.dossier()
    files = files_of(data)
    strange = {**files, "extra.txt": b"?"}
    del strange["report.html"]
    assert failures(_as_it_was(data, strange)) == ["files: report.html", "files: extra.txt"]


def test_a_flipped_byte_is_found(delivered: Delivered) -> None:
    """A byte that changed within the ZIP itself is found in the file where it stands."""
    data = delivered.dossier()
    at = data.index(b"report.html") + 200
    assert "files: report.html" in failures(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])


@pytest.mark.parametrize("data", [b"", b"PK", b"not a zip", b"PK\x05\x06" + bytes(18)])
def test_what_is_no_dossier(data: bytes) -> None:
    """Bytes that are no dossier are refused with a reason."""
    with pytest.raises(InvalidInput, match="dossier"):
        verify_dossier(BytesIO(data))


@pytest.mark.parametrize("path", ["events.jsonld", "readings/0001-x.txt", "custody/0001-x.json", "other"])
def test_a_file_of_zeros_takes_no_memory(path: str) -> None:
    """A small ZIP with a large file in it is told to be wrong, in the memory of a few pieces of that file."""
    size = 64 << 20
    packed = BytesIO(pack({"report.html": b""}, subject="urn:x", as_of="2026-03-02T08:00:00+00:00"))
    with ZipFile(packed, "a", ZIP_DEFLATED) as archive:
        archive.writestr(path, bytes(size))
    data = packed.getvalue()
    tracemalloc.start()
    try:
        assert failures(data) == [f"files: {path}"]
        assert tracemalloc.get_traced_memory()[1] < size // 8
    finally:
        tracemalloc.stop()


def test_lot_in_one_file(acme: Customer) -> None:
    """A lot's dossier holds its events upstream and downstream as a document that can be captured again."""
    capture_fsma(Exporter(pool=acme.registry.pool, tenant_id=acme.registry.tenant_id))
    answer = acme.get("/v1/dossiers/items/" + PACKED.replace("/", "%2F"))
    files = files_of(answer.content)
    assert sorted(files) == ["events.jsonld", "fsma204.csv", "report.html"]
    checked = check_document(read_document(files["events.jsonld"]), lenient=True)
    assert checked.is_valid
    assert len(checked.events) > 10
    assert failures(answer.content) == []


def test_declared_errors_are_told(acme: Customer) -> None:
    """An event declared wrong stays in the document with its declaration, and the report says so."""
    exporter = Exporter(pool=acme.registry.pool, tenant_id=acme.registry.tenant_id)
    event = new_event(1, epcList=None, quantityList=[{"epcClass": PACKED, "quantity": 2}])
    exporter.capture_events(event)
    exporter.capture_events(
        {**event, "errorDeclaration": {"declarationTime": "2026-02-01T12:00:00Z", "reason": "incorrect_data"}}
    )
    files = files_of(acme.get("/v1/dossiers/items/" + PACKED.replace("/", "%2F")).content)
    assert len(json.loads(files["events.jsonld"])["epcisBody"]["eventList"]) == 2
    assert "Declared wrong since" in files["report.html"].decode()


def test_nobody_elses(delivered: Delivered, customer_factory: Callable[[str], Customer]) -> None:
    """Of another tenant's shipment, and of a thing that nobody knows, there is no dossier."""
    other = customer_factory("other")
    problem(other.get(f"/v1/dossiers/shipments/{delivered.shipment.shipment_id}"), "not-found")
    problem(other.get("/v1/dossiers/items/urn:epc:id:sscc:952012.12345678912"), "not-found")


def _as_it_was(original: bytes, files: dict[str, bytes]) -> bytes:
    """A ZIP of other files under the manifest of the original."""
    data = BytesIO()
    with ZipFile(BytesIO(original)) as before, ZipFile(data, "w", ZIP_DEFLATED) as after:
        for name, content in {"manifest.json": before.read("manifest.json"), **files}.items():
            after.writestr(name, content)
    return data.getvalue()
