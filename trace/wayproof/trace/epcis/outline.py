"""A first look at a document, cheap enough for the door: whether it is JSON at all, and how many events it has."""

import re
from typing import Final

import msgspec

from wayproof.model.errors import InvalidInput

_XML_EVENT: Final = re.compile(rb"<(?:Object|Aggregation|Transaction|Transformation|Association)Event[\s>]")
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


class _Events(msgspec.Struct):
    eventList: list[msgspec.Raw] = []  # noqa: N815 - the standard's names here and below


class _Results(msgspec.Struct):
    resultsBody: _Events | None = None  # noqa: N815


class _Body(_Events):
    queryResults: _Results | None = None  # noqa: N815


class _Document(msgspec.Struct):
    epcisBody: _Body | None = None  # noqa: N815


_DECODER: Final = msgspec.json.Decoder(_Document)


def count_events(data: bytes) -> int:
    """How many events a document seems to have; what it really has, capture finds out.

    Raises:
        InvalidInput: it begins like JSON and is none.
    """
    start = data.removeprefix(_BYTE_ORDER_MARK).lstrip()
    if start[:1] == b"<":
        return sum(1 for _ in _XML_EVENT.finditer(start))
    try:
        body = _DECODER.decode(start).epcisBody or _Body()
    except msgspec.ValidationError:
        return 0  # JSON, and no document
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"JSON: expected UTF-8 and RFC 8259, got: {error}", pointer="") from error
    except RecursionError as error:
        raise InvalidInput("JSON: expected a document, got nesting without end", pointer="") from error
    results = (body.queryResults and body.queryResults.resultsBody) or _Events()
    return len(body.eventList) + len(results.eventList)
