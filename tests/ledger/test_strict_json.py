"""JSON of strangers."""

import json
import math
from contextlib import suppress
from typing import Any

import pytest
from handoff_strategies import json_values
from hypothesis import given
from hypothesis import strategies as st

from wayproof.ledger.strict_json import MAX_BYTES, MAX_DEPTH, strict_json
from wayproof.ledger.typed_data import MAX_INTEGER
from wayproof.model.canonical import canonical_json
from wayproof.model.errors import InvalidInput

REFUSED = [
    (b'{"a":1,"a":1}', "more than once"),
    (b'[{"b":{"a":1,"\\u0061":2}}]', "more than once"),
    (b"NaN", "NaN"),
    (b"[Infinity]", "Infinity"),
    (b'{"a":-Infinity}', "Infinity"),
    (b"9007199254740992", "beyond"),
    (b"-9007199254740992", "beyond"),
    (b"9007199254740993.0", "beyond"),
    (b"1e400", "beyond"),
    (b"1" * 10_000, "beyond"),
    (b'"\\ud800"', "surrogate"),
    (b'{"\\udc00":1}', "surrogate"),
    (b'["\\ud800x\\udc00"]', "surrogate"),
    (b'"\xed\xa0\x80"', "UTF-8"),
    (b"\xff\xfe1\x00", "UTF-8"),
    (b"\xef\xbb\xbf1", "Expecting value"),
    (b"", "Expecting value"),
    (b"1 2", "Extra data"),
    (b"[1,]", "Expecting value"),
    (b"01", "Extra data"),
    (b'"a\nb"', "control character"),
    (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), "deeper"),
    (b'{"a":' * 5_000 + b"1" + b"}" * 5_000, "deeper"),
    (b"[" * 60_000, "deeper"),
    (b'["]]","\\"]",' + b"[" * MAX_DEPTH, "deeper"),
    (b'"' + b'\\"' * 30_000, "Unterminated"),
    (b'"' + b"x" * MAX_BYTES + b'"', "at most"),
]


@pytest.mark.parametrize(
    ("data", "message"), REFUSED, ids=[f"{at}-{message}" for at, (_, message) in enumerate(REFUSED)]
)
def test_refused(data: bytes, message: str) -> None:
    """JSON that two readers could understand differently, or that is none, is refused with a reason."""
    with pytest.raises(InvalidInput, match=message):
        strict_json(data)


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"9007199254740991", MAX_INTEGER),
        (b"-9007199254740991", -MAX_INTEGER),
        (b"[1.5,-0.0,1e-400]", [1.5, 0, 0]),
        (b'"\\ud83d\\ude9a"', "\N{DELIVERY TRUCK}"),
        (b' {"a" : [ ] }\n', {"a": []}),
        (b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, None),
    ],
)
def test_accepted(data: bytes, value: Any) -> None:
    """Everything up to the bounds is taken, and a pair of surrogates is one character."""
    found = strict_json(data)
    assert value is None or found == value


@given(st.binary(max_size=100))
def test_fuzz_bytes(data: bytes) -> None:
    """Any bytes raise InvalidInput and nothing else, or yield what Python's own parser yields."""
    with suppress(InvalidInput):
        assert strict_json(data) == json.loads(data.decode())


@given(json_values)
def test_fuzz_values(value: Any) -> None:
    """Whatever is accepted has a canonical form, and that means the same again."""
    try:
        found = strict_json(json.dumps(value).encode())
    except InvalidInput:
        return
    assert strict_json(canonical_json(found)) == found
    assert not isinstance(found, float) or math.isfinite(found)
