"""EPCIS 2.0 §12.7 and §12.8: events by the query language, and what there is to ask for."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final

from fastapi import Path, Request, Response

from wayproof.api.auth import EventsReader, EventsWriter
from wayproof.api.conditional import JSON
from wayproof.api.epcis import (
    NO_SUCH_RESOURCE,
    NOT_ACCEPTABLE,
    QUERY_PARAMETER,
    QUERY_TOO_LARGE,
    WantedEpcs,
    epcis_router,
    next_link,
)
from wayproof.api.epcis_search import (
    ACCEPTABLE,
    URI_TOO_LONG,
    Extensions,
    answer_events,
    asking,
    paging_of,
    parameters_of,
)
from wayproof.api.paging import BigInteger, Text
from wayproof.api.problems import documented
from wayproof.model.errors import InvalidInput, NotFound
from wayproof.store.event_queries import list_values
from wayproof.store.events import Vocabulary
from wayproof.store.pool import Conn
from wayproof.trace.epcis.context import Context
from wayproof.trace.epcis.writing import write_json
from wayproof.trace.epcis.xml_in import CONTEXT_URL
from wayproof.trace.query.epcs import FIRST, named_things
from wayproof.trace.query.parameters import query_of_url
from wayproof.trace.query.query import Query
from wayproof.trace.query.resources import is_known, known_words, narrowed, told
from wayproof.trace.query.search import search

router: Final = epcis_router("EPCIS")

_VOCABULARIES: Final = {
    "eventTypes": (Vocabulary.EVENT_TYPES, "ObjectEvent"),
    "bizSteps": (Vocabulary.BIZ_STEPS, "shipping"),
    "bizLocations": (Vocabulary.BIZ_LOCATIONS, "https://id.gs1.org/414/9521234567899"),
    "readPoints": (Vocabulary.READ_POINTS, "https://id.gs1.org/414/9521234567899"),
    "dispositions": (Vocabulary.DISPOSITIONS, "in_transit"),
}
_THING: Final = "https://id.gs1.org/00/095201234567891235"
_RESOURCES: Final = ("capture", "events", "queries", "epcs", *_VOCABULARIES)


def _given(example: object) -> dict[int | str, dict[str, Any]]:
    return {
        200: {"content": {JSON: {"schema": {"type": "object"}, "example": example}}},
        **documented(QUERY_PARAMETER, NOT_ACCEPTABLE),
    }


_EVENTS: Final = {**_given({"type": "EPCISQueryDocument"}), **documented(QUERY_TOO_LARGE, URI_TOO_LONG)}
_COLLECTION: Final = _given({"@context": CONTEXT_URL, "type": "Collection", "member": ["events"]})


@router.get("", response_class=Response, responses=_COLLECTION, dependencies=[ACCEPTABLE])
def list_epcis_resources(_: EventsReader) -> Response:
    """Which resources there are."""
    return _collection(_RESOURCES)


@router.get("/events", response_class=Response, responses=_EVENTS, dependencies=[ACCEPTABLE])
def list_events(request: Request, caller: EventsReader, extensions: Extensions, wanted: WantedEpcs) -> Response:
    """Events by the parameters of the query language, page by page: `perPage`, and `Link` for the next one."""
    query = asking(lambda: query_of_url(parameters_of(request), extensions))
    with caller.transaction() as conn:
        return answer_events(request, caller, conn, query, epcs=wanted)


@router.delete("/nextPageToken/{token}", status_code=204, response_class=Response)
def drop_page_token(
    _: Annotated[str, Path(alias="token", description="Out of a `Link` header", examples=["WyJhYmMiLDFd"])],
    __: EventsWriter,
) -> Response:
    """Gives up the token of a page. It holds everything itself, so there is nothing to be freed."""
    return Response(status_code=204)


@router.get("/epcs", name="list_epcs", response_class=Response, responses=_COLLECTION, dependencies=[ACCEPTABLE])
def list_things(request: Request, caller: EventsReader, wanted: WantedEpcs) -> Response:
    """Things that events name, in the order in which they were first named. A short page need not be the last one."""
    pager = paging_of(request, "epcs", caller)
    after = pager.position(tuple[BigInteger, BigInteger]) or FIRST
    with caller.transaction() as conn:
        found = named_things(conn, after=after, limit=pager.fetch - 1)
    token = None if found.next is None else pager.token(found.next)
    return _collection([told("epcs", uri, wanted) for uri in found.uris], **next_link(request, token))


def _add_list(resource: str, vocabulary: Vocabulary) -> None:
    def list_them(request: Request, caller: EventsReader, wanted: WantedEpcs) -> Response:
        """The standard's own, and whatever events name."""
        pager = paging_of(request, resource, caller)
        (after,) = pager.position(tuple[Text]) or ("",)
        with caller.transaction() as conn:
            found = list_values(conn, vocabulary, after=after, limit=pager.fetch)
        known = {value for value in known_words(resource) if value > after}
        page, token = pager.page(sorted(known.union(found))[: pager.fetch], lambda value: (value,))
        return _collection([told(resource, value, wanted) for value in page], **next_link(request, token))

    _route(f"/{resource}", list_them, f"list_{vocabulary}", _COLLECTION)


def _add_members(resource: str, name: str, example: str) -> None:
    """The routes below a top-level resource."""
    value_type = Annotated[str, Path(description="As the list names it", examples=[example])]

    def get_it(value: str, caller: EventsReader, extensions: Extensions) -> Response:
        """What there is below it."""
        with caller.transaction() as conn:
            _check_known(conn, resource, value, extensions)
        return _collection(["events"])

    def list_its_events(
        request: Request, value: str, caller: EventsReader, extensions: Extensions, wanted: WantedEpcs
    ) -> Response:
        """Its events; parameters of the query language narrow them down."""
        query = asking(lambda: query_of_url(parameters_of(request), extensions))
        with caller.transaction() as conn:
            _check_known(conn, resource, value, extensions)
            return answer_events(request, caller, conn, narrowed(query, resource, value, extensions), epcs=wanted)

    for below in (get_it, list_its_events):
        below.__annotations__["value"] = value_type
    missing = documented(NO_SUCH_RESOURCE)
    # The longer one first: a value may hold slashes.
    _route(f"/{resource}/{{value:path}}/events", list_its_events, f"list_events_of_{name}", {**_EVENTS, **missing})
    _route(f"/{resource}/{{value:path}}", get_it, f"get_one_of_{name}", {**_COLLECTION, **missing})


def _route(path: str, endpoint: Callable[..., Response], name: str, responses: dict[int | str, dict[str, Any]]) -> None:
    router.add_api_route(
        path, endpoint, name=name, response_class=Response, responses=responses, dependencies=[ACCEPTABLE]
    )


def _check_known(conn: Conn, resource: str, value: str, context: Context) -> None:
    if is_known(resource, value, context):
        return
    try:
        query = narrowed(Query(), resource, value, context)
    except InvalidInput as error:
        raise NotFound(f"no {resource} {value[:80]!r}: {error}") from error
    if not search(conn, query, per_page=1).events:
        raise NotFound(f"no {resource} {value[:80]!r}")


def _collection(members: Sequence[str], **headers: str) -> Response:
    body = write_json({"@context": CONTEXT_URL, "type": "Collection", "member": list(members)})
    return Response(body, media_type=JSON, headers={"Cache-Control": "no-store", **headers})


for _resource, (_vocabulary, _example) in _VOCABULARIES.items():
    _add_list(_resource, _vocabulary)
    _add_members(_resource, _vocabulary, _example)
_add_members("epcs", "epcs", _THING)
