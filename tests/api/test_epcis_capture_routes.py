"""EPCIS documents and events over HTTP."""

import gzip
from typing import Any
from urllib.parse import quote

import pytest
from httpx2 import Response

from wayproof.api.epcis import CAPTURE_FILE_SIZE_LIMIT, CAPTURE_LIMIT
from wayproof.api.problems import MEDIA_TYPE
from wayproof.store.pool import Pool
from wayproof.trace.worker import work_off

from fix_api import Customer
from fix_epcis import CONTEXT, declared_wrong, dumped, new_document, new_event

JSON = {"Content-Type": "application/json"}
XML = {"Content-Type": "application/xml"}
XML_DOCUMENT = b"""<?xml version="1.0"?>
<epcis:EPCISDocument xmlns:epcis="urn:epcglobal:epcis:xsd:1" xmlns:ex="https://example.org/x/" schemaVersion="1.2"
 creationDate="2026-01-01T12:00:00Z"><EPCISBody><EventList><ObjectEvent><eventTime>2026-01-01T12:00:00Z</eventTime>
 <eventTimeZoneOffset>+01:00</eventTimeZoneOffset><baseExtension><eventID>urn:uuid:7</eventID></baseExtension>
 <epcList><epc>urn:epc:id:sscc:952012.12345678912</epc></epcList><action>OBSERVE</action>
 <bizStep>urn:epcglobal:cbv:bizstep:shipping</bizStep><ex:seal><ex:number>7</ex:number></ex:seal>
 </ObjectEvent></EventList></EPCISBody></epcis:EPCISDocument>"""


def send(customer: Customer, content: bytes, path: str = "/epcis/capture", **headers: str) -> Response:
    """A POST of bytes; JSON unless a header says otherwise."""
    hyphened = {name.replace("_", "-"): value for name, value in headers.items()}
    return customer.request("POST", path, content=content, headers={**JSON, **hyphened})


def exception(answer: Response, name: str, status: int) -> dict[str, Any]:
    """The problem that `answer` must be, by the standard's name."""
    document: dict[str, Any] = answer.json()
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert (answer.status_code, document["status"]) == (status, status)
    assert document["type"] == f"epcisException:{name}"
    assert document["detail"]
    return document


def events_in(answer: Response) -> list[dict[str, Any]]:
    """The events of a query document."""
    assert answer.status_code == 200
    document = answer.json()
    assert document["type"] == "EPCISQueryDocument"
    events: list[dict[str, Any]] = document["epcisBody"]["queryResults"]["resultsBody"]["eventList"]
    return events


def test_a_document_is_captured_by_a_job(acme: Customer, api_pool: Pool) -> None:
    """A document is accepted with its job's address; the job runs, then succeeds, and its events can be read."""
    answer = send(acme, dumped(new_document(new_event(1), new_event(2))))
    assert (answer.status_code, answer.content) == (202, b"")
    job = acme.get(answer.headers["location"]).json()
    assert (job["running"], job["success"], job["events"], job["finishedAt"]) == (True, True, 0, None)

    assert work_off(api_pool) == 1
    job = acme.get(answer.headers["location"]).json()
    assert (job["running"], job["success"], job["events"], job["errors"]) == (False, True, 2, [])
    assert job["captureErrorBehaviour"] == "rollback"
    (event,) = events_in(acme.get(f"/epcis/events/{quote(new_event(2)['eventID'], safe='')}"))
    assert event.pop("recordTime") >= job["createdAt"]
    assert event == new_event(2)
    assert work_off(api_pool) == 0


def test_faults_stand_in_the_job(acme: Customer, api_pool: Pool) -> None:
    """What is wrong with a document stands in its job as problems with JSON pointers; duplicates as conflicts."""
    acme_events = [new_event(1, action="CREATE"), new_event(2), new_event(2)]
    headers = {"GS1_Capture_Error_Behaviour": "proceed"}
    answer = send(acme, dumped(new_document(*acme_events)), **headers)
    work_off(api_pool)
    job = acme.get(answer.headers["location"]).json()

    assert (job["running"], job["success"], job["events"], job["captureErrorBehaviour"]) == (False, False, 1, "proceed")
    assert [(e["type"], e["status"], e["instance"], e["event"]) for e in job["errors"]] == [
        ("epcisException:ValidationException", 400, "/epcisBody/eventList/0/action", 0),
        ("epcisException:ResourceAlreadyExistsException", 409, "/epcisBody/eventList/2", 2),
    ]


def test_jobs_are_listed_page_by_page(acme: Customer, api_pool: Pool) -> None:
    """Jobs are listed newest first, with the next page in the Link header and none on the last."""
    sent = [send(acme, dumped(new_document(new_event(n)))).headers["location"] for n in range(5)]
    seen, path = [], "/epcis/capture?perPage=2"
    for _ in range(3):
        answer = acme.get(path)
        seen += [f"/epcis/capture/{job['captureID']}" for job in answer.json()]
        path = answer.headers.get("link", "<>").partition(">")[0].removeprefix("<")

    assert seen == sent[::-1]
    assert path == ""
    exception(acme.get("/epcis/capture?nextPageToken=x"), "QueryParameterException", 400)
    exception(acme.get("/epcis/capture?limit=3"), "QueryParameterException", 400)


def test_an_event_is_captured_at_once(acme: Customer) -> None:
    """A single event is captured at once, found where Location says, and refused a second time."""
    event = {"@context": [CONTEXT, {"ex": "https://example.org/x/"}], **new_event(1), "ex:seal": {"n": [1.5]}}
    answer = send(acme, dumped(event), "/epcis/events")

    assert answer.status_code == 201
    body = answer.json()
    assert body.pop("recordTime")
    assert body == event
    document = acme.get(answer.headers["location"]).json()
    assert document["@context"] == event["@context"]
    exception(send(acme, dumped(event), "/epcis/events"), "ResourceAlreadyExistsException", 409)
    declared = send(acme, dumped(declared_wrong(event)), "/epcis/events")
    assert declared.status_code == 201
    assert len(events_in(acme.get(declared.headers["location"]))) == 2


def test_an_event_without_id_is_found_by_its_hash(acme: Customer) -> None:
    """An event that is sent without eventID comes back with its event hash as one, which has slashes in it."""
    answer = send(acme, dumped({"@context": CONTEXT, **new_event(eventID=None)}), "/epcis/events")

    assert answer.json()["eventID"].startswith("ni:///sha-256;")
    (event,) = events_in(acme.get(answer.headers["location"]))
    assert event["eventID"] == answer.json()["eventID"]


def test_every_fault_of_an_event_is_told(acme: Customer) -> None:
    """An event at fault is refused with a JSON pointer for each fault, and nothing of it is stored."""
    bad = {"@context": CONTEXT, **new_event(1, action="CREATE", bizStep="painting")}
    document = exception(send(acme, dumped(bad), "/epcis/events"), "ValidationException", 400)

    assert {error["pointer"] for error in document["errors"]} == {"/action", "/bizStep"}
    exception(acme.get(f"/epcis/events/{new_event(1)['eventID']}"), "NoSuchResourceException", 404)


def test_xml_comes_in(acme: Customer, api_pool: Pool) -> None:
    """A document in XML of EPCIS 1.2 is captured, extensions included."""
    answer = acme.request("POST", "/epcis/capture", content=XML_DOCUMENT, headers=XML)
    work_off(api_pool)

    assert acme.get(answer.headers["location"]).json()["success"] is True
    (event,) = events_in(acme.get("/epcis/events/urn:uuid:7"))
    assert (event["bizStep"], event["ex:seal"]) == ("shipping", {"ex:number": "7"})


def test_identifiers_come_out_as_asked(acme: Customer) -> None:
    """GS1-EPC-Format decides how identifiers are written; without it they are as they were sent."""
    location = send(acme, dumped({"@context": CONTEXT, **new_event(1)}), "/epcis/events").headers["location"]

    def epc(header: dict[str, str]) -> str:
        answer = acme.request("GET", location, headers=header)
        return str(events_in(answer)[0]["epcList"][0])

    assert epc({}) == epc({"GS1-EPC-Format": "Always_EPC_URN"}) == "urn:epc:id:sscc:952012.12345678912"
    assert epc({"GS1-EPC-Format": "Always_GS1_Digital_Link"}) == "https://id.gs1.org/00/195201223456789125"
    answer = acme.request("GET", location, headers={"GS1-EPC-Format": "Sometimes"})
    exception(answer, "QueryParameterException", 400)


@pytest.mark.parametrize(
    ("content", "status", "name"),
    [
        (b"{", 400, "ValidationException"),
        (b"", 400, "ValidationException"),
        (b'{"a":' * 200_000, 400, "ValidationException"),
        (b"\xff\xfe{}", 400, "ValidationException"),
        (b"x" * (CAPTURE_FILE_SIZE_LIMIT + 1), 413, "CaptureLimitExceededException"),
        (
            b'{"epcisBody":{"eventList":[%b]}}' % b",".join([b"{}"] * (CAPTURE_LIMIT + 1)),
            413,
            "CaptureLimitExceededException",
        ),
    ],
    ids=["cut", "empty", "deep", "bytes", "large", "many"],
)
def test_what_no_job_can_help(acme: Customer, content: bytes, status: int, name: str) -> None:
    """What is no JSON, or too much of it, is refused at once, and no job is made."""
    exception(send(acme, content), name, status)
    assert acme.get("/epcis/capture").json() == []


@pytest.mark.parametrize(("path", "most"), [("/epcis/capture", CAPTURE_FILE_SIZE_LIMIT), ("/epcis/events", 1 << 20)])
def test_what_is_too_large_is_told_how_much_it_may_be(acme: Customer, path: str, most: int) -> None:
    """Whether a body tells its length or comes in chunks without it, the answer names the limit of this address."""
    whole = b"x" * (most + 1)
    for content in (whole, iter([whole[:-1], whole[-1:]])):
        answer = acme.request("POST", path, content=content, headers=JSON)
        assert exception(answer, "CaptureLimitExceededException", 413)["detail"] == f"expected at most {most:,} bytes"


def test_a_compressed_body_is_refused_by_its_name(acme: Customer) -> None:
    """What is compressed is not taken for bad JSON: the answer names the header that is in the way."""
    document = dumped(new_document(new_event(1)))
    for path in ("/epcis/capture", "/epcis/events"):
        answer = send(acme, gzip.compress(document), path, Content_Encoding="gzip")
        assert "Content-Encoding" in exception(answer, "UnsupportedMediaTypeException", 415)["detail"]
    assert send(acme, document, Content_Encoding="identity").status_code == 202


def test_a_single_event_is_not_endless(acme: Customer) -> None:
    """What comes as one event may have a mebibyte: checking it keeps its caller waiting."""
    large = dumped({"@context": CONTEXT, **new_event(1, **{"a:b": "x" * (1 << 20)})})
    exception(send(acme, large, "/epcis/events"), "CaptureLimitExceededException", 413)
    assert send(acme, large).status_code == 202


BOMB = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "%b"><!ENTITY c "%b">]><a>%b</a>' % (
    b"x" * 99,
    b"&b;" * 99,
    b"&c;",
)
DEEP = b'{"@context":"%b","type":"ObjectEvent","a:b":' % CONTEXT.encode() + b"[" * 500 + b"]" * 500 + b"}"


@pytest.mark.parametrize(("content", "kind"), [(BOMB, XML), (b"<a>" * 5_000, XML), (DEEP, JSON), (b"[1]", JSON)])
def test_hostile_documents_fail_by_name(acme: Customer, api_pool: Pool, content: bytes, kind: dict[str, str]) -> None:
    """Bombs, endless nesting and what is no document at all end in a job that failed and says why."""
    answer = acme.request("POST", "/epcis/capture", content=content, headers=kind)
    work_off(api_pool)
    job = acme.get(answer.headers["location"]).json()

    assert (job["running"], job["success"], job["events"]) == (False, False, 0)
    assert job["errors"][0]["type"] == "epcisException:ValidationException"
    assert "expected" in job["errors"][0]["detail"]
    assert acme.superuser.execute("select count(*) from epcis_event").fetchone() == (0,)
    exception(acme.request("POST", "/epcis/events", content=content, headers=kind), "ValidationException", 400)


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_only_json_and_xml_are_read(acme: Customer, kind: str) -> None:
    """Another Content-Type is refused."""
    answer = acme.request("POST", "/epcis/capture", content=b"{}", headers={"Content-Type": kind})
    exception(answer, "UnsupportedMediaTypeException", 415)


def test_answers_bear_the_standards_headers(acme: Customer) -> None:
    """Every answer names its version of EPCIS and CBV; those of capture its limits."""
    accepted = send(acme, dumped(new_document()))
    for answer in (accepted, acme.get("/epcis/capture"), acme.get("/epcis/events/urn:a:b")):
        assert answer.headers["gs1-epcis-version"] == answer.headers["gs1-cbv-version"] == "2.0.0"
    assert accepted.headers["gs1-epcis-capture-limit"] == str(CAPTURE_LIMIT)
    assert accepted.headers["gs1-epcis-capture-file-size-limit"] == str(CAPTURE_FILE_SIZE_LIMIT)
    assert accepted.headers["gs1-capture-error-behaviour"] == "rollback"


def test_other_versions_are_not_given(acme: Customer) -> None:
    """Who can only read another version than 2.0 is told so."""
    for header in ({"GS1-EPCIS-Max": "1.2"}, {"GS1-CBV-Min": "3.0.0"}, {"GS1-EPCIS-Min": "x"}):
        exception(acme.request("GET", "/epcis/capture", headers=header), "NotAcceptableException", 406)
    assert acme.request("GET", "/epcis/capture", headers={"GS1-EPCIS-Min": "1.2.0"}).status_code == 200


def test_the_behaviour_must_be_known(acme: Customer) -> None:
    """Only rollback and proceed can be asked for."""
    exception(send(acme, b"{}", GS1_Capture_Error_Behaviour="all"), "ValidationException", 400)


def test_lenient_lists_warnings(acme: Customer, api_pool: Pool) -> None:
    """A lenient capture takes a wrong check digit and lists it as a warning."""
    event = new_event(1, epcList=["https://id.gs1.org/01/09521141012346"])
    answer = send(acme, dumped(new_document(event)), "/epcis/capture?lenient=true")
    work_off(api_pool)
    job = acme.get(answer.headers["location"]).json()

    assert (job["success"], job["events"]) == (True, 1)
    assert [warning["instance"] for warning in job["warnings"]] == ["/epcisBody/eventList/0/epcList/0"]
