"""The transaction history of drugs: who sold what to whom, out of shipping and receiving events."""

from datetime import date
from typing import Any

from wayproof.trace.exports.dscsa import dscsa_tables

from fix_epcis import new_event
from fix_exports import Exporter

DRUG = "https://id.gs1.org/01/00312345678906/21/1001"
CASE = "https://id.gs1.org/00/008600099999850000"
MAKER, SELLER, PHARMACY = (
    f"https://id.gs1.org/417/{gln}" for gln in ("0860009999060", "0860009999077", "0860009999992")
)


def _sold(number: int, at: str, step: str, seller: str, buyer: str, **more: Any) -> dict[str, Any]:
    return new_event(
        number,
        eventTime=at,
        bizStep=step,
        epcList=[CASE],
        sourceList=[{"type": "owning_party", "source": seller}],
        destinationList=[{"type": "owning_party", "destination": buyer}],
        **more,
    )


def _chain(exporter: Exporter) -> list[dict[str, Any]]:
    statement = {"ex:affirmTransactionStatement": True, "ex:legalNotice": "Seller has complied with the Act."}
    made = {"ex:lotNumber": "L-77", "ex:itemExpirationDate": "2027-10-31", "ex:regulatedProductName": "Examplin 5 mg"}
    exporter.capture_events(
        new_event(
            1, action="ADD", bizStep="commissioning", epcList=[DRUG], eventTime="2026-01-01T08:00:00Z", ilmd=made
        ),
        new_event(
            2,
            type="AggregationEvent",
            action="ADD",
            bizStep="packing",
            epcList=None,
            parentID=CASE,
            childEPCs=[DRUG],
            eventTime="2026-01-01T09:00:00Z",
        ),
        _sold(3, "2026-01-02T08:00:00Z", "shipping", MAKER, SELLER, **{"ex:dscsaTransactionStatement": statement}),
        _sold(4, "2026-01-04T08:00:00Z", "receiving", MAKER, SELLER),
        _sold(5, "2026-01-06T08:00:00Z", "shipping", SELLER, PHARMACY),
    )
    events = exporter.events(DRUG, CASE)
    return [dict(row) for row in dscsa_tables(events, exporter.places(events), lambda uri, _: uri == DRUG)[0].rows]


def test_every_sale_of_a_package(exporter: Exporter) -> None:
    """A package in a case is sold with it: a row for each change of owner, with dates, lot and serial number."""
    first, second = _chain(exporter)
    assert {name: first[name] for name in ("Transaction date", "Received", "From", "To")} == {
        "Transaction date": date(2026, 1, 2),
        "Received": date(2026, 1, 4),
        "From": "GLN 0860009999060",
        "To": "GLN 0860009999077",
    }
    assert (first["Product"], first["Serial number"], first["Lot number"]) == ("Examplin 5 mg", "1001", "L-77")
    assert (first["GTIN"], first["Number of containers"], first["Logistic unit"]) == ("00312345678906", 1, CASE)
    assert first["Expiration date"] == "2027-10-31"
    assert (second["To"], second["Received"]) == ("GLN 0860009999992", None)


def test_only_the_seller_states(exporter: Exporter) -> None:
    """A transaction statement is what the seller's event says; without one, that is told."""
    first, second = _chain(exporter)
    assert first["Transaction statement"] == "Affirmed by the seller. Seller has complied with the Act."
    assert second["Transaction statement"] == "None in the event"
