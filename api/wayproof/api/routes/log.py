"""The log of custody, for anybody to read, copy and audit: checkpoint and tiles by C2SP tlog-tiles, proofs as JSON."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel

from wayproof.api.auth import OPEN, PoolOfApp
from wayproof.api.conditional import CONDITIONAL, JSON, Conditions
from wayproof.api.problems import INTERNAL, INVALID_INPUT, NOT_FOUND, TOO_LARGE, UNAVAILABLE, documented
from wayproof.api.schemas.log import ConsistencyView, InclusionView, LogView
from wayproof.ledger.hexadecimal import to_address, to_hex
from wayproof.ledger.notes import NoteKey
from wayproof.model.errors import NotFound
from wayproof.model.log import LogIdentity
from wayproof.model.tiles import WIDTH, TilePath, parse_tile_path
from wayproof.store import log
from wayproof.store.pool import Conn, Pool, transaction
from wayproof.store.violations import domain_errors

router: Final = APIRouter(
    prefix="/v1/log",
    tags=["Log"],
    responses=documented(NOT_FOUND, TOO_LARGE, INVALID_INPUT, INTERNAL, UNAVAILABLE),
)

_BYTES: Final = "application/octet-stream"
_TEXT: Final = "text/plain; charset=utf-8"
_MAX_AGE_S: Final = 5
"""How long a checkpoint may be kept (C2SP tlog-tiles, "Checkpoints")."""
_FOR_EVER: Final = {"Cache-Control": "public, max-age=31536000, immutable"}
"""Of what can never change: a log only grows."""

_Size = Annotated[int, Query(ge=1, lt=2**53, description="Leaves in the tree", examples=[2])]
_TilePath = Annotated[
    str,
    Path(
        description="`<L>/<N>`: 256 hashes of level L; `entries/<N>`: the entries of 256 leaves, each after its length"
        " in two bytes. N in groups of three digits, all but the last with an x before it: `x001/x234/067`. With"
        " `.p/<W>` only the first W of them, for the right edge of a tree.",
        examples=["0/000.p/2"],
    ),
]


@router.get("", response_model=LogView, responses=CONDITIONAL, openapi_extra=OPEN)
def get_log(pool: PoolOfApp, conditions: Conditions) -> Response:
    """Whose log this is, by which key its checkpoints are checked, and where they are anchored."""
    with _reading(pool) as conn:
        identity, size, latest = log.identity(conn), log.size(conn), log.latest_checkpoint(conn)
    view = _log_view(identity, size, latest.size if latest else None)
    return conditions.answer_everybody(view.model_dump_json().encode(), media_type=JSON, max_age_s=_MAX_AGE_S)


@router.get(
    "/checkpoint",
    response_class=Response,
    responses={
        200: {"content": {"text/plain": {"example": "wayproof.example/log\n2\n+sVCA+fMaWzw38tCyRod..."}}},
        **CONDITIONAL,
    },
    openapi_extra=OPEN,
)
def get_checkpoint(pool: PoolOfApp, conditions: Conditions) -> Response:
    """The latest signed checkpoint (C2SP tlog-checkpoint)."""
    with _reading(pool) as conn:
        latest = log.latest_checkpoint(conn)
    if latest is None:
        raise NotFound("no checkpoint has been signed yet")
    return conditions.answer_everybody(latest.note.encode(), media_type=_TEXT, max_age_s=_MAX_AGE_S)


@router.get(
    "/tile/{path:path}",
    response_class=Response,
    responses={200: {"content": {_BYTES: {"schema": {"type": "string", "format": "binary"}}}}},
    openapi_extra=OPEN,
)
def get_tile(path: _TilePath, pool: PoolOfApp) -> Response:
    """Hashes of the tree, or entries below it (C2SP tlog-tiles): what one needs to copy and audit the whole log."""
    tile = parse_tile_path(path)
    with _reading(pool) as conn:
        body = _entries(conn, tile) if tile.level is None else log.tile(conn, tile.level, tile.tile_index, tile.width)
    return Response(body, media_type=_BYTES, headers=_FOR_EVER)


@router.get("/proofs/inclusion", response_model=InclusionView, openapi_extra=OPEN)
def get_inclusion_proof(
    index: Annotated[int, Query(ge=0, lt=2**53, description="Index of the leaf", examples=[1])],
    size: _Size,
    pool: PoolOfApp,
) -> Response:
    """The proof that a leaf stands in the tree of a size."""
    with _reading(pool) as conn:
        proof, root = log.inclusion_proof(conn, index, size), log.root_at(conn, size)
    return _for_ever(InclusionView(index=index, size=size, root=to_hex(root), proof=[to_hex(h) for h in proof]))


@router.get("/proofs/consistency", response_model=ConsistencyView, openapi_extra=OPEN)
def get_consistency_proof(
    old: Annotated[int, Query(ge=1, lt=2**53, description="Leaves in the smaller tree", examples=[1])],
    size: _Size,
    pool: PoolOfApp,
) -> Response:
    """The proof that the tree of a size extends that of a smaller one."""
    with _reading(pool) as conn:
        proof = log.consistency_proof(conn, old, size)
        old_root, root = to_hex(log.root_at(conn, old)), to_hex(log.root_at(conn, size))
    view = ConsistencyView(old=old, size=size, old_root=old_root, root=root, proof=[to_hex(h) for h in proof])
    return _for_ever(view)


@contextmanager
def _reading(pool: Pool) -> Iterator[Conn]:
    with domain_errors(), transaction(pool) as conn:
        yield conn


def _log_view(identity: LogIdentity, size: int, checkpoint_size: int | None) -> LogView:
    return LogView(
        origin=identity.origin,
        vkey=NoteKey(name=identity.origin, public_key=identity.public_key).vkey,
        chain_id=identity.chain_id,
        contract=to_address(identity.contract),
        size=size,
        checkpoint_size=checkpoint_size,
    )


def _entries(conn: Conn, tile: TilePath) -> bytes:
    found = log.entries(conn, tile.tile_index * WIDTH, tile.width)
    if len(found) < tile.width:
        raise NotFound(f"the log has no {tile.width} entries in tile {tile.tile_index}")
    return b"".join(len(leaf.entry).to_bytes(2) + leaf.entry for leaf in found)


def _for_ever(document: BaseModel) -> Response:
    return Response(document.model_dump_json(), media_type=JSON, headers=_FOR_EVER)
