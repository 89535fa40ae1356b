"""GS1 Digital Links of any domain (GS1 Digital Link Standard: URI Syntax §4), uncompressed."""

from wayproof.model.errors import InvalidInput
from wayproof.trace.identifiers.application import BY_PATH_NAME, ApplicationIdentifier
from wayproof.trace.identifiers.characters import decoded
from wayproof.trace.identifiers.identifier import RESOLVER, Identifier, identify, link, padded

_HOST = RESOLVER.removeprefix("https://")


def parse_link(uri: str, *, check_digits: bool = True) -> Identifier | None:
    """The identifier of a Digital Link, or None for a web address that is none.

    On GS1's own domain every address must be a Digital Link. On any other, one counts as a Digital Link only where its
    path ends in a primary key whose value has the key's form, and qualifiers; `http://example.org/2000/01/report` is
    somebody's page.

    Raises:
        InvalidInput: wrong check digit, form of a qualifier, or order of qualifiers.
    """
    before_fragment, _, _ = uri.partition("#")
    address, _, query = before_fragment.partition("?")
    _, _, host, *segments = address.split("/")
    pairs = _pairs(segments[:-1] if segments[-1:] == [""] else segments)
    is_gs1 = host.lower() == _HOST
    if not pairs or not (is_gs1 or _fits(*pairs[0])):
        if is_gs1:
            raise InvalidInput(
                f"Digital Link: expected primary key, value and qualifiers in the path, uncompressed, got {uri!r}"
            )
        return None
    if query:
        _check_query(pairs[0][0], query)
    return identify([(ai.code, value) for ai, value in pairs], check_digits=check_digits)


def _pairs(segments: list[str]) -> list[tuple[ApplicationIdentifier, str]]:
    """Primary key and qualifiers at the path's end, names and values in turn; empty where there are none."""
    pairs: list[tuple[ApplicationIdentifier, str]] = []
    for place in range(len(segments) - 2, -1, -2):
        ai = BY_PATH_NAME.get(segments[place])
        if ai is None:
            return []
        pairs.append((ai, segments[place + 1]))
        if ai.is_key:
            return [(ai, decoded(value)) for ai, value in reversed(pairs)]
    return []


def _fits(key: ApplicationIdentifier, value: str) -> bool:
    return key.fits(padded(key, value))


def _check_query(key: ApplicationIdentifier, query: str) -> None:
    """Refuses qualifiers in the query string: dropped like other attributes, they would make one thing its class."""
    misplaced = {code for order in key.orders for code in order} & {
        part.partition("=")[0] for part in query.replace(";", "&").split("&")
    }
    if misplaced:
        codes = ", ".join(f"({code})" for code in sorted(misplaced))
        raise InvalidInput(
            f"{key.title} ({key.code}): expected qualifiers in the path, got {codes} in the query string"
        )


def to_digital_link(identifier: Identifier, resolver: str = RESOLVER) -> str:
    """The Digital Link below `resolver` (scheme, host and any path, no slash at its end).

    Raises:
        InvalidInput: the identifier has no Digital Link.
    """
    if not identifier.elements:
        raise InvalidInput(f"Digital Link: {identifier.uri!r} has none")
    return link(identifier.elements, resolver)
