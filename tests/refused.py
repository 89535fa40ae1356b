"""Why messages of the native protocol are refused."""

import pytest

from wayproof.devices.codecs.native import decode
from wayproof.model.errors import MalformedPayload, QuarantineReason


def detail(payload: bytes) -> str:
    """Why a message of one item was refused."""
    decoded = decode(payload)
    assert decoded.readings == ()
    (reject,) = decoded.rejects
    assert (reject.raw, reject.reason) == (payload, QuarantineReason.INVALID_READING)
    return reject.detail


def reason(payload: bytes) -> QuarantineReason:
    """Why a message as a whole was refused."""
    with pytest.raises(MalformedPayload) as caught:
        decode(payload)
    return caught.value.reason
