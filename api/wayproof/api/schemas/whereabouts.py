"""Documents of where items are, and of what became of them."""

from dataclasses import asdict
from datetime import datetime
from typing import Self

from pydantic import BaseModel, Field

from wayproof.trace.graph.balance import Balance, FindingKind
from wayproof.trace.graph.steps import State
from wayproof.trace.graph.whereabouts import Whereabouts

_LOT = "https://id.gs1.org/01/09520001234588/10/L1"
_SITE = "https://id.gs1.org/414/9520000000028"
_PALLET = "https://id.gs1.org/00/095201234567891235"
_UNIT = "UN/ECE Recommendation 20; null: pieces"


class WhereaboutsView(BaseModel):
    """Where an item is, or so much of a lot."""

    state: State = Field(examples=["on_hand"])
    place: str | None = Field(
        description="Where it was told of last: bizLocation, else readPoint; null: nobody told", examples=[_SITE]
    )
    place_name: str | None = Field(description="Of the site with that GLN", examples=["Rotterdam"])
    since: datetime = Field(
        description="Since when it has been told there, in this state", examples=["2026-01-01T12:00:00Z"]
    )
    container: str | None = Field(description="What it is in", examples=[_PALLET])
    outermost: str | None = Field(description="What that is in at last, or the same", examples=[_PALLET])
    destination: str | None = Field(description="Where it is bound for, in transit", examples=[None])
    holder: str | None = Field(
        description="The possessing or owning party that was told last, or who received it in an accepted handoff",
        examples=["https://id.gs1.org/417/9520000000028"],
    )
    holder_name: str | None = Field(examples=["Acme Foods"])
    quantity: float | None = Field(description="null: a single thing, or nobody knows", examples=[40.0])
    unit: str | None = Field(description=_UNIT, examples=["KGM"])
    event: int | None = Field(description="Number of the last event that tells, in the journal", examples=[4711])

    @classmethod
    def of(cls, each: Whereabouts) -> Self:
        """The document of one."""
        fields = asdict(each)
        del fields["node"]
        return cls(event=fields.pop("event_id"), **fields)


class WhereaboutsList(BaseModel):
    """Where an item is."""

    item: str = Field(description="Canonical identifier", examples=[_LOT])
    items: list[WhereaboutsView]
    next_cursor: str | None = Field(examples=[None])


class FindingView(BaseModel):
    """What is wrong with a balance, or missing in it."""

    kind: FindingKind = Field(examples=["more_than_there_was"])
    detail: str = Field(examples=["events tell of 10 KGM more than was made and received"])


class BalanceView(BaseModel):
    """made + received + unexplained = used + destroyed + sold + shipped + returned + on_hand + lost."""

    item: str = Field(description="Canonical identifier", examples=[_LOT])
    unit: str | None = Field(description=_UNIT, examples=["KGM"])
    made: float = Field(description="Where no event made or received any of it: what was first told", examples=[100.0])
    received: float = Field(examples=[0.0])
    used: float = Field(description="It went into something else", examples=[110.0])
    destroyed: float = Field(examples=[0.0])
    sold: float = Field(examples=[0.0])
    shipped: float = Field(description="On its way, as far as anybody told", examples=[0.0])
    returned: float = Field(examples=[0.0])
    on_hand: float = Field(examples=[0.0])
    lost: float = Field(description="Counted less, stolen, or without its label", examples=[0.0])
    unexplained: float = Field(description="Told of, although it cannot have been there", examples=[10.0])
    accounted: float = Field(description="All on the right but what is lost", examples=[110.0])
    percent: float | None = Field(
        description="Accounted for, of what was made and received; null: nobody told how much that was",
        examples=[110.0],
    )
    findings: list[FindingView]

    @classmethod
    def of(cls, item: str, balance: Balance) -> Self:
        """The document of one."""
        fields = asdict(balance)
        del fields["node"]
        return cls(item=item, accounted=balance.accounted, percent=balance.percent, **fields)
