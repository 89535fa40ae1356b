"""What comes of third parties' EPCIS documents: `python tests/epcis_conformance.py` writes docs/conformance.md."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from wayproof.model.errors import InvalidInput
from wayproof.trace.epcis.context import context_of
from wayproof.trace.epcis.documents import read_document
from wayproof.trace.epcis.event_hash import event_hash
from wayproof.trace.epcis.rules import FORGIVABLE, Rule
from wayproof.trace.epcis.schema import find
from wayproof.trace.epcis.validate import Checked, check_document, events_of

from epcis_vectors import (
    HASHES,
    gs1_schema,
    hashes_of,
    ignored_fields,
    invalid_files,
    loaded,
    meanings,
    twins,
    valid_files,
    xml_files,
)

REPORT: Final = Path(__file__).parents[1] / "docs" / "conformance.md"

_OPENEPCIS = "openepcis/JSON"
_SEVERAL = "`Molar_concentration`, `EffectiveDoseRate`, a report with `exception` alone"
NEWER: Final = {
    f"{_OPENEPCIS}/Capture/Documents/AggregationEvent_with_persistentDisposition.json": (
        "`persistentDisposition` in an AggregationEvent"
    ),
    f"{_OPENEPCIS}/Capture/Documents/SensorData_with_combined_events.json": _SEVERAL,
    f"{_OPENEPCIS}/Capture/Documents/TransactionEvent_with_userExtensions.json": "`EffectiveDoseRate`",
    f"{_OPENEPCIS}/Query/SensorData_with_combined_events.json": _SEVERAL,
    f"{_OPENEPCIS}/Query/TransactionEvent_with_userExtensions.json": "`EffectiveDoseRate`",
}
"""What GS1's schema of 2.0.0 refuses and Wayproof takes, with what is newer in it."""

_COLON = "`urn:epcglobal:cbv:mda` is read as the namespace that the standard writes with a colon at its end"
_DIGITS = "the reference turns the text 111100001111000011110000 into a double and loses its last digits"
_RULES = "the reference writes `bizRules` of a sensorReport in a second block at the end, here it stays in its report"
_ODD = "results stand outside of `EPCISBody`, so there is no event to hash"

HASH_DIFFERENCES: Final = {
    "SensorDataExamples.xml, event 6": _DIGITS,
    "SensorDataExamples.xml, event 7": _RULES,
    "SensorDataExamples.xml, event 11": _COLON,
    "epcisXmlQueryDocHavingEventWithIgnoreFields.xml, event 0": _ODD,
    "epcisXmlQueryDocHavingEventWithIgnoreFields.xml, event 1": _ODD,
}
"""Events whose hash is not the reference's, counted from 0, with the reason."""


def outcomes() -> dict[str, Checked | str]:
    """What a strict check says to each document that its authors call valid; a text where it cannot be read."""
    return {name: _outcome(path) for name, path in {**valid_files(), **xml_files()}.items()}


def _outcome(path: Path) -> Checked | str:
    try:
        read_document(path.read_bytes())
    except InvalidInput as error:
        return str(error)
    document = loaded(path) if path.suffix != ".xml" else read_document(path.read_bytes())
    return check_document(document)


def hash_outcomes() -> Iterator[tuple[str, bool]]:
    """Each event that has a reference output, and whether ours is the same."""
    for path in sorted((*HASHES.glob("*.jsonld"), *HASHES.glob("*.xml"))):
        document = read_document(path.read_bytes())
        context, ignored = context_of(document), ignored_fields(document)
        ours = [event_hash(event, context, ignored=ignored) for event in events_of(document)[1]]
        for place, wanted in enumerate(hashes_of(path)):
            yield f"{path.name}, event {place}", place < len(ours) and ours[place] == wanted


def repeated_events(document: Mapping[str, Any]) -> int:
    """How many events of a document are there already under the same eventID, or, without one, the same hash."""
    context = context_of(document)
    ids = [event.get("eventID") or event_hash(event, context) for event in events_of(document)[1]]
    return len(ids) - len(set(ids))


def report() -> str:
    """The page."""
    return "\n".join((*_introduction(), *_captured(), *_refused(), *_schema(), *_xml(), *_hashes())) + "\n"


def _introduction() -> Iterator[str]:
    yield "# Conformance"
    yield ""
    yield "What comes of third parties' EPCIS documents: GS1's own examples (`gs1-epcis`), OpenEPCIS (`openepcis`),"
    yield "the FDA traceability documents of `fsma204`, and the test documents of the event hash generator"
    yield "(`event-hash`). None of them is part of Wayproof. From the FSMA documents the field `_comment_gs1us_mapping`"
    yield "is stripped, as their author says to do: it has no namespace. This page is written by"
    yield "`python tests/epcis_conformance.py`, and a test holds it current."


def _captured() -> Iterator[str]:
    found = outcomes()
    strict = {name: got for name, got in found.items() if isinstance(got, Checked) and got.is_valid}
    warned = Counter(fault.rule for got in strict.values() for fault in got.forgiven)
    unread = {name: got for name, got in found.items() if isinstance(got, str)}
    odd = {name: got for name, got in found.items() if isinstance(got, Checked) and not got.is_valid}
    yield from _heading("Documents that their authors call valid")
    yield f"{len(found)} documents: {len(strict)} valid, {len(odd)} break a rule, {len(unread)} unreadable."
    yield f"Told as warnings in valid ones: {', '.join(f'`{rule}` ({n})' for rule, n in sorted(warned.items()))}."
    yield (
        "A lenient import lets through and lists " + ", ".join(f"`{rule}`" for rule in Rule if rule in FORGIVABLE) + "."
    )
    yield ""
    yield from _table(
        ("document", "rules broken, and how first", "lenient import"),
        ((n, _rules(c), _lenient(c)) for n, c in odd.items()),
    )
    yield ""
    yield from _table(("document", "unreadable, because"), unread.items())
    yield ""
    repeated = {name: repeated_events(got.document) for name, got in strict.items()}
    whole = sum(not count for count in repeated.values())
    yield f"Of the {len(strict)} valid ones {whole} are captured whole: every event comes back equal value by value."
    yield "The others say one event several times, as test material for hashes does: the journal takes it once"
    yield "(`duplicate`), so the whole document is refused, or with `proceed` captured but for the repetitions."
    yield ""
    yield from _table(("document", "repetitions"), ((name, str(count)) for name, count in repeated.items() if count))


def _rules(checked: Checked) -> str:
    counted = Counter(str(fault.rule) for fault in checked.faults)
    found = ", ".join(f"{rule} ({count})" for rule, count in sorted(counted.items()))
    return f"{found}: {checked.faults[0].said}, expected {checked.faults[0].expected}"


def _lenient(checked: Checked) -> str:
    again = check_document(checked.document, lenient=True)
    return "captured" if again.is_valid else f"refused: {again.faults[0].said}"


def _refused() -> Iterator[str]:
    checked = {name: check_document(loaded(path)) for name, path in invalid_files().items()}
    yield from _heading("Documents that their authors call invalid")
    refused = sum(not c.is_valid for c in checked.values())
    yield f"{len(checked)} documents, {refused} of them refused. Where, and as what:"
    yield ""
    rows = ((n, "<br>".join(f"`{f.pointer or '(document)'}` {f.said}" for f in c.faults)) for n, c in checked.items())
    yield from _table(("document", "faults"), rows)


def _schema() -> Iterator[str]:
    documents = {**valid_files(), **invalid_files()}
    different = [n for n, p in documents.items() if gs1_schema().is_valid(loaded(p)) is bool(find(loaded(p)))]
    yield from _heading("Our schema and GS1's")
    yield f"Over {len(documents)} documents the verdicts differ on {len(different)}, all valid here, for they use"
    yield "what came after GS1's schema of 2.0.0. Tests compare the verdicts on every altered field as well."
    yield ""
    yield from _table(("document", "newer in it"), ((name, NEWER.get(name, "unexplained")) for name in different))


def _xml() -> Iterator[str]:
    pairs = list(twins())
    same = [name for name, json_path, xml_path in pairs if meanings(json_path) == meanings(xml_path)]
    yield from _heading("XML and its JSON twins")
    yield f"{len(pairs)} documents exist in both bindings; {len(same)} mean the same event by event."
    yield from (f"- differs: {name}" for name, _, _ in pairs if name not in same)


def _hashes() -> Iterator[str]:
    found = dict(hash_outcomes())
    yield from _heading("Event hash")
    yield "Expected are the outputs of the reference implementation of October 2025 (`CBV2.0`, context 2.0.0)."
    yield f"{len(found)} events, {sum(found.values())} equal."
    yield ""
    rows = ((name, HASH_DIFFERENCES.get(name, "unexplained")) for name, is_same in found.items() if not is_same)
    yield from _table(("event, counted from 0", "why not equal"), rows)


def _heading(text: str) -> tuple[str, ...]:
    return ("", f"## {text}", "")


def _table(columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(columns)} |"
    yield f"|{'---|' * len(columns)}"
    for name, *others in rows:
        yield f"| {' | '.join((f'`{name}`', *(text.replace('|', chr(92) + '|') for text in others)))} |"


if __name__ == "__main__":
    REPORT.write_text(report(), encoding="utf-8")
