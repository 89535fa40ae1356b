"""Bytes to documents: nothing but InvalidInput comes of bad ones."""

import json
import tracemalloc
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wayproof.model.errors import InvalidInput
from wayproof.trace.epcis.documents import read_document
from wayproof.trace.epcis.reading import Bounds, _read_strictly, number, read_json
from wayproof.trace.epcis.times import parse_instant
from wayproof.trace.epcis.validate import check_document

SMALL = Bounds(bytes=10_000, nodes=100, depth=5)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "RFC 8259"),
        (b"{", "RFC 8259"),
        (b"\xff{}", "UTF-8"),
        (b"[NaN]", "got NaN"),
        (b"[-Infinity]", "got -Infinity"),
        (b"[1e999]", "within 1e"),
        (b'{"a": 1, "a": 1}', "'a' twice"),
        (b'["\\u0000"]', "no NUL"),
        (b'{"\\u0000": 1}', "no NUL"),
        (b'["\\ud800"]', "half of one"),
        (b"[" * 6 + b"]" * 6, "5 levels"),
        (b"[" * 9_000, "levels"),
        (b"[" + b"0," * 200 + b"0]", "at most 100 values"),
        (b"[" + b"1" * 200 + b"]", "100 digits"),
        (b'"' + b"a" * 10_000 + b'"', "10,000 bytes"),
    ],
)
def test_bad_json_is_refused_with_a_reason(data: bytes, said: str) -> None:
    """JSON that is broken, ambiguous, beyond a bound or not storable is refused, and the message says why."""
    with pytest.raises(InvalidInput, match=said):
        read_json(data, SMALL)


@pytest.mark.timeout(60)
def test_a_name_twice_among_many_is_found_at_once() -> None:
    """An object of very many names is not searched once for each of them, which would take hours."""
    names = ",".join(f'"{number}":0' for number in range(150_000))
    with pytest.raises(InvalidInput, match="'z' twice"):
        read_json(f'{{{names},"z":0,"z":0}}'.encode())


def test_numbers_keep_every_digit() -> None:
    """A number comes with all of its digits, whatever a double would hold."""
    assert read_json(b"[0.1, 10000000000000000001, 1.00000000000000000001]") == [
        Decimal("0.1"),
        10000000000000000001,
        Decimal("1.00000000000000000001"),
    ]


@pytest.mark.parametrize("text", ["", "1_0", "inf", "NaN", "0x1", "1,5", "\u0661", "--1", "1e9999", "1" * 101])
def test_texts_that_are_no_numbers_are_refused(text: str) -> None:
    """Only decimal digits, a point, a sign and an exponent make a number."""
    with pytest.raises(InvalidInput):
        number(text)


def test_only_objects_are_documents() -> None:
    """JSON that is no object is no document."""
    with pytest.raises(InvalidInput, match="a JSON object"):
        read_document(b" [1]")


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_a_document_or_invalid_input(data: bytes) -> None:
    """Whatever bytes come, they are read or refused by InvalidInput."""
    try:
        read_document(data)
    except InvalidInput:
        return


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.text(max_size=5)
            | st.sampled_from(
                ("type", "@context", "epcisBody", "eventList", "eventTime", "sensorElementList", "epcList")
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(_JSON)
def test_any_json_can_be_checked(value: Any) -> None:
    """Whatever JSON comes, checking it gives faults or none, and raises nothing."""
    try:
        document = read_json(json.dumps(value).encode())
    except InvalidInput:
        return
    check_document(document, lenient=True)


_NAMES = st.sampled_from(('"a"', '"b"', '":"', '"a:"', '":a"', '"\\u0061"', '"a" '))
_ATOMS = st.sampled_from(
    ("0", "-0", "-1.50", "1e5", "1E+400", "1e401", "null", "true", "NaN", "2" * 100, "2" * 101, "", '"', ",", ":")
)
_TEXTS = st.recursive(
    _NAMES | _ATOMS,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda parts: f"[{', '.join(parts)}]")
        | st.lists(st.tuples(_NAMES, st.sampled_from((":", ": ", "\t:", "\n :")), inner).map("".join), max_size=3).map(
            lambda parts: "{" + ",".join(parts) + "}"
        )
    ),
    max_leaves=8,
)


@given(_TEXTS)
@example(f"[-{'2' * 100}]")
def test_what_is_read_quickly_is_what_strictness_reads(text: str) -> None:
    """With names that come twice, colons and escapes in texts, and numbers at their bounds: both agree, or neither."""
    try:
        strictly = repr(_read_strictly(text.encode(), SMALL))
    except InvalidInput:
        with pytest.raises(InvalidInput):
            read_json(text.encode(), SMALL)
    else:
        assert repr(read_json(text.encode(), SMALL)) == strictly


def test_what_is_read_twice_is_held_once() -> None:
    """What was read quickly and must be read again, as a text begins with a colon, takes no memory twice."""

    def peak(read: Callable[[bytes, Bounds], Any]) -> int:
        tracemalloc.start()
        try:
            read(b'[":"' + b",[]" * 50_000 + b"]", Bounds())
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(read_json) < 1.2 * peak(_read_strictly)


@given(st.text(max_size=40) | st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,15}[Z+-][0-9:]{0,5}"))
def test_any_text_is_an_instant_or_invalid_input(text: str) -> None:
    """Whatever text comes as a time, it is an aware instant or refused by InvalidInput."""
    try:
        at = parse_instant(text)
    except InvalidInput:
        return
    assert at.tzinfo is not None
