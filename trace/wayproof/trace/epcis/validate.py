"""Whether a document may be captured: our JSON schema, and the rules of EPCIS 2.0 that no schema can state."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from wayproof.trace.epcis.fields import Path
from wayproof.trace.epcis.rules import ADVISORY, FORGIVABLE, Breach, Rule, breaches
from wayproof.trace.epcis.schema import Finding, Kind, find

_SHOWN = 120
_RULES: Final = {
    Kind.UNKNOWN_FIELD: Rule.UNKNOWN_FIELD,
    Kind.UNKNOWN_WORD: Rule.UNKNOWN_WORD,
    Kind.STRUCTURE: Rule.STRUCTURE,
}
_LISTS: Final = (("epcisBody", "eventList"), ("epcisBody", "queryResults", "resultsBody", "eventList"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """One thing wrong with a document."""

    #: Which event, counted from 0; None for the document itself.
    event: int | None
    #: JSON pointer (RFC 6901) from the root of the document.
    pointer: str
    rule: Rule
    said: str
    expected: str
    got: str

    def __str__(self) -> str:
        return f"{self.pointer or '(document)'}: {self.said}: expected {self.expected}, got {self.got}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """A document, its events, and everything wrong with it."""

    document: Mapping[str, Any]
    events: Sequence[Mapping[str, Any]]
    #: Why it is refused; empty for a good one.
    faults: tuple[Fault, ...]
    #: What was let through, and should be looked at.
    forgiven: tuple[Fault, ...] = ()

    @property
    def is_valid(self) -> bool:
        """Whether every event may be captured."""
        return not self.faults

    def good_events(self) -> list[int]:
        """Which events may be captured when others may not: none where the document itself is at fault."""
        bad = {fault.event for fault in self.faults}
        return [] if None in bad else [place for place in range(len(self.events)) if place not in bad]


def check_document(document: Any, *, now: datetime | None = None, lenient: bool = False) -> Checked:
    """Checks an EPCIS document, a query document, or an event that stands alone.

    Args:
        document: JSON as `reading` gives it.
        now: refuses events later than this by more than a day; None leaves that open.
        lenient: lets through all that leaves an event's meaning clear, and lists it.
    """
    path, events = events_of(document)
    faults = [_of_finding(finding, path) for finding in find(document, path, events)]
    unfit = {fault.event for fault in faults if fault.rule not in FORGIVABLE}
    for place, event in enumerate(() if None in unfit else events):
        if place not in unfit:
            where = path if path is None else (*path, place)
            faults += [_of_breach(breach, where or (), place) for breach in breaches(event, now=now)]
    let_through = FORGIVABLE if lenient else ADVISORY
    kept, forgiven = _split(faults, lambda fault: fault.rule in let_through)
    root = document if isinstance(document, Mapping) else {}
    return Checked(document=root, events=events, faults=tuple(kept), forgiven=tuple(forgiven))


def events_of(document: Any) -> tuple[Path | None, Sequence[Mapping[str, Any]]]:
    """The events, and the path of the list in which they stand; None for an event that stands alone."""
    for path in _LISTS:
        found = _follow(document, path)
        if isinstance(found, list):
            return path, found
    # A tuple, for a type may be anything here, and not everything can be hashed.
    if not isinstance(document, Mapping) or document.get("type") in ("EPCISDocument", "EPCISQueryDocument"):
        return _LISTS[0], []
    return None, [document]


def pointer(path: Path) -> str:
    """JSON pointer of a path (RFC 6901 §3)."""
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in path)


def shown(value: object) -> str:
    """A value for a message, short."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _follow(value: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _of_finding(finding: Finding, events: Path | None) -> Fault:
    return Fault(
        event=_place(finding.path, events),
        pointer=pointer(finding.path),
        rule=_RULES[finding.kind],
        said=finding.said,
        expected=finding.expected,
        got=shown(finding.got),
    )


def _place(path: Path, events: Path | None) -> int | None:
    if events is None:
        return 0
    size = len(events)
    place = path[size] if len(path) > size and path[:size] == events else None
    return place if isinstance(place, int) else None


def _of_breach(breach: Breach, where: Path, place: int) -> Fault:
    return Fault(
        event=place,
        pointer=pointer((*where, *breach.path)),
        rule=breach.rule,
        said=breach.said,
        expected=breach.expected,
        got=shown(breach.got),
    )


def _split(faults: list[Fault], is_forgiven: Callable[[Fault], bool]) -> tuple[list[Fault], list[Fault]]:
    return [f for f in faults if not is_forgiven(f)], [f for f in faults if is_forgiven(f)]
