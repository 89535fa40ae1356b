"""What is kept of each event beside the event itself, so that it can be found and traced."""

from collections.abc import Mapping, Sequence
from typing import Any

from wayproof.trace.epcis.context import Context
from wayproof.trace.query.terms import terms_of

Number = tuple[str, str, float]


def terms_and_numbers(event: Mapping[str, Any], context: Context) -> tuple[Sequence[str], Sequence[Number]]:
    """The words and numbers by which queries find an event, out of its canonical form."""
    found = terms_of(event, context)
    return found.terms, found.numbers
