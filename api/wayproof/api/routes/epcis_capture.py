"""EPCIS 2.0 §12.6: documents are captured by jobs, single events at once."""

from typing import Annotated, Final, Literal
from urllib.parse import quote
from uuid import UUID

from fastapi import Depends, Header, Path, Query, Request, Response

from wayproof.api.auth import EventsReader, EventsWriter
from wayproof.api.conditional import JSON
from wayproof.api.epcis import (
    ALREADY_EXISTS,
    CAPTURE_HEADERS,
    CAPTURE_LIMIT,
    CAPTURE_LIMIT_EXCEEDED,
    NO_SUCH_RESOURCE,
    PREFIX,
    UNSUPPORTED_MEDIA_TYPE,
    VALIDATION,
    EpcisPage,
    Refusal,
    WantedEpcs,
    epcis_router,
    next_link,
)
from wayproof.api.paging import At, Pager
from wayproof.api.problems import InvalidValue, documented
from wayproof.api.schemas.epcis import CaptureJobList, CaptureJobView
from wayproof.model.errors import NotFound
from wayproof.store import captures
from wayproof.store.events import StoredEvent, get_events
from wayproof.trace.capture import MOST_FAULTS, Captured, capture_event
from wayproof.trace.epcis.outline import count_events
from wayproof.trace.epcis.query_document import query_document, single_event
from wayproof.trace.epcis.rules import Rule

router: Final = epcis_router("EPCIS")

_READABLE: Final = ("application/json", "application/ld+json", "application/xml", "text/xml")
_EVENT_ID: Final = "ni:///sha-256;df7bb3c352fef055578554f09f5e2aa41782150ced7bd0b8af24dd3ccb30ba69?ver=CBV2.0"
_EVENT: Final = {
    "@context": "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",
    "type": "ObjectEvent",
    "eventID": _EVENT_ID,
    "action": "OBSERVE",
    "bizStep": "receiving",
    "epcList": ["https://id.gs1.org/00/095201234567891235"],
    "eventTime": "2026-03-02T08:00:00Z",
    "eventTimeZoneOffset": "+01:00",
    "readPoint": {"id": "https://id.gs1.org/414/9521234567899"},
}
_DOCUMENT: Final = {
    "@context": _EVENT["@context"],
    "type": "EPCISDocument",
    "schemaVersion": "2.0",
    "creationDate": "2026-03-02T08:00:00Z",
    "epcisBody": {"eventList": [{name: value for name, value in _EVENT.items() if name != "@context"}]},
}


async def _document(request: Request) -> bytes:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in _READABLE:
        raise Refusal(UNSUPPORTED_MEDIA_TYPE, f"expected Content-Type {', '.join(_READABLE)}, got {kind!r}")
    coding = request.headers.get("content-encoding", "identity").strip().lower()
    if coding != "identity":
        raise Refusal(UNSUPPORTED_MEDIA_TYPE, f"expected a body without Content-Encoding, got {coding!r}")
    return await request.body()


_Document = Annotated[bytes, Depends(_document)]
_Behaviour = Annotated[
    Literal["rollback", "proceed"],
    Header(
        alias="GS1-Capture-Error-Behaviour",
        description="Whether one event at fault keeps all of them out, or only itself",
        examples=["rollback"],
    ),
]
_Lenient = Annotated[
    bool,
    Query(description="Let through, and list, what leaves the meaning of an event clear", examples=[False]),
]


def _body(example: object, of: str) -> dict[str, object]:
    json = {kind: {"schema": {"type": "object"}, "example": example} for kind in _READABLE[:2]}
    xml = {kind: {"schema": {"type": "string"}, "example": f"<epcis:{of} />"} for kind in _READABLE[2:]}
    return {"requestBody": {"required": True, "content": {**json, **xml}}}


_WRITE: Final = documented(CAPTURE_LIMIT_EXCEEDED, UNSUPPORTED_MEDIA_TYPE)


@router.post(
    "/capture",
    status_code=202,
    response_class=Response,
    responses={202: {"description": "Stored; the job is at `Location`"}, **_WRITE},
    openapi_extra=_body(_DOCUMENT, "EPCISDocument"),
)
def capture_document(
    caller: EventsWriter, document: _Document, behaviour: _Behaviour = "rollback", *, lenient: _Lenient = False
) -> Response:
    """Takes a document in JSON, JSON-LD or XML. It is stored before the answer; a job captures its events."""
    events = count_events(document)
    if events > CAPTURE_LIMIT:
        raise Refusal(CAPTURE_LIMIT_EXCEEDED, f"expected at most {CAPTURE_LIMIT:,} events, got {events:,}")
    tenant_id = caller.key.tenant_id
    with caller.transaction() as conn:
        job = captures.create_capture(conn, tenant_id, is_proceeding=behaviour == "proceed", is_lenient=lenient)
        captures.keep_document(conn, tenant_id, job, document)
    headers = {**CAPTURE_HEADERS, "GS1-Capture-Error-Behaviour": behaviour, "Cache-Control": "no-store"}
    return Response(status_code=202, headers={**headers, "Location": f"{PREFIX}/capture/{job}"})


@router.get("/capture", response_model=CaptureJobList)
def list_captures(request: Request, caller: EventsReader, query: Annotated[EpcisPage, Query()]) -> Response:
    """Lists the capture jobs of the tenant, newest first."""
    pager = Pager(query, of="captures", tenant_id=caller.key.tenant_id)
    with caller.transaction() as conn:
        found = captures.list_captures(conn, position=pager.position(tuple[At, UUID]), limit=pager.fetch)
    page, token = pager.page(found, lambda job: (job.created_at, job.capture_id))
    body = CaptureJobList([CaptureJobView.of(job) for job in page])
    return _answer(body.model_dump_json(by_alias=True), **next_link(request, token))


@router.get("/capture/{capture_id}", response_model=CaptureJobView, responses=documented(NO_SUCH_RESOURCE))
def get_capture(capture_id: Annotated[UUID, Path(description="Out of `Location`")], caller: EventsReader) -> Response:
    """How a capture job stands."""
    with caller.transaction() as conn:
        job = captures.get_capture(conn, capture_id)
    return _answer(CaptureJobView.of(job).model_dump_json(by_alias=True), **CAPTURE_HEADERS)


@router.post(
    "/events",
    status_code=201,
    response_class=Response,
    responses={
        201: {
            "description": "Captured; the event is at `Location`",
            "content": {JSON: {"schema": {"type": "object"}, "example": _EVENT}},
        },
        **_WRITE,
        **documented(ALREADY_EXISTS),
    },
    openapi_extra=_body(_EVENT, "ObjectEvent"),
)
def create_event(
    caller: EventsWriter, document: _Document, wanted: WantedEpcs, *, lenient: _Lenient = False
) -> Response:
    """Captures one event at once. One without eventID gets its event hash (CBV 2.0 §8.9) as one."""
    with caller.transaction() as conn:
        captured = capture_event(conn, caller.key.tenant_id, document, lenient=lenient)
        _check(captured)
        (epcis_id,) = captured.epcis_ids
        stored = get_events(conn, epcis_id)[-1]
    location = f"{PREFIX}/events/{quote(epcis_id, safe='')}"
    return Response(single_event(stored, wanted), status_code=201, media_type=JSON, headers={"Location": location})


@router.get(
    "/events/{event_id:path}",
    response_class=Response,
    responses={
        200: {"content": {JSON: {"schema": {"type": "object"}, "example": {"type": "EPCISQueryDocument"}}}},
        **documented(NO_SUCH_RESOURCE),
    },
)
def get_event(
    event_id: Annotated[str, Path(description="Its eventID", examples=[_EVENT_ID])],
    caller: EventsReader,
    wanted: WantedEpcs,
) -> Response:
    """One event, and declarations that it was in error, as they came in."""
    with caller.transaction() as conn:
        found: list[StoredEvent] = get_events(conn, event_id)
    if not found:
        raise NotFound(f"no event {event_id!r}")
    return _answer(query_document(found, epcs=wanted))


def _check(captured: Captured) -> None:
    """Refuses what was not captured, with every fault."""
    if not captured.faults:
        return
    told = captured.faults[:MOST_FAULTS]
    errors = [InvalidValue(place="body", pointer=fault.pointer, detail=str(fault)) for fault in told]
    is_taken = all(fault.rule is Rule.DUPLICATE for fault in captured.faults)
    raise Refusal(ALREADY_EXISTS if is_taken else VALIDATION, str(captured.faults[0]), errors)


def _answer(body: str, **headers: str) -> Response:
    return Response(body, media_type=JSON, headers={"Cache-Control": "no-store", **headers})
