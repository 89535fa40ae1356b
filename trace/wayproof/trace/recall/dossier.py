"""A recall over its time: evaluated and kept, evaluated again, told to whom it concerns, answered, and closed."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from wayproof.model.errors import Conflict, InvalidInput
from wayproof.store import recalls
from wayproof.store.pool import Conn, Pool, snapshot_transaction, tenant_transaction
from wayproof.store.recalls import NewEntry, NewRecall, Notice, Recall, Revision
from wayproof.trace.recall.criteria import Criteria, of_json, to_json
from wayproof.trace.recall.evaluate import RULE_VERSION, Evaluation, evaluate
from wayproof.trace.recall.report import items_of, percent, report_of
from wayproof.trace.recall.starts import AsOf

LINK_LIFETIME: Final = timedelta(days=14)
MOST_LINK_LIFETIME: Final = timedelta(days=90)
MOST_ANSWERS: Final = 50
"""Of one recipient: whoever has a link must not fill the database."""
BY_LINK: Final = "link"
_S_PER_MINUTE: Final = 60
_UNIT: Final = re.compile("[A-Z0-9]{2,3}")
"""As events may have it (EPCIS 2.0 §7.3.3.3)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answered:
    """What a recipient found of the goods, in one unit, and what became of that."""

    #: UN/ECE Recommendation 20; None: pieces.
    unit: str | None
    found: float
    returned: float
    destroyed: float


def create(pool: Pool, tenant_id: UUID, new: NewRecall, criteria: Criteria, *, as_of: datetime | None = None) -> Recall:
    """Evaluates and keeps a recall. A request that was made before gets the recall that it made then."""
    with snapshot_transaction(pool, tenant_id, with_readings=True) as conn:
        known = recalls.find_request(conn, new.request_key) if new.request_key else None
        if known is not None:
            return _same(conn, known, new, criteria)
        evaluation = evaluate(conn, tenant_id, criteria, as_of=as_of)
    with tenant_transaction(pool, tenant_id) as conn:
        made = recalls.create_recall(conn, tenant_id, new)
        if made is None:
            raise Conflict("this very request has been answered meanwhile: ask again")
        _keep(conn, tenant_id, made, evaluation)
    return made


def evaluate_again(pool: Pool, tenant_id: UUID, recall_id: UUID, criteria: Criteria | None = None) -> Recall:
    """Evaluates a recall by what is known now, by other criteria where they are given: a further revision of it.

    Where another evaluation came first, once more: a revision knows no less than the one before. Each time one of those
    that run at once is done, so this ends.
    """
    while True:
        with snapshot_transaction(pool, tenant_id, with_readings=True) as conn:
            recall = recalls.open_recall(conn, recall_id)
            before = recalls.get_revision(conn, recall_id, recall.revision)
            evaluation = evaluate(conn, tenant_id, criteria or of_json(before.criteria))
        with tenant_transaction(pool, tenant_id) as conn:
            if recalls.hold_recall(conn, recall_id).revision == recall.revision:
                _keep(conn, tenant_id, recall, evaluation, revision=recall.revision + 1)
                return recalls.get_recall(conn, recall_id)


def derive_again(conn: Conn, tenant_id: UUID, revision: Revision) -> Evaluation:
    """The evaluation that a revision keeps, made once more out of journal and readings as they were known then."""
    then = AsOf(journal=revision.journal_as_of, readings=revision.readings_as_of, is_past=True)
    return evaluate(conn, tenant_id, of_json(revision.criteria), then=then)


def tell(
    conn: Conn,
    tenant_id: UUID,
    recall_id: UUID,
    notice_id: UUID,
    *,
    by: str,
    how: str,
    at: datetime,
    link_for: timedelta | None = None,
) -> str | None:
    """Notes that a recipient was told; returns the token of a link by which they can answer, where one is wanted."""
    recall = recalls.hold_recall(conn, recall_id)
    recalls.get_notice(conn, recall, notice_id)
    now = datetime.now(UTC)
    _check_time(at, recall, now)
    if link_for is not None and not timedelta() < link_for <= MOST_LINK_LIFETIME:
        raise InvalidInput(f"expected a link that lives up to {MOST_LINK_LIFETIME.days} days", pointer="/link_days")
    expires_at = None if link_for is None else now + link_for
    return recalls.add_entry(
        conn, tenant_id, notice_id, NewEntry(kind="told", at=at, said_by=by, means=how, expires_at=expires_at)
    )


def acknowledge(
    conn: Conn,
    tenant_id: UUID,
    recall_id: UUID,
    notice_id: UUID,
    *,
    by: str,
    how: str,
    at: datetime,
    note: str = "",
    quantities: Sequence[Answered] = (),
) -> Notice:
    """Keeps what a recipient answered. A later answer counts instead of the ones before, which stay."""
    recall = recalls.hold_recall(conn, recall_id)
    recalls.get_notice(conn, recall, notice_id)
    _check_time(at, recall, datetime.now(UTC))
    _check_quantities(quantities)
    if recalls.count_answers(conn, notice_id) >= MOST_ANSWERS:
        raise Conflict(f"expected at most {MOST_ANSWERS} answers of one recipient")
    said = [asdict(each) for each in quantities]
    entry = NewEntry(kind="acknowledged", at=at, said_by=by, means=how, note=note, quantities=said)
    recalls.add_entry(conn, tenant_id, notice_id, entry)
    return recalls.get_notice(conn, recall, notice_id)


def close(conn: Conn, recall_id: UUID, *, note: str) -> Recall:
    """Ends a recall: nothing is added to it any more, and its links end."""
    recalls.get_recall(conn, recall_id)
    recalls.close_recall(conn, recall_id, closed_at=datetime.now(UTC), note=note)
    return recalls.get_recall(conn, recall_id)


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """One evaluation of a recall, and how the recall goes by its newest one."""

    evaluation: Revision
    effectiveness: Mapping[str, Any]


def report(conn: Conn, recall: Recall, revision: int | None = None, *, now: datetime) -> Report:
    """How a recall stands; of one of its evaluations, the newest unless another is named."""
    newest = recalls.get_revision(conn, recall.recall_id, recall.revision)
    first = newest if recall.revision == 1 else recalls.get_revision(conn, recall.recall_id, 1)
    shown = newest if revision is None else recalls.get_revision(conn, recall.recall_id, revision)
    notices = recalls.list_notices(conn, recall)
    return Report(evaluation=shown, effectiveness=effectiveness(recall, first, newest.report, notices, now=now))


def effectiveness(
    recall: Recall, first: Revision, report: Mapping[str, Any], notices: Sequence[Notice], *, now: datetime
) -> dict[str, Any]:
    """How well a recall, or its exercise, went: times, who was told and has answered, and what was found.

    Args:
        recall: which.
        first: its first revision: when everything affected was known for the first time.
        report: of its newest revision.
        notices: everybody whom it concerns.
        now: until when, where it is not closed yet.
    """
    concerned = [each for each in notices if each.is_affected]
    told = [each for each in concerned if each.told_at]
    answered = [each for each in concerned if each.acknowledged_at]
    return {
        "is_mock": recall.is_mock,
        "minutes_to_scope": _minutes(recall.started_at, first.scoped_at),
        "minutes_to_all_told": _until_all([each.told_at for each in concerned], recall.started_at),
        "minutes_to_all_acknowledged": _until_all([each.acknowledged_at for each in concerned], recall.started_at),
        "minutes": _minutes(recall.started_at, recall.closed_at or now),
        "recipients": len(concerned),
        "told": len(told),
        "acknowledged": len(answered),
        "told_pct": percent(len(told), len(concerned)),
        "acknowledged_pct": percent(len(answered), len(concerned)),
        "quantities": _accounted(report, answered),
    }


def _accounted(report: Mapping[str, Any], answered: Sequence[Notice]) -> list[dict[str, Any]]:
    """By unit, what was affected and can be out there, against what recipients found of it."""
    expected: dict[str | None, float] = {}
    for total in report["by_recipient"]:
        if total["of"] is not None:
            expected[total["unit"]] = expected.get(total["unit"], 0.0) + total["quantity"]
    said = [each for notice in answered for each in notice.quantities or ()]
    located = {each["unit"]: each["pct"] for each in report["located"]}
    units = sorted(expected.keys() | {each["unit"] for each in said} | located.keys(), key=lambda unit: unit or "")
    return [_of_unit(unit, expected.get(unit, 0.0), said, located.get(unit)) for unit in units]


def _of_unit(
    unit: str | None, expected: float, said: Sequence[Mapping[str, Any]], located_pct: float | None
) -> dict[str, Any]:
    sums = {
        name: sum(each[name] for each in said if each["unit"] == unit) for name in ("found", "returned", "destroyed")
    }
    return {
        "unit": unit,
        "located_pct": located_pct,
        "expected": expected,
        **sums,
        "accounted_pct": percent(sums["found"], expected),
    }


def _same(conn: Conn, known: Recall, new: NewRecall, criteria: Criteria) -> Recall:
    asked = (new.title, new.reason, new.is_mock, to_json(criteria))
    first = recalls.get_revision(conn, known.recall_id, 1)
    if asked != (known.title, known.reason, known.is_mock, dict(first.criteria)):
        raise Conflict("this Idempotency-Key was used for another recall")
    return known


def _keep(conn: Conn, tenant_id: UUID, recall: Recall, evaluation: Evaluation, *, revision: int = 1) -> None:
    items = items_of(evaluation)
    kept = Revision(
        recall_id=recall.recall_id,
        revision=revision,
        supersedes=revision - 1 or None,
        criteria=to_json(evaluation.criteria),
        rule_version=RULE_VERSION,
        readings_as_of=evaluation.as_of.readings,
        journal_as_of=evaluation.as_of.journal,
        began_at=evaluation.began_at,
        scoped_at=evaluation.scoped_at,
        report=report_of(evaluation, items),
    )
    recalls.add_revision(conn, tenant_id, kept, items)
    recalls.add_notices(conn, tenant_id, recall.recall_id, {item.recipient for item in items if item.recipient})


def _check_time(at: datetime, recall: Recall, now: datetime) -> None:
    if at > now:
        raise InvalidInput(f"expected a time not in the future, got {at.isoformat()}", pointer="/at")
    if at < recall.started_at:
        began = recall.started_at.isoformat()
        raise InvalidInput(f"expected a time not before the recall began, {began}, got {at.isoformat()}", pointer="/at")


def _check_quantities(quantities: Sequence[Answered]) -> None:
    units = [each.unit for each in quantities]
    if len(set(units)) != len(units):
        raise InvalidInput("expected each unit once", pointer="/quantities")
    for each in quantities:
        if each.unit is not None and not _UNIT.fullmatch(each.unit):
            raise InvalidInput(f"expected a unit of UN/ECE Recommendation 20, got {each.unit!r}", pointer="/quantities")
        if min(each.found, each.returned, each.destroyed) < 0 or each.returned + each.destroyed > each.found:
            raise InvalidInput(
                f"expected no more returned and destroyed than found, got {each.returned:g} and {each.destroyed:g}"
                f" of {each.found:g}",
                pointer="/quantities",
            )


def _until_all(times: Sequence[datetime | None], since: datetime) -> float | None:
    """Minutes until the last of all; None where one is missing, or there are none."""
    known = [at for at in times if at is not None]
    return _minutes(since, max(known)) if known and len(known) == len(times) else None


def _minutes(since: datetime, until: datetime) -> float:
    return round((until - since).total_seconds() / _S_PER_MINUTE, 2)
