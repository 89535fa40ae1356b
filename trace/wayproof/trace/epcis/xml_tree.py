"""XML to a tree, as far as XML may be trusted: no DTD, no entities of its own, no network, bounded."""

from typing import Final, cast

from lxml import etree

from wayproof.model.errors import InvalidInput
from wayproof.trace.epcis.reading import Bounds, check_size
from wayproof.trace.epcis.xml_names import Element

_PIECE_BYTES: Final = 1 << 16
_MOST_NAMESPACES: Final = 200
"""Pairs of prefix and namespace: for each word that is looked up, all that are in force are."""


def parse_tree(data: bytes, bounds: Bounds) -> Element:
    """The root element of UTF-8 bytes, without comments and processing instructions.

    Raises:
        InvalidInput: no well-formed XML, a document type declaration, or more of anything than `bounds` allows.
    """
    check_size(data, bounds)
    _check_bytes(data)
    # The encoding is ours, not the document's: otherwise a DTD could hide from the check above, as in UTF-7.
    parser = etree.XMLPullParser(
        events=("start-ns", "start", "end"),
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        remove_comments=True,
        remove_pis=True,
        huge_tree=False,
    )
    try:
        return _fed(parser, data, bounds)
    except etree.XMLSyntaxError as error:
        raise InvalidInput(f"XML: expected a well-formed document, got: {error}") from error


def _check_bytes(data: bytes) -> None:
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise InvalidInput("XML: expected no document type declaration and no entities, got <!DOCTYPE or <!ENTITY")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"XML: expected UTF-8, got: {error}") from error
    if "\0" in text:
        raise InvalidInput("XML: expected UTF-8 text, got a NUL")


def _fed(parser: etree.XMLPullParser, data: bytes, bounds: Bounds) -> Element:
    """Feeds piece by piece, so that a bomb is refused before it is a tree."""
    weight = _Weight(bounds)
    for start in range(0, len(data), _PIECE_BYTES):
        parser.feed(data[start : start + _PIECE_BYTES])
        for event, item in parser.read_events():
            weight.add(event, item)
    return parser.close()


class _Weight:
    """How much of everything there has been so far."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._nodes = self._depth = 0
        self._namespaces: set[object] = set()

    def add(self, event: str, item: object) -> None:
        if event == "start-ns":
            self._namespaces.add(item)
            if len(self._namespaces) > _MOST_NAMESPACES:
                raise InvalidInput(f"XML: expected at most {_MOST_NAMESPACES} namespaces, got more")
            return
        element = cast("Element", item)  # as it is for the other two events
        self._depth += 1 if event == "start" else -1
        self._nodes += 1 + len(element.attrib) if event == "start" else 0
        if self._depth > self._bounds.depth or self._nodes > self._bounds.nodes:
            raise InvalidInput(
                f"XML: expected at most {self._bounds.depth} levels and {self._bounds.nodes:,} nodes, "
                f"got more at line {element.sourceline}"
            )
