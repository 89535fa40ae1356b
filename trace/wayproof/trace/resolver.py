"""What a GS1-Conformant Resolver answers (GS1-Conformant Resolver Standard 1.2, RFC 9264), worked out without HTTP.

Every identifier is answered alike, whether anybody here knows it or not: what its links lead to asks for a key, so a
resolver that is open to all tells nothing about any tenant's goods.
"""

import re
from base64 import urlsafe_b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlencode

from wayproof.model.errors import InvalidInput
from wayproof.trace.identifiers import Identifier, Level, display, is_class, parse
from wayproof.trace.identifiers.application import APPLICATION_IDENTIFIERS
from wayproof.trace.identifiers.identifier import RESOLVER

PRIMARY_KEYS: Final = tuple(sorted((code for code, ai in APPLICATION_IDENTIFIERS.items() if ai.is_key), key=int))
"""Application Identifiers that may stand first in a path."""
VOCABULARY: Final = "https://ref.gs1.org/voc/"
LINKSET_CONTEXT: Final = "https://ref.gs1.org/standards/resolver/linkset-context"
"""Where GS1 publishes the JSON-LD context of linksets."""

_WRITTEN: Final = ("gs1:", VOCABULARY, "https://gs1.org/voc/", "https://www.gs1.org/voc/", "http://gs1.org/voc/")
_COMPRESSED: Final = re.compile("[A-Za-z0-9_-]{10,200}", re.ASCII)
_BEGINNINGS: Final = {code[:2] for code in PRIMARY_KEYS} | {f"{tens}{letter}" for tens in "01" for letter in "ABCDEF"}
"""GS1 Digital Link: Compression §4; 0A to 1F stand for a GTIN and what often comes with it."""
_DEFAULT: Final = "defaultLink"
_LINKSET: Final = frozenset({"linkset", "all"})
_JSON: Final = "application/json"
_HTML: Final = "text/html"


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """One link of an identifier."""

    #: Word of the GS1 Web Vocabulary.
    link_type: str
    href: str
    title: str
    media_type: str
    #: Whether a redirect passes the request's query string on; our API would refuse parameters that it does not know.
    is_forwarding: bool = False

    @property
    def target(self) -> Mapping[str, Any]:
        """The link as a linkset has it."""
        target = {"href": self.href, "title": self.title, "type": self.media_type, "hreflang": ["en"]}
        return target if self.is_forwarding else {**target, "fwqs": False}


@dataclass(frozen=True, kw_only=True, slots=True)
class Resolved:
    """A Digital Link that was asked for: each level from its primary key on, the most exact last."""

    levels: Sequence[Identifier]
    #: Scheme, host and path of this server, no slash at its end.
    root: str

    @property
    def thing(self) -> Identifier:
        """What was asked for."""
        return self.levels[-1]

    def links(self) -> Sequence[Link]:
        """Its links; the first is the default."""
        return _links(self.thing, self.root)

    def linkset(self) -> dict[str, Any]:
        """The linkset of every level (RFC 9264 §4.2)."""
        return {"linkset": [_context(level, self.root) for level in self.levels]}


def resolve(path: str, query: str, root: str) -> Resolved:
    """What the path of a request, percent-encoded as it came, names; qualifiers do not belong into its query string.

    Raises:
        InvalidInput: no Digital Link, or one that breaks the rules of its key.
    """
    pairs = path.strip("/").split("/")
    if len(pairs) % 2:
        raise InvalidInput(f"Digital Link: expected Application Identifiers and values in turn, got {path!r}")
    # Each beginning of the path is itself checked; a qualifier that makes no EPC leads to the level above it again.
    levels = {
        found.uri: found
        for found in (parse(f"{RESOLVER}/{'/'.join(pairs[:end])}") for end in range(2, len(pairs) + 2, 2))
    }
    if query:
        parse(f"{RESOLVER}/{'/'.join(pairs)}?{query}")
    return Resolved(levels=tuple(levels.values()), root=root)


def misunderstood(path: str) -> str | None:
    """What is wrong with a path that no route took and that was meant for a resolver; None where it was not."""
    segments = path.strip("/").split("/")
    if len(segments) > 1 and segments[0] in PRIMARY_KEYS:
        return f"Digital Link: expected no line breaks, got {path!r}"
    if len(segments) == 1 and _COMPRESSED.fullmatch(segments[0]) and _first_byte(segments[0]) in _BEGINNINGS:
        return (
            "Digital Link: expected an uncompressed one, such as /01/09506000134352: compressed links are not read here"
        )
    return None


def _first_byte(text: str) -> str:
    """The first two digits of what is compressed, which are those of an Application Identifier or stand for several."""
    return urlsafe_b64decode(text[:4])[:1].hex().upper()


def wants_linkset(link_type: str | None, accept: str) -> bool:
    """Whether the request asks for the whole linkset."""
    return link_type in _LINKSET or (link_type is None and "application/linkset+json" in accept.lower())


def chosen(resolved: Resolved, link_type: str | None) -> Link | None:
    """The link of that type, the default without one; None where there is none."""
    links = resolved.links()
    word = _word(link_type)
    if word in {None, _DEFAULT}:
        return links[0]
    return next((link for link in links if link.link_type == word), None)


def redirect_to(link: Link, query: str) -> str:
    """Where the redirect goes: with the request's query string where the link passes it on."""
    if not (query and link.is_forwarding):
        return link.href
    return f"{link.href}{'&' if '?' in link.href else '?'}{query}"


def description(root: str) -> dict[str, Any]:
    """The resolver description file, `/.well-known/gs1resolver`."""
    return {
        "name": "Wayproof",
        "resolverRoot": root,
        "supportedPrimaryKeys": list(PRIMARY_KEYS),
        "linkTypeDefaultCanBeLinkset": False,
        "supportedLinkType": [{"namespace": VOCABULARY, "prefix": "gs1:"}],
        "activeLinkTypes": [
            f"gs1:{link.link_type}" for link in _links(parse(f"{RESOLVER}/00/000000000000000000"), root)
        ],
        "jsonLdContextLocation": LINKSET_CONTEXT,
        "contact": {"fn": "The operator of this server"},
    }


def _word(link_type: str | None) -> str | None:
    for beginning in _WRITTEN:
        if link_type is not None and link_type.startswith(beginning):
            return link_type.removeprefix(beginning)
    return link_type


def _context(level: Identifier, root: str) -> dict[str, Any]:
    links = _links(level, root)
    return {
        "anchor": level.uri,
        "itemDescription": display(level),
        **{f"{VOCABULARY}{link.link_type}": [link.target] for link in links},
        # The default may have no attributes by which another link could be the better match.
        f"{VOCABULARY}{_DEFAULT}": [{"href": links[0].href, "title": links[0].title}],
    }


def _links(thing: Identifier, root: str) -> tuple[Link, ...]:
    named = display(thing)
    page = f"{root}/item?{urlencode({'id': thing.uri})}"
    return (
        Link(link_type="pip", href=page, title=f"{named}: what is known of it", media_type=_HTML, is_forwarding=True),
        Link(
            link_type="logisticsInfo",
            href=f"{page}#journey",
            title=f"{named}: where it is, and where it was",
            media_type=_HTML,
        ),
        *_traces(thing, root),
        Link(
            link_type="epcis",
            href=f"{root}/epcis/events?{_query(thing)}",
            title=f"{named}: its EPCIS events",
            media_type=_JSON,
        ),
        Link(
            link_type="verificationService",
            href=f"{root}/v1/items/{quote(thing.uri, safe='')}/custody",
            title=f"{named}: who held it, signed by both sides and proven by a public log",
            media_type=_JSON,
        ),
    )


def _traces(thing: Identifier, root: str) -> tuple[Link, ...]:
    """None for a class: of its lots each has a way of its own."""
    if thing.level is Level.CLASS:
        return ()
    link = Link(
        link_type="traceability",
        href=f"{root}/v1/trace?{urlencode({'item': thing.uri, 'direction': 'both'})}",
        title=f"{display(thing)}: what it was made of, and what became of it",
        media_type=_JSON,
    )
    return (link,)


def _query(thing: Identifier) -> str:
    """The parameter of the EPCIS query language that finds events of this (EPCIS 2.0 §8.2.7.1)."""
    if thing.elements[0][0] == "414":
        return urlencode({"EQ_bizLocation": thing.uri})
    return urlencode({"MATCH_anyEPCClass" if is_class(thing) else "MATCH_anyEPC": thing.uri})
