"""Documents of recalls."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from wayproof.api.paging import PageQuery
from wayproof.api.schemas.base import Body, DeviceName, Instant, Listing, Name, Past, Temperature, View
from wayproof.api.schemas.trace import GapView

_LOT = "https://id.gs1.org/01/04012345123456/10/998877"
_PLACE = "https://id.gs1.org/414/4012345000009"
_AT = "2026-01-01T12:00:00Z"
_UNIT = "UN/ECE Recommendation 20; null: pieces"
_NO_NUL = r"^[^\x00]*$"

Identifier = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=2000, pattern=_NO_NUL)]
Text = Annotated[str, StringConstraints(strict=True, max_length=4000, pattern=_NO_NUL)]
Amount = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=0, le=1e15)]
Unit = Annotated[str, StringConstraints(strict=True, pattern=r"^[A-Z0-9]{2,4}$")]
Revision = Annotated[int, Field(ge=1, le=2**31 - 1)]


class LotsCriteria(Body):
    """Lots, things or containers; a container stands for what was in it."""

    kind: Literal["lots"]
    items: list[Identifier] = Field(
        min_length=1, max_length=1000, description="Identifiers in any spelling", examples=[[_LOT]]
    )


class PlaceCriteria(Body):
    """Everything that was at a place within a time."""

    kind: Literal["place"]
    place: Identifier = Field(description="A part of the place belongs to it", examples=[_PLACE])
    since: Instant = Field(examples=[_AT])
    until: Instant = Field(description="Not itself in it", examples=["2026-01-02T12:00:00Z"])


class SupplierCriteria(Body):
    """Everything that came from a party or a place within a time."""

    kind: Literal["supplier"]
    source: Identifier = Field(description="Party or place", examples=["https://id.gs1.org/417/4012345000009"])
    since: Instant = Field(examples=[_AT])
    until: Instant = Field(description="Not itself in it", examples=["2026-01-02T12:00:00Z"])


class ExposureCriteria(Body):
    """Everything that itself stood beyond a temperature for so long, without a break, by what the sensors saw."""

    kind: Literal["exposure"]
    above_c: Temperature | None = Field(default=None, description="Either this or `below_c`", examples=[8.0])
    below_c: Temperature | None = Field(default=None, examples=[None])
    minutes: Annotated[float, Field(strict=True, allow_inf_nan=False, ge=0, le=525_600)] = Field(
        description="At least; what nobody saw does not count", examples=[30]
    )
    device: DeviceName | None = Field(default=None, description="null: every device", examples=["truck-1"])
    since: Instant = Field(examples=[_AT])
    until: Instant = Field(description="Not itself in it", examples=["2026-01-02T12:00:00Z"])


CriteriaBody = Annotated[
    LotsCriteria | PlaceCriteria | SupplierCriteria | ExposureCriteria, Field(discriminator="kind")
]


class Evaluate(Body):
    """A question that is answered and not kept."""

    criteria: CriteriaBody
    as_of: Past | None = Field(
        default=None, description="What was recorded and received by then; null: all", examples=[_AT]
    )


class NewRecall(Evaluate):
    """A recall to be."""

    title: Name = Field(examples=["Cheese, listeria"])
    reason: Text = Field(default="", description="What recipients are told", examples=["Listeria in retained sample"])
    is_mock: bool = Field(default=False, description="Whether it is an exercise", examples=[True])
    started_at: Past | None = Field(
        default=None,
        description="When the question was first asked, from where time is counted; null: now",
        examples=[_AT],
    )


class Again(Body):
    """Evaluates once more."""

    criteria: CriteriaBody | None = Field(default=None, description="null: the same as before", examples=[None])


class Telling(Body):
    """A recipient was told."""

    by: Name = Field(description="Who told", examples=["J. Bakker"])
    how: Name = Field(examples=["telephone"])
    at: Past | None = Field(default=None, description="null: now", examples=[_AT])
    link_days: Annotated[float, Field(strict=True, gt=0, le=90)] | None = Field(
        default=None, description="For how long a link lives by which they can answer; null: no link", examples=[14]
    )


class Answer(View):
    """What a recipient found of the goods in one unit, and what became of it."""

    unit: Unit | None = Field(default=None, description=_UNIT, examples=["KGM"])
    found: Amount = Field(default=0, examples=[12.5])
    returned: Amount = Field(default=0, description="Of what was found", examples=[10.0])
    destroyed: Amount = Field(default=0, description="Of what was found", examples=[2.5])


class Acknowledgement(Body):
    """What a recipient said, as somebody took it down."""

    by: Name = Field(description="Who answered", examples=["M. Rossi, shop 17"])
    how: Name = Field(examples=["telephone"])
    at: Past | None = Field(default=None, description="null: now", examples=[_AT])
    note: Text = Field(default="", examples=["Shelf cleared"])
    quantities: list[Answer] = Field(default=[], max_length=20)


class Closing(Body):
    """Ends a recall."""

    note: Text = Field(default="", examples=["All recipients have answered"])


class RecallsQuery(PageQuery):
    """Which recalls."""

    is_mock: Annotated[bool | None, Field(description="Only exercises, or none of them")] = None


class ItemsQuery(PageQuery):
    """Which affected things."""

    revision: Annotated[Revision | None, Field(description="Default: the newest")] = None
    recipient: Annotated[str | None, Field(max_length=2000, pattern=_NO_NUL, description="Only what is with them")] = (
        None
    )


class TotalView(View):
    """How much goods there are in one unit, under one heading."""

    of: str | None = Field(description="State, place or recipient; null: nobody knows", examples=["on_hand"])
    name: str | None = Field(description="Of a place that is a site of yours", examples=[None])
    unit: str | None = Field(description=_UNIT, examples=["KGM"])
    things: int = Field(examples=[3])
    quantity: float = Field(description="The worst case: all of it", examples=[120.0])
    unquantified: int = Field(description="Lots of which nobody told how much there is", examples=[0])
    weighted: float | None = Field(
        description="Of it, what comes from the starts by mass; null: nobody can tell", examples=[40.0]
    )
    unweighted: float = Field(description="Of the quantity, that of which nobody can tell the share", examples=[0.0])


class LocatedView(View):
    """How much of what is affected events account for."""

    unit: str | None = Field(description=_UNIT, examples=["KGM"])
    quantity: float = Field(examples=[120.0])
    located: float = Field(description="In any state but unknown", examples=[118.0])
    pct: float | None = Field(examples=[98.33])


class ExposureView(View):
    """One unbroken time beyond the limit, as one device saw it."""

    device: str = Field(examples=["truck-1"])
    begins_at: datetime = Field(examples=[_AT])
    ends_at: datetime = Field(examples=["2026-01-01T13:00:00Z"])
    peak_c: float = Field(examples=[11.2])
    known_minutes: float = Field(examples=[60.0])
    unknown_minutes: float = Field(description="Of it, what nobody saw", examples=[0.0])
    shipments: list[str] = Field(description="References of shipments that the device was on", examples=[["PO-4711"]])


class SuspectView(View):
    """A thing that would be a start if what nobody saw were counted."""

    id: str = Field(examples=[_LOT])
    since: datetime = Field(examples=[_AT])
    detail: str = Field(examples=["20 min and 105 min unknown from 2026-01-01 12:00Z, up to 9 °C by truck-1"])


class ReportView(View):
    """What an evaluation found, in sums."""

    is_complete: bool = Field(description="False: there is more, further away than is looked", examples=[True])
    took_ms: float = Field(examples=[184.2])
    starts: int = Field(examples=[2])
    things: int = Field(examples=[14])
    containers: int = Field(description="Of these, what only holds what is affected", examples=[6])
    by_state: list[TotalView]
    by_place: list[TotalView]
    by_recipient: list[TotalView]
    located: list[LocatedView]
    exposures: list[ExposureView] = Field(description="The first thousand")
    exposure_count: int = Field(examples=[1])
    suspects: list[SuspectView] = Field(description="The first thousand")
    suspect_count: int = Field(examples=[0])
    gaps: list[GapView] = Field(description="What the events do not tell: the first thousand")
    gap_count: int = Field(examples=[0])


class ItemView(View):
    """An affected thing at one place; one in several places is several items."""

    ordinal: int = Field(examples=[1])
    id: str = Field(validation_alias="uri", description="Canonical identifier", examples=[_LOT])
    depth: int = Field(description="Least number of steps from a start", examples=[0])
    is_container: bool = Field(description="Whether it only holds what is affected", examples=[False])
    since: datetime | None = Field(description="From when on it counts; null: always", examples=[_AT])
    detail: str = Field(description="Why it is a start; empty where it is none", examples=["named"])
    share: float | None = Field(
        description="Of its mass that comes from the starts; null: nobody can tell", examples=[0.25]
    )
    state: str = Field(examples=["on_hand"])
    place: str | None = Field(examples=[_PLACE])
    place_name: str | None = Field(examples=["Shop 17"])
    at_since: datetime | None = Field(description="Since when it is there", examples=[_AT])
    container: str | None = Field(examples=["https://id.gs1.org/00/095200000000000016"])
    holder: str | None = Field(examples=["https://id.gs1.org/417/4012345000009"])
    quantity: float | None = Field(examples=[12.5])
    unit: str | None = Field(description=_UNIT, examples=["KGM"])
    event: int | None = Field(validation_alias="event_id", description="Number in the journal", examples=[4711])
    recipient: str | None = Field(description="Whom to tell; null: nobody knows", examples=[_PLACE])


class ItemList(Listing[ItemView]):
    """One page of affected things, nearest first."""


class EvaluationView(View):
    """What a recall would concern."""

    criteria: dict[str, Any] = Field(examples=[{"kind": "lots", "items": [_LOT]}])
    rule_version: int = Field(examples=[1])
    report: ReportView
    items: list[ItemView] = Field(description="The first two hundred")


class AccountedView(View):
    """How much recipients found of what can be out there, in one unit."""

    unit: str | None = Field(description=_UNIT, examples=["KGM"])
    located_pct: float | None = Field(description="By the events", examples=[98.33])
    expected: float = Field(description="With recipients, by the events", examples=[118.0])
    found: float = Field(examples=[110.0])
    returned: float = Field(examples=[100.0])
    destroyed: float = Field(examples=[10.0])
    accounted_pct: float | None = Field(description="Found of expected; over 100 is a finding", examples=[93.22])


class EffectivenessView(View):
    """How well it went. Minutes count from `started_at`."""

    is_mock: bool = Field(examples=[True])
    minutes_to_scope: float = Field(description="Until everything affected was known", examples=[3.2])
    minutes_to_all_told: float | None = Field(description="null: not all are", examples=[25.0])
    minutes_to_all_acknowledged: float | None = Field(description="null: not all have", examples=[None])
    minutes: float = Field(description="Until it was closed, or now", examples=[42.5])
    recipients: int = Field(examples=[4])
    told: int = Field(examples=[4])
    acknowledged: int = Field(examples=[3])
    told_pct: float | None = Field(examples=[100.0])
    acknowledged_pct: float | None = Field(examples=[75.0])
    quantities: list[AccountedView]


class RecallView(View):
    """A recall."""

    id: UUID = Field(validation_alias="recall_id", examples=["3c9a1b7e-5d2f-4e8a-b6c4-1f0e2d3c4b5a"])
    title: str = Field(examples=["Cheese, listeria"])
    reason: str = Field(examples=["Listeria in retained sample"])
    is_mock: bool = Field(description="Whether it is an exercise", examples=[True])
    started_at: datetime = Field(examples=[_AT])
    created_at: datetime = Field(examples=[_AT])
    closed_at: datetime | None = Field(examples=[None])
    closing_note: str = Field(examples=[""])
    revision: int = Field(description="The newest", examples=[1])


class RecallList(Listing[RecallView]):
    """One page of recalls, newest first."""


class RevisionView(View):
    """What one evaluation found, and by what it went."""

    revision: int = Field(examples=[1])
    supersedes: int | None = Field(description="null: it is the first", examples=[None])
    criteria: dict[str, Any] = Field(examples=[{"kind": "lots", "items": [_LOT]}])
    rule_version: int = Field(examples=[1])
    readings_as_of: datetime = Field(description="Readings received by then", examples=[_AT])
    journal_as_of: datetime = Field(description="Events recorded by then", examples=[_AT])
    began_at: datetime = Field(examples=[_AT])
    scoped_at: datetime = Field(description="When everything affected was known", examples=[_AT])
    report: ReportView


class RecallReportView(View):
    """A recall with one of its evaluations, and how it goes."""

    recall: RecallView
    evaluation: RevisionView
    effectiveness: EffectivenessView = Field(description="Of the newest revision")


class NoticeView(View):
    """Whom a recall concerns, and how it stands with them."""

    id: UUID = Field(validation_alias="notice_id", examples=["7b1f0c7e-5d2f-4e8a-b6c4-1f0e2d3c4b5a"])
    recipient: str = Field(description="Party, or place", examples=[_PLACE])
    created_at: datetime = Field(examples=[_AT])
    is_affected: bool = Field(description="By the newest revision", examples=[True])
    told_at: datetime | None = Field(description="For the first time", examples=[_AT])
    told_by: str | None = Field(examples=["J. Bakker"])
    told_how: str | None = Field(examples=["telephone"])
    acknowledged_at: datetime | None = Field(description="For the last time", examples=[None])
    acknowledged_by: str | None = Field(examples=[None])
    acknowledged_how: str | None = Field(examples=[None])
    note: str | None = Field(examples=[None])
    quantities: list[Answer] | None = Field(description="By the last answer")


class NoticeList(Listing[NoticeView]):
    """One page of recipients."""


class ToldView(View):
    """That it is noted."""

    notice: NoticeView
    link: str | None = Field(
        description="Where the recipient can answer; shown this once", examples=["https://track.example/recall/Zm9v"]
    )
