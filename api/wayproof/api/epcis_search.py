"""What routes that answer with events share: parameters in, a page of events out (EPCIS 2.0 §12.7)."""

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Annotated, Any, Final, TypeVar

from fastapi import Depends, Header, Request, Response
from pydantic import ValidationError

from wayproof.api.auth import Caller
from wayproof.api.conditional import JSON
from wayproof.api.epcis import (
    NOT_ACCEPTABLE,
    QUERY_PARAMETER,
    QUERY_TOO_COMPLEX,
    QUERY_TOO_LARGE,
    EpcisKind,
    EpcisPage,
    Refusal,
    next_link,
)
from wayproof.api.paging import BigInteger, Pager, Text
from wayproof.api.problems import InvalidValue
from wayproof.model.errors import InvalidInput
from wayproof.store.pool import Conn
from wayproof.trace.epcis.context import Context, context_of_header
from wayproof.trace.epcis.formats import EpcFormat, cbv_format
from wayproof.trace.epcis.query_document import QUERY_NAME, query_document
from wayproof.trace.query.query import Query, QueryTooComplex, QueryTooLarge
from wayproof.trace.query.search import Position, search

T = TypeVar("T")

URI_TOO_LONG: Final = EpcisKind(
    slug="URITooLongException",
    status=HTTPStatus.REQUEST_URI_TOO_LONG,
    title="The address is too long",
    explanation="Make it a named query.",
)
LONGEST_QUERY: Final = 16_384
"""Characters after the question mark."""

_PAGING: Final = frozenset({"perPage", "nextPageToken"})
_GIVEN: Final = ("application/json", "application/ld+json", "application/*", "*/*")


async def _acceptable(request: Request) -> None:
    """Refuses a request that takes no JSON, wants words as nobody writes them, or whose address is too long."""
    wanted = [part.partition(";")[0].strip().lower() for part in request.headers.get("accept", "*/*").split(",")]
    if not set(wanted) & set(_GIVEN):
        raise Refusal(NOT_ACCEPTABLE, f"expected Accept with {_GIVEN[0]}, got {', '.join(wanted)[:80]!r}")
    asking(lambda: cbv_format(request.headers.get("gs1-cbv-xml-format")))
    if len(request.url.query) > LONGEST_QUERY:
        raise Refusal(URI_TOO_LONG, f"expected at most {LONGEST_QUERY:,} characters of parameters: make a named query")


ACCEPTABLE: Final = Depends(_acceptable)


async def _extensions(
    gs1_extensions: Annotated[
        str | None,
        Header(description="Prefixes in parameters: prefix=URI, ...", examples=["ex=https://example.org/x/"]),
    ] = None,
) -> Context:
    return asking(lambda: context_of_header(gs1_extensions or ""))


Extensions = Annotated[Context, Depends(_extensions)]
"""What prefixes of parameters mean, by `GS1-Extensions`."""


def paging_of(request: Request, of: str, caller: Caller, bound_to: Iterable[Any] = ()) -> Pager:
    """The pages of a list; a token is good for the same list with the same parameters."""
    given = {name: value for name, value in request.query_params.items() if name in _PAGING}
    try:
        page = EpcisPage.model_validate(given)
    except ValidationError as error:
        wanted = "perPage a whole number from 1 on, nextPageToken as it was given"
        raise Refusal(QUERY_PARAMETER, f"expected {wanted}") from error
    return Pager(page, of=f"{of} {sorted(bound_to)!r}", tenant_id=caller.key.tenant_id)


def parameters_of(request: Request) -> list[tuple[str, str]]:
    """All parameters of the query language in an address."""
    return [(name, value) for name, value in request.query_params.multi_items() if name not in _PAGING]


def asking(read: Callable[[], T]) -> T:
    """What `read` returns; what it finds wrong is said in the standard's words."""
    try:
        return read()
    except QueryTooLarge as error:
        raise Refusal(QUERY_TOO_LARGE, str(error)) from error
    except QueryTooComplex as error:
        raise Refusal(QUERY_TOO_COMPLEX, str(error)) from error
    except InvalidInput as error:
        value = InvalidValue(place="query", pointer=error.pointer or "", detail=str(error))
        raise Refusal(QUERY_PARAMETER, str(error), [value]) from error


def answer_events(
    request: Request,
    caller: Caller,
    conn: Conn,
    query: Query,
    *,
    epcs: EpcFormat,
    query_name: str = QUERY_NAME,
) -> Response:
    """One page of the events that a query finds."""
    pager = paging_of(request, f"events {query_name} {request.url.path}", caller, parameters_of(request))
    told = pager.position(tuple[BigInteger, BigInteger, list[Text], BigInteger])
    position = None
    if told is not None:
        position = Position(upto_id=told[0], last_id=told[1], last_rank=tuple(told[2]), given=told[3])
    page = asking(lambda: search(conn, query, per_page=pager.fetch - 1, position=position))
    token = None
    if page.next is not None:
        following = page.next
        token = pager.token((following.upto_id, following.last_id, following.last_rank, following.given))
    body = query_document(page.events, epcs=epcs, query_name=query_name)
    return Response(body, media_type=JSON, headers={"Cache-Control": "no-store", **next_link(request, token)})
