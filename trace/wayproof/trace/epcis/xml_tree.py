"""XML to a tree, as far as XML may be trusted: no DTD, no entities of its own, no network, bounded."""

from typing import Final, cast

from lxml import etree

from wayproof.model.errors import InvalidInput
from wayproof.trace.epcis.reading import Bounds, check_size
from wayproof.trace.epcis.xml_names import Element

_PIECE_BYTES: Final = 1 << 16


def parse_tree(data: bytes, bounds: Bounds) -> Element:
    """The root element of UTF-8 bytes, without comments and processing instructions.

    Raises:
        InvalidInput: no well-formed XML, a document type declaration, or more of anything than `bounds` allows.
    """
    check_size(data, bounds)
    _check_bytes(data)
    # The encoding is ours, not the document's: otherwise a DTD could hide from the check above, as in UTF-7.
    parser = etree.XMLPullParser(
        events=("start", "end"),
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
    nodes = depth = 0
    for start in range(0, len(data), _PIECE_BYTES):
        parser.feed(data[start : start + _PIECE_BYTES])
        for event, item in parser.read_events():
            element = cast("Element", item)  # as it is for these two events
            depth += 1 if event == "start" else -1
            nodes += 1 + len(element.attrib) if event == "start" else 0
            if depth > bounds.depth or nodes > bounds.nodes:
                raise InvalidInput(
                    f"XML: expected at most {bounds.depth} levels and {bounds.nodes:,} nodes, "
                    f"got more at line {element.sourceline}"
                )
    return parser.close()
