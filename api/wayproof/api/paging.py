"""Lists page by page: a cursor names the last item seen, so rows that come or go in between shift nothing."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Annotated, Any, Final, TypeVar
from uuid import UUID

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from wayproof.model.errors import InvalidInput

MAX_LIMIT: Final = 200
DEFAULT_LIMIT: Final = 50

T = TypeVar("T")
P = TypeVar("P")

# Parts of positions, as narrow as their columns: the database must not be asked for what it cannot hold.
At = Annotated[datetime, msgspec.Meta(tz=True)]
Integer = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
BigInteger = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Text = Annotated[str, msgspec.Meta(pattern=r"^[^\x00]*$")]


class InvalidCursor(InvalidInput):
    """A cursor that this list has not given out: other filters, another tenant, or no cursor at all."""


Cursor = Annotated[
    str | None,
    Field(max_length=1000, description="`next_cursor` of the page before; bound to the filters of that request"),
]


class PageQuery(BaseModel):
    """Which part of a list. What else stands in the query must be a filter that the list knows."""

    model_config = ConfigDict(extra="forbid")

    limit: Annotated[
        int, Field(ge=1, description=f"Items wanted; more than {MAX_LIMIT} are never given", examples=[50])
    ] = DEFAULT_LIMIT
    cursor: Cursor = None

    @property
    def size(self) -> int:
        """How many items a page really has at most."""
        return min(self.limit, MAX_LIMIT)


class Pager:
    """The pages of one list for one tenant under one set of filters."""

    def __init__(self, query: PageQuery, *, of: str, tenant_id: UUID) -> None:
        filters = query.model_dump(mode="json", exclude={"limit", "cursor"})
        binding = json.dumps([of, str(tenant_id), filters], sort_keys=True)
        self._binding = blake2b(binding.encode(), digest_size=12).hexdigest()
        self._query = query

    @property
    def fetch(self) -> int:
        """How many items to ask the store for: one more than the page has, to see whether there is a next one."""
        return self._query.size + 1

    def position(self, kind: type[P]) -> P | None:
        """Where the page begins: the decoded cursor, which must be a `kind`; None: at the start."""
        if self._query.cursor is None:
            return None
        try:
            raw = base64.b64decode(self._query.cursor.encode("ascii"), altchars=b"-_", validate=True)
            binding, position = msgspec.json.decode(raw, type=tuple[str, kind])  # type: ignore[valid-type]
        except (msgspec.MsgspecError, binascii.Error, UnicodeError) as error:
            raise InvalidCursor("expected what the page before gives for the next one, got something else") from error
        if binding != self._binding:
            raise InvalidCursor("expected what a page of this list with these filters gives for the next one")
        return position

    def page(self, found: Sequence[T], position_of: Callable[[T], tuple[Any, ...]]) -> tuple[Sequence[T], str | None]:
        """The items of the page, and the cursor of the next one where there is one."""
        items = found[: self._query.size]
        if len(found) <= len(items):
            return items, None
        return items, self.token(position_of(items[-1]))

    def token(self, position: tuple[Any, ...]) -> str:
        """The cursor of a page that begins after `position`."""
        raw = msgspec.json.encode((self._binding, position))
        return base64.urlsafe_b64encode(raw).decode("ascii")
