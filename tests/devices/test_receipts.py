"""Receipts on the wire."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wayproof.devices.receipts import MAX_RANGES, Receipt, decode_receipt, encode_receipt
from wayproof.model.errors import InvalidInput
from wayproof.model.reading import MAX_BOOT


@st.composite
def receipts(draw: st.DrawFn) -> Receipt:
    """Receipts as an ingestor makes them."""
    marks = draw(st.lists(st.integers(1, 2**53 - 1), unique=True, max_size=2 * MAX_RANGES + 1).map(sorted))
    through = marks.pop(0) if len(marks) % 2 else 0
    beyond = tuple(zip(marks[::2], marks[1::2], strict=True))
    return Receipt(boot=draw(st.integers(1, MAX_BOOT)), through=through, beyond=beyond)


@given(receipts())
def test_receipts_come_back_as_they_were(receipt: Receipt) -> None:
    """Decoding an encoded receipt gives the receipt."""
    assert decode_receipt(encode_receipt(receipt)) == receipt


def test_receipt_on_the_wire() -> None:
    """A receipt is the JSON object that docs/protocol.md shows, and names its ranges inclusively."""
    receipt = decode_receipt(b'{"boot": 7, "through": 120, "beyond": [[125, 130], [140, 140]]}')
    assert receipt.ranges() == ((1, 120), (125, 130), (140, 140))
    assert decode_receipt(b'{"boot": 7, "through": 0}').ranges() == ()


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"null",
        b"\xff",
        b'"\xff"',
        b"[" * 60_000,
        b'{"boot": 0, "through": 1}',
        b'{"boot": 7, "through": -1}',
        b'{"boot": 7, "through": 1, "beyond": [[3, 2]]}',
        b'{"boot": 7, "through": 5, "beyond": [[5, 6]]}',
        b'{"boot": 7, "through": 5, "beyond": [[8, 9], [7, 7]]}',
        b'{"boot": 7, "through": 5, "beyond": [[8]]}',
        b'{"boot": 7, "through": 5, "safe": true}',
        b'{"boot": 7, "through": 5, "beyond": [' + b"[9,9]," * MAX_RANGES + b"[9,9]]}",
    ],
)
def test_anything_else_is_no_receipt(payload: bytes) -> None:
    """A device never deletes by a message that is not exactly a receipt."""
    with pytest.raises(InvalidInput, match="not a receipt"):
        decode_receipt(payload)


@given(st.binary())
def test_arbitrary_bytes_never_crash_a_device(payload: bytes) -> None:
    """Any bytes are a receipt or InvalidInput."""
    try:
        decode_receipt(payload)
    except InvalidInput:
        return
