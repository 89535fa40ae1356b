"""What the routes of all resources have in common."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final, TypeVar

from fastapi import APIRouter

from wayproof.api.conditional import CONDITIONAL
from wayproof.api.problems import (
    CONFLICT,
    FORBIDDEN,
    INTERNAL,
    INVALID_CURSOR,
    INVALID_INPUT,
    MALFORMED,
    NOT_FOUND,
    PRECONDITION_FAILED,
    TOO_LARGE,
    UNAUTHENTICATED,
    UNAVAILABLE,
    documented,
)
from wayproof.api.schemas.base import Body
from wayproof.model.device import Device
from wayproof.model.shipment import Assignment, Shipment
from wayproof.model.site import Site

R = TypeVar("R", Assignment, Device, Shipment, Site)
Responses = dict[int | str, dict[str, Any]]

GET: Final[Responses] = {**CONDITIONAL, **documented(NOT_FOUND)}
LIST: Final[Responses] = {**CONDITIONAL, **documented(INVALID_CURSOR)}
POST: Final[Responses] = documented(MALFORMED, CONFLICT)
PATCH: Final[Responses] = documented(MALFORMED, NOT_FOUND, CONFLICT, PRECONDITION_FAILED)


def resource_router(name: str, tag: str) -> APIRouter:
    """A router below `/v1/<name>` whose routes can all answer with the problems that any can."""
    responses = documented(UNAUTHENTICATED, FORBIDDEN, TOO_LARGE, INVALID_INPUT, INTERNAL, UNAVAILABLE)
    return APIRouter(prefix=f"/v1/{name}", tags=[tag], responses=responses)


def applied(present: R, change: Body, store: Callable[[R], R]) -> R:
    """The resource with the change stored; a change that names nothing leaves it, and its version, as it is."""
    values = change.model_dump(exclude_unset=True)
    return store(replace(present, **values)) if values else present
