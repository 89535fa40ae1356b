"""EPC URNs and patterns (EPC Tag Data Standard §6 and §8), in and out."""

from itertools import takewhile
from typing import Final

from wayproof.model.errors import InvalidInput
from wayproof.trace.identifiers.application import APPLICATION_IDENTIFIERS
from wayproof.trace.identifiers.characters import check_digit, decoded, encoded_for_urn
from wayproof.trace.identifiers.identifier import Element, Identifier, link
from wayproof.trace.identifiers.schemes import (
    BY_NAME,
    BY_PATTERN,
    BY_URN,
    PLAIN_SCHEMES,
    KeyScheme,
    Level,
    PlainScheme,
)

PREFIX: Final = "urn:epc:"
PREFIX_DIGITS: Final = range(6, 13)
"""How many digits a GS1 company prefix can have in a URN."""

_PARTS = 5
_LITERAL_NEVER = frozenset('"&/<>?#')
ANY: Final = "*"


def parse_urn(text: str, *, check_digits: bool = True) -> Identifier:
    """The identifier of an EPC URN of `id`, `class` or `idpat`.

    Only containers and ships have a check digit in their URN; `check_digits` is for them.

    Raises:
        InvalidInput: another kind of URN (tag, raw), an unknown scheme, or fields that do not fit it.
    """
    kind, name, body = _split(text)
    scheme = BY_PATTERN.get(name) if kind == "idpat" else BY_URN.get((kind, name))
    if scheme is not None:
        return _pattern(scheme, body) if kind == "idpat" else _named(scheme, body)
    plain = PLAIN_SCHEMES.get(name)
    if plain is None or kind == "class":
        raise InvalidInput(f"EPC URN: expected a known scheme of urn:epc:{kind}:, got {name!r} in {text!r}")
    return _plain(plain, body, kind, check_digits=check_digits)


def _split(text: str) -> tuple[str, str, str]:
    parts = text.split(":", _PARTS - 1)
    if len(parts) < _PARTS or parts[2] not in {"id", "class", "idpat"}:
        raise InvalidInput(f"EPC URN: expected urn:epc: with id, class or idpat, scheme and fields, got {text!r}")
    body = parts[4]
    if not _LITERAL_NEVER.isdisjoint(body):
        raise InvalidInput(f'EPC URN: expected " & / < > ? # as percent-escapes, got {text!r}')
    return parts[2], parts[3], body


def _fields(name: str, body: str, count: int) -> list[str]:
    fields = [decoded(field) for field in body.split(".", count - 1)]
    if len(fields) != count:
        raise InvalidInput(f"{name.upper()} URN: expected {count} fields split by dots, got {body!r}")
    return fields


def _named(scheme: KeyScheme, body: str) -> Identifier:
    fields = _fields(scheme.name, body, scheme.fields)
    _check_reference(scheme, fields[0], fields[1])
    elements = _elements(scheme, fields)
    for code, value in elements:
        APPLICATION_IDENTIFIERS[code].check(value)
    level = Level.LOT if scheme.is_lot else Level.INSTANCE
    return Identifier(
        scheme=scheme.name,
        level=level,
        uri=link(elements),
        urn=_urn("class" if scheme.is_lot else "id", scheme.name, fields),
        elements=elements,
    )


def _check_reference(scheme: KeyScheme, prefix: str, reference: str) -> None:
    if not (_are_digits(prefix) and len(prefix) in PREFIX_DIGITS):
        raise InvalidInput(f"{scheme.name.upper()} URN: expected a company prefix of 6 to 12 digits, got {prefix!r}")
    wanted = scheme.digits - len(prefix)
    if scheme.digits and (len(reference) != wanted or not _are_digits(reference)):
        raise InvalidInput(
            f"{scheme.name.upper()} URN: expected {wanted} digits after the company prefix {prefix}, got {reference!r}"
        )
    if not scheme.digits and not reference:
        raise InvalidInput(
            f"{scheme.name.upper()} URN: expected a reference after the company prefix {prefix}, got none"
        )


def _are_digits(text: str) -> bool:
    return not text or (text.isascii() and text.isdigit())


def _elements(scheme: KeyScheme, fields: list[str]) -> tuple[Element, ...]:
    key = _key(scheme, fields[0], fields[1])
    if scheme.pieces:
        key += fields[2] + fields[3]
    if not scheme.serial or (scheme.absent and fields[-1] == scheme.absent):
        return ((scheme.key, key),)
    if scheme.serial != "tail":
        return ((scheme.key, key), (scheme.serial, fields[-1]))
    if not fields[-1]:
        raise InvalidInput(f"{scheme.name.upper()} URN: expected a serial number in the last field, got none")
    return ((scheme.key, key + fields[-1]),)


def _key(scheme: KeyScheme, prefix: str, reference: str) -> str:
    if not scheme.digits:
        return prefix + reference
    core = reference[0] + prefix + reference[1:] if scheme.rotated else prefix + reference
    return scheme.lead + core + check_digit(core)


def _urn(kind: str, name: str, fields: list[str]) -> str:
    return f"{PREFIX}{kind}:{name}:{'.'.join(map(encoded_for_urn, fields))}"


def _pattern(scheme: KeyScheme, body: str) -> Identifier:
    fields = _fields(scheme.name, body, scheme.fields)
    known = _known(scheme.name, fields)
    if len(known) == scheme.fields:
        return _named(scheme, body)
    _check_known(scheme, known)
    urn = _urn("idpat", scheme.name, fields)
    if len(known) == scheme.fields - 1 and scheme.serial and not scheme.absent:
        return _class(scheme, known, urn)
    return Identifier(scheme=scheme.name, level=Level.PATTERN, uri=urn, urn=urn)


def _known(name: str, fields: list[str]) -> list[str]:
    """The fields before the first wildcard; after it there may be nothing else."""
    known = list(takewhile(ANY.__ne__, fields))
    if any(field != ANY for field in fields[len(known) :]):
        raise InvalidInput(f"{name.upper()} pattern: expected * in every field after the first *, got {fields}")
    return known


def _check_known(scheme: KeyScheme, known: list[str]) -> None:
    """Fills the rest of the pattern with what is always right, so that the known fields alone are judged."""
    prefix = known[0] if known else "0" * 6
    filler = [prefix, "0" * (scheme.digits - len(prefix)) if scheme.digits else "0", "01", "01"]
    fields = known + filler[len(known) : scheme.fields - bool(scheme.serial)]
    if scheme.pieces and len(known) == 3:  # noqa: PLR2004 - prefix, item and piece are known, the total is not
        fields[3] = "99"
    _check_reference(scheme, fields[0], fields[1])
    value = _elements(scheme, [*fields, "1"] if scheme.serial else fields)[0][1]
    APPLICATION_IDENTIFIERS[scheme.key].check(value)


def _class(scheme: KeyScheme, known: list[str], urn: str) -> Identifier:
    key = _key(scheme, known[0], known[1]) + "".join(known[2:])
    elements = ((scheme.key, key),)
    name = "gtin" if scheme.key == "01" else scheme.name
    return Identifier(scheme=name, level=Level.CLASS, uri=link(elements), urn=urn, elements=elements)


def _plain(scheme: PlainScheme, body: str, kind: str, *, check_digits: bool) -> Identifier:
    fields = _fields(scheme.name, body, len(scheme.forms))
    known = _known(scheme.name, fields) if kind == "idpat" else fields
    for place, field in enumerate(known):
        _check_field(scheme, place, field)
    if check_digits and scheme.check and known and scheme.check(known[0][:-1]) != known[0][-1]:
        expected = scheme.check(known[0][:-1])
        raise InvalidInput(f"{scheme.name.upper()} {known[0]}: check digit: expected {expected}, got {known[0][-1]}")
    is_pattern = len(known) < len(fields)
    urn = _urn("idpat" if is_pattern else "id", scheme.name, fields)
    level = Level.PATTERN if is_pattern else Level.INSTANCE
    return Identifier(scheme=scheme.name, level=level, uri=urn, urn=urn)


def _check_field(scheme: PlainScheme, place: int, field: str) -> None:
    limit = scheme.limits[place] if scheme.limits else 0
    if not scheme.forms[place].fullmatch(field) or (limit and int(field) > limit):
        raise InvalidInput(f"{scheme.name.upper()} URN: expected {scheme.wanted}, got {field!r} in field {place + 1}")


def to_urn(identifier: Identifier, company_prefix_digits: int | None = None) -> str:
    """The EPC URN.

    An identifier that came as URN has it. A Digital Link does not tell where the company prefix ends, so its length
    must be given; callers without it answer in the form they have (`Never_Translates`).

    Raises:
        InvalidInput: no length was given or it is none of 6 to 12, or there is no URN for this identifier at all.
    """
    if identifier.urn is not None:
        return identifier.urn
    scheme = BY_NAME.get(identifier.scheme)
    if scheme is None or (identifier.level is Level.LOT and not scheme.is_lot):
        raise InvalidInput(f"EPC URN: {identifier.uri!r} has none")
    if company_prefix_digits is None or company_prefix_digits not in PREFIX_DIGITS:
        raise InvalidInput(
            f"EPC URN of {identifier.uri}: a Digital Link does not tell how long the company prefix is: "
            f"expected company_prefix_digits of 6 to 12, got {company_prefix_digits}"
        )
    return _written(scheme, identifier, company_prefix_digits)


def _written(scheme: KeyScheme, identifier: Identifier, prefix_digits: int) -> str:
    fields = unfolded(scheme, identifier.elements, prefix_digits)
    _check_reference(scheme, fields[0], fields[1])
    if identifier.level is Level.CLASS:
        return _urn("idpat", scheme.pattern_name, [*fields[: scheme.fields - 1], ANY])
    return _urn("class" if scheme.is_lot else "id", scheme.name, fields)


def unfolded(scheme: KeyScheme, elements: tuple[Element, ...], prefix_digits: int) -> list[str]:
    """The fields of the URN, were the company prefix so long; not checked."""
    key = elements[0][1]
    if not scheme.digits:
        fields = [key[:prefix_digits], key[prefix_digits:]]
    else:
        core = key[len(scheme.lead) :][: scheme.digits]
        first, core = (core[0], core[1:]) if scheme.rotated else ("", core)
        fields = [core[:prefix_digits], first + core[prefix_digits:]]
    if scheme.pieces:
        fields += [key[14:16], key[16:18]]
    if not scheme.serial:
        return fields
    return [*fields, key[scheme.base :] if scheme.serial == "tail" else (elements[1:] or (("", scheme.absent),))[0][1]]
