"""Documents of traces."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from wayproof.trace.graph.gaps import GapKind
from wayproof.trace.graph.questions import EdgeKind

_LOT = "https://id.gs1.org/01/04012345123456/10/998877"
_AT = "2026-01-01T12:00:00Z"


class NodeView(BaseModel):
    """One thing."""

    id: str = Field(description="Canonical identifier", examples=[_LOT])
    depth: int = Field(description="Least number of steps from the item", examples=[1])


class EdgeView(BaseModel):
    """Goods flow from source to target: into a container, into a transformation, or out of one."""

    kind: EdgeKind = Field(examples=["input"])
    source: str = Field(description="Identifier, or `urn:uuid:` of a transformation", examples=[_LOT])
    target: str = Field(
        description="Identifier, or `urn:uuid:` of a transformation",
        examples=["urn:uuid:8d3a9f6e-0c55-4a0e-9d64-0a0f6f2d3c11"],
    )
    at: datetime | None = Field(description="When; null: nobody told since when", examples=[_AT])
    quantity: float | None = Field(examples=[12.5])
    unit: str | None = Field(description="UN/ECE Recommendation 20; null: pieces", examples=["KGM"])
    event: int | None = Field(description="Number of the event in the journal", examples=[4711])


class GapView(BaseModel):
    """What the events do not tell."""

    kind: GapKind = Field(examples=["never_received"])
    id: str = Field(description="Of which thing", examples=[_LOT])
    at: datetime = Field(examples=[_AT])
    detail: str = Field(examples=["shipped by urn:uuid:7f2f2d4e-7e1e-4f5c-9c1e-3a5b6c7d8e9f"])


class TraceView(BaseModel):
    """What is up or down from an item."""

    item: str = Field(description="Canonical identifier", examples=[_LOT])
    direction: Literal["upstream", "downstream", "both"] = Field(examples=["downstream"])
    nodes: list[NodeView]
    edges: list[EdgeView]
    gaps: list[GapView] = Field(description="What the events do not tell of the things on this page")
    is_complete: bool = Field(description="False: there is more, on the next page or beyond `depth`", examples=[True])
    next_cursor: str | None = Field(examples=[None])
