"""Which recall or notice a command means, and what is kept of it."""

from uuid import UUID

from wayproof.model.errors import NotFound
from wayproof.store import recalls
from wayproof.store.pool import Conn, Pool, tenant_transaction
from wayproof.store.recalls import Item, Notice, Recall, Revision
from wayproof.trace.epcis.formats import canonical_identifier


def find_recall(conn: Conn, text: str) -> Recall:
    """The recall of that id, or the newest; NotFound where there is none."""
    if text == "last":
        found = recalls.list_recalls(conn, limit=1)
        if not found:
            raise NotFound("there is no recall yet")
        return found[0]
    try:
        return recalls.get_recall(conn, UUID(text))
    except ValueError:
        raise NotFound(f"no recall {text!r}: expected an id that `wayproof recall list` shows, or `last`") from None


def find_notice(conn: Conn, of: Recall, recipient: str) -> Notice:
    """A recall's notice by its recipient, in any spelling, or by its id; NotFound where there is none."""
    wanted = canonical_identifier(recipient)
    for notice in recalls.list_notices(conn, of):
        if wanted in {notice.recipient, str(notice.notice_id)}:
            return notice
    raise NotFound(f"recall {of.recall_id} does not concern {wanted}")


def what_is_kept(pool: Pool, tenant_id: UUID, of: Recall) -> tuple[Revision, list[Item]]:
    """The newest evaluation that a recall keeps, and what it found."""
    with tenant_transaction(pool, tenant_id) as conn:
        kept = recalls.get_revision(conn, of.recall_id, of.revision)
        return kept, recalls.list_items(conn, of.recall_id, of.revision)
