"""Pages for people: sign-in, the overview of shipments, one thing, and the API's documentation.

They work without JavaScript where they can, and load nothing from any other host; the policy that is sent with
each of them lets the browser hold us to that.
"""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final

from fastapi import APIRouter, FastAPI, Query, Request, Response
from fastapi.security import SecurityScopes
from jinja2 import Environment, FileSystemLoader
from starlette.datastructures import Headers
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import HTMLResponse
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Send
from starlette.types import Scope as Connection

from wayproof.api import page_text
from wayproof.api.address import address_of
from wayproof.api.auth import SESSION_COOKIE, PoolOfApp, reader
from wayproof.api.item_page import item_page
from wayproof.api.paging import Cursor
from wayproof.api.problems import MEDIA_TYPE, UNAUTHENTICATED
from wayproof.api.recall_page import AnswerForm, keep_answer, recall_page
from wayproof.api.routes.session import sign_out
from wayproof.api.routes.shipments import shipment_page
from wayproof.api.schemas.shipments import ShipmentsQuery
from wayproof.model.access import Scope
from wayproof.model.errors import Unauthenticated
from wayproof.trace.identifiers import parse

router: Final = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

_HERE: Final = Path(__file__).parent
_TEMPLATES: Final = Environment(
    loader=FileSystemLoader(_HERE / "templates"), autoescape=True, trim_blocks=True, lstrip_blocks=True
)
_TEMPLATES.filters["utc"] = page_text.utc

_HEADERS: Final = {
    "Cache-Control": "no-store",
    # Under no-referrer browsers send `Origin: null` with our own forms, and POST /session refuses that.
    "Referrer-Policy": "same-origin",
}
# Swagger UI's stylesheet carries its pictures in data: addresses.
_DOCS_POLICY: Final = (
    "default-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)

_WEIGHT: Final = re.compile(r"0(\.\d{0,3})?|1(\.0{0,3})?", re.ASCII)
_DOCUMENTS: Final = {"application/json", MEDIA_TYPE, "application/*", "*/*"}
_KEPT: Final = ("Allow", "Retry-After", "WWW-Authenticate")


def mount_pages(app: FastAPI) -> None:
    """Adds the pages, what they are made of, and the form in which people see problems."""
    app.include_router(router)
    app.mount("/static", GZipMiddleware(_Assets(directory=_HERE / "static"), compresslevel=6), name="static")
    app.add_middleware(ProblemPages)


@router.get("/")
def overview(request: Request, pool: PoolOfApp, cursor: Cursor = None) -> Response:
    """The shipments of whoever is signed in; everybody else is asked to."""
    try:
        caller = reader(pool, SecurityScopes([Scope.SHIPMENTS_READ]), None, request.cookies.get(SESSION_COOKIE))
    except Unauthenticated:
        return _page("sign_in.html")
    now = datetime.now(UTC)
    shipments = shipment_page(caller, ShipmentsQuery(cursor=cursor))
    return _page(
        "overview.html",
        shipments=[page_text.card(item.model_dump(), now) for item in shipments.items],
        next_cursor=shipments.next_cursor,
        filters=page_text.FILTERS,
        base_url=address_of(request),
        tomorrow=(now + timedelta(days=1)).date(),
    )


@router.get("/item")
def item(request: Request, pool: PoolOfApp, thing: Annotated[str, Query(alias="id")]) -> Response:
    """What the tenant of whoever is signed in knows of one thing: where scanned Digital Links lead."""
    needed = SecurityScopes([Scope.EVENTS_READ, Scope.CUSTODY_READ])
    try:
        caller = reader(pool, needed, None, request.cookies.get(SESSION_COOKIE))
    except Unauthenticated:
        return _page("sign_in.html", status=UNAUTHENTICATED.status)
    identifier = parse(thing)
    with caller.transaction() as conn:
        return _page("item.html", **item_page(conn, identifier))


@router.get("/recall/{token}")
def recall_notice(token: str, pool: PoolOfApp) -> Response:
    """What a recipient is to know of a recall, and the form for their answer."""
    return _page("recall.html", **recall_page(pool, token))


@router.post("/recall/{token}")
def answer_recall(token: str, pool: PoolOfApp, form: AnswerForm) -> Response:
    """Takes a recipient's answer. Whoever has the link may give it; no cookie is looked at."""
    keep_answer(pool, token, form)
    return _page("recall.html", **recall_page(pool, token), is_answered=True)


@router.post("/sign-out")
def sign_out_by_form(request: Request) -> Response:
    """Signs the browser out and asks it to sign in again. Another site's form comes without the cookie: no effect."""
    answer = sign_out() if SESSION_COOKIE in request.cookies else Response()
    answer.status_code = 303
    answer.headers["Location"] = "/"
    return answer


@router.get("/docs")
def docs() -> Response:
    """The API's documentation."""
    return _page("docs.html", headers={"Content-Security-Policy": _DOCS_POLICY})


class ProblemPages:
    """Shows a problem document as a page to whoever would rather have one: browsers that navigate."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        """Serves one request."""
        if scope["type"] == "http" and _prefers_page(",".join(Headers(scope=scope).getlist("accept"))):
            send = _showing_problems(scope, receive, send)
        await self._app(scope, receive, send)


def _prefers_page(accept: str) -> bool:
    """Whether an Accept (RFC 9110 section 12.5.1) names text/html, and no document before it or with more weight."""
    ranges = [_weighed(part) for part in accept.lower().split(",")]
    wanted = [(name, weight) for name, weight in ranges if weight and name in {"text/html", *_DOCUMENTS}]
    best, _ = max(wanted, key=lambda item: item[1], default=("", 0))
    return best == "text/html"


def _weighed(media_range: str) -> tuple[str, float]:
    name, *parameters = (part.strip() for part in media_range.split(";"))
    weight = next((part.removeprefix("q=") for part in parameters if part.startswith("q=")), "1")
    return name, float(weight) if _WEIGHT.fullmatch(weight) else 0


def _showing_problems(scope: Connection, receive: Receive, send: Send) -> Send:
    held: Message | None = None

    async def showing(message: Message) -> None:
        nonlocal held
        if held is not None:  # a problem's body is always one message
            page = _problem_page(json.loads(message["body"]), by_form=scope["method"] == "POST")
            sent = Headers(scope=held)
            page.headers.update({name: sent[name] for name in _KEPT if name in sent})
            await page(scope, receive, send)
        elif message["type"] == "http.response.start" and Headers(scope=message).get("content-type") == MEDIA_TYPE:
            held = message
        else:
            await send(message)

    return showing


def _problem_page(problem: dict[str, Any], *, by_form: bool) -> Response:
    status = problem["status"]
    if status == UNAUTHENTICATED.status:
        return _page("sign_in.html", status=status, refused=by_form)
    return _page("message.html", status=status, heading=problem["title"], text=problem["detail"])


class _Assets(StaticFiles):
    """Files of the pages. Browsers keep them and ask each time whether they have changed."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = "no-cache"
        return response


def _page(template: str, *, status: int = 200, headers: dict[str, str] | None = None, **values: Any) -> Response:
    text = _TEMPLATES.get_template(template).render(values)
    return HTMLResponse(text, status_code=status, headers={**_HEADERS, **(headers or {})})
