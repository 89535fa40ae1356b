"""Checkpoints: what the operator signs of the log, and never takes back."""

from wayproof.ledger.notes import Checkpoint, NoteSigner, open_note, sign_checkpoint
from wayproof.model.errors import Conflict, InvalidProof
from wayproof.model.handoff import SigningDomain
from wayproof.model.log import LogIdentity, SignedCheckpoint
from wayproof.model.merkle import check_consistency
from wayproof.store import log
from wayproof.store.pool import Conn


def found(conn: Conn, signer: NoteSigner, domain: SigningDomain) -> LogIdentity:
    """Names the log after its key and contract; Conflict where it bears other names already."""
    identity = LogIdentity(
        origin=signer.name, public_key=signer.key.public_key, chain_id=domain.chain_id, contract=domain.contract
    )
    log.found_log(conn, identity)
    return identity


def make_checkpoint(conn: Conn, signer: NoteSigner) -> SignedCheckpoint:
    """Signs the log as it stands, or returns the checkpoint that says so already.

    It is committed when this returns, so nobody can see one that a crash takes back. InvalidProof where the log does
    not extend the checkpoint before: then history was changed, or the database comes from a backup.
    """
    if conn.info.transaction_status:
        raise RuntimeError("make_checkpoint needs a connection without an open transaction: it commits on its own")
    with conn.transaction():
        log.lock_checkpoints(conn)
        _check_key(log.identity(conn), signer)
        size = log.size(conn)
        previous = log.latest_checkpoint(conn)
        checkpoint = Checkpoint(origin=signer.name, size=size, root=_root(conn, size, previous, signer))
        if previous and previous.size == size:
            return previous
        note = sign_checkpoint(checkpoint, signer)
        return log.save_checkpoint(conn, tree_size=size, root=checkpoint.root, note=note)


def _root(conn: Conn, size: int, previous: SignedCheckpoint | None, signer: NoteSigner) -> bytes:
    """The root at `size`, which extends what was signed before."""
    if previous is None:
        return log.root_at(conn, size)
    signed = open_note(previous.note, signer.key)
    if (signed.size, signed.root) != (previous.size, previous.root):
        raise InvalidProof(f"checkpoint {previous.size}: its row and its note differ; nothing is signed any more")
    if size < signed.size:
        raise InvalidProof(f"the log has {size} leaves and a checkpoint of {signed.size}: leaves are missing")
    root = log.root_at(conn, size)
    if signed.size:  # every log extends the empty one
        proof = log.consistency_proof(conn, signed.size, size)
        check_consistency(old_size=signed.size, old_root=signed.root, size=size, root=root, proof=proof)
    return root


def _check_key(identity: LogIdentity, signer: NoteSigner) -> None:
    if (identity.origin, identity.public_key) != (signer.name, signer.key.public_key):
        raise Conflict(f"the log was founded as {identity.origin} with another key than {signer.key.vkey}")
