"""EPCIS events to capture."""

import json
from collections.abc import Callable
from typing import Any, Final

import pytest

from wayproof.store.pool import Pool
from wayproof.store.settings import Role

CONTEXT: Final = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"


def new_event(number: int = 0, **fields: Any) -> dict[str, Any]:
    """A good event with an id of its own; a field that is None is left out."""
    made = {
        "type": "ObjectEvent",
        "eventID": f"urn:uuid:00000000-0000-4000-8000-{number:012}",
        "action": "OBSERVE",
        "bizStep": "shipping",
        "epcList": ["urn:epc:id:sscc:952012.12345678912"],
        "eventTime": "2026-01-01T12:00:00.000+01:00",
        "eventTimeZoneOffset": "+01:00",
        "readPoint": {"id": "urn:epc:id:sgln:952012345.678.0"},
        **fields,
    }
    return {name: value for name, value in made.items() if value is not None}


def new_document(*events: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A document of events."""
    return {
        "@context": [CONTEXT, {"ex": "https://example.org/x/"}],
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": "2026-01-01T12:00:00Z",
        "epcisBody": {"eventList": list(events)},
        **fields,
    }


def declared_wrong(event: dict[str, Any], at: str = "2026-02-01T12:00:00Z") -> dict[str, Any]:
    """The declaration that an event was in error: the event again, with its id."""
    return {**event, "errorDeclaration": {"declarationTime": at, "reason": "incorrect_data"}}


def dumped(value: Any) -> bytes:
    """Its JSON."""
    return json.dumps(value).encode()


@pytest.fixture
def api_pool(pool_factory: Callable[[Role | None], Pool]) -> Pool:
    """Connections under the API's role."""
    return pool_factory("wayproof_api")
