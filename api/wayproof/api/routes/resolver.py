"""The GS1 resolver: a scanned Digital Link leads to what is known of the thing, to its trace and to its proof."""

import json
from typing import Final

from fastapi import APIRouter, Request, Response

from wayproof.api.address import address_of
from wayproof.api.auth import OPEN
from wayproof.api.conditional import JSON
from wayproof.api.problems import INTERNAL, MALFORMED, NOT_FOUND, TOO_LARGE, Kind, documented, problem
from wayproof.model.errors import InvalidInput
from wayproof.trace import resolver
from wayproof.trace.identifiers.identifier import RESOLVER

router: Final = APIRouter(tags=["Resolver"], responses=documented(TOO_LARGE, INTERNAL))
WELL_KNOWN: Final = "/.well-known/gs1resolver"

_LINKSET: Final = "application/linkset+json"
# Any page may ask, without credentials: nothing here depends on who does.
_CORS: Final = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "Link, Location"}
_PREFLIGHT: Final = {
    "Access-Control-Allow-Methods": "GET, HEAD, OPTIONS",
    "Access-Control-Allow-Headers": "Accept, Accept-Language",
    "Allow": "GET, HEAD, OPTIONS",
}
_KEPT: Final = {"Cache-Control": "public, max-age=3600"}


@router.get(WELL_KNOWN, openapi_extra=OPEN)
def get_resolver_description(request: Request) -> Response:
    """What this resolver can resolve (GS1-Conformant Resolver Standard, resolver description file)."""
    document = json.dumps(resolver.description(address_of(request)))
    return Response(document, media_type=JSON, headers={**_CORS, **_KEPT})


def preflight() -> Response:
    """Which methods any page may use."""
    return Response(status_code=204, headers={**_CORS, **_PREFLIGHT})


def resolve(request: Request) -> Response:
    """Redirects to the link that is asked for, or answers the linkset of all."""
    path = request.scope["raw_path"].decode("ascii", "replace").removeprefix(request.scope["root_path"])
    try:
        resolved = resolver.resolve(path, request.url.query, address_of(request))
    except InvalidInput as error:
        return _refused(MALFORMED, str(error))
    link_type = request.query_params.get("linkType")
    headers = {**_CORS, **_KEPT, "Vary": "Accept", "Link": _link_header(resolved.thing.uri, resolved.root)}
    if resolver.wants_linkset(link_type, ",".join(request.headers.getlist("accept"))):
        return Response(json.dumps(resolved.linkset()), media_type=_LINKSET, headers=headers)
    link = resolver.chosen(resolved, link_type)
    if link is None:
        types = ", ".join(f"gs1:{known.link_type}" for known in resolved.links())
        return _refused(NOT_FOUND, f"no link of type {link_type!r}: expected {types}")
    location = resolver.redirect_to(link, request.url.query)
    return Response(status_code=307, headers={**headers, "Location": location})


_PATHS: Final = {f"/{key}/{{rest:path}}": f"resolve_{key}" for key in resolver.PRIMARY_KEYS}
for _path, _name in _PATHS.items():
    router.add_api_route(_path, resolve, methods=["GET"], name=_name, include_in_schema=False)
for _path in (WELL_KNOWN, *_PATHS):
    router.add_api_route(_path, preflight, methods=["OPTIONS"], name=f"options{_path}", include_in_schema=False)


def _refused(kind: Kind, detail: str) -> Response:
    answer = problem(kind, detail)
    answer.headers.update(_CORS)
    return answer


def _link_header(uri: str, root: str) -> str:
    linkset = f"{root}{uri.removeprefix(RESOLVER)}?linkType=linkset"
    return (
        f'<{linkset}>; rel="linkset"; type="{_LINKSET}", '
        f'<{resolver.LINKSET_CONTEXT}>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'
    )
