"""The database as a whole: making it, and what there is to say about its server."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.sql import SQL, Identifier
from pydantic import SecretStr

from wayproof.model.errors import InvalidInput, Unavailable
from wayproof.store.pool import Conn, connect
from wayproof.store.queries import load
from wayproof.store.rows import fetch_one
from wayproof.store.settings import DatabaseSettings

_SQL: Final = load("database")


@dataclass(frozen=True, kw_only=True)
class ServerFacts:
    """What an operator wants to know of a server."""

    server_version: str
    #: None: not installed in this database.
    timescaledb_version: str | None
    timescaledb_available: bool
    #: Whether our user may work past row-level security, as `wayproof tenant` and `wayproof key` must.
    sees_every_tenant: bool


def describe(conn: Conn) -> ServerFacts:
    """What there is to say about the server behind `conn`."""
    return fetch_one(conn, ServerFacts, _SQL["describe"], {}, "answer")


def create_database(settings: DatabaseSettings) -> bool:
    """Makes the database that `settings` name, unless it can be reached. True where it is new.

    Unavailable where the server does not let us in at all.
    """
    with suppress(Unavailable):
        connect(settings).close()
        return False
    url = settings.url.get_secret_value()
    name = conninfo_to_dict(url).get("dbname")
    if not name:
        raise InvalidInput("expected a database URL that names a database, got one without")
    server = settings.model_copy(update={"url": SecretStr(make_conninfo(url, dbname="postgres"))})
    with connect(server, autocommit=True) as conn, suppress(psycopg.errors.DuplicateDatabase):
        conn.execute(SQL(_SQL["create_database"]).format(name=Identifier(str(name))))
        return True
    return False
