"""Events in the words that a reader asked for: identifiers by `GS1-EPC-Format` (EPCIS 2.0 §12.1).

Stored events stay in their own words; what is written here is a copy. Words of the vocabularies are bare in JSON, and
JSON is what is given: `GS1-CBV-XML-Format` changes nothing.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import lru_cache, partial
from typing import Any, Final, TypeVar

from wayproof.model.errors import InvalidInput, NotFound
from wayproof.trace.epcis.context import Context
from wayproof.trace.epcis.fields import IDENTIFIER, Leaf, rewritten
from wayproof.trace.identifiers import Level, parse, to_digital_link, to_urn

_REMEMBERED: Final = 1 << 14
_SHOWN: Final = 200


class EpcFormat(StrEnum):
    """How a reader wants GS1 identifiers."""

    NO_PREFERENCE = "No_Preference"
    NEVER_TRANSLATES = "Never_Translates"
    DIGITAL_LINK = "Always_GS1_Digital_Link"
    URN = "Always_EPC_URN"


class CbvFormat(StrEnum):
    """How a reader of XML wants words of the Core Business Vocabulary."""

    NO_PREFERENCE = "No_Preference"
    NEVER_TRANSLATES = "Never_Translates"
    WEB_URI = "Always_Web_URI"
    URN = "Always_URN"


F = TypeVar("F", bound=StrEnum)


def epc_format(header: str | None) -> EpcFormat:
    """The format that a header names, none being no preference; raises InvalidInput for another word."""
    return _named(EpcFormat, "GS1-EPC-Format", header)


def cbv_format(header: str | None) -> CbvFormat:
    """The format that a header names, none being no preference; raises InvalidInput for another word."""
    return _named(CbvFormat, "GS1-CBV-XML-Format", header)


def translated(event: Mapping[str, Any], epcs: EpcFormat) -> Mapping[str, Any]:
    """The event with GS1 identifiers in that format.

    A Digital Link does not tell where its company prefix ends, so it becomes a URN only where that is known; otherwise,
    and for identifiers of others, it stays as it is.
    """
    if epcs in {EpcFormat.NO_PREFERENCE, EpcFormat.NEVER_TRANSLATES}:
        return event
    return _rewritten(event, partial(_epc, epcs=epcs))


def canonical(event: Mapping[str, Any], context: Context) -> Mapping[str, Any]:
    """The event in the form in which it is indexed: canonical URIs for identifiers, web URIs for words.

    Names of extensions stay: they are expanded with `Context.expand_field` where they are indexed. An identifier that
    breaks its scheme's rules stays as it came, which a lenient import allows.
    """
    return canonical_in(context)(event)


def canonical_in(context: Context) -> Callable[[Mapping[str, Any]], Mapping[str, Any]]:
    """`canonical` for all events of one document, whose texts repeat themselves and are looked at once."""
    write = _canonical_texts(context)

    def made(event: Mapping[str, Any]) -> Mapping[str, Any]:
        inner = context.within(event.get("@context"))
        return _rewritten(event, write if inner is context else _canonical_texts(inner))

    return made


def _canonical_texts(context: Context) -> Callable[[Leaf, str], str]:
    @lru_cache(maxsize=_REMEMBERED)
    def write(leaf: Leaf, text: str) -> str:
        return canonical_identifier(context.expand(text)) if leaf is IDENTIFIER else context.expand_word(leaf, text)

    return write


def canonical_identifier(text: str) -> str:
    """The URI under which an identifier is indexed; one that breaks its scheme's rules is indexed as it is."""
    try:
        return parse(text).uri
    except InvalidInput:
        return text


def untold(*identifiers: str, whose: str = "") -> NotFound:
    """The error for identifiers of which no event tells; it says what is wrong with one that is malformed.

    Args:
        identifiers: as `canonical_identifier` made them.
        whose: a word about the events, with a space before it.
    """
    named = ", ".join(each if len(each) <= _SHOWN else f"{each[:_SHOWN]}…" for each in identifiers)
    said = f"no event{whose} tells of {named}"
    for each in identifiers:
        try:
            is_class = parse(each).level is Level.CLASS
        except InvalidInput as error:
            return NotFound(f"{said}; {error}")
        if is_class:
            return NotFound(f"{said}; events tell of lots and things, seldom of their class")
    return NotFound(said)


def _rewritten(event: Mapping[str, Any], write: Any) -> Mapping[str, Any]:
    made: Mapping[str, Any] = rewritten(event, write)
    return made


def _epc(leaf: Leaf, text: str, *, epcs: EpcFormat) -> str:
    if leaf is not IDENTIFIER:
        return text
    try:
        identifier = parse(text)
        return to_urn(identifier) if epcs is EpcFormat.URN else to_digital_link(identifier)
    except InvalidInput:
        return text


def _named(formats: type[F], header: str, value: str | None) -> F:
    try:
        return formats(value or "No_Preference")
    except ValueError as error:
        raise InvalidInput(f"{header}: expected {', '.join(formats)}, got {value!r}") from error
