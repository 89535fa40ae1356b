"""Any spelling of an identifier to its one value."""

import re
from functools import lru_cache
from typing import Final

from wayproof.model.errors import InvalidInput
from wayproof.trace.identifiers.digital_link import parse_link
from wayproof.trace.identifiers.element_strings import FNC1, parse_element_string
from wayproof.trace.identifiers.identifier import Identifier
from wayproof.trace.identifiers.schemes import Level
from wayproof.trace.identifiers.urn import PREFIX, parse_urn

LONGEST: Final = 2_048
"""Characters an identifier may have. It also bounds what the cache can hold."""

_REMEMBERED = 1 << 14
# RFC 3987 by its main rule: a scheme, a colon, and nothing that must be escaped. Half a surrogate pair, which JSON can
# carry, would be refused by the database much later.
_URI = re.compile(r"""[A-Za-z][A-Za-z0-9+.\-]*:[^\s\x00-\x20\x7f-\x9f\ud800-\udfff<>"{}|\\^`]+""")


def parse(text: str, *, check_digits: bool = True) -> Identifier:
    """What an EPC URN, GS1 Digital Link, element string or any other URI names.

    With `check_digits=False` wrong check digits are let through, and stay in the canonical form as they came; that is
    for imports which list what they forgave.

    Raises:
        InvalidInput: no identifier, or one that breaks the rules of its scheme; the message says expected and got.
    """
    return _parse(text, check_digits)


def canonical_uri(text: str, *, check_digits: bool = True) -> str:
    """The one URI under which everything named by `text` is indexed; raises as `parse` does."""
    return _parse(text, check_digits).uri


@lru_cache(maxsize=_REMEMBERED)
def _parse(text: str, check_digits: bool) -> Identifier:  # noqa: FBT001 - the cache is faster without keywords
    if len(text) > LONGEST:
        raise InvalidInput(f"identifier: expected at most {LONGEST} characters, got {len(text)}")
    if text[: len(PREFIX)].lower() == PREFIX:
        return parse_urn(text, check_digits=check_digits)
    if text[:1] in {"(", "]", FNC1} or ("0" <= text[:1] <= "9"):
        return parse_element_string(text, check_digits=check_digits)
    if not _URI.fullmatch(text):
        raise InvalidInput(f"identifier: expected an EPC URN, Digital Link, element string or other URI, got {text!r}")
    return _link(text, check_digits=check_digits) or Identifier(scheme="uri", level=Level.UNKNOWN, uri=text, urn=None)


def _link(text: str, *, check_digits: bool) -> Identifier | None:
    is_web = text[:8].lower().startswith(("https://", "http://"))
    return parse_link(text, check_digits=check_digits) if is_web else None
