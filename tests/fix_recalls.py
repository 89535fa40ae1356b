"""Recalls of a dairy's cheese, and what a logger saw of it."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import pytest

from wayproof.model.device import Device
from wayproof.store import recalls
from wayproof.store.pool import snapshot_transaction, tenant_transaction
from wayproof.store.recalls import NewRecall, Recall
from wayproof.store.registry import KnownDevice
from wayproof.trace.recall.criteria import Criteria, Exposure
from wayproof.trace.recall.dossier import create
from wayproof.trace.recall.evaluate import Evaluation, evaluate

from fix_exports import Exporter
from fix_intake import Arrival, arrival, write
from fix_registry import MONDAY, Registry
from recall_events import DAIRY, FARM, SHOP, Event, lot, made, moved, packed, sscc

TRUCK = "https://example.org/truck/1"
OTHER_TRUCK = "https://example.org/truck/2"
NUMBERS = count(1)
LATER = count(800)


def minute(number: float) -> datetime:
    """A time on Monday."""
    return MONDAY + timedelta(minutes=number)


def evaluated(exporter: Exporter, criteria: Criteria, **said: Any) -> Evaluation:
    """What a recall of these criteria concerns."""
    with snapshot_transaction(exporter.pool, exporter.tenant_id, with_readings=True) as conn:
        return evaluate(conn, exporter.tenant_id, criteria, **said)


def names(evaluation: Evaluation) -> dict[str, int]:
    """Affected things with their depth."""
    return {each.uri: each.depth for each in evaluation.affected}


def starts(evaluation: Evaluation) -> set[str]:
    """From what it starts."""
    return {each.uri for each in evaluation.found.starts}


def dairy_events() -> list[Event]:
    """Milk of a farm becomes cheese, which is packed on two pallets; a truck brings one of them to the shop."""
    return [
        moved(0, "commissioning", lot("MILK"), FARM, action="ADD", quantity=100),
        moved(10, "shipping", lot("MILK"), FARM, quantity=100, source=FARM),
        moved(60, "receiving", lot("MILK"), DAIRY, quantity=100),
        made(120, {lot("MILK"): 100}, {lot("CHEESE"): 10}, DAIRY),
        packed(180, sscc(1), {lot("CHEESE"): 6}, DAIRY),
        packed(181, sscc(2), {lot("CHEESE"): 4}, DAIRY),
        moved(200, "shipping", sscc(1), DAIRY),
        packed(200, TRUCK, [sscc(1)]),
        packed(290, TRUCK, [sscc(1)], action="DELETE"),
        moved(300, "receiving", sscc(1), SHOP),
        packed(310, sscc(1), {lot("CHEESE"): 6}, SHOP, action="DELETE"),
        made(400, {lot("CHEESE"): 6}, {lot("TOAST"): 12}, SHOP),
    ]


@pytest.fixture
def dairy(exporter: Exporter) -> Exporter:
    """The journal of the dairy."""
    assert not exporter.capture_events(*dairy_events()).faults
    return exporter


class Logger:
    """A device that tells temperatures."""

    def __init__(self, device: Device, send: Callable[[Sequence[Arrival]], object]) -> None:
        self.device = device
        self._known = KnownDevice(device_id=device.device_id, tenant_id=device.tenant_id)
        self._send = send

    @property
    def uri(self) -> str:
        """As events name it."""
        return f"urn:wayproof:device:{self.device.name}"

    def arrivals(self, series: dict[float, float], *, received_at: datetime | None = None) -> list[Arrival]:
        """Readings by minute, received at once unless told otherwise."""
        return [
            arrival(
                self._known,
                received_at=received_at or minute(each),
                observed_at=minute(each),
                seq=next(NUMBERS),
                temperature_c=value,
            )
            for each, value in series.items()
        ]

    def tell(self, series: dict[float, float], **said: Any) -> None:
        """Stores readings as an ingestor does."""
        self._send(self.arrivals(series, **said))


@pytest.fixture
def logger_factory(registry: Registry, ingest_conn: Any) -> Callable[[str], Logger]:
    """Makes devices of the tenant."""
    return lambda name: Logger(registry.device(name), lambda arrivals: write(ingest_conn, arrivals))


@pytest.fixture
def logger(logger_factory: Callable[[str], Logger]) -> Logger:
    """A device of the tenant."""
    return logger_factory("logger-1")


def every(step: float, low: float, high: float, hot: tuple[float, float], value: float = 9.0) -> dict[float, float]:
    """5 degrees each `step` minutes from `low` to before `high`, but within [hot) `value`."""
    at = [low + step * n for n in range(int((high - low) / step))]
    return {each: value if hot[0] <= each < hot[1] else 5.0 for each in at}


def above(limit_c: float, minutes: float, **said: Any) -> Exposure:
    """An exposure of Monday."""
    span = {"since": MONDAY, "until": MONDAY + timedelta(days=1)}
    return Exposure(**{"above_c": limit_c, "below_c": None, "at_least": timedelta(minutes=minutes), **span, **said})


def stored(exporter: Exporter, criteria: Criteria, **said: Any) -> Recall:
    """A recall that is kept."""
    new = NewRecall(
        **{"title": "test", "reason": "", "is_mock": True, "request_key": None, "started_at": MONDAY, **said}
    )
    return create(exporter.pool, exporter.tenant_id, new, criteria)


def kept(exporter: Exporter, recall_id: UUID, revision: int) -> list[recalls.Item]:
    """What a revision keeps."""
    with tenant_transaction(exporter.pool, exporter.tenant_id) as conn:
        return recalls.list_items(conn, recall_id, revision)
