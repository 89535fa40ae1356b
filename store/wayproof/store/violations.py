"""What PostgreSQL refuses, said in the domain's words. Names of constraints stand here and in schema.sql only."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg

from wayproof.model.errors import Conflict, InvalidInput, TooSlow, Unavailable, WayproofError

TAKEN: Final = {
    "tenant_name_taken": "a tenant of this name exists already",
    "device_name_taken": "a device of this name exists already; device names are unique over all tenants",
    "site_name_taken": "a site of this name exists already",
    "condition_profile_version_taken": "this version of the condition profile exists already; give the next one",
    "shipment_reference_taken": "a shipment with this reference exists already",
    "party_name_taken": "a party of this name exists already",
    "party_key_taken": "this address is registered already; an address belongs to one party over all tenants, for ever",
    "handoff_known": "this very handoff exists already",
    "handoff_forks": "the item has been handed over in this place of its chain already",
    "epcis_query_name_taken": "a query of this name exists already",
    "assignment_overlaps": "the device is assigned to this shipment at that time already",
}
"""Constraints whose violation is a Conflict, and what to say."""

INVALID: Final = {
    "shipment_plan_in_order": ("/planned_delivery_at", "expected a planned delivery not before the planned pickup"),
    "shipment_fact_in_order": ("/delivered_at", "expected a delivery not before the pickup"),
    "shipment_origin": ("/origin_site_id", "expected the id of a site that exists"),
    "shipment_destination": ("/destination_site_id", "expected the id of a site that exists"),
    "shipment_profile": ("/profile_id", "expected the id of a condition profile that exists"),
    "assignment_shipment": ("/shipment_id", "expected the id of a shipment that exists"),
    "handoff_shipment": ("/shipment_id", "expected the id of a shipment that exists"),
    "assignment_device": ("/device", "expected the name of a device that exists"),
}
"""Constraints whose violation is an InvalidInput: the pointer to the value, and what was expected."""


@contextmanager
def domain_errors() -> Iterator[None]:
    """Turns what psycopg raises inside into Conflict, InvalidInput, TooSlow or Unavailable."""
    try:
        yield
    except (psycopg.IntegrityError, psycopg.DataError) as error:
        raise _refusal(error) from error
    except psycopg.errors.QueryCanceled as error:
        raise TooSlow(f"PostgreSQL gave up what took too long, ask for less at once: {error}") from error
    except psycopg.OperationalError as error:
        raise Unavailable(f"PostgreSQL does not answer: {error}") from error


def _refusal(error: psycopg.Error) -> WayproofError:
    name = error.diag.constraint_name or ""
    if name in TAKEN:
        return Conflict(TAKEN[name])
    if name in INVALID:
        pointer, message = INVALID[name]
        return InvalidInput(message, pointer=pointer)
    if isinstance(error, psycopg.errors.UniqueViolation | psycopg.errors.ExclusionViolation):
        return Conflict(f"the database holds such a row already ({name})")
    return InvalidInput(f"the database cannot store a value ({name or type(error).__name__})")
