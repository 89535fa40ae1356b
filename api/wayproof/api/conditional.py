"""Entity tags (RFC 9110 section 8.8.3): reading again only what has changed, changing only what was read.

A tag is strong: it holds a hash of the bytes. Where the resource has a version, the tag begins with it, and that
alone decides `If-Match`: a shipment's position moves all the time, and must not fail the change of its reference.
"""

import re
from hashlib import blake2b
from typing import Annotated, Any, Final

from fastapi import Depends, Header, Response
from pydantic import BaseModel

from wayproof.model.errors import PreconditionFailed

JSON: Final = "application/json"
_TAG: Final = re.compile(r'(W/)?"([^"]*)"')


class Reading:
    """The conditions of a GET, and the answer that fits them."""

    def __init__(self, if_none_match: str | None) -> None:
        self._known = if_none_match or ""

    def answer(self, document: BaseModel, *, version: int | None = None, media_type: str = JSON) -> Response:
        """The document with its tag, or 304 where the caller has it already."""
        body = document.model_dump_json(by_alias=True).encode()
        return self._sent(body, _tag(body, version), media_type, _PRIVATE)

    def answer_everybody(self, body: bytes, *, media_type: str, max_age_s: int) -> Response:
        """The same for what is public: anybody may keep it so long."""
        return self._sent(body, _tag(body, None), media_type, {"Cache-Control": f"public, max-age={max_age_s}"})

    def _sent(self, body: bytes, tag: str, media_type: str, caching: dict[str, str]) -> Response:
        headers = {"ETag": tag, **caching}
        if self._known.strip() == "*" or tag in _tags(self._known, strong=False):
            return Response(status_code=304, headers=headers)
        return Response(body, media_type=media_type, headers=headers)


class Change:
    """The condition of a PATCH."""

    def __init__(self, if_match: str | None) -> None:
        self._expected = if_match

    def check(self, version: int) -> None:
        """PreconditionFailed where the caller knows another version than the present one."""
        if self._expected is None or self._expected.strip() == "*":
            return
        versions = {tag.strip('"').split("-")[0] for tag in _tags(self._expected, strong=True)}
        if str(version) not in versions:
            raise PreconditionFailed(f"expected version {version}, got If-Match: {self._expected}")


_EXAMPLES: Final = ['"3-0f1e2d3c4b5a69788796a5b4"']
_KNOWN: Final = "`ETag` of an answer that the caller still has"
_EXPECTED: Final = "`ETag` of the resource as it was read; a change of a version that is no longer present is refused"


async def _reading(
    if_none_match: Annotated[str | None, Header(description=_KNOWN, examples=_EXAMPLES)] = None,
) -> Reading:
    return Reading(if_none_match)


async def _change(
    if_match: Annotated[str | None, Header(description=_EXPECTED, examples=_EXAMPLES)] = None,
) -> Change:
    return Change(if_match)


Conditions = Annotated[Reading, Depends(_reading)]
IfMatch = Annotated[Change, Depends(_change)]

CONDITIONAL: Final[dict[int | str, dict[str, Any]]] = {304: {"description": "What the caller has is the present state"}}
"""What FastAPI wants to know of a GET with `Conditions`."""

_PRIVATE: Final = {"Cache-Control": "private, no-cache", "Vary": "Authorization, Cookie"}


def changed(document: BaseModel, *, version: int | None = None, status: int = 200, location: str = "") -> Response:
    """The answer to a request that made or changed a resource. Nobody keeps it: it may hold a secret."""
    body = document.model_dump_json(by_alias=True).encode()
    headers = {"Cache-Control": "no-store", **({"Location": location} if location else {})}
    if version is not None:
        headers["ETag"] = _tag(body, version)
    return Response(body, status_code=status, media_type=JSON, headers=headers)


def _tag(body: bytes, version: int | None) -> str:
    digest = blake2b(body, digest_size=12).hexdigest()
    return f'"{digest}"' if version is None else f'"{version}-{digest}"'


def _tags(header: str, *, strong: bool) -> set[str]:
    """The tags of a list; weak ones count only where `strong` is not asked for (RFC 9110 section 8.8.3.2)."""
    return {f'"{tag}"' for weak, tag in _TAG.findall(header) if not (weak and strong)}
