"""EPCIS 2.0 §12.5: `OPTIONS` of every resource says what it can do and which versions are spoken."""

from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Final

from fastapi import APIRouter, Response
from fastapi.routing import APIRoute

from wayproof.api.epcis import CAPTURE_HEADERS, PREFIX, epcis_router
from wayproof.api.routes import epcis_capture, epcis_queries, epcis_query
from wayproof.trace.epcis.formats import CbvFormat, EpcFormat

_FORMATS: Final = {
    "GS1-EPC-Format": ", ".join(EpcFormat),
    "GS1-CBV-XML-Format": CbvFormat.NEVER_TRANSLATES.value,
    "GS1-Extensions": "",
}


def discovery_router(routers: Iterable[APIRouter]) -> APIRouter:
    """A route for `OPTIONS` beside every route of these; it tells nothing of any tenant, so it needs no key."""
    methods: dict[str, set[str]] = {}
    for router in routers:
        for route in router.routes:
            if isinstance(route, APIRoute):
                methods.setdefault(route.path.removeprefix(PREFIX), set()).update(route.methods or ())
    made = epcis_router("EPCIS")
    for path, known in methods.items():
        made.add_api_route(
            path,
            _answer(path, known),
            methods=["OPTIONS"],
            status_code=204,
            include_in_schema=False,
            name=f"options{path}",
        )
    return made


def _answer(path: str, methods: set[str]) -> Callable[[], Coroutine[Any, Any, Response]]:
    known = {*methods, "OPTIONS"} | ({"HEAD"} if "GET" in methods else set())
    headers = {"Allow": ", ".join(sorted(known)), **_FORMATS}
    if path.startswith(("/capture", "/events")) or not path:
        headers |= CAPTURE_HEADERS

    async def options() -> Response:
        return Response(status_code=204, headers=headers)

    return options


router: Final = discovery_router([epcis_capture.router, epcis_queries.router, epcis_query.router])
