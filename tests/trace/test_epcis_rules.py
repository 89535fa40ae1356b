"""What a document must keep beyond the schema, and what a lenient import forgives."""

import copy
from datetime import UTC, datetime
from typing import Any, Final

import pytest

from wayproof.trace.epcis.rules import ADVISORY, FORGIVABLE, Rule
from wayproof.trace.epcis.validate import Fault, check_document, events_of, pointer

from epcis_vectors import invalid_files, loaded, needs_vectors, valid_files

CONTEXT: Final = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"


def event(**fields: Any) -> dict[str, Any]:
    """A good event that saw nothing; a field that is None is left out."""
    made = {
        "@context": CONTEXT,
        "type": "ObjectEvent",
        "action": "OBSERVE",
        "eventTime": "2026-01-01T12:00:00.000+01:00",
        "eventTimeZoneOffset": "+01:00",
        "epcList": [],
        **fields,
    }
    return {name: value for name, value in made.items() if value is not None}


def document(*events: dict[str, Any]) -> dict[str, Any]:
    """A document of events."""
    return {
        "@context": [CONTEXT],
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": "2026-01-01T12:00:00Z",
        "epcisBody": {"eventList": list(events)},
    }


def sensor(report: dict[str, Any] | None = None, **metadata: Any) -> list[dict[str, Any]]:
    """A list of one sensor element."""
    return [{"sensorMetadata": metadata, "sensorReport": [{"type": "Temperature", **(report or {})}]}]


def only_fault(value: dict[str, Any]) -> Fault:
    """The one thing wrong with an event that stands alone: why it is refused, or what is told as a warning."""
    checked = check_document(value)
    (fault,) = (*checked.faults, *checked.forgiven)
    assert checked.is_valid is (fault.rule in ADVISORY)
    return fault


@pytest.mark.parametrize(
    ("fields", "rule", "at", "said"),
    [
        ({"epcList": ["https://id.gs1.org/01/09521141012346"]}, Rule.IDENTIFIER, "/epcList/0", "check digit"),
        ({"epcList": ["urn:epc:id:sgtin:061414.107346.2017"]}, Rule.IDENTIFIER, "/epcList/0", "SGTIN"),
        ({"readPoint": {"id": "https://id.gs1.org/414/9521141123453"}}, Rule.IDENTIFIER, "/readPoint/id", "GLN"),
        ({"eventTime": "2922-01-01T12:00:00+01:00"}, Rule.TIME, "/eventTime", "impossible"),
        ({"eventTime": "1904-01-01T12:00:00+01:00"}, Rule.TIME, "/eventTime", "impossible"),
        ({"eventTime": "2026-12-31T23:59:60Z"}, Rule.TIME, "/eventTime", "impossible"),
        ({"recordTime": "0000-01-01T00:00:00Z"}, Rule.TIME, "/recordTime", "impossible"),
        ({"eventTime": "2026-01-01T12:00:00+02:00"}, Rule.TIME_ZONE, "/eventTimeZoneOffset", "contradicts"),
        (
            {"type": "AggregationEvent", "action": "ADD", "epcList": None, "childEPCs": ["urn:a:b"]},
            Rule.PARENT,
            "",
            "parentID is missing",
        ),
        ({"type": "AggregationEvent", "action": "DELETE", "epcList": None}, Rule.PARENT, "", "parentID is missing"),
        (
            {"quantityList": [{"epcClass": "urn:a:b", "quantity": -1}]},
            Rule.QUANTITY,
            "/quantityList/0/quantity",
            "impossible",
        ),
        (
            {"quantityList": [{"epcClass": "urn:a:b", "quantity": 1e300, "uom": "KGM"}]},
            Rule.QUANTITY,
            "/quantityList/0/quantity",
            "impossible",
        ),
        (
            {"quantityList": [{"epcClass": "urn:a:b", "quantity": 1.5}]},
            Rule.QUANTITY,
            "/quantityList/0/quantity",
            "impossible",
        ),
        ({"quantityList": [{"epcClass": "urn:a:b", "uom": "KGM"}]}, Rule.QUANTITY, "/quantityList/0/uom", "impossible"),
        (
            {"persistentDisposition": {"set": ["recalled"], "unset": ["recalled"]}},
            Rule.DISPOSITION,
            "/persistentDisposition",
            "set and unset",
        ),
        (
            {"sensorElementList": sensor(time="2026-01-01T11:00:01Z")},
            Rule.SENSOR_TIME,
            "/sensorElementList/0/sensorMetadata/time",
            "after the event",
        ),
        (
            {"sensorElementList": sensor({"time": "2026-01-01T12:00:01+01:00"})},
            Rule.SENSOR_TIME,
            "/sensorElementList/0/sensorReport/0/time",
            "after the event",
        ),
        (
            {"sensorElementList": sensor(startTime="2026-01-01T10:00:00Z", endTime="2026-01-01T09:00:00Z")},
            Rule.SENSOR_PERIOD,
            "/sensorElementList/0/sensorMetadata/endTime",
            "before it begins",
        ),
        (
            {"sensorElementList": sensor({"deviceID": "urn:a:b"}, deviceID="urn:a:b")},
            Rule.SENSOR_TWICE,
            "/sensorElementList/0/sensorReport/0/deviceID",
            "on sensorMetadata and on sensorReport",
        ),
        ({"bizStep": "transforming"}, Rule.UNKNOWN_WORD, "/bizStep", "does not fit"),
        ({"weather/wind~": 1}, Rule.UNKNOWN_FIELD, "/weather~1wind~0", "no field here"),
        ({"action": "CREATE"}, Rule.STRUCTURE, "/action", "does not fit"),
        ({"ilmd": {"a:b": 1}}, Rule.STRUCTURE, "/action", "does not fit"),
    ],
)
def test_a_fault_names_its_rule_place_and_what_was_wanted(
    fields: dict[str, Any], rule: Rule, at: str, said: str
) -> None:
    """Each rule, broken alone, gives one fault, or one warning, with a JSON pointer and what was expected and got."""
    fault = only_fault(event(**fields))

    assert (fault.rule, fault.pointer, fault.event) == (rule, at, 0)
    assert said in fault.said
    assert fault.expected
    assert fault.got


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"eventTime": "2026-01-01T11:00:00Z"},
        {"eventTime": "2026-01-01T11:00:00+00:00"},
        {"type": "AggregationEvent", "epcList": None, "childEPCs": ["urn:a:b"]},
        {"type": "AggregationEvent", "epcList": None, "action": "DELETE", "parentID": "urn:a:b"},
        {"quantityList": [{"epcClass": "urn:a:b", "quantity": 0.5, "uom": "KGM"}, {"epcClass": "urn:a:b"}]},
        {"sensorElementList": sensor(time="2026-01-01T12:00:00+01:00")},
        {"sensorElementList": sensor({"deviceID": "urn:a:b"}, time="2026-01-01T10:59:59.9Z")},
        {"type": "https://vendor.example/Painted", "action": None, "colour": "red"},
        {"a:colour": {"anything": [1, None]}},
    ],
)
def test_what_keeps_every_rule_has_no_fault(fields: dict[str, Any]) -> None:
    """Events at the edge of each rule, and extensions, are valid."""
    assert check_document(event(**fields)).faults == ()


def test_a_future_event_is_refused_where_the_time_is_known() -> None:
    """With the present given, an event more than a day ahead of it is refused; a clock an hour ahead is not."""
    now = datetime(2026, 1, 1, 10, tzinfo=UTC)

    assert check_document(event(), now=now).is_valid
    (fault,) = check_document(event(eventTime="2026-01-02T12:00:00+01:00"), now=now).faults
    assert (fault.rule, fault.pointer) == (Rule.TIME, "/eventTime")


def test_faults_are_counted_by_event() -> None:
    """A fault of a document's event names it from 0, points from the document's root, and spares the others."""
    checked = check_document(document(event(), event(action="CREATE"), event(bizStep="painting")))

    assert [fault.event for fault in checked.faults] == [1, 2]
    assert checked.faults[0].pointer == "/epcisBody/eventList/1/action"
    assert checked.good_events() == [0]


def test_nothing_is_captured_of_a_faulty_document() -> None:
    """A fault of the document itself leaves no good event, whatever the error behaviour."""
    broken = document(event())
    del broken["schemaVersion"]
    checked = check_document(broken)

    assert [fault.event for fault in checked.faults] == [None]
    assert checked.good_events() == []


@pytest.mark.parametrize("value", [None, 7, "text", [], {}, {"type": "EPCISDocument"}, {"type": 5, "@context": {}}])
def test_anything_can_be_checked(value: Any) -> None:
    """A value that is no document at all has faults, and raises nothing."""
    assert check_document(value).faults


def test_a_lenient_import_lists_what_it_forgave() -> None:
    """What leaves an event's meaning clear is let through and listed; what does not is refused all the same."""
    odd = event(bizStep="transforming", weather="rain")
    strict, lenient = check_document(odd), check_document(odd, lenient=True)

    assert lenient.is_valid
    assert lenient.forgiven == strict.faults
    assert {fault.rule for fault in lenient.forgiven} == {Rule.UNKNOWN_WORD, Rule.UNKNOWN_FIELD}
    assert not check_document(event(action="CREATE"), lenient=True).is_valid


@needs_vectors
def test_valid_documents_are_captured_at_least_leniently() -> None:
    """Every document that its authors call valid is captured, if need be by a lenient import."""
    refused = {name: check_document(loaded(path), lenient=True).faults for name, path in valid_files().items()}

    assert {name: faults for name, faults in refused.items() if faults} == {}


@needs_vectors
def test_invalid_documents_are_refused_at_the_fault() -> None:
    """Every document that its authors call invalid is refused, with pointers that lead to something in it."""
    for path in invalid_files().values():
        invalid = loaded(path)
        faults = check_document(invalid).faults
        assert faults
        assert all(_leads_somewhere(invalid, fault.pointer) for fault in faults)


def _leads_somewhere(value: Any, at: str) -> bool:
    for part in at.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        value = value[int(name)] if isinstance(value, list) else value[name]
    return True


@needs_vectors
def test_checking_changes_nothing() -> None:
    """A document is the same after it was checked as before."""
    for path in valid_files().values():
        kept = copy.deepcopy(loaded(path))
        check_document(loaded(path), lenient=True)
        assert loaded(path) == kept


def test_events_of_finds_events_in_every_kind_of_document() -> None:
    """Documents, query documents and events on their own all give their events, and where they stand."""
    results = {"queryName": "q", "resultsBody": {"eventList": [event()]}}

    assert events_of(document(event())) == (("epcisBody", "eventList"), [event()])
    assert events_of({"type": "EPCISQueryDocument", "epcisBody": {"queryResults": results}})[1] == [event()]
    assert events_of(event()) == (None, [event()])
    assert events_of({"type": "EPCISDocument"})[1] == []


def test_pointers_escape_as_rfc_6901_says() -> None:
    """A slash in a name is ~1 and a tilde ~0."""
    assert pointer(("a/b", 0, "m~n")) == "/a~1b/0/m~0n"


def test_structure_is_never_forgiven() -> None:
    """No rule without which an event's meaning is unclear can be forgiven."""
    assert not FORGIVABLE & {Rule.STRUCTURE, Rule.TIME, Rule.PARENT, Rule.QUANTITY, Rule.DISPOSITION}


@pytest.mark.parametrize("lenient", [False, True])
def test_no_event_hides_behind_the_faults_of_others(*, lenient: bool) -> None:
    """However many events are at fault, each is told, and only the good ones may be captured."""
    wrong, odd = event(action=None, readPoint={}), event(bizStep="strolling")
    checked = check_document(document(*[wrong] * 1_500, event(), odd, wrong), lenient=lenient)

    assert checked.good_events() == ([1_500, 1_501] if lenient else [1_500])
    assert {fault.event for fault in checked.faults} >= {0, 1_499, 1_502}


def test_what_is_too_much_to_be_looked_at_is_refused() -> None:
    """Where an event has more faults than are told apart, the rest counts as the gravest."""
    odd = [{"type": "stroll", "bizTransaction": f"urn:a:{number}"} for number in range(1_001)]
    for fields in ({"bizTransactionList": [*odd, {}]}, {"epcList": [""] * 100_001}):
        checked = check_document(document(event(), event(**fields)), lenient=True)
        assert checked.faults[-1].said == "there are more faults"
        assert checked.good_events() == [0]
