"""Values of one parameter: what they may be, and what to say where they are not."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from wayproof.model.errors import InvalidInput
from wayproof.trace.epcis.context import Context
from wayproof.trace.epcis.fields import Leaf
from wayproof.trace.epcis.reading import check_text, number
from wayproof.trace.epcis.times import parse_instant
from wayproof.trace.epcis.vocabulary import bare_word
from wayproof.trace.identifiers import parse

_SHOWN: Final = 80
_LONGEST: Final = 2_048
_TRUE: Final = frozenset({"true", "1", ""})
_FALSE: Final = frozenset({"false", "0"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Parameter:
    """One parameter with its values, and what prefixes in them mean."""

    name: str
    values: tuple[Any, ...]
    context: Context

    def wrong(self, expected: str, got: object) -> InvalidInput:
        """The error of a value that is not what was expected."""
        text = str(got)
        shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
        name = self.name[:_SHOWN]
        return InvalidInput(f"{name}: expected {expected}, got {shown!r}", pointer=f"/{name}")

    def alone(self) -> "Parameter":
        """Itself, if it has one value."""
        if len(self.values) != 1:
            raise self.wrong("one value", f"{len(self.values)} values")
        return self

    def single(self) -> Any:
        """Its one value."""
        return self.alone().values[0]

    def texts(self) -> tuple[str, ...]:
        """Its values, all texts, at least one."""
        if not self.values:
            raise self.wrong("a value", "none")
        return tuple(map(self._text, self.values))

    def _text(self, value: Any) -> str:
        if not isinstance(value, str) or not value or len(value) > _LONGEST:
            raise self.wrong(f"a text of 1 to {_LONGEST} characters", value)
        try:
            check_text(value)
        except InvalidInput as error:
            raise self.wrong("a text that can be stored", value.encode("utf-8", "replace").decode()) from error
        return value


def read_words(parameter: Parameter, allowed: Sequence[str]) -> tuple[str, ...]:
    """Values, each one of those allowed."""
    for value in parameter.values or (None,):
        if value not in allowed:
            raise parameter.wrong(" or ".join(allowed), value)
    return parameter.values


def read_vocabulary(parameter: Parameter, vocabulary: str) -> tuple[str, ...]:
    """Canonical URIs of words, given as bare words, URNs, web URIs, or URIs of others."""
    return tuple(read_word(parameter, vocabulary, text) for text in parameter.texts())


def read_word(parameter: Parameter, vocabulary: str, text: str) -> str:
    """The canonical URI of one word."""
    uri = parameter.context.expand_word(Leaf(vocabulary=vocabulary), text)
    if bare_word(vocabulary, uri) is None and ":" not in uri:
        raise parameter.wrong(f"a word of {vocabulary} or a URI", text)
    return uri


def read_identifiers(parameter: Parameter) -> tuple[str, ...]:
    """Canonical URIs of identifiers, however they are spelled; patterns are among them."""
    return tuple(read_identifier(parameter, text) for text in parameter.texts())


def read_identifier(parameter: Parameter, text: str) -> str:
    """The canonical URI of one identifier. One that breaks its scheme's rules is itself: lenient imports keep such."""
    expanded = parameter.context.expand(text)
    try:
        return parse(expanded).uri
    except InvalidInput as error:
        if ":" not in expanded or any(char.isspace() for char in expanded):
            raise parameter.wrong("an EPC URN, Digital Link or other URI", text) from error
        return expanded


def read_time(parameter: Parameter) -> datetime:
    """Its one value, a time with zone."""
    value = parameter.single()
    try:
        # A plus sign that nobody escaped arrives as a space.
        return parse_instant(parameter.alone().texts()[0].replace(" ", "+"))
    except InvalidInput as error:
        raise parameter.wrong("date, time with seconds, and zone (RFC 3339)", value) from error


def read_numbers(parameter: Parameter) -> tuple[int | Decimal, ...]:
    """Values, all numbers."""
    if not parameter.values:
        raise parameter.wrong("a number", "none")
    return tuple(_number(parameter, value) for value in parameter.values)


def _number(parameter: Parameter, value: Any) -> int | Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        raise parameter.wrong("a number", value)
    try:
        return number(value) if isinstance(value, str) else value
    except InvalidInput as error:
        raise parameter.wrong("a number", value) from error


def read_integer(parameter: Parameter, least: int, most: int) -> int:
    """Its one value, a whole number within bounds."""
    value = read_numbers(parameter.alone())[0]
    if not least <= value <= most or value != int(value):
        raise parameter.wrong(f"a whole number of {least} to {most}", value)
    return int(value)


def read_flag(parameter: Parameter) -> bool:
    """Its one value, true or false. None and "" are true: that the parameter is there says it."""
    value = parameter.single()
    text = "" if value is None else str(value).strip().lower()
    if text in _TRUE | _FALSE:
        return text in _TRUE
    raise parameter.wrong("true or false", value)


def read_field(parameter: Parameter, name: str) -> str:
    """The full URI of a field of others, given by prefix and name or as that URI."""
    uri = parameter.context.expand_field(name)
    prefix, colon, rest = name.partition(":")
    is_uri = rest.startswith("//") or prefix.lower() == "urn"
    if not colon or not prefix or not rest:
        raise parameter.wrong("a field as prefix:name or URI", name)
    if uri == name and not is_uri:
        raise parameter.wrong(f"a prefix that GS1-Extensions or @context defines in {name[:_SHOWN]!r}", prefix)
    return replace(parameter, values=(uri,)).texts()[0]
