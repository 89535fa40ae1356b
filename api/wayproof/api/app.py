"""The application: one factory, everything it needs given to it, nothing global."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.metadata import version
from typing import Final

from fastapi import FastAPI
from fastapi.routing import APIRoute
from prometheus_client import CollectorRegistry
from starlette.exceptions import HTTPException

from wayproof.api import unrouted
from wayproof.api.metrics import HttpMetrics, measure_pool
from wayproof.api.middleware import BodyLimit, Envelope
from wayproof.api.openapi import with_problems
from wayproof.api.pages import mount_pages
from wayproof.api.problems import add_problem_handlers
from wayproof.api.routes import (
    assignments,
    custody,
    devices,
    dossiers,
    epcis_capture,
    epcis_discovery,
    epcis_queries,
    epcis_query,
    epcis_stream,
    exports,
    handoffs,
    keys,
    log,
    operations,
    parties,
    profiles,
    recalls,
    resolver,
    session,
    shipments,
    sites,
    trace,
    whereabouts,
)
from wayproof.api.settings import ApiSettings
from wayproof.store.pool import open_pool

_TAGS: Final = {
    "Shipments": "Where goods are, how they are kept, and where they went.",
    "Assignments": "Which device rides with which shipment, and when: the legs whose readings are the shipment's.",
    "Condition profiles": "The bands in which goods must be kept. A correction is a new version.",
    "Sites": "Where goods come from, wait, and go to.",
    "Devices": "Whatever sends readings, and what it told.",
    "Parties": "Who takes custody, and the keys by which they sign. Keys themselves stay with the parties.",
    "Handoffs": "Changes of custody that both parties sign, their evidence, and the proof of them.",
    "EPCIS": "Events of the supply chain by GS1's standard, EPCIS 2.0: captured here, and found again.",
    "Exports": "What authorities, auditors and customers ask for, as files.",
    "Trace": "Where a lot comes from, where it went, where it is, and what the events do not tell.",
    "Recalls": "What is affected and where it is, who was told and has answered; exercises are timed.",
    "Keys": "Who may do what.",
    "Log": "The log of custody: public, append-only, for anybody to copy and audit.",
    "Resolver": "GS1 Digital Links: what a QR code on a box leads to.",
    "Session": "Signing a browser in and out.",
    "Operations": "For operators and their tools.",
}

_DESCRIPTION: Final = """\
Wayproof follows goods from the sensor to the proof.

Times are RFC 3339 in UTC; units stand in names (`temperature_c`, `speed_mps`). Lists come page by page: give
`next_cursor` as `cursor` to get the next one. Every error is a problem document (RFC 9457). Resources carry an
`ETag`: with `If-None-Match` an unchanged one is not sent again, with `If-Match` a change is refused where somebody
else was quicker.
"""


_ROUTERS: Final = (
    shipments.router,
    assignments.router,
    profiles.router,
    sites.router,
    devices.router,
    parties.router,
    handoffs.router,
    epcis_capture.router,
    exports.router,
    dossiers.router,
    trace.router,
    whereabouts.router,
    recalls.router,
    epcis_queries.router,
    epcis_query.router,
    epcis_stream.router,
    epcis_discovery.router,
    keys.router,
    log.router,
    resolver.router,
    session.router,
    operations.router,
    custody.shipments,
    custody.items,
    exports.shipments,
)


def create_app(settings: ApiSettings) -> FastAPI:
    """The API as one ASGI application. It opens its connections when it starts and closes them when it ends."""
    registry = CollectorRegistry()
    app = FastAPI(
        title="Wayproof",
        summary="Shipment tracking and traceability, from the sensor to the proof",
        description=_DESCRIPTION,
        version=version("wayproof"),
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        openapi_tags=[{"name": name, "description": meaning} for name, meaning in _TAGS.items()],
        servers=[{"url": "/", "description": "This server"}],
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=_operation_id,
        lifespan=_lifespan(settings, registry),
    )
    app.state.settings = settings
    app.state.metrics = registry
    for router in _ROUTERS:
        app.include_router(router)
    app.openapi = with_problems(app.openapi, app)  # type: ignore[method-assign]
    add_problem_handlers(app)
    app.add_exception_handler(HTTPException, unrouted.answer)
    mount_pages(app)
    app.add_middleware(BodyLimit)
    app.add_middleware(Envelope, metrics=HttpMetrics(registry))
    return app


def _lifespan(
    settings: ApiSettings, registry: CollectorRegistry
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        pool = open_pool(settings.database, role="wayproof_api")
        app.state.pool = pool
        measure_pool(registry, pool)
        try:
            yield
        finally:
            pool.close()

    return lifespan


def _operation_id(route: APIRoute) -> str:
    return route.name
