"""XML to a tree, as far as XML may be trusted: no DTD, no entities of its own, no network, bounded."""

from typing import Final, cast

from lxml import etree

from wayproof.model.errors import InvalidInput
from wayproof.trace.epcis.reading import Bounds, check_size
from wayproof.trace.epcis.xml_names import Element

_PIECE_BYTES: Final = 1 << 16
_MOST_NAMESPACES: Final = 100
"""Pairs of prefix and namespace, and declarations in force at one place: each word that is looked up reads them all."""


def parse_tree(data: bytes, bounds: Bounds) -> Element:
    """The root element of UTF-8 bytes, without comments and processing instructions.

    Raises:
        InvalidInput: no well-formed XML, a document type declaration, or more of anything than `bounds` allows.
    """
    check_size(data, bounds)
    _check_bytes(data)
    # The encoding is ours, not the document's: otherwise a DTD could hide from the check above, as in UTF-7.
    parser = etree.XMLPullParser(
        events=("start-ns", "start", "end", "end-ns"),
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
        self._nodes = self._depth = self._in_force = 0
        self._namespaces: set[object] = set()

    def add(self, event: str, item: object) -> None:
        if event == "start-ns":
            self._add_namespace(item)
        elif event == "end-ns":
            self._in_force -= 1
        elif event == "start":
            self._depth += 1
            self._add_element(cast("Element", item))  # as it is for this event
        else:
            self._depth -= 1

    def _add_namespace(self, pair: object) -> None:
        self._in_force += 1
        self._namespaces.add(pair)
        if max(self._in_force, len(self._namespaces)) > _MOST_NAMESPACES:
            raise InvalidInput(f"XML: expected at most {_MOST_NAMESPACES} namespaces, got more")

    def _add_element(self, element: Element) -> None:
        attributes = len(element.attrib)
        if attributes > self._bounds.attributes:
            raise InvalidInput(
                f"XML line {element.sourceline}: expected at most {self._bounds.attributes:,} "
                f"attributes of an element, got {attributes:,}"
            )
        self._nodes += 1 + attributes
        if self._depth > self._bounds.depth or self._nodes > self._bounds.nodes:
            raise InvalidInput(
                f"XML: expected at most {self._bounds.depth} levels and {self._bounds.nodes:,} nodes, "
                f"got more at line {element.sourceline}"
            )
