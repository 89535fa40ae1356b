"""EPCIS in XML: the same meaning as its JSON twin, and no harm from hostile documents."""

import socket
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wayproof.model.errors import InvalidInput
from wayproof.trace.epcis.context import context_of
from wayproof.trace.epcis.documents import read_document
from wayproof.trace.epcis.reading import Bounds
from wayproof.trace.epcis.validate import check_document, events_of
from wayproof.trace.epcis.xml_in import read_xml

from epcis_vectors import loaded, meanings, needs_vectors, twins, xml_files

TWINS = tuple(twins())
OUTSIDE_THE_STANDARD = "event-hash/tests/examples/epcisXmlQueryDocHavingEventWithIgnoreFields.xml"
"""Its query results stand outside of EPCISBody."""


def xml(inside: str, *, names: str = "") -> bytes:
    """A document of EPCIS 1.2 with these events."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f'<epcis:EPCISDocument xmlns:epcis="urn:epcglobal:epcis:xsd:1" schemaVersion="1.2" {names} '
        f'creationDate="2026-01-01T00:00:00Z"><EPCISBody><EventList>{inside}</EventList></EPCISBody>'
        "</epcis:EPCISDocument>"
    ).encode()


def object_event(inside: str) -> str:
    """An event that saw one thing, with more in it."""
    return (
        "<ObjectEvent><eventTime>2026-01-01T00:00:00Z</eventTime><eventTimeZoneOffset>+01:00</eventTimeZoneOffset>"
        f"<epcList><epc>urn:a:b</epc></epcList><action>OBSERVE</action>{inside}</ObjectEvent>"
    )


def only_event(data: bytes) -> Any:
    """The one event of a document."""
    (event,) = events_of(read_xml(data))[1]
    return event


@needs_vectors
@pytest.mark.parametrize(("json_path", "xml_path"), [pair[1:] for pair in TWINS], ids=[pair[0] for pair in TWINS])
def test_xml_means_what_its_json_twin_means(json_path: Path, xml_path: Path) -> None:
    """Each event of a document in XML is equal in meaning to the same event in JSON."""
    assert meanings(xml_path) == meanings(json_path)


@needs_vectors
def test_documents_in_xml_are_valid_in_json() -> None:
    """What comes of every document in XML passes the schema and, leniently, every rule."""
    refused = {n for n, path in xml_files().items() if check_document(read_xml(path.read_bytes()), lenient=True).faults}

    assert refused == {OUTSIDE_THE_STANDARD}


def test_wrappers_of_1_2_go() -> None:
    """Fields within extension and baseExtension, however nested, are fields of the event."""
    event = only_event(
        xml(
            "<extension><TransformationEvent><eventTime>2026-01-01T00:00:00Z</eventTime>"
            "<eventTimeZoneOffset>+01:00</eventTimeZoneOffset>"
            "<baseExtension><eventID>urn:uuid:1</eventID><errorDeclaration>"
            "<declarationTime>2026-01-02T00:00:00Z</declarationTime>"
            "<reason>urn:epcglobal:cbv:er:did_not_occur</reason>"
            "<correctiveEventIDs><correctiveEventID>urn:uuid:2</correctiveEventID></correctiveEventIDs>"
            "</errorDeclaration></baseExtension>"
            "<inputEPCList><epc>urn:a:b</epc></inputEPCList><outputEPCList><epc>urn:a:c</epc></outputEPCList>"
            "<extension><outputQuantityList><quantityElement><epcClass>urn:a:d</epcClass><quantity>2.50</quantity>"
            "<uom>KGM</uom></quantityElement></outputQuantityList></extension>"
            "</TransformationEvent></extension>"
        )
    )

    assert event["type"] == "TransformationEvent"
    assert event["eventID"] == "urn:uuid:1"
    assert event["errorDeclaration"] == {
        "declarationTime": "2026-01-02T00:00:00Z",
        "reason": "did_not_occur",
        "correctiveEventIDs": ["urn:uuid:2"],
    }
    assert event["outputQuantityList"] == [{"epcClass": "urn:a:d", "quantity": Decimal("2.50"), "uom": "KGM"}]


def test_namespaces_become_prefixes_of_the_context() -> None:
    """Two namespaces under one prefix, and one under a prefix of GS1's, each get their own in the document."""
    document = read_xml(
        xml(
            object_event(
                '<ex:a xmlns:ex="https://one.example/">1</ex:a>'
                '<ex:a xmlns:ex="https://two.example/"><ex:b c="d">2</ex:b><ex:b>3</ex:b></ex:a>'
                '<cbv:a xmlns:cbv="https://three.example/">4</cbv:a>'
                '<m:lotNumber xmlns:m="urn:epcglobal:cbv:mda">5</m:lotNumber>'
            )
        )
    )
    (event,) = events_of(document)[1]
    context = context_of(document)
    fields = {context.expand_field(name): value for name, value in event.items() if ":" in name}

    assert check_document(document).faults == ()
    assert fields == {
        "https://one.example/a": "1",
        "https://two.example/a": {"ns1:b": [{"c": "d", "#text": "2"}, "3"]},
        "https://three.example/a": "4",
        "urn:epcglobal:cbv:mda:lotNumber": "5",
    }


def test_words_come_bare_and_values_typed() -> None:
    """URNs, web URIs and prefixed words become bare words; numbers and booleans of sensors become JSON's."""
    event = only_event(
        xml(
            object_event(
                "<bizStep>urn:epcglobal:cbv:bizstep:sensor_reporting</bizStep>"
                "<disposition>https://ref.gs1.org/cbv/Disp-in_transit</disposition>"
                "<sensorElementList><sensorElement>"
                '<sensorReport type="gs1:Temperature" value="-2.50" booleanValue="true" uom="CEL"'
                ' component="cbv:Comp-x"/>'
                '<sensorReport type="own:Ripeness" stringValue="7"/>'
                "</sensorElement></sensorElementList>"
            ),
            names='xmlns:gs1="https://gs1.org/voc/" xmlns:cbv="https://ref.gs1.org/cbv/" xmlns:own="https://own.example/"',
        )
    )
    reports = event["sensorElementList"][0]["sensorReport"]

    assert (event["bizStep"], event["disposition"]) == ("sensor_reporting", "in_transit")
    assert reports == [
        {"type": "Temperature", "value": Decimal("-2.50"), "booleanValue": True, "uom": "CEL", "component": "x"},
        {"type": "own:Ripeness", "stringValue": "7"},
    ]


def test_headers_and_master_data_come_along() -> None:
    """Sender, receiver, instance and master data of a 1.2 header stand in the document."""
    document = read_xml(
        b'<e:EPCISDocument xmlns:e="urn:epcglobal:epcis:xsd:1" xmlns:s="urn:s" creationDate="2026-01-01T00:00:00Z">'
        b"<EPCISHeader><s:StandardBusinessDocumentHeader><s:Sender><s:Identifier>A</s:Identifier></s:Sender>"
        b"<s:Receiver><s:Identifier>B</s:Identifier></s:Receiver><s:DocumentIdentification>"
        b"<s:InstanceIdentifier>7</s:InstanceIdentifier></s:DocumentIdentification></s:StandardBusinessDocumentHeader>"
        b'<extension><EPCISMasterData><VocabularyList><Vocabulary type="urn:epcglobal:epcis:vtype:BusinessLocation">'
        b'<VocabularyElementList><VocabularyElement id="urn:a:b"><attribute id="urn:a:name">Dock</attribute>'
        b"<children><id>urn:a:c</id></children></VocabularyElement></VocabularyElementList></Vocabulary>"
        b"</VocabularyList></EPCISMasterData></extension></EPCISHeader>"
        b"<EPCISBody><EventList/></EPCISBody></e:EPCISDocument>"
    )
    (vocabulary,) = document["epcisHeader"]["epcisMasterData"]["vocabularyList"]

    assert (document["sender"], document["receiver"], document["instanceIdentifier"]) == ("A", "B", "7")
    assert vocabulary["vocabularyElementList"] == [
        {"id": "urn:a:b", "attributes": [{"id": "urn:a:name", "attribute": "Dock"}], "children": ["urn:a:c"]}
    ]
    assert check_document(document).faults == ()


_LAUGHS = b'<!DOCTYPE x [<!ENTITY a "ha">' + b"".join(
    b'<!ENTITY %c "%s">' % (98 + level, b"&%c;" % (97 + level) * 10) for level in range(9)
)


def _redeclared(many: int, *, levels: int) -> str:
    """Elements within each other that declare the same prefixes again."""
    names = " ".join(f'xmlns:a{number}="urn:x"' for number in range(many))
    return f"<extension {names}>" * levels + "</extension>" * levels


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (_LAUGHS + b"]><x>&j;</x>", "no document type declaration"),
        (b'<!DOCTYPE x SYSTEM "http://127.0.0.1/x.dtd"><x/>', "no document type declaration"),
        (b'<?xml version="1.0" encoding="UTF-7"?>+ADwAIQ-DOCTYPE x+AD4-<x/>', "XML"),
        ('<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE x><x/>'.encode("utf-16"), "UTF-8"),
        ("<!DOCTYPE x><x/>".encode("utf-16-le"), "UTF-8 text, got a NUL"),
        (b"<x>&undefined;</x>", "well-formed"),
        (b"<x", "well-formed"),
        (b"", "well-formed"),
        (b"<x/>", "EPCISDocument"),
        (b"<a>" * 100, "40 levels"),
        (xml("<a/>" * 2_000), "1,000 nodes"),
        (xml("<a " + " ".join(f'b{number}=""' for number in range(1_500)) + "/>"), "30 attributes of an element"),
        (xml('<a b="" c=""/>' * 400), "1,000 nodes"),
        (xml("".join(f'<a xmlns="urn:{number}"/>' for number in range(300))), "100 namespaces"),
        (xml("", names=" ".join(f'xmlns:a{number}="urn:x"' for number in range(300))), "100 namespaces"),
        (xml(_redeclared(20, levels=6)), "100 namespaces"),
        (b"<a>" + b"x" * 1_000_000 + b"</a>", "bytes"),
        (b'<e:EPCISDocument xmlns:e="urn:x"><EPCISBody/></e:EPCISDocument>', "one EventList"),
        (xml(object_event("<action>ADD</action>")), "action once"),
        (xml(object_event("<quantityList><q><quantity>INF</quantity></q></quantityList>")), "number"),
    ],
)
def test_hostile_or_broken_xml_is_refused(data: bytes, said: str) -> None:
    """Bombs, entities, foreign encodings, and what is no EPCIS are refused, and the message says why."""
    with pytest.raises(InvalidInput, match=said):
        read_xml(data, Bounds(bytes=500_000, depth=40, nodes=1_000, attributes=30))


def test_namespaces_that_ended_do_not_count() -> None:
    """Every event may declare the same namespaces again, however many events there are."""
    event = object_event('<a:x xmlns:a="urn:a"/><b:x xmlns:b="urn:b"/>')
    assert len(read_xml(xml(event * 200))["epcisBody"]["eventList"]) == 200


def test_no_network_is_asked() -> None:
    """A schema location, inclusion or stylesheet in a document opens no connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/x"
        names = f'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="urn:x {url}"'
        include = (
            f'<?xml-stylesheet href="{url}"?><xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="{url}"/>'
        )
        event = only_event(xml(object_event(include), names=names))

        with pytest.raises(BlockingIOError):
            server.accept()
    assert event["xi:include"] == {"href": url}


def _element(tag: str, attributes: dict[str, str], parts: list[str]) -> str:
    written = "".join(f" {name}='{value}'" for name, value in attributes.items())
    return f"<{tag}{written}>{''.join(parts)}</{tag}>"


_TAGS = st.sampled_from(
    (
        *("ObjectEvent", "epcList", "epc", "sensorElementList", "sensorElement", "sensorReport", "extension", "ilmd"),
        *("quantityList", "bizTransactionList", "persistentDisposition", "set", "readPoint", "id", "x:y", "reason"),
        *("certificationInfo", "errorDeclaration"),
    )
)
_ATTRIBUTES = st.dictionaries(
    st.sampled_from(("type", "value", "time", "x:z", "booleanValue")),
    st.sampled_from(("1", "gs1:A", "x:q", "&#9;")),
    max_size=2,
)
_XML = st.recursive(
    st.sampled_from(("", "text", "1", "<![CDATA[<]]>", "<!-- c -->", "<?pi?>")),
    lambda inner: st.builds(_element, _TAGS, _ATTRIBUTES, st.lists(inner, max_size=3)),
    max_leaves=8,
)


@settings(max_examples=300)
@given(_XML)
def test_any_xml_is_a_document_or_invalid_input(inside: str) -> None:
    """Whatever well-formed XML stands in an EventList, it is read and can be checked, or is refused by InvalidInput."""
    try:
        document = read_xml(xml(inside, names='xmlns:x="https://x.example/"'))
    except InvalidInput:
        return
    check_document(document, lenient=True)


@needs_vectors
@settings(max_examples=200)
@given(data=st.data())
def test_damaged_xml_is_a_document_or_invalid_input(data: st.DataObject) -> None:
    """A real document with some bytes replaced is read or refused by InvalidInput."""
    whole = bytearray(data.draw(st.sampled_from(sorted(xml_files().values()))).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(whole) - 1))
        whole[at : at + data.draw(st.integers(0, 8))] = data.draw(st.binary(max_size=8))
    try:
        document = read_document(bytes(whole))
    except InvalidInput:
        return
    check_document(document)


@needs_vectors
def test_there_are_twins() -> None:
    """The vectors hold both bindings of eleven documents."""
    assert len(TWINS) == 11
    assert all(loaded(json_path)["type"] for _, json_path, _ in TWINS)
