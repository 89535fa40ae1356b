"""Our table of Application Identifiers against GS1's own, and our reading of element strings against biip's."""

import re
import string
from itertools import combinations

import pytest
from biip.gs1_messages import GS1Message
from hypothesis import assume, given
from hypothesis import strategies as st

from wayproof.trace.identifiers import canonical_uri, parse
from wayproof.trace.identifiers.application import APPLICATION_IDENTIFIERS
from wayproof.trace.identifiers.characters import check_digit
from wayproof.trace.identifiers.element_strings import _CODE_DIGITS, _VALUE_DIGITS

from gs1_strategies import SET_82, Urn, key_urns
from identifier_vectors import VECTORS, epcis_vectors

_LINE = re.compile(r"^(\d{2,4})(?:-(\d{2,4}))?\s+([*?]*)\s+((?:\[?[NXYZ][\d.]+\]?[\w,]*\s*)+)([^#]*)", re.MULTILINE)
_NOT_KEPT = {"415", "8013"}
"""Primary keys of payment slips and of models, which no event names."""


def _dictionary() -> dict[str, tuple[str, str, str]]:
    """Flags, components and attributes by Application Identifier, ranges written out."""
    path = VECTORS / "gs1-syntax-dictionary" / "gs1-syntax-dictionary.txt"
    rows = {}
    for first, last, flags, components, attributes in _LINE.findall(path.read_text(encoding="utf-8")):
        for number in range(int(first), int(last or first) + 1):
            rows[f"{number:0{len(first)}}"] = (flags, components.strip(), attributes)
    return rows


@epcis_vectors
def test_lengths_are_those_of_the_dictionary() -> None:
    """How long each code is, and which values need no separator, is as in GS1's syntax dictionary"""
    rows = _dictionary()
    assert len(rows) > 400
    for code, (flags, components, _) in rows.items():
        assert _CODE_DIGITS[code[:2]] == len(code)
        sizes = [int(size) for size in re.findall(r"N(\d+)", components)]
        assert ("*" in flags) == (code[:2] in _VALUE_DIGITS), code
        assert "*" not in flags or sum(sizes) == _VALUE_DIGITS[code[:2]], code


@epcis_vectors
def test_qualifiers_follow_in_the_order_of_the_dictionary() -> None:
    """Primary keys, their qualifiers and the order of these in a path are as in GS1's syntax dictionary"""
    keys = {}
    for code, (_, _, attributes) in _dictionary().items():
        found = re.search(r"\bdlpkey(?:=(\S+))?", attributes)
        if found:
            keys[code] = {
                choice
                for names in (found[1] or "").split("|")
                for size in range(len(names.split(",")) + 1)
                for choice in combinations([name for name in names.split(",") if name], size)
            }
    assert {code: set(ai.orders) for code, ai in APPLICATION_IDENTIFIERS.items() if ai.is_key} == {
        code: orders for code, orders in keys.items() if code not in _NOT_KEPT
    }


def _example(component: str) -> st.SearchStrategy[str]:
    """Strings of one component of the dictionary, its checks on content included."""
    kind, size, checks = re.fullmatch(r"\[?([NXY])(?:(\.\.)?(\d+))\]?(.*)", component).group(1, 3, 4)  # type: ignore[union-attr]
    alphabet = {"N": string.digits, "X": SET_82, "Y": string.ascii_uppercase + string.digits + "#-/"}[kind]
    if "zero" in checks.split(","):
        return st.just("0")
    if "nozeroprefix" in checks:
        return st.integers(0, 10**12 - 1).map(str)
    least = (0 if component.startswith("[") else 1) if ".." in component else int(size)
    texts = st.text(alphabet, min_size=least, max_size=int(size))
    return texts.filter(lambda text: re.match("[0-9]{5}", text)) if kind != "N" and "gcppos1" in checks else texts


@epcis_vectors
@given(st.data())
def test_forms_are_those_of_the_dictionary(data: st.DataObject) -> None:
    """Whatever has the dictionary's components fits our form, and a character more than the longest does not"""
    code = data.draw(st.sampled_from(sorted(set(APPLICATION_IDENTIFIERS) - {"401", "8004", "8010"})))
    components = _dictionary()[code][1].split()
    value = "".join(data.draw(_example(component)) for component in components)
    longest = sum(int(size) for component in components for size in re.findall(r"[NXY](?:\.\.)?(\d+)", component))
    assert APPLICATION_IDENTIFIERS[code].fits(value)
    assert not APPLICATION_IDENTIFIERS[code].fits(value.ljust(longest, "1") + "1")


@pytest.mark.parametrize(("code", "letter"), [("401", "a"), ("8004", "a"), ("8010", "A")])
def test_free_keys_begin_with_a_company_prefix(code: str, letter: str) -> None:
    """A key without fixed length begins with digits and has at most thirty characters"""
    ai = APPLICATION_IDENTIFIERS[code]
    assert ai.fits("401234" + letter * 24)
    assert not ai.fits("401234" + letter * 25)
    assert not ai.fits(letter * 10)
    assert not ai.fits("401234~")


@given(st.text(string.digits, min_size=1, max_size=17))
def test_check_digit_by_weights(digits: str) -> None:
    """The check digit makes the sum, weighted 1 and 3 in turn from the right, a multiple of ten"""
    whole = digits + check_digit(digits)
    assert sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(reversed(whole))) % 10 == 0


@given(key_urns, st.text(SET_82, min_size=1, max_size=20), st.booleans())
def test_scanned_strings_read_as_biip_reads_them(urn: Urn, order: str, is_first: bool) -> None:  # noqa: FBT001
    """A scanner's string, other Application Identifiers before or behind the key, is taken apart as biip does"""
    elements = parse(urn.text).elements
    other = f"17271231400{order}"
    own = "\x1d".join(code + value for code, value in elements)
    text = f"{other}\x1d{own}" if is_first else f"{own}\x1d{other}"
    assume(not re.search(r"\x1d(?:$|\x1d)", text))
    read = {element.ai.ai: element.value for element in GS1Message.parse(text).element_strings}
    assert read == {**dict(elements), "17": "271231", "400": order}
    assert canonical_uri(text) == parse(urn.text).uri
    assert canonical_uri("]C1" + text) == parse(urn.text).uri
