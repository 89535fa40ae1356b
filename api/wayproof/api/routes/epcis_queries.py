"""EPCIS 2.0 §12.7.2 and §12.7.3: queries under a name, and who is told what they find anew."""

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import Depends, Path, Request, Response

from wayproof.api.auth import EventsReader, EventsWriter
from wayproof.api.conditional import JSON
from wayproof.api.epcis import (
    ALREADY_EXISTS,
    NO_SUCH_NAME,
    NO_SUCH_RESOURCE,
    NOT_ACCEPTABLE,
    PREFIX,
    QUERY_PARAMETER,
    QUERY_TOO_LARGE,
    QUERY_VALIDATION,
    SUBSCRIPTION_CONTROLS,
    UNSUPPORTED_MEDIA_TYPE,
    EpcisKind,
    Refusal,
    WantedEpcs,
    epcis_router,
    next_link,
)
from wayproof.api.epcis_search import ACCEPTABLE, Extensions, answer_events, asking, paging_of, parameters_of
from wayproof.api.paging import At, Text
from wayproof.api.problems import InvalidValue, documented
from wayproof.model.errors import InvalidInput, NotFound
from wayproof.model.graph import EVER_BEFORE
from wayproof.store import subscriptions
from wayproof.store.event_queries import newest_place
from wayproof.store.pool import Conn
from wayproof.store.subscriptions import NamedQuery, Subscription
from wayproof.trace.epcis.context import STANDARD_PREFIXES, Context
from wayproof.trace.epcis.query_document import written_time
from wayproof.trace.epcis.reading import read_json
from wayproof.trace.epcis.writing import write_json
from wayproof.trace.query.parameters import query_of_json
from wayproof.trace.query.query import QueryTooComplex
from wayproof.trace.subscriptions.requests import read_subscription

router: Final = epcis_router("EPCIS")

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,99}", re.ASCII)
_Name = Annotated[str, Path(description="The query's name", max_length=100, examples=["myQuery"])]
_Id = Annotated[UUID, Path(description="subscriptionID", examples=["df5a33e3-5aa3-4403-ae01-99b83234e27b"])]
_QUERY: Final = {"name": "myQuery", "query": {"eventType": ["ObjectEvent"], "EQ_bizStep": ["shipping", "receiving"]}}
_SUBSCRIPTION: Final = {
    "dest": "https://client.example.com/queryCallback",
    "signatureToken": "13df38d8275b13f05704629e5f1cf3d45d6132d5",
    "stream": True,
}
_Responses = dict[int | str, dict[str, Any]]
_NAMED: Final[_Responses] = documented(NO_SUCH_NAME, NOT_ACCEPTABLE)
_LISTED: Final[_Responses] = documented(QUERY_PARAMETER, NOT_ACCEPTABLE)


async def _json(request: Request) -> Any:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in {"application/json", "application/ld+json"}:
        raise Refusal(UNSUPPORTED_MEDIA_TYPE, f"expected Content-Type application/json, got {kind[:80]!r}")
    return refusing(QUERY_VALIDATION, read_json, await request.body())


_Json = Annotated[Any, Depends(_json)]


def refusing(kind: EpcisKind, read: Callable[..., Any], *args: Any) -> Any:
    """What `read` makes of a body; what it finds wrong is a problem of that kind."""
    try:
        return read(*args)
    except QueryTooComplex:
        return asking(lambda: read(*args))
    except InvalidInput as error:
        value = InvalidValue(place="body", pointer=error.pointer or "", detail=str(error))
        raise Refusal(kind, str(error), [value]) from error


def _body(example: object) -> dict[str, object]:
    return {"requestBody": {"required": True, "content": {JSON: {"schema": {"type": "object"}, "example": example}}}}


def _told(example: object, status: int = 200) -> _Responses:
    schema = {"type": "array", "items": {"type": "object"}} if isinstance(example, list) else {"type": "object"}
    return {status: {"content": {JSON: {"schema": schema, "example": example}}}}


@router.post(
    "/queries",
    status_code=201,
    response_class=Response,
    responses={**_told(_QUERY, 201), **documented(QUERY_VALIDATION, ALREADY_EXISTS, UNSUPPORTED_MEDIA_TYPE)},
    openapi_extra=_body(_QUERY),
)
def create_query(caller: EventsWriter, given: _Json, extensions: Extensions) -> Response:
    """Keeps a query under a name."""
    name, body = refusing(QUERY_VALIDATION, _read_query, given, extensions)
    with caller.transaction() as conn:
        made = subscriptions.create_query(conn, caller.key.tenant_id, name, write_json(body))
    return _answer(_query_view(made), status=201, headers={"Location": f"{PREFIX}/queries/{name}"})


@router.get("/queries", response_class=Response, responses={**_told([_QUERY]), **_LISTED}, dependencies=[ACCEPTABLE])
def list_queries(request: Request, caller: EventsReader) -> Response:
    """Lists the tenant's queries by name."""
    pager = paging_of(request, "queries", caller)
    (after,) = pager.position(tuple[Text]) or ("",)
    with caller.transaction() as conn:
        found = subscriptions.list_queries(conn, after_name=after, limit=pager.fetch)
    page, token = pager.page(found, lambda query: (query.name,))
    return _answer([_query_view(query) for query in page], headers=next_link(request, token))


@router.get(
    "/queries/{query_name}", response_class=Response, responses={**_told(_QUERY), **_NAMED}, dependencies=[ACCEPTABLE]
)
def get_query(query_name: _Name, caller: EventsReader) -> Response:
    """What a query asks."""
    with caller.transaction() as conn:
        return _answer(_query_view(_query(conn, query_name)))


@router.delete("/queries/{query_name}", status_code=204, response_class=Response, responses=_NAMED)
def delete_query(query_name: _Name, caller: EventsWriter) -> Response:
    """Forgets a query, and whoever subscribed to it."""
    with caller.transaction() as conn:
        if not (_NAME.fullmatch(query_name) and subscriptions.drop_query(conn, query_name)):
            raise Refusal(NO_SUCH_NAME, f"no query {query_name!r}")
    return Response(status_code=204)


@router.get(
    "/queries/{query_name}/events",
    response_class=Response,
    responses={**_told({"type": "EPCISQueryDocument"}), **_NAMED, **documented(QUERY_PARAMETER, QUERY_TOO_LARGE)},
    dependencies=[ACCEPTABLE],
)
def list_events_of_query(request: Request, query_name: _Name, caller: EventsReader, wanted: WantedEpcs) -> Response:
    """What a query finds, page by page. A WebSocket here is told what it finds anew: `stream=true`, or a schedule."""
    if parameters_of(request):
        raise Refusal(QUERY_PARAMETER, "expected perPage and nextPageToken at most: the query has a name")
    with caller.transaction() as conn:
        query = query_of_json(read_json(_query(conn, query_name).body.encode()))
        return answer_events(request, caller, conn, query, epcs=wanted, query_name=query_name)


@router.post(
    "/queries/{query_name}/subscriptions",
    status_code=201,
    response_class=Response,
    responses={
        **_told({**_SUBSCRIPTION, "subscriptionID": "df5a33e3-5aa3-4403-ae01-99b83234e27b"}, 201),
        **_NAMED,
        **documented(SUBSCRIPTION_CONTROLS, UNSUPPORTED_MEDIA_TYPE),
    },
    openapi_extra=_body(_SUBSCRIPTION),
)
def create_subscription(
    request: Request, query_name: _Name, caller: EventsWriter, given: _Json, wanted: WantedEpcs
) -> Response:
    """Has an address told what a query finds anew: at once (`stream`), or on a schedule."""
    reach = request.app.state.settings.webhooks.reach()
    with caller.transaction() as conn:
        _query(conn, query_name)
        new = refusing(
            SUBSCRIPTION_CONTROLS,
            lambda: read_subscription(
                given, query_name=query_name, epcs=wanted, reach=reach, newest_id=newest_place(conn)
            ),
        )
        made = subscriptions.create_subscription(conn, caller.key.tenant_id, new)
    location = f"{PREFIX}/queries/{query_name}/subscriptions/{made.subscription_id}"
    return _answer(_subscription_view(made), status=201, headers={"Location": location})


@router.get(
    "/queries/{query_name}/subscriptions",
    response_class=Response,
    responses={**_told([_SUBSCRIPTION]), **_NAMED, **_LISTED},
    dependencies=[ACCEPTABLE],
)
def list_subscriptions(request: Request, query_name: _Name, caller: EventsReader) -> Response:
    """Who is told what a query finds anew."""
    pager = paging_of(request, f"subscriptions {query_name}", caller)
    position = pager.position(tuple[At, UUID])
    with caller.transaction() as conn:
        _query(conn, query_name)
        found = subscriptions.list_subscriptions(conn, query_name, position=position, limit=pager.fetch)
    page, token = pager.page(found, lambda each: (each.created_at, each.subscription_id))
    return _answer([_subscription_view(each) for each in page], headers=next_link(request, token))


@router.get(
    "/queries/{query_name}/subscriptions/{subscription_id}",
    response_class=Response,
    responses={**_told(_SUBSCRIPTION), **documented(NO_SUCH_RESOURCE, NOT_ACCEPTABLE)},
    dependencies=[ACCEPTABLE],
)
def get_subscription(query_name: _Name, subscription_id: _Id, caller: EventsReader) -> Response:
    """How a subscription stands."""
    with caller.transaction() as conn:
        return _answer(_subscription_view(subscriptions.get_subscription(conn, query_name, subscription_id)))


@router.delete(
    "/queries/{query_name}/subscriptions/{subscription_id}",
    status_code=204,
    response_class=Response,
    responses=documented(NO_SUCH_RESOURCE),
)
def delete_subscription(query_name: _Name, subscription_id: _Id, caller: EventsWriter) -> Response:
    """Ends a subscription."""
    with caller.transaction() as conn:
        if not subscriptions.drop_subscription(conn, query_name, subscription_id):
            raise NotFound(f"no subscription {subscription_id} of query {query_name!r}")
    return Response(status_code=204)


def _query(conn: Conn, name: str) -> NamedQuery:
    """The query of that name."""
    try:
        if _NAME.fullmatch(name):
            return subscriptions.get_query(conn, name)
    except NotFound:
        pass
    raise Refusal(NO_SUCH_NAME, f"no query {name[:100]!r}")


def _read_query(given: Any, context: Context) -> tuple[str, Mapping[str, Any]]:
    if not isinstance(given, Mapping) or given.keys() - {"@context"} != {"name", "query"}:
        raise InvalidInput("query: expected an object of name and query", pointer="")
    name, query = given["name"], given["query"]
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InvalidInput("name: expected 1 to 100 of A-Z a-z 0-9 . _ ~ -, a letter or digit first", pointer="/name")
    query_of_json(query, context)
    return name, _with_prefixes(query, context)


def _with_prefixes(query: Mapping[str, Any], context: Context) -> Mapping[str, Any]:
    """The query with what `GS1-Extensions` said, by which it will be read again."""
    added = {name: uri for name, uri in context.prefixes.items() if name not in STANDARD_PREFIXES}
    if not added:
        return query
    own = query.get("@context", [])
    return {**query, "@context": [added, *(own if isinstance(own, list) else [own])]}


def _query_view(query: NamedQuery) -> Mapping[str, Any]:
    return {"name": query.name, "query": read_json(query.body.encode())}


def _subscription_view(subscription: Subscription) -> Mapping[str, Any]:
    """The standard's names, and how often telling has failed since it last went well."""
    when = {"stream": True} if subscription.schedule is None else {"schedule": dict(subscription.schedule)}
    told, begin = subscription.last_told_at, subscription.initial_record_time
    return {
        "subscriptionID": str(subscription.subscription_id),
        "dest": subscription.dest,
        **when,
        "reportIfEmpty": subscription.report_if_empty,
        "initialRecordTime": written_time(subscription.created_at if begin == EVER_BEFORE else begin),
        "epcFormat": subscription.epc_format,
        "createdAt": written_time(subscription.created_at),
        **({} if told is None else {"lastNotifiedAt": written_time(told)}),
        "failures": subscription.failures,
        **({} if subscription.last_failure is None else {"lastFailure": subscription.last_failure}),
    }


def _answer(document: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    sent = {"Cache-Control": "no-store", **(headers or {})}
    return Response(write_json(document), status_code=status, media_type=JSON, headers=sent)
