"""Documents of the log of custody. Hashes are `0x` and 64 lower-case hex digits."""

from pydantic import Field

from wayproof.api.schemas.base import View

_HASH = "0x6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
_SIBLING = "0x96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"


class LogView(View):
    """Whose log this is, and how far it has come."""

    origin: str = Field(description="First line of every checkpoint", examples=["wayproof.example/log"])
    vkey: str = Field(
        description="Key of the checkpoints (C2SP signed-note)",
        examples=["wayproof.example/log+2a9a3a55+AXu2Jx0mTLkM1QvyPAvpeJLTVtU9Yr9Q8LV5GyCkYJ5X"],
    )
    chain_id: int = Field(description="The EVM chain on which roots are anchored", examples=[31337])
    contract: str = Field(
        description="Address of the contract there (EIP-55)", examples=["0x5FbDB2315678afecb367f032d93F642f64180aa3"]
    )
    size: int = Field(description="Leaves in the log", examples=[70000])
    checkpoint_size: int | None = Field(
        description="Leaves below the latest checkpoint; null: none is signed yet", examples=[69000]
    )


class InclusionView(View):
    """That a leaf stands in the tree (RFC 9162 section 2.1.3)."""

    index: int = Field(examples=[1])
    size: int = Field(examples=[2])
    root: str = Field(description="Root of the tree of that size", examples=[_HASH])
    proof: list[str] = Field(description="Hashes beside the way from the leaf to the root", examples=[[_SIBLING]])


class ConsistencyView(View):
    """That one tree extends another (RFC 9162 section 2.1.4)."""

    old: int = Field(examples=[1])
    size: int = Field(examples=[2])
    old_root: str = Field(description="Root of the smaller tree", examples=[_HASH])
    root: str = Field(description="Root of the larger tree", examples=[_HASH])
    proof: list[str] = Field(examples=[[_SIBLING]])
