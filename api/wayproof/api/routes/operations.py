"""What operators and their tools ask: is it alive, is it ready, what does it measure; and what a problem means."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from pydantic import BaseModel, Field

from wayproof.api.auth import METRICS_READER, OPEN, PoolOfApp
from wayproof.api.problems import (
    FORBIDDEN,
    INTERNAL,
    INVALID_INPUT,
    KINDS,
    NOT_FOUND,
    TOO_LARGE,
    UNAUTHENTICATED,
    UNAVAILABLE,
    documented,
)
from wayproof.model.errors import NotFound, Unavailable
from wayproof.store.pool import transaction
from wayproof.store.revisions import current_revision, newest_revision
from wayproof.store.violations import domain_errors

router: Final = APIRouter(tags=["Operations"], responses=documented(TOO_LARGE, INTERNAL))


class Health(BaseModel):
    """How the process is."""

    status: str = Field(examples=["ready"])
    schema_revision: str | None = Field(default=None, examples=["0001"])


@router.get("/livez", openapi_extra=OPEN)
async def livez() -> Health:
    """Answers while the process serves requests at all."""
    # Async, as requests that wait for the database may hold every thread.
    return Health(status="alive")


@router.get("/readyz", openapi_extra=OPEN, responses=documented(UNAVAILABLE))
def readyz(pool: PoolOfApp) -> Health:
    """Answers 200 while the database answers and has the schema that this version expects."""
    with domain_errors(), transaction(pool) as conn:
        revision = current_revision(conn)
    if revision != newest_revision():
        raise Unavailable(f"expected schema revision {newest_revision()}, got {revision}")
    return Health(status="ready", schema_revision=revision)


def _registry(request: Request) -> CollectorRegistry:
    registry: CollectorRegistry = request.app.state.metrics
    return registry


@router.get(
    "/metrics",
    dependencies=[METRICS_READER],
    response_class=PlainTextResponse,
    responses={
        200: {"content": {"text/plain": {"example": "wayproof_http_requests_in_progress 1.0"}}},
        **documented(UNAUTHENTICATED, FORBIDDEN, UNAVAILABLE),
    },
)
def metrics(registry: Annotated[CollectorRegistry, Depends(_registry)]) -> Response:
    """Measurements of this process, in the text format of Prometheus."""
    headers = {"Cache-Control": "no-store"}
    return Response(generate_latest(registry), headers=headers, media_type=CONTENT_TYPE_LATEST)


@router.get(
    "/problems/{slug}",
    response_class=PlainTextResponse,
    openapi_extra=OPEN,
    responses=documented(NOT_FOUND, INVALID_INPUT),
)
def explain_problem(slug: Annotated[str, Path(examples=["conflict"])]) -> Response:
    """What a `type` of a problem means."""
    kind = KINDS.get(slug)
    if kind is None:
        raise NotFound("no problem of this name")
    text = f"{kind.title} ({kind.status.value} {kind.status.phrase})\n\n{kind.explanation}\n"
    return PlainTextResponse(text, headers={"Cache-Control": "public, max-age=3600"})
