"""Everything under which an identifier can be asked for: itself, its class, and the patterns over it."""

from functools import lru_cache

from wayproof.model.errors import InvalidInput
from wayproof.trace.identifiers.characters import encoded_for_urn
from wayproof.trace.identifiers.identifier import Identifier
from wayproof.trace.identifiers.reading import canonical_uri
from wayproof.trace.identifiers.schemes import BY_NAME, KeyScheme, Level
from wayproof.trace.identifiers.urn import ANY, PREFIX, PREFIX_DIGITS, unfolded

_REMEMBERED = 1 << 13


def pattern_terms(identifier: Identifier) -> tuple[str, ...]:
    """The canonical URIs of the identifier, its class and its patterns, each once, itself first.

    A class or pattern of a query, made canonical, is among these strings if and only if it takes in the identifier.
    A Digital Link does not tell where its company prefix ends, so it stands under the prefix of each length: no company
    prefix begins with another one, hence no pattern of a real company takes in things of another.
    """
    if identifier.level is Level.UNKNOWN:
        return (identifier.uri,)
    wider = _of_urn(identifier.scheme, identifier.urn) if identifier.urn else _of_key(*_family(identifier))
    return tuple(dict.fromkeys((identifier.uri, *wider)))


def _of_urn(name: str, urn: str) -> tuple[str, ...]:
    body = urn.split(":", 4)[4]
    scheme = BY_NAME.get(name)
    if scheme is None:
        return _wider(name, tuple(body.split(".")[:-1]))
    return _wider(scheme.pattern_name, tuple(body.split(".", scheme.fields - 1)[:-1]))


def _family(identifier: Identifier) -> tuple[str, str]:
    """Scheme and key without a serial at its tail: what all things of one class share."""
    scheme = BY_NAME[identifier.scheme]
    key = identifier.elements[0][1]
    return scheme.name, key[: scheme.base] if scheme.serial == "tail" else key


@lru_cache(maxsize=_REMEMBERED)
def _of_key(name: str, key: str) -> tuple[str, ...]:
    scheme = BY_NAME[name]
    terms: dict[str, None] = {}
    for digits in PREFIX_DIGITS:
        fields = unfolded(scheme, ((scheme.key, key),), digits)[: scheme.fields - 1]
        terms.update(dict.fromkeys(_wider_if_real(scheme, tuple(map(encoded_for_urn, fields)))))
    return tuple(terms)


def _wider_if_real(scheme: KeyScheme, fields: tuple[str, ...]) -> tuple[str, ...]:
    try:
        return _wider(scheme.pattern_name, fields)
    except InvalidInput:  # a free reference such as GIAI's may have letters before the longest prefix ends
        return ()


@lru_cache(maxsize=_REMEMBERED)
def _wider(name: str, fields: tuple[str, ...]) -> tuple[str, ...]:
    """All patterns of these fields, escaped as in a URN, and one field more; the first opens that one alone."""
    size = len(fields) + 1
    return tuple(
        canonical_uri(f"{PREFIX}idpat:{name}:{'.'.join((*fields[:known], *[ANY] * (size - known)))}")
        for known in range(len(fields), -1, -1)
    )
