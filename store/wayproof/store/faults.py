"""Telling "the database does not work now" from "this row is bad data".

For processes that keep what they could not write and try again.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg

from wayproof.model.errors import Unavailable

BAD_DATA: Final = (psycopg.DataError, psycopg.IntegrityError)
"""The only errors that speak about a row. A full disk, a time-out, a lost connection or a missing right do not."""


@contextmanager
def unavailable_on_any_error() -> Iterator[None]:
    """Turns whatever psycopg raises inside into Unavailable: nothing was stored, and trying again can help."""
    try:
        yield
    except psycopg.Error as error:
        raise Unavailable(f"PostgreSQL did not store it ({type(error).__name__}): {error}") from error
