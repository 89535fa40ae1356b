"""A tenant whose journal holds the FSMA 204 documents that lie beside the project."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import pytest

from wayproof.store.pool import Pool, tenant_transaction
from wayproof.trace.capture import Captured, capture
from wayproof.trace.exports.history import Event, histories, told, valid
from wayproof.trace.exports.places import known_places
from wayproof.trace.graph.build import key_of

from epcis_vectors import VECTORS, loaded
from fix_epcis import dumped, new_document
from fix_registry import Registry

FSMA: Final = VECTORS / "fsma204"
FSMA_NAMES: Final = (
    "harvest",
    "cooling",
    "initial-packing",
    "shipping",
    "receiving",
    "transformation",
    "first-land-based-receiver",
)
RAW: Final = "https://id.gs1.org/01/00860009999923/10/ABC1234"
PACKED: Final = "https://id.gs1.org/01/10860009999920/10/ABC1234"
PACKED_TOO: Final = "https://id.gs1.org/01/10860009999920/10/ABC5678"
DRESSING: Final = "https://id.gs1.org/01/10860009998022/10/DEF2345"
SALAD: Final = "https://id.gs1.org/01/10860009998039/10/SALAD-20260420-A"
FISH: Final = "https://id.gs1.org/01/00860009997004/10/SWF-2026-0223"
PALLET: Final = "https://id.gs1.org/00/008600099999850000"


@dataclass(frozen=True, kw_only=True)
class Exporter:
    """One tenant's journal."""

    pool: Pool
    tenant_id: UUID

    def capture(self, document: Any) -> Captured:
        """Captures what is new of a document."""
        with tenant_transaction(self.pool, self.tenant_id) as conn:
            return capture(conn, self.tenant_id, dumped(document), lenient=True, proceed=True)

    def capture_events(self, *events: dict[str, Any]) -> Captured:
        """Captures a document of these events."""
        return self.capture(new_document(*events))

    def events(self, *uris: str, as_of: datetime | None = None) -> list[Event]:
        """The valid events that name these things."""
        with tenant_transaction(self.pool, self.tenant_id) as conn:
            return valid(histories(conn, uris, as_of=as_of))

    def told(self, *uris: str, as_of: datetime | None = None) -> list[Event]:
        """The same as the graph finds them, by time."""
        with tenant_transaction(self.pool, self.tenant_id) as conn:
            found = told(conn, [key_of(self.tenant_id, uri) for uri in uris], as_of=as_of)
        return sorted(found, key=lambda event: (event.at, event.record_time, event.event_id))

    def places(self, events: list[Event]) -> dict[str, str]:
        """What their places are called."""
        with tenant_transaction(self.pool, self.tenant_id) as conn:
            return dict(known_places(conn, events))


@pytest.fixture
def exporter(registry: Registry) -> Exporter:
    """An empty journal."""
    return Exporter(pool=registry.pool, tenant_id=registry.tenant_id)


@pytest.fixture
def fsma(exporter: Exporter) -> Exporter:
    """The seven documents, captured one after the other; events that come again in a later one are not taken twice."""
    capture_fsma(exporter)
    return exporter


def capture_fsma(exporter: Exporter) -> None:
    """Captures the seven documents."""
    if not FSMA.is_dir():
        pytest.skip(f"FSMA 204 documents are not at {FSMA}")
    for name in FSMA_NAMES:
        exporter.capture(loaded(FSMA / f"{name}-cte.jsonld"))
