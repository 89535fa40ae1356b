"""What all routes of EPCIS's REST binding share: its headers, media types, pages and problems (EPCIS 2.0 §12)."""

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from importlib.metadata import version
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Header, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import Field
from starlette.exceptions import HTTPException

from wayproof.api.paging import PageQuery
from wayproof.api.problems import (
    CONFLICT,
    FORBIDDEN,
    INTERNAL,
    INVALID_CURSOR,
    INVALID_INPUT,
    MALFORMED,
    METHOD_NOT_ALLOWED,
    NOT_FOUND,
    PRECONDITION_FAILED,
    TOO_LARGE,
    UNAUTHENTICATED,
    UNAVAILABLE,
    InvalidValue,
    Kind,
    complaint,
    documented,
    problem,
)
from wayproof.model.errors import WayproofError
from wayproof.trace.epcis.formats import EpcFormat, epc_format

PREFIX: Final = "/epcis"
CAPTURE_PATH: Final = f"{PREFIX}/capture"
EPCIS_VERSION: Final = "2.0.0"

CAPTURE_LIMIT: Final = 20_000
"""Events in one document that is sent to `/epcis/capture`."""
CAPTURE_FILE_SIZE_LIMIT: Final = 16 << 20
"""Bytes of one such document."""

CAPTURE_HEADERS: Final[Mapping[str, str]] = {
    "GS1-EPCIS-Capture-Limit": str(CAPTURE_LIMIT),
    "GS1-EPCIS-Capture-File-Size-Limit": str(CAPTURE_FILE_SIZE_LIMIT),
    "GS1-Capture-Error-Behaviour": "all",
}
"""What a client can know of capture in advance."""

_HEADERS: Final[Mapping[str, str]] = {
    "GS1-EPCIS-Version": EPCIS_VERSION,
    "GS1-EPCIS-Min": EPCIS_VERSION,
    "GS1-EPCIS-Max": EPCIS_VERSION,
    "GS1-CBV-Version": EPCIS_VERSION,
    "GS1-CBV-Min": EPCIS_VERSION,
    "GS1-CBV-Max": EPCIS_VERSION,
    "GS1-Vendor-Version": f"Wayproof {version('wayproof')}",
}


@dataclass(frozen=True, kw_only=True)
class EpcisKind(Kind):
    """A kind of problem that the standard names."""

    @property
    def uri(self) -> str:
        """The `type` member."""
        return f"epcisException:{self.slug}"


def _kind(name: str, status: HTTPStatus, title: str) -> EpcisKind:
    return EpcisKind(slug=name, status=status, title=title, explanation=title)


VALIDATION: Final = _kind("ValidationException", HTTPStatus.BAD_REQUEST, "The document breaks a rule")
QUERY_PARAMETER: Final = _kind("QueryParameterException", HTTPStatus.BAD_REQUEST, "A parameter cannot be accepted")
QUERY_VALIDATION: Final = _kind("QueryValidationException", HTTPStatus.BAD_REQUEST, "The query breaks a rule")
SUBSCRIPTION_CONTROLS: Final = _kind(
    "SubscriptionControlsException", HTTPStatus.BAD_REQUEST, "The subscription cannot be accepted"
)
NO_KEY: Final = _kind("SecurityException", HTTPStatus.UNAUTHORIZED, UNAUTHENTICATED.title)
NOT_ALLOWED: Final = _kind("SecurityException", HTTPStatus.FORBIDDEN, FORBIDDEN.title)
NO_SUCH_RESOURCE: Final = _kind("NoSuchResourceException", HTTPStatus.NOT_FOUND, NOT_FOUND.title)
NO_SUCH_NAME: Final = _kind("NoSuchNameException", HTTPStatus.NOT_FOUND, "Nothing has this name")
NO_SUCH_METHOD: Final = _kind("ImplementationException", HTTPStatus.METHOD_NOT_ALLOWED, METHOD_NOT_ALLOWED.title)
NOT_ACCEPTABLE: Final = _kind("NotAcceptableException", HTTPStatus.NOT_ACCEPTABLE, "No such form can be given")
ALREADY_EXISTS: Final = _kind("ResourceAlreadyExistsException", HTTPStatus.CONFLICT, "It is there already")
CHANGED: Final = _kind("ValidationException", HTTPStatus.PRECONDITION_FAILED, PRECONDITION_FAILED.title)
CAPTURE_LIMIT_EXCEEDED: Final = _kind(
    "CaptureLimitExceededException", HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The document is too large"
)
QUERY_TOO_LARGE: Final = _kind(
    "QueryTooLargeException", HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The query finds too much"
)
QUERY_TOO_COMPLEX: Final = _kind(
    "QueryTooComplexException", HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The query asks too much"
)
UNSUPPORTED_MEDIA_TYPE: Final = _kind(
    "UnsupportedMediaTypeException", HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "No such form can be read"
)
FAULT_OF_OURS: Final = _kind("ImplementationException", HTTPStatus.INTERNAL_SERVER_ERROR, INTERNAL.title)
NO_DATABASE: Final = _kind("ImplementationException", HTTPStatus.SERVICE_UNAVAILABLE, UNAVAILABLE.title)

OF_KIND: Final[Mapping[Kind, EpcisKind]] = {
    INVALID_INPUT: VALIDATION,
    MALFORMED: VALIDATION,
    INVALID_CURSOR: QUERY_PARAMETER,
    UNAUTHENTICATED: NO_KEY,
    FORBIDDEN: NOT_ALLOWED,
    NOT_FOUND: NO_SUCH_RESOURCE,
    METHOD_NOT_ALLOWED: NO_SUCH_METHOD,
    CONFLICT: ALREADY_EXISTS,
    PRECONDITION_FAILED: CHANGED,
    TOO_LARGE: CAPTURE_LIMIT_EXCEEDED,
    UNAVAILABLE: NO_DATABASE,
    INTERNAL: FAULT_OF_OURS,
}
"""What the standard calls our kinds of problems."""


class Refusal(Exception):
    """An error that only the REST binding knows, on its way out of a route."""

    def __init__(self, kind: EpcisKind, detail: str, errors: list[InvalidValue] | None = None) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.errors = errors


class EpcisRoute(APIRoute):
    """A route whose answers bear the standard's headers, and whose problems the standard's types."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler, wrapped."""
        handler = super().get_route_handler()

        async def wrapped(request: Request) -> Response:
            try:
                check_versions(request.headers)
                return _with_headers(await handler(request))
            except Refusal as error:
                return _with_headers(problem(error.kind, error.detail, errors=error.errors))
            except (WayproofError, RequestValidationError, HTTPException) as error:
                return answer(request, error)

        return wrapped


def epcis_router(tag: str) -> APIRouter:
    """A router below `/epcis`."""
    responses = documented(NO_KEY, NOT_ALLOWED, NOT_ACCEPTABLE, VALIDATION, FAULT_OF_OURS, NO_DATABASE)
    return APIRouter(prefix=PREFIX, tags=[tag], route_class=EpcisRoute, responses=responses)


def check_versions(headers: Mapping[str, str]) -> None:
    """Refuses a request that wants another version of EPCIS or CBV than 2.0 answered."""
    for standard in ("EPCIS", "CBV"):
        least, most = headers.get(f"GS1-{standard}-Min", "2.0"), headers.get(f"GS1-{standard}-Max", "2.0")
        if not _major_minor(least) <= (2, 0) <= _major_minor(most):
            raise Refusal(
                NOT_ACCEPTABLE, f"GS1-{standard}-Min and -Max: expected 2.0 between them, got {least}, {most}"
            )


def too_large(most_bytes: int) -> Response:
    """The answer to a body that is too large to be read."""
    return problem(CAPTURE_LIMIT_EXCEEDED, at_most(most_bytes), errors=None, **_HEADERS)


def at_most(most_bytes: int) -> str:
    """What a body that is too large is told."""
    return f"expected at most {most_bytes:,} bytes"


def answer(request: Request, error: Exception) -> Response:
    """The answer for an error below `/epcis`."""
    found = complaint(request, error)
    kind = OF_KIND[found.kind]
    if kind is VALIDATION and request.method == "GET":
        kind = QUERY_PARAMETER
    detail = error.detail if found.kind is TOO_LARGE and isinstance(error, HTTPException) else found.detail
    return _with_headers(problem(kind, detail, errors=found.errors, **found.headers))


def _with_headers(response: Response) -> Response:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    return response


def _major_minor(text: str) -> tuple[int, int]:
    major, _, minor = text.strip().partition(".")
    minor = minor.partition(".")[0] or "0"
    if not (major.isascii() and major.isdigit() and minor.isascii() and minor.isdigit() and len(text) < 20):  # noqa: PLR2004
        raise Refusal(NOT_ACCEPTABLE, f"expected a version such as 2.0.0, got {text[:40]!r}")
    return int(major), int(minor)


class EpcisPage(PageQuery):
    """Which part of a list, in the words of the standard."""

    limit: Annotated[int, Field(ge=1, alias="perPage", description="Items wanted", examples=[30])] = 30
    cursor: Annotated[
        str | None,
        Field(max_length=1000, alias="nextPageToken", description="Out of the `Link` header of the page before"),
    ] = None


def next_link(request: Request, token: str | None) -> dict[str, str]:
    """The `Link` header that leads to the next page; none on the last one."""
    if token is None:
        return {}
    kept = [(name, value) for name, value in request.query_params.multi_items() if name != "nextPageToken"]
    return {"Link": f'<{request.url.path}?{urlencode([*kept, ("nextPageToken", token)])}>; rel="next"'}


async def _epc_format(
    gs1_epc_format: Annotated[
        str | None, Header(description="How identifiers are to be written", examples=["Always_GS1_Digital_Link"])
    ] = None,
) -> EpcFormat:
    return epc_format(gs1_epc_format)


WantedEpcs = Annotated[EpcFormat, Depends(_epc_format)]
"""The format of identifiers that `GS1-EPC-Format` asks for."""
