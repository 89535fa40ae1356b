"""What places and parties are called: by the tenant's sites and parties, where their GLN or id is known."""

from collections.abc import Iterable, Mapping
from typing import Final
from uuid import UUID

from wayproof.store import journal, whereabouts
from wayproof.store.pool import Conn
from wayproof.trace.exports.places import gln_of

_PARTY: Final = "urn:wayproof:party:"


def party_uri(party_id: UUID) -> str:
    """The URI of a party of Wayproof in events."""
    return f"{_PARTY}{party_id}"


def place_names(conn: Conn, uris: Iterable[str]) -> Mapping[str, str]:
    """Names of the tenant's sites by the URIs of places, those that are known."""
    glns = {uri: gln for uri in uris if (gln := gln_of(uri))}
    sites = journal.list_places(conn, set(glns.values())) if glns else {}
    return {uri: sites[gln][0] for uri, gln in glns.items() if gln in sites}


def party_names(conn: Conn, tenant_id: UUID, uris: Iterable[str]) -> Mapping[str, str]:
    """Names of parties by their URIs, of sites where no party has the GLN; those that are known."""
    asked = list(uris)
    glns = {uri: gln for uri in asked if (gln := gln_of(uri))}
    ids = {uri: party_id for uri in asked if (party_id := _id(uri))}
    if not (glns or ids):
        return {}
    parties = whereabouts.list_parties(conn, tenant_id, glns=set(glns.values()), party_ids=set(ids.values()))
    by_gln = {party.gln: party.name for party in parties}
    by_id = {party.party_id: party.name for party in parties}
    named = {uri: by_gln[gln] for uri, gln in glns.items() if gln in by_gln}
    named |= {uri: by_id[party_id] for uri, party_id in ids.items() if party_id in by_id}
    return {**place_names(conn, glns.keys() - named.keys()), **named}


def _id(uri: str) -> UUID | None:
    try:
        return UUID(uri.removeprefix(_PARTY)) if uri.startswith(_PARTY) else None
    except ValueError:
        return None
