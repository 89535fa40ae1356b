"""Places as people read them: by the tenant's sites where their GLN is known, else by the GLN."""

from collections.abc import Iterable, Mapping
from typing import Final

from wayproof.store import journal
from wayproof.store.pool import Conn
from wayproof.trace.exports.history import Event

_GLN: Final = ("https://id.gs1.org/414/", "https://id.gs1.org/417/")


def known_places(conn: Conn, events: Iterable[Event]) -> Mapping[str, str]:
    """What every place and party of the events is called, by URI."""
    uris = {uri for event in events for uri in _named(event)}
    sites = journal.list_places(conn, {gln for uri in uris if (gln := gln_of(uri))})
    return {uri: _text(uri, sites) for uri in uris}


def gln_of(uri: str) -> str | None:
    """The 13 digits of a place or party; None for another URI."""
    return uri[len(_GLN[0]) :].partition("/")[0] if uri.startswith(_GLN) else None


def _named(event: Event) -> Iterable[str]:
    ends = (entry[side] for side in ("source", "destination") for entry in event.body.get(f"{side}List") or ())
    return [uri for uri in (event.read_point, event.location, *ends) if uri]


def _text(uri: str, sites: Mapping[str, tuple[str, str]]) -> str:
    gln = gln_of(uri)
    if gln is None:
        return uri
    part = uri.partition("/254/")[2]
    whole = f"GLN {gln} {part}".strip()
    if gln not in sites:
        return whole
    name, address = sites[gln]
    return f"{name}, {address} ({whole})" if address else f"{name} ({whole})"
