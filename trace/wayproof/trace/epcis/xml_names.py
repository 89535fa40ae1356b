"""Names of XML as names of JSON: namespaces become prefixes of an `@context`."""

import re
from itertools import count
from typing import Final, TypeAlias

from lxml import etree

from wayproof.trace.epcis.context import STANDARD_PREFIXES, WEB_VOCABULARY

Element: TypeAlias = etree._Element  # noqa: SLF001 - lxml's only name for the type

_STANDARD_NAMESPACES: Final = {
    **{uri: prefix for prefix, uri in STANDARD_PREFIXES.items()},
    # Spellings that are met: without the colon, and of later versions of the context.
    "urn:epcglobal:cbv:mda": "cbvmda",
    "https://ref.gs1.org/voc/": "gs1",
    "http://gs1.org/voc/": "gs1",
    WEB_VOCABULARY.rstrip("/"): "gs1",
}
_PREFIX: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")


def local_name(element: Element) -> str:
    """The name without its namespace."""
    return etree.QName(element).localname


def namespace(element: Element) -> str | None:
    """The namespace, or None."""
    return etree.QName(element).namespace


class Names:
    """Gives each namespace one prefix over the whole document."""

    def __init__(self) -> None:
        #: Prefixes that the document needs besides the standard ones, with their namespaces.
        self.used: dict[str, str] = {}
        self._prefixes = dict(_STANDARD_NAMESPACES)

    def field(self, element: Element) -> str:
        """The JSON name of an element."""
        return self.attribute(str(element.tag), element)

    def attribute(self, tag: str, element: Element) -> str:
        """The JSON name of an attribute of `element`, in lxml's notation `{namespace}name`."""
        if not tag.startswith("{"):
            return tag
        uri, _, name = tag[1:].partition("}")
        return f"{self._prefix(uri, element)}:{name}"

    def expand(self, text: str, element: Element) -> str:
        """The full URI of a text with a prefix that is in force at `element`, or a standard one."""
        prefix, colon, rest = text.partition(":")
        uri = element.nsmap.get(prefix) or STANDARD_PREFIXES.get(prefix) if colon else None
        return text if uri is None or rest.startswith("//") else uri + rest

    def prefixed(self, text: str, element: Element) -> str:
        """The same text, with the prefix that its namespace has in the document."""
        prefix, colon, rest = text.partition(":")
        uri = element.nsmap.get(prefix) if colon and not rest.startswith("//") else None
        return text if uri is None else f"{self._prefix(uri, element)}:{rest}"

    def _prefix(self, uri: str, element: Element) -> str:
        if uri not in self._prefixes:
            wanted = next((p for p, known in element.nsmap.items() if p and known == uri), "ns")
            self._prefixes[uri] = prefix = self._free(wanted)
            self.used[prefix] = uri
        return self._prefixes[uri]

    def _free(self, wanted: str) -> str:
        """The wanted prefix, or a number behind `ns` where it is taken or no prefix of a URI."""
        taken = self.used.keys() | STANDARD_PREFIXES.keys()
        if wanted not in taken and _PREFIX.fullmatch(wanted):
            return wanted
        return next(prefix for prefix in (f"ns{number}" for number in count(1)) if prefix not in taken)
