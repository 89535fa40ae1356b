"""One sequence of bytes for one value, so that a hash names the value."""

from typing import Any

import rfc8785

from wayproof.model.errors import InvalidInput


def canonical_json(value: Any) -> bytes:
    """JSON in the one form of RFC 8785. InvalidInput where it has none: NaN, integers beyond 2^53, lone surrogates."""
    try:
        return rfc8785.dumps(value)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"JSON without a canonical form (RFC 8785): {error}") from None
