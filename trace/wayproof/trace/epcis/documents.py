"""Bytes of either binding to a document in JSON's form."""

from collections.abc import Mapping
from typing import Any

from wayproof.model.errors import InvalidInput
from wayproof.trace.epcis.reading import DEFAULT_BOUNDS, Bounds, read_json
from wayproof.trace.epcis.xml_in import read_xml

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def read_document(data: bytes, bounds: Bounds = DEFAULT_BOUNDS) -> Mapping[str, Any]:
    """The document in JSON's form, from JSON or XML, whichever its first character tells.

    Raises:
        InvalidInput: neither, or more than `bounds` allows.
    """
    if data.removeprefix(_BYTE_ORDER_MARK).lstrip()[:1] == b"<":
        return read_xml(data, bounds)
    value = read_json(data, bounds)
    if not isinstance(value, Mapping):
        raise InvalidInput(f"document: expected a JSON object, got {type(value).__name__}", pointer="")
    return value
