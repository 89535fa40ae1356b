"""What has happened and no event of ours tells yet. The database notes it in the transaction in which it happens."""

from dataclasses import asdict, dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from wayproof.store.pool import Conn
from wayproof.store.queries import load
from wayproof.store.rows import fetch_all, fetch_optional
from wayproof.store.violations import domain_errors

_SQL: Final = load("untold")


class Kind(StrEnum):
    """What there may be something to tell of."""

    SHIPMENT = "shipment"
    HANDOFF = "handoff"


@dataclass(frozen=True, kw_only=True, slots=True)
class Untold:
    """A shipment that left or arrived, or a handoff that was accepted."""

    #: In whose journal its events belong.
    tenant_id: UUID
    kind: Kind
    subject_id: UUID


def list_untold(conn: Conn, *, settled: timedelta, limit: int) -> list[Untold]:
    """What of all tenants is to be told now, the longest overdue first; only what was noted `settled` ago."""
    with domain_errors():
        conn.execute(_SQL["see_untold"])
    return fetch_all(conn, _untold, _SQL["list_untold"], {"settled": settled, "limit": limit})


def list_own(conn: Conn, *, limit: int) -> list[Untold]:
    """What of this tenant is untold, the oldest first, whether it could be told before or not."""
    return fetch_all(conn, _untold, _SQL["list_own"], {"limit": limit})


def take(conn: Conn, untold: Untold) -> bool:
    """Whether it is this transaction's to tell: nobody else is about it, or has told it."""
    return fetch_optional(conn, dict, _SQL["take"], asdict(untold)) is not None


def drop(conn: Conn, untold: Untold) -> None:
    """Notes that all is told of it."""
    _execute(conn, "drop", asdict(untold))


def postpone(conn: Conn, untold: Untold, *, failure: str) -> None:
    """Notes why it could not be told: it is tried again after a minute, then each time later, up to a day."""
    _execute(conn, "postpone", {**asdict(untold), "failure": failure})


def _execute(conn: Conn, name: str, params: dict[str, Any]) -> None:
    with domain_errors():
        conn.execute(_SQL[name], params)


def _untold(*, tenant_id: UUID, kind: str, subject_id: UUID) -> Untold:
    return Untold(tenant_id=tenant_id, kind=Kind(kind), subject_id=subject_id)
