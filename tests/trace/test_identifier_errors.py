"""What is refused, and in which words."""

import pytest

from wayproof.model.errors import InvalidInput
from wayproof.trace.identifiers import parse


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("urn:epc:id:sgtin:0614141.12345.400", "expected 6 digits after the company prefix 0614141, got '12345'"),
        ("urn:epc:id:sgtin:0614141.112345", "expected 3 fields split by dots"),
        ("urn:epc:id:sgtin:0614141.112345.", "SERIAL .21.: expected 1 to 20 characters of GS1 set 82, got ''"),
        ("urn:epc:id:sgtin:0614141.112345.123456789012345678901", "expected 1 to 20 characters of GS1 set 82"),
        ("urn:epc:id:sgtin:0614141.112345.a~b", "expected 1 to 20 characters of GS1 set 82, got 'a~b'"),
        ("urn:epc:id:sgtin:0614141.112345.a/b", "as percent-escapes"),
        ("urn:epc:id:sgtin:0614141.112345.a%2", "expected % and two hexadecimal digits"),
        ("urn:epc:id:sgtin:06141.11123451.1", "expected a company prefix of 6 to 12 digits, got '06141'"),
        ("urn:epc:id:giai:4000001.", "expected a reference after the company prefix 4000001, got none"),
        ("urn:epc:id:grai:4012345.55555.", "expected a serial number in the last field, got none"),
        ("urn:epc:id:cpi:4012345.abc.1", "expected a company prefix first, then 1 to 30 characters of GS1 set 39"),
        ("urn:epc:id:cpi:4012345.ABC.01", "expected 1 to 12 digits without leading zeros, got '01'"),
        ("urn:epc:id:itip:4012345.011111.03.02.9", "expected a piece of 01 to the total, got piece 03 of 02"),
        ("urn:epc:id:itip:4012345.011111.00.02.9", "expected a piece of 01 to the total, got piece 00 of 02"),
        ("urn:epc:id:imovn:9176188", "check digit: expected 7, got 8"),
        ("urn:epc:id:bic:CSQU3054384", "check digit: expected 3, got 4"),
        ("urn:epc:id:bic:CSQX3054383", "expected 4 letters"),
        ("urn:epc:id:gid:268435456.1.1", "in field 1"),
        ("urn:epc:id:usdod:CJ0WG.012", "without leading zeros, got '012' in field 2"),
        ("urn:epc:id:lgtin:4012345.012345.1", "expected a known scheme of urn:epc:id:, got 'lgtin'"),
        ("urn:epc:class:gid:1.1.1", "expected a known scheme of urn:epc:class:, got 'gid'"),
        ("urn:epc:tag:sgtin-96:3.0614141.112345.400", "expected urn:epc: with id, class or idpat"),
        ("urn:epc:idpat:sgtin:4012345.*.1", r"expected \* in every field after the first \*"),
        ("urn:epc:idpat:sgtin:40123.*.*", "expected a company prefix of 6 to 12 digits, got '40123'"),
        ("urn:epc:idpat:sgtin:4012345.1.*", "expected 6 digits after the company prefix 4012345, got '1'"),
        ("https://id.gs1.org/01/10614141073", "GTIN .01.: expected 14 digits"),
        ("https://id.gs1.org/01/10614141073464/21", "expected primary key, value and qualifiers in the path"),
        ("https://id.gs1.org/AQnYUc1gmiCNV4JGLo", "uncompressed"),
        ("https://a.example/00/340123451111111111/21/1", r"SSCC \(00\): expected no qualifier after it.*got \(21\)"),
        (
            "https://a.example/01/10614141073464?21=5",
            r"expected qualifiers in the path, got \(21\) in the query string",
        ),
        ("(01)10614141073464(00)340123451111111111", r"expected one key .* got \(01\), \(00\)"),
        ("(17)271231(10)L", r"expected one key .* got \(17\), \(10\)"),
        ("(01)10614141073464(21)1(21)2", r"expected \(21\) once, got '1' and '2'"),
        ("(01)10614141073464(21)1(235)2", r"expected \(22\), \(10\), \(21\) or \(235\) after it"),
        ("(01)10614141073464(21)a(b", "at place 24"),
        ("010614141073464", "expected an Application Identifier|expected 14 digits"),
        ("10614141073464", "expected an Application Identifier such as"),
        ("4012345000009", "expected an Application Identifier such as"),
        ("", "expected an EPC URN"),
        ("Hello World!", "expected an EPC URN"),
    ],
)
def test_errors_say_expected_and_got(text: str, said: str) -> None:
    """Each fault is refused in words that say what was expected and what came"""
    with pytest.raises(InvalidInput, match=said):
        parse(text)


@pytest.mark.parametrize(
    "path",
    [
        "01/10614141073464/21/5/10/L",
        "01/10614141073464/10/L/22/v",
        "01/10614141073464/22/v/235/x",
        "01/10614141073464/21/5/21/6",
        "8006/040123451234560102/21/5/10/L",
        "414/4012345000054/254/1/7040/1abc",
        "8010/4012345AB/21/1",
    ],
)
@pytest.mark.parametrize("domain", ["https://id.gs1.org", "https://shop.example/x"])
def test_qualifiers_in_another_order_are_refused(domain: str, path: str) -> None:
    """Qualifiers stand in the standard's order, each once, and alternatives are not mixed"""
    with pytest.raises(InvalidInput, match=r"in this order|no qualifier"):
        parse(f"{domain}/{path}")
