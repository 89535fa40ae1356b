"""What is kept of recalls: revisions, requests and criteria."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import pytest
from fix_recalls import LATER, TRUCK, Logger, above, every, kept, minute, stored

from wayproof.model.errors import Conflict, InvalidInput
from wayproof.store import recalls
from wayproof.store.pool import snapshot_transaction, tenant_transaction
from wayproof.trace.graph.whereabouts import whereabouts
from wayproof.trace.recall import evaluate as evaluation_of
from wayproof.trace.recall.criteria import Criteria, Place, Supplier, checked, lots, of_json, to_json
from wayproof.trace.recall.dossier import derive_again, evaluate_again
from wayproof.trace.recall.report import items_of

from fix_exports import Exporter
from fix_registry import MONDAY
from recall_events import DAIRY, FARM, SHOP, lot, made, moved, packed, sscc


def test_late_readings_make_a_revision(dairy: Exporter, logger: Logger) -> None:
    """What comes late changes a new evaluation; the one that is kept stays, and can be derived again."""
    dairy.capture_events(packed(0, TRUCK, [logger.uri], kind="AssociationEvent"))
    whole = every(5, 200, 320, (250, 400))
    logger.tell({at: value for at, value in whole.items() if at < 265})
    recall = stored(dairy, above(8, 30))
    assert kept(dairy, recall.recall_id, 1) == []
    late = datetime.now(tz=MONDAY.tzinfo)
    logger.tell({at: value for at, value in whole.items() if at >= 265}, received_at=late)
    dairy.capture_events(made(500, {lot("TOAST"): 1}, {lot("CRUMBS"): 1}, SHOP))
    again = evaluate_again(dairy.pool, dairy.tenant_id, recall.recall_id)
    assert again.revision == 2
    with snapshot_transaction(dairy.pool, dairy.tenant_id, with_readings=True) as conn:
        assert recalls.get_revision(conn, recall.recall_id, 2).supersedes == 1
        first = recalls.get_revision(conn, recall.recall_id, 1)
        assert derive_again(conn, dairy.tenant_id, first).affected == ()
    assert kept(dairy, recall.recall_id, 1) == []
    assert lot("CRUMBS") in {item.uri for item in kept(dairy, recall.recall_id, 2)}


def test_a_revision_can_be_derived_again(dairy: Exporter) -> None:
    """Journal and readings as they were known then give what is kept, item by item, whatever came since."""
    recall = stored(dairy, lots(lot("MILK")))
    dairy.capture_events(made(500, {lot("TOAST"): 1}, {lot("CRUMBS"): 1}, SHOP), moved(600, "shipping", sscc(2), DAIRY))
    with snapshot_transaction(dairy.pool, dairy.tenant_id, with_readings=True) as conn:
        first = recalls.get_revision(conn, recall.recall_id, 1)
        assert items_of(derive_again(conn, dairy.tenant_id, first)) == recalls.list_items(conn, recall.recall_id, 1)


def test_of_one_moment(dairy: Exporter, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is told while a recall is evaluated is in no part of it: the same is derived again from what was known."""

    def interrupted(*asked: Any, **said: Any) -> Any:
        dairy.capture_events(moved(next(LATER), "receiving", sscc(2), SHOP))
        return whereabouts(*asked, **said)

    monkeypatch.setattr(evaluation_of, "whereabouts", interrupted)
    recall = stored(dairy, lots(lot("MILK")))
    monkeypatch.undo()
    with snapshot_transaction(dairy.pool, dairy.tenant_id, with_readings=True) as conn:
        first = recalls.get_revision(conn, recall.recall_id, 1)
        assert items_of(derive_again(conn, dairy.tenant_id, first)) == recalls.list_items(conn, recall.recall_id, 1)


def test_evaluated_again_at_once(dairy: Exporter) -> None:
    """Each of several that evaluate again at once makes a revision, with no number left out and none knowing less."""
    recall_id, tenant_id = stored(dairy, lots(lot("MILK"))).recall_id, dairy.tenant_id

    def again(number: int) -> int:
        dairy.capture_events(moved(700 + number, "storing", sscc(2), DAIRY))
        return evaluate_again(dairy.pool, tenant_id, recall_id).revision

    with ThreadPoolExecutor(6) as clerks:
        assert sorted(clerks.map(again, range(6))) == [2, 3, 4, 5, 6, 7]
    with tenant_transaction(dairy.pool, tenant_id) as conn:
        known = [recalls.get_revision(conn, recall_id, number).journal_as_of for number in range(1, 8)]
    assert known == sorted(known)


def test_a_request_is_answered_once(dairy: Exporter) -> None:
    """The same request gets the same recall; another one under its key is refused."""
    asked = lots(lot("MILK"))
    first, second = (stored(dairy, asked, request_key="k") for _ in range(2))
    assert first == second
    with pytest.raises(Conflict):
        stored(dairy, asked, request_key="k", title="another")


@pytest.mark.parametrize(
    "criteria",
    [
        lots(lot("A"), sscc(1)),
        Place(place=DAIRY, since=MONDAY, until=minute(1)),
        Supplier(source=FARM, since=MONDAY, until=minute(1)),
        above(8, 30, device="x"),
    ],
)
def test_criteria_are_kept_as_they_are(criteria: Criteria) -> None:
    """What is stored of criteria is read back as the same."""
    assert of_json(to_json(criteria)) == criteria


@pytest.mark.parametrize(
    "criteria",
    [
        Place(place=DAIRY, since=MONDAY, until=MONDAY),
        above(8, 30, below_c=2.0),
        above(8, 30, above_c=None),
        above(8, -1),
    ],
)
def test_criteria_that_nothing_fulfils(criteria: Criteria) -> None:
    """Times that end before they begin, two limits or none, and durations below nothing are refused."""
    with pytest.raises(InvalidInput):
        checked(criteria)
