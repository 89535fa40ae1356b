"""Receipts: what the ingestor tells a device about which of its readings are safe."""

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from wayproof.model.errors import InvalidInput
from wayproof.model.reading import MAX_SEQ, Boot, Seq

MAX_RANGES: Final = 32
"""How many ranges past the first gap one receipt names at most; where more changed, several receipts follow."""


class Receipt(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Readings of one boot that are safe: stored, or set aside in quarantine with their bytes."""

    boot: Boot
    #: Everything from 1 to here; 0 while 1 itself is missing.
    through: Annotated[int, Meta(ge=0, le=MAX_SEQ)]
    #: Inclusive ranges past the first gap, ascending; not necessarily all.
    beyond: Annotated[tuple[tuple[Seq, Seq], ...], Meta(max_length=MAX_RANGES)] = ()

    def ranges(self) -> tuple[tuple[int, int], ...]:
        """Every inclusive range of safe readings."""
        return ((1, self.through), *self.beyond) if self.through else self.beyond


_decoder = msgspec.json.Decoder(Receipt)


def encode_receipt(receipt: Receipt) -> bytes:
    """The receipt as JSON."""
    return msgspec.json.encode(receipt)


def decode_receipt(payload: bytes) -> Receipt:
    """The receipt in a message; raises InvalidInput for anything else, or for ranges that do not ascend."""
    try:
        receipt = _decoder.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput(f"not a receipt: {error}") from error
    end = receipt.through
    for first, last in receipt.beyond:
        if not end < first <= last:
            raise InvalidInput(f"not a receipt: expected ascending ranges past {end}, got {first} to {last}")
        end = last
    return receipt
