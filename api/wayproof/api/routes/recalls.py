"""Recalls: what is affected and where it is, who was told and has answered."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final
from uuid import UUID

from fastapi import Header, Path, Query, Request, Response

from wayproof.api.address import address_of
from wayproof.api.auth import TraceAsker, TraceReader, TraceWriter
from wayproof.api.conditional import Conditions, changed
from wayproof.api.paging import At as AtTime
from wayproof.api.paging import Integer, PageQuery, Pager, Text
from wayproof.api.problems import CONFLICT, MALFORMED, NOT_FOUND, documented
from wayproof.api.routes.resource import GET, LIST, POST, resource_router
from wayproof.api.schemas.custody import StrictBody
from wayproof.api.schemas.recalls import (
    Acknowledgement,
    Again,
    Closing,
    CriteriaBody,
    Evaluate,
    EvaluationView,
    ItemList,
    ItemsQuery,
    ItemView,
    NewRecall,
    NoticeList,
    NoticeView,
    RecallList,
    RecallReportView,
    RecallsQuery,
    RecallView,
    Revision,
    RevisionView,
    Telling,
    ToldView,
)
from wayproof.model.errors import InvalidInput
from wayproof.store import recalls
from wayproof.store.pool import Conn
from wayproof.store.recalls import Recall
from wayproof.store.violations import domain_errors
from wayproof.trace.recall import dossier
from wayproof.trace.recall.criteria import Criteria, of_json, to_json
from wayproof.trace.recall.dossier import Answered
from wayproof.trace.recall.evaluate import RULE_VERSION, evaluate
from wayproof.trace.recall.report import items_of, report_of

router: Final = resource_router("recalls", "Recalls")

_Id = Annotated[UUID, Path(description="The recall's id", examples=["3c9a1b7e-5d2f-4e8a-b6c4-1f0e2d3c4b5a"])]
_NoticeId = Annotated[UUID, Path(description="The notice's id", examples=["7b1f0c7e-5d2f-4e8a-b6c4-1f0e2d3c4b5a"])]
_Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        pattern=r"^[\x21-\x7e]+$",
        description="The same request with the same key makes one recall, however often it is sent",
        examples=["8a3f8f0e"],
    ),
]
_ACTION: Final = documented(MALFORMED, NOT_FOUND, CONFLICT)
_FIRST: Final = 200


@router.post("/evaluate", response_model=EvaluationView, responses=documented(MALFORMED, NOT_FOUND))
def evaluate_recall(asked: Evaluate, caller: TraceAsker, _: StrictBody) -> Response:
    """What a recall would concern. Keeps nothing."""
    criteria = _criteria(asked.criteria)
    with caller.snapshot(with_readings=True) as conn:
        found = evaluate(conn, caller.key.tenant_id, criteria, as_of=asked.as_of)
    items = items_of(found)
    view = EvaluationView(
        criteria=to_json(criteria),
        rule_version=RULE_VERSION,
        report=report_of(found, items),  # type: ignore[arg-type]  # pydantic reads it
        items=[ItemView.model_validate(item) for item in items[:_FIRST]],
    )
    return changed(view)


@router.post("", status_code=201, response_model=RecallReportView, responses={**POST, **documented(NOT_FOUND)})
def create_recall(asked: NewRecall, caller: TraceWriter, _: StrictBody, key: _Key = None) -> Response:
    """Evaluates and keeps a recall, with a notice for everybody whom it concerns."""
    new = recalls.NewRecall(
        title=asked.title,
        reason=asked.reason,
        is_mock=asked.is_mock,
        request_key=key,
        started_at=asked.started_at or datetime.now(UTC),
    )
    with domain_errors():
        made = dossier.create(caller.pool, caller.key.tenant_id, new, _criteria(asked.criteria), as_of=asked.as_of)
    with caller.transaction() as conn:
        view = recall_report(conn, made)
    return changed(view, status=201, location=f"/v1/recalls/{made.recall_id}")


@router.get("", response_model=RecallList, responses=LIST)
def list_recalls(query: Annotated[RecallsQuery, Query()], caller: TraceReader, conditions: Conditions) -> Response:
    """Lists the tenant's recalls, newest first."""
    pager = Pager(query, of="recalls", tenant_id=caller.key.tenant_id)
    position = pager.position(tuple[AtTime, UUID])
    with caller.transaction() as conn:
        found = recalls.list_recalls(conn, position=position, limit=pager.fetch, is_mock=query.is_mock)
    page, next_cursor = pager.page(found, lambda each: (each.created_at, each.recall_id))
    return conditions.answer(
        RecallList(items=[RecallView.model_validate(each) for each in page], next_cursor=next_cursor)
    )


@router.get("/{recall_id}", response_model=RecallReportView, responses=GET)
def get_recall(
    recall_id: _Id,
    caller: TraceReader,
    conditions: Conditions,
    revision: Annotated[Revision | None, Query(description="Default: the newest")] = None,
) -> Response:
    """A recall: what an evaluation found, and how many were told and have answered."""
    with caller.transaction() as conn:
        view = recall_report(conn, recalls.get_recall(conn, recall_id), revision)
    return conditions.answer(view)


@router.post("/{recall_id}/revisions", status_code=201, response_model=RecallReportView, responses=_ACTION)
def evaluate_recall_again(recall_id: _Id, asked: Again, caller: TraceWriter, _: StrictBody) -> Response:
    """Evaluates a recall by what is known now. What was found before stays."""
    criteria = None if asked.criteria is None else _criteria(asked.criteria)
    with domain_errors():
        recall = dossier.evaluate_again(caller.pool, caller.key.tenant_id, recall_id, criteria)
    with caller.transaction() as conn:
        view = recall_report(conn, recall)
    where = f"/v1/recalls/{recall_id}?revision={recall.revision}"
    return changed(view, status=201, location=where)


@router.get("/{recall_id}/items", response_model=ItemList, responses={**LIST, **GET})
def list_recall_items(
    recall_id: _Id, query: Annotated[ItemsQuery, Query()], caller: TraceReader, conditions: Conditions
) -> Response:
    """Lists what is affected, nearest first."""
    pager = Pager(query, of=f"recalls/{recall_id}/items", tenant_id=caller.key.tenant_id)
    after, revision = pager.position(tuple[Integer, Integer]) or (0, query.revision)
    with caller.transaction() as conn:
        recall = recalls.get_recall(conn, recall_id)
        of = recalls.get_revision(conn, recall_id, revision or recall.revision).revision
        found = recalls.list_items(
            conn, recall_id, of, after_ordinal=after, limit=pager.fetch, recipient=query.recipient
        )
    page, next_cursor = pager.page(found, lambda item: (item.ordinal, of))
    return conditions.answer(ItemList(items=[ItemView.model_validate(each) for each in page], next_cursor=next_cursor))


@router.get("/{recall_id}/notices", response_model=NoticeList, responses={**LIST, **GET})
def list_recall_notices(
    recall_id: _Id, query: Annotated[PageQuery, Query()], caller: TraceReader, conditions: Conditions
) -> Response:
    """Lists whom a recall concerns, and what was said to and by them."""
    pager = Pager(query, of=f"recalls/{recall_id}/notices", tenant_id=caller.key.tenant_id)
    (after,) = pager.position(tuple[Text]) or ("",)
    with caller.transaction() as conn:
        recall = recalls.get_recall(conn, recall_id)
        found = recalls.list_notices(conn, recall, after_recipient=after, limit=pager.fetch)
    page, next_cursor = pager.page(found, lambda notice: (notice.recipient,))
    return conditions.answer(
        NoticeList(items=[NoticeView.model_validate(each) for each in page], next_cursor=next_cursor)
    )


@router.post("/{recall_id}/notices/{notice_id}/tellings", status_code=201, response_model=ToldView, responses=_ACTION)
def tell_recipient(
    recall_id: _Id, notice_id: _NoticeId, said: Telling, caller: TraceWriter, _: StrictBody, request: Request
) -> Response:
    """Notes that a recipient was told; makes a link by which they can answer, where one is wanted."""
    with caller.transaction() as conn:
        token = dossier.tell(
            conn,
            caller.key.tenant_id,
            recall_id,
            notice_id,
            by=said.by,
            how=said.how,
            at=said.at or datetime.now(UTC),
            link_for=None if said.link_days is None else timedelta(days=said.link_days),
        )
        notice = recalls.get_notice(conn, recalls.get_recall(conn, recall_id), notice_id)
    link = None if token is None else f"{address_of(request)}/recall/{token}"
    return changed(ToldView(notice=NoticeView.model_validate(notice), link=link), status=201)


@router.post(
    "/{recall_id}/notices/{notice_id}/acknowledgements",
    status_code=201,
    response_model=NoticeView,
    responses=_ACTION,
)
def acknowledge_recall(
    recall_id: _Id, notice_id: _NoticeId, said: Acknowledgement, caller: TraceWriter, _: StrictBody
) -> Response:
    """Takes down what a recipient answered. The last answer counts; the ones before stay."""
    with caller.transaction() as conn:
        notice = dossier.acknowledge(
            conn,
            caller.key.tenant_id,
            recall_id,
            notice_id,
            by=said.by,
            how=said.how,
            at=said.at or datetime.now(UTC),
            note=said.note,
            quantities=[Answered(**each.model_dump()) for each in said.quantities],
        )
    return changed(NoticeView.model_validate(notice), status=201)


@router.post("/{recall_id}/close", response_model=RecallReportView, responses=_ACTION)
def close_recall(recall_id: _Id, closing: Closing, caller: TraceWriter, _: StrictBody) -> Response:
    """Ends a recall, and with it its links. A closed one is as it was for ever."""
    with caller.transaction() as conn:
        view = recall_report(conn, dossier.close(conn, recall_id, note=closing.note))
    return changed(view)


def recall_report(conn: Conn, recall: Recall, revision: int | None = None) -> RecallReportView:
    """A recall with one of its evaluations, the newest unless another is named, and how it goes."""
    told = dossier.report(conn, recall, revision, now=datetime.now(UTC))
    return RecallReportView(
        recall=RecallView.model_validate(recall),
        evaluation=RevisionView.model_validate(told.evaluation),
        effectiveness=told.effectiveness,  # type: ignore[arg-type]  # pydantic reads it
    )


def _criteria(body: CriteriaBody) -> Criteria:
    try:
        return of_json(body.model_dump())
    except InvalidInput as error:
        raise InvalidInput(str(error), pointer=f"/criteria{error.pointer or ''}") from error
