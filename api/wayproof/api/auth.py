"""Who calls: an API key, in the header or, for reading only, in the cookie of a signed-in browser."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer, SecurityScopes

from wayproof.model.access import ApiKey, Scope
from wayproof.model.errors import Forbidden, Unauthenticated
from wayproof.store.keys import authenticate
from wayproof.store.pool import Conn, Pool, snapshot_transaction, tenant_transaction, transaction
from wayproof.store.violations import domain_errors

SESSION_COOKIE: Final = "wayproof_session"

_BEARER: Final = HTTPBearer(
    scheme_name="apiKey", bearerFormat="wp_<key>_<secret>", description="An API key's token.", auto_error=False
)
_COOKIE: Final = APIKeyCookie(
    scheme_name="session",
    name=SESSION_COOKIE,
    description="Set by `POST /session`. Good for reading only: no other site can make a browser change anything.",
    auto_error=False,
)


@dataclass(frozen=True, kw_only=True)
class Caller:
    """A caller who has proved a key, and holds the scope that the route needs."""

    key: ApiKey
    pool: Pool

    @contextmanager
    def transaction(self) -> Iterator[Conn]:
        """A transaction in which the rows of the caller's tenant are visible and no others."""
        with domain_errors(), tenant_transaction(self.pool, self.key.tenant_id) as conn:
            yield conn

    @contextmanager
    def snapshot(self, *, with_readings: bool = False) -> Iterator[Conn]:
        """The same for questions of several queries: all of them see one moment, and nothing can be written."""
        with (
            domain_errors(),
            snapshot_transaction(self.pool, self.key.tenant_id, with_readings=with_readings) as conn,
        ):
            yield conn


def prove(pool: Pool, token: str | None, *needed: Scope) -> Caller:
    """The caller whose key `token` is; Unauthenticated where it is not valid now, Forbidden where it lacks a scope."""
    if not token:
        raise Unauthenticated("expected `Authorization: Bearer wp_...`, got none")
    with domain_errors(), transaction(pool) as conn:
        caller = Caller(key=authenticate(conn, token), pool=pool)
    missing = set(needed) - caller.key.scopes
    if missing:
        raise Forbidden(f"expected a key with scope {', '.join(sorted(missing))}, got one without")
    return caller


async def pool_of(request: Request) -> Pool:
    """The process's pool of database connections. Async, as FastAPI would send anything else to a thread."""
    pool: Pool = request.app.state.pool
    return pool


PoolOfApp = Annotated[Pool, Depends(pool_of)]
_Bearer = Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)]
_Cookie = Annotated[str | None, Security(_COOKIE)]


def writer(pool: PoolOfApp, needed: SecurityScopes, bearer: _Bearer) -> Caller:
    """Who calls a route that changes something: only the header counts, which no other site can make a browser send."""
    return prove(pool, bearer.credentials if bearer else None, *map(Scope, needed.scopes))


def reader(pool: PoolOfApp, needed: SecurityScopes, bearer: _Bearer, cookie: _Cookie) -> Caller:
    """Who calls a route that changes nothing: the header counts first, then the cookie."""
    return prove(pool, bearer.credentials if bearer else cookie, *map(Scope, needed.scopes))


OPEN: Final[dict[str, Any]] = {"security": []}
"""What OpenAPI wants to know of a route that answers without a key."""

DevicesReader = Annotated[Caller, Security(reader, scopes=[Scope.DEVICES_READ])]
DevicesWriter = Annotated[Caller, Security(writer, scopes=[Scope.DEVICES_WRITE])]
SitesReader = Annotated[Caller, Security(reader, scopes=[Scope.SITES_READ])]
SitesWriter = Annotated[Caller, Security(writer, scopes=[Scope.SITES_WRITE])]
ShipmentsReader = Annotated[Caller, Security(reader, scopes=[Scope.SHIPMENTS_READ])]
ShipmentsWriter = Annotated[Caller, Security(writer, scopes=[Scope.SHIPMENTS_WRITE])]
KeysReader = Annotated[Caller, Security(reader, scopes=[Scope.KEYS_WRITE])]
KeysWriter = Annotated[Caller, Security(writer, scopes=[Scope.KEYS_WRITE])]
CustodyReader = Annotated[Caller, Security(reader, scopes=[Scope.CUSTODY_READ])]
CustodyWriter = Annotated[Caller, Security(writer, scopes=[Scope.CUSTODY_WRITE])]
PartiesWriter = Annotated[Caller, Security(writer, scopes=[Scope.PARTIES_WRITE])]
EventsReader = Annotated[Caller, Security(reader, scopes=[Scope.EVENTS_READ])]
TraceReader = Annotated[Caller, Security(reader, scopes=[Scope.TRACE_READ])]
TraceAsker = Annotated[Caller, Security(writer, scopes=[Scope.TRACE_READ])]
"""Who asks by POST what changes nothing."""
TraceWriter = Annotated[Caller, Security(writer, scopes=[Scope.TRACE_WRITE])]
EventsWriter = Annotated[Caller, Security(writer, scopes=[Scope.EVENTS_WRITE])]
DossiersReader = Annotated[Caller, Security(reader, scopes=[Scope.DOSSIERS_READ])]
METRICS_READER: Final = Security(reader, scopes=[Scope.METRICS_READ])
