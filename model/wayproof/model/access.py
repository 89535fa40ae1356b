"""Who may do what: tenants, their API keys, and what a key allows."""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

_TOKEN: Final = re.compile(r"wp_(?P<key_id>[A-Za-z0-9]{12})_(?P<secret>[A-Za-z0-9_-]{43})", re.ASCII)


class Scope(StrEnum):
    """What a key allows. Stored as text, so a scope's meaning never changes."""

    SHIPMENTS_READ = "shipments:read"
    """Shipments, condition profiles and assignments, with tracks and series."""
    SHIPMENTS_WRITE = "shipments:write"
    DEVICES_READ = "devices:read"
    """Devices with their readings and states."""
    DEVICES_WRITE = "devices:write"
    SITES_READ = "sites:read"
    SITES_WRITE = "sites:write"
    KEYS_WRITE = "keys:write"
    """Keys of the tenant: seeing, making and revoking them."""
    CUSTODY_READ = "custody:read"
    """Handoffs with their evidence and bundles; parties."""
    CUSTODY_WRITE = "custody:write"
    """Drafting, offering, accepting, refusing and amending handoffs; only the party's key can sign."""
    PARTIES_WRITE = "parties:write"
    """Making parties, registering and revoking the keys by which they sign."""
    EVENTS_READ = "events:read"
    """EPCIS events, and the jobs by which they were captured."""
    EVENTS_WRITE = "events:write"
    """Capturing EPCIS events."""
    DOSSIERS_READ = "dossiers:read"
    """All about a lot or a shipment in one file: events, custody with its proofs, and the readings under them."""
    TRACE_READ = "trace:read"
    """Asking where a lot comes from and where it went; recalls as they stand."""
    TRACE_WRITE = "trace:write"
    """Making recalls, noting who was told and has answered, and closing them."""
    METRICS_READ = "metrics:read"
    """Metrics of the whole process, over all tenants."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tenant:
    """One customer of this installation, who sees only their own rows."""

    tenant_id: UUID
    name: str
    created_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class ApiKey:
    """A key as it is stored; its secret is known to nobody but its holder."""

    key_id: str
    tenant_id: UUID
    label: str
    scopes: frozenset[Scope]
    created_at: datetime
    #: From here on the key is refused; None: never.
    expires_at: datetime | None
    revoked_at: datetime | None

    def is_valid_at(self, now: datetime) -> bool:
        """Whether the key is neither revoked nor expired at `now`."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


def join_token(key_id: str, secret: str) -> str:
    """The token that a caller sends: `wp_<key_id>_<secret>`."""
    return f"wp_{key_id}_{secret}"


def split_token(token: str) -> tuple[str, str] | None:
    """`(key_id, secret)` of a token, or None where it is not of that form."""
    match = _TOKEN.fullmatch(token)
    return (match["key_id"], match["secret"]) if match else None
