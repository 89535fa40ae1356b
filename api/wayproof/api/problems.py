"""Errors as problem details (RFC 9457). The only place where a domain error meets an HTTP status."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final, cast

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.routing import Match

from wayproof.api.paging import InvalidCursor
from wayproof.model.errors import (
    Conflict,
    Forbidden,
    InvalidInput,
    InvalidProof,
    MalformedPayload,
    NotFound,
    OutboxFull,
    PreconditionFailed,
    TooSlow,
    Unauthenticated,
    Unavailable,
    WayproofError,
)

MEDIA_TYPE: Final = "application/problem+json"

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of problem: what `/problems/<slug>` explains."""

    slug: str
    status: HTTPStatus
    title: str
    explanation: str

    @property
    def uri(self) -> str:
        """The `type` member, relative to this API."""
        return f"/problems/{self.slug}"


INVALID_INPUT: Final = Kind(
    slug="invalid-input",
    status=HTTPStatus.UNPROCESSABLE_ENTITY,
    title="A value cannot be accepted",
    explanation="The request was understood, and at least one value in it is missing, unknown, of the wrong type or"
    " out of range. `errors` names each: `in` says where it stood, `pointer` (RFC 6901) points to it.",
)
MALFORMED: Final = Kind(
    slug="malformed-request",
    status=HTTPStatus.BAD_REQUEST,
    title="The request cannot be read",
    explanation="The body is not what its Content-Type says, for example not JSON (RFC 8259).",
)
INVALID_CURSOR: Final = Kind(
    slug="invalid-cursor",
    status=HTTPStatus.BAD_REQUEST,
    title="The cursor does not belong to this list",
    explanation="A cursor is good for the list that gave it: same path, same filters, same tenant. Start again without"
    " one.",
)
UNAUTHENTICATED: Final = Kind(
    slug="unauthenticated",
    status=HTTPStatus.UNAUTHORIZED,
    title="A valid API key is needed",
    explanation="Send `Authorization: Bearer wp_...`. The key may be unknown, expired or revoked.",
)
FORBIDDEN: Final = Kind(
    slug="forbidden",
    status=HTTPStatus.FORBIDDEN,
    title="The API key does not allow this",
    explanation="The key is valid and lacks the scope that this operation needs, or it is another party's turn.",
)
NOT_FOUND: Final = Kind(
    slug="not-found",
    status=HTTPStatus.NOT_FOUND,
    title="There is nothing here",
    explanation="Nothing of that name exists, or nothing that your key may see.",
)
METHOD_NOT_ALLOWED: Final = Kind(
    slug="method-not-allowed",
    status=HTTPStatus.METHOD_NOT_ALLOWED,
    title="The resource does not know this method",
    explanation="The `Allow` header names the methods that it knows.",
)
CONFLICT: Final = Kind(
    slug="conflict",
    status=HTTPStatus.CONFLICT,
    title="It clashes with what is there",
    explanation="Another resource has this name, reference, version or time range already, or the resource no longer"
    " stands where this is possible.",
)
PRECONDITION_FAILED: Final = Kind(
    slug="precondition-failed",
    status=HTTPStatus.PRECONDITION_FAILED,
    title="The resource has changed",
    explanation="`If-Match` names another version than the present one. Read the resource again and decide anew.",
)
TOO_LARGE: Final = Kind(
    slug="content-too-large",
    status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    title="The body is too large",
    explanation="A request's body may have at most 1 MiB.",
)
UNAVAILABLE: Final = Kind(
    slug="unavailable",
    status=HTTPStatus.SERVICE_UNAVAILABLE,
    title="A service behind this API does not answer",
    explanation="Nothing was changed. Try again after the time in `Retry-After`, or ask for less where"
    " `detail` says so.",
)
INTERNAL: Final = Kind(
    slug="internal",
    status=HTTPStatus.INTERNAL_SERVER_ERROR,
    title="Something went wrong on our side",
    explanation="This is a fault of the server, not of the request. Our log holds what happened.",
)

OF_ERROR: Final[Mapping[type[WayproofError], Kind]] = {
    InvalidInput: INVALID_INPUT,
    MalformedPayload: INVALID_INPUT,
    InvalidProof: INVALID_INPUT,
    InvalidCursor: INVALID_CURSOR,
    Unauthenticated: UNAUTHENTICATED,
    Forbidden: FORBIDDEN,
    NotFound: NOT_FOUND,
    Conflict: CONFLICT,
    PreconditionFailed: PRECONDITION_FAILED,
    OutboxFull: UNAVAILABLE,
    Unavailable: UNAVAILABLE,
    TooSlow: UNAVAILABLE,
}
"""Every domain error and its kind of problem; a test walks the tree to see that none is missing."""

_TOO_SLOW: Final = (
    "this took the database too long and was given up: ask for less, such as a shorter time or fewer things"
)

_HTTP_KINDS: Final = (MALFORMED, NOT_FOUND, METHOD_NOT_ALLOWED, TOO_LARGE)
KINDS: Final = {kind.slug: kind for kind in (*OF_ERROR.values(), *_HTTP_KINDS, INTERNAL)}

_HEADERS: Final = {
    UNAUTHENTICATED.status: {"WWW-Authenticate": 'Bearer realm="wayproof"'},
    UNAVAILABLE.status: {"Retry-After": "2"},
}


class InvalidValue(BaseModel):
    """One value that cannot be accepted."""

    model_config = ConfigDict(populate_by_name=True)

    place: str = Field(serialization_alias="in", description="body, query, path or header", examples=["body"])
    pointer: str = Field(description="JSON pointer (RFC 6901) to the value", examples=["/planned_delivery_at"])
    detail: str = Field(examples=["expected a planned delivery not before the planned pickup"])


class Problem(BaseModel):
    """What went wrong (RFC 9457)."""

    type: str = Field(description="Relative address of an explanation", examples=["/problems/invalid-input"])
    title: str = Field(examples=["A value cannot be accepted"])
    status: int = Field(examples=[422])
    detail: str = Field(examples=["expected a planned delivery not before the planned pickup"])
    errors: list[InvalidValue] | None = Field(default=None, description="The values that cannot be accepted")


@dataclass(frozen=True, kw_only=True)
class Complaint:
    """What is to be answered for an error."""

    kind: Kind
    detail: str
    errors: list[InvalidValue] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def problem(kind: Kind, detail: str, *, errors: list[InvalidValue] | None = None, **headers: str) -> Response:
    """The answer for one problem. Text that UTF-8 cannot carry (lone surrogates) is replaced."""
    document = Problem(
        type=kind.uri, title=kind.title, status=kind.status.value, detail=_sayable(detail), errors=errors
    )
    return Response(
        document.model_dump_json(by_alias=True, exclude_none=True),
        status_code=kind.status,
        media_type=MEDIA_TYPE,
        headers={"Cache-Control": "no-store", **_HEADERS.get(kind.status, {}), **headers},
    )


def internal_problem() -> Response:
    """The answer for a fault of ours: it tells nothing of the inside."""
    return problem(INTERNAL, "an unexpected error; it has been logged")


def documented(*kinds: Kind) -> dict[int | str, dict[str, Any]]:
    """What FastAPI wants to know of the problems that a route can answer with."""
    return {kind.status.value: _documented(kind) for kind in kinds}


def add_problem_handlers(app: FastAPI) -> None:
    """Lets every error that reaches the application leave it as a problem."""
    for error in (WayproofError, RequestValidationError, HTTPException):
        app.add_exception_handler(error, answer)


def _documented(kind: Kind) -> dict[str, Any]:
    example = {"type": kind.uri, "title": kind.title, "status": kind.status.value, "detail": kind.explanation}
    return {
        "description": kind.title,
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}},
    }


def complaint(request: Request, error: Exception) -> Complaint:
    """What to answer for a domain error, a request that no route can take, or an error of HTTP."""
    if isinstance(error, WayproofError):
        return _of_domain_error(request, error)
    if isinstance(error, RequestValidationError):
        return _of_invalid_request(error)
    return _of_http_error(request, cast("HTTPException", error))


def answer(request: Request, error: Exception) -> Response:
    """The answer for an error that reached the application."""
    found = complaint(request, error)
    return problem(found.kind, found.detail, errors=found.errors, **found.headers)


def _of_domain_error(request: Request, error: WayproofError) -> Complaint:
    kind = next(OF_ERROR[known] for known in type(error).__mro__ if known in OF_ERROR)
    if kind is UNAVAILABLE:
        _log.warning("unavailable", error=str(error))
        return Complaint(kind=kind, detail=_TOO_SLOW if isinstance(error, TooSlow) else "the database does not answer")
    pointer = getattr(error, "pointer", None)
    place = "query" if request.method == "GET" else "body"
    errors = [InvalidValue(place=place, pointer=pointer, detail=str(error))] if pointer else None
    return Complaint(kind=kind, detail=str(error), errors=errors)


def _of_invalid_request(error: RequestValidationError) -> Complaint:
    found: Iterable[Mapping[str, Any]] = error.errors()
    errors = [_invalid_value(item, error.body) for item in found]
    if any(item["type"] == "json_invalid" for item in found):
        return Complaint(kind=MALFORMED, detail="the body is not JSON")
    if all(item.place == "path" for item in errors):
        return Complaint(kind=NOT_FOUND, detail="nothing can have this id")
    return Complaint(kind=INVALID_INPUT, detail=f"{len(errors)} value(s) cannot be accepted", errors=errors)


def _of_http_error(request: Request, error: HTTPException) -> Complaint:
    kind = next((kind for kind in _HTTP_KINDS if kind.status == error.status_code), INTERNAL)
    headers = {"Allow": ", ".join(allowed_methods(request))} if kind is METHOD_NOT_ALLOWED else error.headers
    return Complaint(kind=kind, detail=kind.explanation, headers=headers or {})


def allowed_methods(request: Request) -> list[str]:
    """What may be done with the path of a request: Starlette names only the methods of the first route that fits."""
    methods: set[str] = set()
    for route in iter_route_contexts(request.app.routes):
        if route.matches(request.scope)[0] is not Match.NONE:
            methods.update(route.methods or ())
    return sorted(methods | ({"HEAD"} if "GET" in methods else set()))


def _invalid_value(item: Mapping[str, Any], body: object) -> InvalidValue:
    place, *path = item["loc"]
    names = _without_kinds(path, body) if place == "body" else path
    pointer = "".join(f"/{_sayable(str(part)).replace('~', '~0').replace('/', '~1')}" for part in names)
    return InvalidValue(place=place, pointer=pointer, detail=_sayable(item["msg"]))


def _without_kinds(path: Iterable[str | int], body: object) -> Iterator[str | int]:
    """Where a value stands: of a member that may be of several kinds, pydantic tells the kind as if it were a name."""
    here, may_be_kind = body, False
    for part in path:
        if may_be_kind and isinstance(here, dict) and here.get("kind") == part:
            may_be_kind = False
            continue
        yield part
        here, may_be_kind = here.get(part) if isinstance(here, dict) else None, True


def _sayable(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")
