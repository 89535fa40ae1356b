"""Identifiers as people read them."""

from wayproof.trace.identifiers.identifier import Identifier
from wayproof.trace.identifiers.schemes import BY_NAME, KeyScheme


def display(identifier: Identifier) -> str:
    """Scheme, Application Identifiers and values, such as `SSCC (00) 3 4012345 111111111 1`.

    The key is split at the company prefix and before the check digit where a URN told the prefix; URIs of others stay
    as they are.
    """
    name = identifier.scheme.upper()
    if identifier.elements:
        key, *qualifiers = identifier.elements
        parts = [name, f"({key[0]})", *_groups(identifier, key[1])]
        return " ".join([*parts, *(f"({code}) {value}" for code, value in qualifiers)])
    return f"{name} {identifier.urn.split(':', 4)[4]}" if identifier.urn else identifier.uri


def _groups(identifier: Identifier, key: str) -> list[str]:
    if identifier.urn is None:
        return [key]
    prefix_digits = len(identifier.urn.split(":", 4)[4].partition(".")[0])
    return [group for group in _split(BY_NAME[identifier.scheme], key, prefix_digits) if group]


def _split(scheme: KeyScheme, key: str, prefix_digits: int) -> list[str]:
    start = len(scheme.lead) + scheme.rotated
    end = start + prefix_digits
    if not scheme.digits:
        return [key[:end], key[end:]]
    last = scheme.base - 1
    return [key[:start], key[start:end], key[end:last], key[last], key[last + 1 :]]
