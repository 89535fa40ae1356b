"""Words of identifiers: of the thing itself, of its class, and of every pattern that takes it in.

Things of one class, and containers of one company, share all words but their own, so those are computed once.
"""

from functools import lru_cache
from typing import Final

from wayproof.model.errors import InvalidInput
from wayproof.trace.identifiers import Level, parse, pattern_terms
from wayproof.trace.identifiers.characters import check_digit
from wayproof.trace.identifiers.identifier import RESOLVER
from wayproof.trace.identifiers.schemes import BY_ELEMENTS, BY_KEY, KeyScheme
from wayproof.trace.query.words import term

_REMEMBERED: Final = 1 << 14
_LINK: Final = f"{RESOLVER}/"
_PLACE: Final = f"{RESOLVER}/414/"
_EXTENSION: Final = "/254/"
_LEAD_AND_PREFIX: Final = 13
"""No pattern of a key without class looks beyond these characters: extension digit, company prefix of at most 12."""


@lru_cache(maxsize=_REMEMBERED)
def identifier_terms(field: str, uri: str) -> tuple[str, ...]:
    """The words of a canonical identifier in `field`; only its own where it is none of GS1's, or breaks their rules."""
    own = term(field, uri)
    if uri.startswith(_LINK):
        code, _, rest = uri[len(_LINK) :].partition("/")
        key, _, qualifiers = rest.partition("/")
        return (own, *_wider(field, _like(code, key, qualifiers.partition("/")[0])))
    return (own, *_wider(field, uri)) if uri.startswith("urn:epc:") else (own,)


def place_around(uri: str) -> str | None:
    """The place of which a canonical GLN with extension names a part; None for any other place."""
    return uri.partition(_EXTENSION)[0] if uri.startswith(_PLACE) and _EXTENSION in uri else None


def _like(code: str, key: str, qualifier: str) -> str:
    """An identifier that lies in the same classes and patterns, the same for all that do."""
    scheme = BY_ELEMENTS.get((code, qualifier)) or BY_KEY.get(code)
    if scheme is None:
        return f"{_LINK}{code}/{key}"
    end = "/235/0" if scheme.name == "upui" else ""
    return f"{_LINK}{code}/{_key_like(scheme, key)}{end}"


def _key_like(scheme: KeyScheme, key: str) -> str:
    if scheme.serial:
        return key[: scheme.base] if scheme.serial == "tail" else key
    if scheme.pieces or "%" in key:
        return key
    if not scheme.digits:
        return key[:_LEAD_AND_PREFIX]
    digits = key[:_LEAD_AND_PREFIX].ljust(scheme.base, "0")[: scheme.base - 1]
    return digits + check_digit(digits) if digits.isdecimal() and digits.isascii() else key


@lru_cache(maxsize=_REMEMBERED)
def _wider(field: str, uri: str) -> tuple[str, ...]:
    try:
        identifier = parse(uri)
    except InvalidInput:  # a lenient import keeps these
        return ()
    found = pattern_terms(identifier)
    return tuple(term(field, each) for each in (found if identifier.level is Level.CLASS else found[1:]))
