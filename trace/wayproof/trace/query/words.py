"""Words under which events are indexed: `FIELD=value`, hashed to 16 hexadecimal digits.

Two values of one field that share a hash are a 64-bit accident, and only their own tenant would see it.
"""

from functools import lru_cache
from hashlib import blake2b
from typing import Final

_REMEMBERED: Final = 1 << 14
_DIGEST_BYTES: Final = 8


def term(field: str, value: str) -> str:
    """The word of an event whose `field` has `value`."""
    return blake2b(f"{field}={value}".encode(), digest_size=_DIGEST_BYTES).hexdigest()


@lru_cache(maxsize=_REMEMBERED)
def common_term(field: str, value: str) -> str:
    """The same for values of which there are few."""
    return term(field, value)


def exists_term(field: str) -> str:
    """The word of an event that has `field` at all."""
    return common_term(f"EXISTS_{field}", "")
