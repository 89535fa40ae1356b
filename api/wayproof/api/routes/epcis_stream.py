"""EPCIS 2.0 §12.7.3: a WebSocket that is told what a named query finds anew, for as long as it is open."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import anyio
from anyio.to_thread import run_sync
from fastapi import APIRouter, WebSocket, WebSocketDisconnect, WebSocketException

from wayproof.api.auth import prove
from wayproof.api.epcis import PREFIX
from wayproof.model.access import Scope
from wayproof.model.errors import WayproofError
from wayproof.store import subscriptions
from wayproof.store.event_queries import newest_place
from wayproof.store.pool import Pool
from wayproof.trace.epcis.formats import EpcFormat, epc_format
from wayproof.trace.epcis.query_document import query_document
from wayproof.trace.epcis.reading import read_json
from wayproof.trace.query.parameters import query_of_json
from wayproof.trace.query.query import Query
from wayproof.trace.query.search import since
from wayproof.trace.subscriptions.requests import read_when
from wayproof.trace.subscriptions.schedule import Schedule

router: Final = APIRouter()

_LOOK_S: Final = 0.5
_BATCH: Final = 100
_REFUSED: Final = 1008
"""The code for what breaks a policy of the server (RFC 6455 §7.4.1)."""
_SCHEDULE: Final = ("second", "minute", "hour", "dayOfMonth", "month", "dayOfWeek")


@dataclass(kw_only=True, slots=True)
class _Stream:
    """One connection: what is asked, and up to where it has been told."""

    pool: Pool
    token: str
    name: str
    query: Query
    epcs: EpcFormat
    schedule: Schedule | None
    report_if_empty: bool
    last_seen_id: int

    def next_document(self) -> tuple[str | None, bool]:
        """What comes next, in one message, and whether more is there already.

        A domain error where the key, or the query, is gone meanwhile.
        """
        with prove(self.pool, self.token, Scope.EVENTS_READ).transaction() as conn:
            subscriptions.get_query(conn, self.name)
            upto_id = newest_place(conn)
            news = since(conn, self.query, after_id=self.last_seen_id, upto_id=upto_id, limit=_BATCH)
        self.last_seen_id = news.events[-1].event_id if news.is_more else upto_id
        if not news.events and (self.schedule is None or not self.report_if_empty):
            return None, False
        return query_document(news.events, epcs=self.epcs, query_name=self.name), news.is_more

    async def wait(self) -> None:
        """Until it is time to look again."""
        if self.schedule is None:
            await anyio.sleep(_LOOK_S)
        else:
            now = datetime.now(UTC)
            await anyio.sleep((self.schedule.next_after(now) - now).total_seconds())


@router.websocket(f"{PREFIX}/queries/{{query_name}}/events")
async def stream_events(websocket: WebSocket, query_name: str) -> None:
    """Tells what a query finds anew; parameters are `stream=true`, or the fields of a schedule."""
    try:
        stream = await run_sync(_opened, websocket, query_name)
    except WayproofError as error:
        raise WebSocketException(_REFUSED, str(error)[:100]) from error
    await websocket.accept()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_tell, websocket, stream)
        with suppress(WebSocketDisconnect):
            while True:
                await websocket.receive_text()
        tasks.cancel_scope.cancel()


async def _tell(websocket: WebSocket, stream: _Stream) -> None:
    try:
        while True:
            await stream.wait()
            is_more = True
            while is_more:
                document, is_more = await run_sync(stream.next_document)
                if document is not None:
                    await websocket.send_text(document)
    except WebSocketDisconnect:
        return
    except WayproofError as error:
        await websocket.close(_REFUSED, str(error)[:100])


def _opened(websocket: WebSocket, name: str) -> _Stream:
    """What the handshake asks for; raises a domain error where it is refused."""
    kind, _, token = websocket.headers.get("authorization", "").partition(" ")
    pool: Pool = websocket.app.state.pool
    caller = prove(pool, token if kind.lower() == "bearer" else None, Scope.EVENTS_READ)
    asked = _asked(websocket.query_params)
    with caller.transaction() as conn:
        query = query_of_json(read_json(subscriptions.get_query(conn, name).body.encode()))
        return _Stream(
            pool=pool,
            token=token,
            name=name,
            query=query,
            epcs=epc_format(websocket.headers.get("gs1-epc-format")),
            schedule=read_when(asked),
            report_if_empty=asked["reportIfEmpty"],
            last_seen_id=newest_place(conn),
        )


def _asked(parameters: Mapping[str, str]) -> Mapping[str, Any]:
    """The parameters in the form of a subscription's body."""
    schedule = {name: parameters[name] for name in _SCHEDULE if name in parameters}
    return {
        "stream": parameters.get("stream") == "true",
        "reportIfEmpty": parameters.get("reportIfEmpty") == "true",
        **({"schedule": schedule} if schedule else {}),
    }
