"""What the routes of all resources have in common."""

from typing import Any, Final

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

Responses = dict[int | str, dict[str, Any]]

GET: Final[Responses] = {**CONDITIONAL, **documented(NOT_FOUND)}
LIST: Final[Responses] = {**CONDITIONAL, **documented(INVALID_CURSOR)}
POST: Final[Responses] = documented(MALFORMED, CONFLICT)
PATCH: Final[Responses] = documented(MALFORMED, NOT_FOUND, CONFLICT, PRECONDITION_FAILED)


def resource_router(name: str, tag: str) -> APIRouter:
    """A router below `/v1/<name>` whose routes can all answer with the problems that any can."""
    responses = documented(UNAUTHENTICATED, FORBIDDEN, TOO_LARGE, INVALID_INPUT, INTERNAL, UNAVAILABLE)
    return APIRouter(prefix=f"/v1/{name}", tags=[tag], responses=responses)
