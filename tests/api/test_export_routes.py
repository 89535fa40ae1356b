"""Compliance exports over HTTP."""

import csv
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import BytesIO, StringIO
from typing import Any

import pytest
from openpyxl import load_workbook

from fix_api import Customer, problem
from fix_exports import DRESSING, PACKED, PALLET, RAW, SALAD, Exporter, capture_fsma
from fix_telemetry import Tell

MONDAY = datetime(2026, 3, 2, 8, tzinfo=UTC)


@pytest.fixture
def grocer(acme: Customer) -> Customer:
    """A customer whose journal holds the FSMA 204 documents."""
    capture_fsma(Exporter(pool=acme.registry.pool, tenant_id=acme.registry.tenant_id))
    return acme


def rows(customer: Customer, *ids: str, **query: Any) -> list[dict[str, str]]:
    """The rows of the FSMA 204 spreadsheet as CSV."""
    answer = customer.get("/v1/exports/fsma204", id=list(ids), format="csv", **query)
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(StringIO(answer.content.decode("utf-8-sig"))))


def lots(found: list[dict[str, str]]) -> set[str]:
    """The traceability lot codes in rows."""
    return {row["Traceability lot code"] for row in found} - {""}


def test_a_lot_with_all_around_it(grocer: Customer) -> None:
    """A packed lot's spreadsheet goes back to the harvest and on to what was made of it, in rows of six kinds."""
    found = rows(grocer, PACKED)
    assert lots(found) == {PACKED, SALAD}
    assert {row["Critical tracking event"] for row in found} == {
        "Harvesting",
        "Cooling",
        "Initial packing",
        "Shipping",
        "Receiving",
        "Transformation",
    }


@pytest.mark.parametrize("start", [RAW, SALAD, "(01)10860009999920(10)ABC1234"])
def test_from_either_end(grocer: Customer, start: str) -> None:
    """Asked from the harvest, from the salad or by an element string, the lot between is found."""
    assert PACKED in lots(rows(grocer, start))


def test_upstream_is_not_mixed_with_downstream(grocer: Customer) -> None:
    """The other ingredient of a salad is no part of the first one's spreadsheet but in the salad's own row."""
    found = rows(grocer, DRESSING)
    assert [row["Critical tracking event"] for row in found] == ["Transformation", "Transformation"]


def test_a_pallet_is_what_it_carried(grocer: Customer) -> None:
    """Asked for a container, the spreadsheet tells of the lots that were in it."""
    assert PACKED in lots(rows(grocer, PALLET))


def test_as_of_a_time(grocer: Customer) -> None:
    """Of a time before anything was recorded, nothing is known."""
    answer = grocer.get("/v1/exports/fsma204", id=PACKED, as_of="2020-01-01T00:00:00Z")
    problem(answer, "not-found")


def test_xlsx_is_what_is_sent_without_asking(grocer: Customer) -> None:
    """Without a format the file is a workbook with a sheet for each critical tracking event."""
    answer = grocer.get("/v1/exports/fsma204", id=PACKED)
    assert answer.headers["content-disposition"] == 'attachment; filename="fsma204.xlsx"'
    assert len(load_workbook(BytesIO(answer.content)).sheetnames) == 7


def test_nothing_of_another_tenant(grocer: Customer, customer_factory: Callable[[str], Customer]) -> None:
    """Another tenant finds none of it."""
    problem(customer_factory("other").get("/v1/exports/fsma204", id=PACKED), "not-found")


def test_what_is_no_identifier_is_refused(acme: Customer) -> None:
    """A wrong check digit is 422 and says which digit was expected."""
    assert "expected 0" in problem(acme.get("/v1/exports/fsma204", id="(01)10860009999921"), "invalid-input")["detail"]
    problem(acme.get("/v1/exports/nonsense", id=PACKED), "not-found")


def test_temperature_statement(acme: Customer, tell: Tell) -> None:
    """A shipment's statement has extremes, excursion and gaps of each sensor, judged by the profile agreed."""
    shipment, device = acme.registry.shipment(profile=acme.registry.profile()), acme.registry.device("logger-1")
    acme.registry.assignment(shipment, device, MONDAY, MONDAY + timedelta(hours=1))
    for place, value in enumerate((5.0, 5.0, 9.5, 5.0, 5.0, 5.0)):
        tell(device, MONDAY + timedelta(minutes=10 * place), temperature_c=value)
    path = f"/v1/shipments/{shipment.shipment_id}/temperature-statement"
    document = acme.get(path).json()
    [sensor] = document["sensors"]
    assert (document["conclusion"], document["max_c"], sensor["device"]) == ("outside of the limits", 8, "logger-1")
    seen = sensor["climate"]
    assert (seen["readings"], seen["min_c"], seen["max_c"], seen["unknown_s"]) == (6, 5, 9.5, 0)
    assert [(each["peak_c"], each["known_s"]) for each in seen["excursions"]] == [(9.5, 600)]
    page = acme.get(path, format="html")
    assert "9.50 °C" in page.text
    assert "<script" not in page.text
    assert "Not recorded" in page.text


def test_statement_without_readings(acme: Customer) -> None:
    """A shipment that no sensor rode with was not kept well: nobody knows."""
    shipment = acme.registry.shipment(profile=acme.registry.profile())
    document = acme.get(f"/v1/shipments/{shipment.shipment_id}/temperature-statement").json()
    assert (document["conclusion"], document["sensors"]) == ("no reading", [])
