"""Signing a browser in and out. The cookie holds the key's token where scripts cannot read it."""

from json import JSONDecodeError
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request, Response

from wayproof.api.auth import OPEN, SESSION_COOKIE, PoolOfApp, prove
from wayproof.api.problems import (
    FORBIDDEN,
    INTERNAL,
    INVALID_INPUT,
    MALFORMED,
    TOO_LARGE,
    UNAUTHENTICATED,
    UNAVAILABLE,
    documented,
)
from wayproof.model.errors import Forbidden, InvalidInput

router: Final = APIRouter(tags=["Session"])

_TOKEN: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["token"],
    "properties": {
        "token": {"type": "string", "examples": ["wp_Zm9vYmFyQmF6_pX3v0N0p1C2b3A4l5k6J7h8G9f0d1S2a3P4o5I6u7Y8"]}
    },
}
_BODY: Final = {
    "required": True,
    "content": {kind: {"schema": _TOKEN} for kind in ("application/json", "application/x-www-form-urlencoded")},
}


async def _token(request: Request) -> str:
    """The token out of a form or a JSON object."""
    _check_origin(request)
    if request.headers.get("content-type", "").startswith("application/json"):
        try:
            sent = await request.json()
        except (JSONDecodeError, UnicodeDecodeError, RecursionError, ValueError):
            sent = None
    else:
        sent = dict(await request.form(max_files=0, max_fields=10))
    token = sent.get("token") if isinstance(sent, dict) else None
    if not isinstance(token, str):
        raise InvalidInput("expected a token, got none", pointer="/token")
    return token


@router.post(
    "/session",
    status_code=204,
    openapi_extra={"requestBody": _BODY, **OPEN},
    responses={
        204: {"description": "Signed in"},
        303: {"description": "Signed in by a form: on to the page"},
        **documented(MALFORMED, UNAUTHENTICATED, FORBIDDEN, TOO_LARGE, INVALID_INPUT, INTERNAL, UNAVAILABLE),
    },
)
def sign_in(request: Request, pool: PoolOfApp, token: Annotated[str, Depends(_token)]) -> Response:
    """Signs a browser in: sets a cookie that is good for reading only."""
    prove(pool, token)
    by_form = not request.headers.get("content-type", "").startswith("application/json")
    answer = Response(status_code=303, headers={"Location": "/"}) if by_form else Response(status_code=204)
    answer.headers["Cache-Control"] = "no-store"
    answer.set_cookie(
        SESSION_COOKIE,
        token,
        max_age=round(request.app.state.settings.session_lifetime.total_seconds()),
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return answer


@router.delete(
    "/session",
    status_code=204,
    openapi_extra=OPEN,
    responses={204: {"description": "Signed out"}, **documented(TOO_LARGE, INTERNAL)},
)
def sign_out() -> Response:
    """Signs the browser out."""
    answer = Response(status_code=204, headers={"Cache-Control": "no-store"})
    answer.delete_cookie(SESSION_COOKIE, httponly=True, samesite="strict")
    return answer


def _check_origin(request: Request) -> None:
    """Refuses another site's form: it would sign the browser in as somebody else (login CSRF)."""
    origin = request.headers.get("origin")
    if origin is not None and origin.partition("://")[2] != request.headers.get("host"):
        raise Forbidden(f"expected a request of this site, got one of {origin}")
