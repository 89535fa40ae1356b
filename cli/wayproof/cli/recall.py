"""`wayproof recall`: what is affected and where it is, who was told and has answered."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

import typer

from wayproof.cli.access import database_settings, tenant_access, tenant_pool
from wayproof.cli.app import DATA_DEFAULT, TENANT_DEFAULT, AsJson, Data, DatabaseUrl, TenantName, instant_of, show_list
from wayproof.cli.groups import commands
from wayproof.cli.recall_lookup import find_notice, find_recall, what_is_kept
from wayproof.cli.recall_views import show_evaluation, show_report, working
from wayproof.cli.services.data_dir import DataDir
from wayproof.store import recalls
from wayproof.store.pool import Conn, Pool, snapshot_transaction, tenant_transaction
from wayproof.store.recalls import NewRecall
from wayproof.trace.epcis.formats import canonical_identifier
from wayproof.trace.recall import dossier
from wayproof.trace.recall.criteria import Criteria, Exposure, Place, Supplier, checked
from wayproof.trace.recall.criteria import lots as lots_of
from wayproof.trace.recall.evaluate import evaluate
from wayproof.trace.recall.report import items_of, report_of

recall = commands("recall", "Recalls, real or mock: what is affected, and where.")

Title = Annotated[str, typer.Option("--title", help="What it is called. Default: from what it starts.")]
Reason = Annotated[str, typer.Option("--reason", help="What recipients are told.")]
Mock = Annotated[bool, typer.Option("--mock", help="An exercise: timed and reported as the real one.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Evaluate and keep nothing.")]
AsOf = Annotated[str | None, typer.Option("--as-of", metavar="TIME", help="As it was recorded and received then.")]
Started = Annotated[
    str | None, typer.Option("--started", metavar="TIME", help="When the question was first asked. Default: now.")
]
Since = Annotated[str, typer.Option("--since", metavar="TIME", help="From then on.")]
Until = Annotated[str, typer.Option("--until", metavar="TIME", help="Until before then.")]
RecallId = Annotated[str, typer.Argument(metavar="RECALL", help="Id of a recall, or `last` for the newest.")]
Recipient = Annotated[
    str, typer.Argument(metavar="RECIPIENT", help="Party or place, in any spelling, as `show` lists.")
]
By = Annotated[str, typer.Option("--by", help="Who said it.")]
How = Annotated[str, typer.Option("--how", help="By what means: telephone, mail.")]
At = Annotated[str | None, typer.Option("--at", metavar="TIME", help="When. Default: now.")]


@recall.command("lots", epilog="Example: wayproof recall lots '(01)09520000000011(10)MILK' --title 'Milk' --mock")
def lots(
    items: Annotated[list[str], typer.Argument(metavar="EPC...", help="Lots, things or containers, in any spelling.")],
    *,
    title: Title = "",
    reason: Reason = "",
    mock: Mock = False,
    dry_run: DryRun = False,
    as_of: AsOf = None,
    started: Started = None,
    as_json: AsJson = False,
    tenant: TenantName = TENANT_DEFAULT,
    database_url: DatabaseUrl = None,
    data: Data = DATA_DEFAULT,
) -> None:
    """Recall lots, things, or what is in containers, with everything that came of them."""
    with _pool(tenant, database_url, data) as (pool, tenant_id):
        new = _new(title or f"Lots {', '.join(items)}", reason, mock=mock, started=started)
        _recall(pool, tenant_id, lots_of(*items), new, as_of=as_of, dry_run=dry_run, as_json=as_json)


@recall.command(
    "place",
    epilog="Example: wayproof recall place '(414)9520000000202' --since 2026-03-02T08:00:00Z"
    " --until 2026-03-02T10:00:00Z",
)
def place(
    where: Annotated[str, typer.Argument(metavar="PLACE", help="GLN or other identifier, in any spelling.")],
    *,
    since: Since,
    until: Until,
    title: Title = "",
    reason: Reason = "",
    mock: Mock = False,
    dry_run: DryRun = False,
    as_of: AsOf = None,
    started: Started = None,
    as_json: AsJson = False,
    tenant: TenantName = TENANT_DEFAULT,
    database_url: DatabaseUrl = None,
    data: Data = DATA_DEFAULT,
) -> None:
    """Recall everything that was at a place within a time."""
    asked = Place(
        place=canonical_identifier(where), since=instant_of(since, "--since"), until=instant_of(until, "--until")
    )
    with _pool(tenant, database_url, data) as (pool, tenant_id):
        new = _new(title or f"Place {where}", reason, mock=mock, started=started)
        _recall(pool, tenant_id, asked, new, as_of=as_of, dry_run=dry_run, as_json=as_json)


@recall.command(
    "supplier",
    epilog="Example: wayproof recall supplier '(417)9520000000103' --since 2026-03-01T00:00:00Z"
    " --until 2026-03-08T00:00:00Z",
)
def supplier(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="Party or place, in any spelling.")],
    *,
    since: Since,
    until: Until,
    title: Title = "",
    reason: Reason = "",
    mock: Mock = False,
    dry_run: DryRun = False,
    as_of: AsOf = None,
    started: Started = None,
    as_json: AsJson = False,
    tenant: TenantName = TENANT_DEFAULT,
    database_url: DatabaseUrl = None,
    data: Data = DATA_DEFAULT,
) -> None:
    """Recall everything that came from a party or a place within a time."""
    asked = Supplier(
        source=canonical_identifier(source), since=instant_of(since, "--since"), until=instant_of(until, "--until")
    )
    with _pool(tenant, database_url, data) as (pool, tenant_id):
        new = _new(title or f"Supplier {source}", reason, mock=mock, started=started)
        _recall(pool, tenant_id, asked, new, as_of=as_of, dry_run=dry_run, as_json=as_json)


@recall.command(
    "exposure",
    epilog="Example: wayproof recall exposure --above 8 --minutes 30 --device truck-1"
    " --since 2026-03-02T00:00:00Z --until 2026-03-03T00:00:00Z --mock",
)
def exposure(
    *,
    since: Since,
    until: Until,
    above: Annotated[float | None, typer.Option("--above", help="Degrees Celsius above which it was.")] = None,
    below: Annotated[float | None, typer.Option("--below", help="Degrees Celsius below which it was.")] = None,
    minutes: Annotated[float, typer.Option("--minutes", min=0, help="For at least so long, without a break.")] = 30,
    device: Annotated[str | None, typer.Option("--device", help="Name. Default: every device.")] = None,
    title: Title = "",
    reason: Reason = "",
    mock: Mock = False,
    dry_run: DryRun = False,
    as_of: AsOf = None,
    started: Started = None,
    as_json: AsJson = False,
    tenant: TenantName = TENANT_DEFAULT,
    database_url: DatabaseUrl = None,
    data: Data = DATA_DEFAULT,
) -> None:
    """Recall everything that stood beyond a temperature for long enough, by what the sensors saw."""
    asked = checked(
        Exposure(
            above_c=above,
            below_c=below,
            at_least=timedelta(minutes=minutes),
            since=instant_of(since, "--since"),
            until=instant_of(until, "--until"),
            device=device,
        )
    )
    limit = f"above {above:g}" if above is not None else f"below {below:g}"
    with _pool(tenant, database_url, data) as (pool, tenant_id):
        new = _new(title or f"{limit} °C for {minutes:g} min", reason, mock=mock, started=started)
        _recall(pool, tenant_id, asked, new, as_of=as_of, dry_run=dry_run, as_json=as_json)


@recall.command("list", epilog="Example: wayproof recall list --json")
def list_all(
    *,
    as_json: AsJson = False,
    tenant: TenantName = TENANT_DEFAULT,
    database_url: DatabaseUrl = None,
    data: Data = DATA_DEFAULT,
) -> None:
    """List recalls, newest first."""
    with _tenant(tenant, database_url, data) as (conn, _):
        found = recalls.list_recalls(conn, limit=1_000)
    show_list(found, ["recall_id", "title", "is_mock", "started_at", "closed_at", "revision"], as_json=as_json)


@recall.command("show", epilog="Example: wayproof recall show last")
def show(
    recall_id: RecallId,
    *,
    revision: Annotated[int | None, typer.Option("--revision", min=1, help="Default: the newest.")] = None,
    as_json: AsJson = False,
    tenant: TenantName = TENANT_DEFAULT,
    database_url: DatabaseUrl = None,
    data: Data = DATA_DEFAULT,
) -> None:
    """Show what is affected, where it is and whom to tell."""
    with _tenant(tenant, database_url, data) as (conn, _):
        found = find_recall(conn, recall_id)
        kept = recalls.get_revision(conn, found.recall_id, revision or found.revision)
        items = recalls.list_items(conn, found.recall_id, kept.revision)
    show_evaluation(kept.report, items, as_json=as_json, recall=found)


@recall.command("report", epilog="Example: wayproof recall report last --json")
def report(
    recall_id: RecallId,
    *,
    as_json: AsJson = False,
    tenant: TenantName = TENANT_DEFAULT,
    database_url: DatabaseUrl = None,
    data: Data = DATA_DEFAULT,
) -> None:
    """Report how a recall goes: times, who was told and has answered, how much is accounted for."""
    with _tenant(tenant, database_url, data) as (conn, _):
        found = find_recall(conn, recall_id)
        told = dossier.report(conn, found, now=datetime.now(UTC))
        notices = recalls.list_notices(conn, found)
    show_report(found, told, notices, as_json=as_json)


@recall.command("again", epilog="Example: wayproof recall again last")
def again(
    recall_id: RecallId,
    *,
    as_json: AsJson = False,
    tenant: TenantName = TENANT_DEFAULT,
    database_url: DatabaseUrl = None,
    data: Data = DATA_DEFAULT,
) -> None:
    """Evaluate a recall by what is known now: a further revision, and what was found before stays."""
    with _pool(tenant, database_url, data) as (pool, tenant_id):
        with tenant_transaction(pool, tenant_id) as conn:
            asked = find_recall(conn, recall_id)
        with working():
            found = dossier.evaluate_again(pool, tenant_id, asked.recall_id)
        kept, items = what_is_kept(pool, tenant_id, found)
    show_evaluation(kept.report, items, as_json=as_json, recall=found)


@recall.command(
    "notify", epilog="Example: wayproof recall notify last '(414)9520000000301' --by 'J. Bakker' --how telephone --link"
)
def notify(
    recall_id: RecallId,
    recipient: Recipient,
    *,
    by: By,
    how: How,
    at: At = None,
    link: Annotated[bool, typer.Option("--link", help="Make a link by which they can answer.")] = False,
    days: Annotated[float, typer.Option("--days", min=0.01, max=90, help="For how long the link lives.")] = 14,
    url: Annotated[
        str, typer.Option("--url", envvar="WAYPROOF_URL", help="Address of the Wayproof API, for the link.")
    ] = "http://127.0.0.1:8080",
    as_json: AsJson = False,
    tenant: TenantName = TENANT_DEFAULT,
    database_url: DatabaseUrl = None,
    data: Data = DATA_DEFAULT,
) -> None:
    """Note that a recipient was told; make a link by which they can answer, shown this once."""
    with _tenant(tenant, database_url, data) as (conn, tenant_id):
        found = find_recall(conn, recall_id)
        notice = find_notice(conn, found, recipient)
        token = dossier.tell(
            conn,
            tenant_id,
            found.recall_id,
            notice.notice_id,
            by=by,
            how=how,
            at=_time(at),
            link_for=timedelta(days=days) if link else None,
        )
    told = {"recipient": notice.recipient, "link": None if token is None else f"{url.rstrip('/')}/recall/{token}"}
    show_list([told], ["recipient", "link"], as_json=as_json)


@recall.command(
    "acknowledge",
    epilog="Example: wayproof recall acknowledge last '(414)9520000000301' --by 'M. Rossi' --how telephone"
    " --unit KGM --found 6 --returned 6",
)
def acknowledge(
    recall_id: RecallId,
    recipient: Recipient,
    *,
    by: By,
    how: How,
    at: At = None,
    found: Annotated[float, typer.Option("--found", min=0, help="How much they found.")] = 0,
    returned: Annotated[float, typer.Option("--returned", min=0, help="How much of it they sent back.")] = 0,
    destroyed: Annotated[float, typer.Option("--destroyed", min=0, help="How much of it they destroyed.")] = 0,
    unit: Annotated[
        str | None, typer.Option("--unit", help="UN/ECE Recommendation 20, such as KGM. Default: pieces.")
    ] = None,
    note: Annotated[str, typer.Option("--note", help="What else they said.")] = "",
    as_json: AsJson = False,
    tenant: TenantName = TENANT_DEFAULT,
    database_url: DatabaseUrl = None,
    data: Data = DATA_DEFAULT,
) -> None:
    """Take down what a recipient answered. The last answer counts; the ones before stay."""
    with _tenant(tenant, database_url, data) as (conn, tenant_id):
        of = find_recall(conn, recall_id)
        answered = dossier.Answered(unit=unit, found=found, returned=returned, destroyed=destroyed)
        notice = dossier.acknowledge(
            conn,
            tenant_id,
            of.recall_id,
            find_notice(conn, of, recipient).notice_id,
            by=by,
            how=how,
            at=_time(at),
            note=note,
            quantities=[answered],
        )
    show_list([notice], ["recipient", "acknowledged_at", "acknowledged_by", "quantities"], as_json=as_json)


@recall.command("close", epilog="Example: wayproof recall close last --note 'All have answered'")
def close(
    recall_id: RecallId,
    *,
    note: Annotated[str, typer.Option("--note", help="Why it ends.")] = "",
    as_json: AsJson = False,
    tenant: TenantName = TENANT_DEFAULT,
    database_url: DatabaseUrl = None,
    data: Data = DATA_DEFAULT,
) -> None:
    """End a recall, and with it its links, and report how it went."""
    with _tenant(tenant, database_url, data) as (conn, _):
        found = dossier.close(conn, find_recall(conn, recall_id).recall_id, note=note)
        told = dossier.report(conn, found, now=datetime.now(UTC))
        notices = recalls.list_notices(conn, found)
    show_report(found, told, notices, as_json=as_json)


@contextmanager
def _tenant(name: str, database_url: str | None, data: Data) -> Iterator[tuple[Conn, UUID]]:
    with tenant_access(database_settings(DataDir.at(data), database_url), name) as (conn, tenant):
        yield conn, tenant.tenant_id


@contextmanager
def _pool(name: str, database_url: str | None, data: Data) -> Iterator[tuple[Pool, UUID]]:
    with tenant_pool(database_settings(DataDir.at(data), database_url), name) as (pool, tenant):
        yield pool, tenant.tenant_id


def _new(title: str, reason: str, *, mock: bool, started: str | None) -> NewRecall:
    return NewRecall(
        title=title[:200],
        reason=reason,
        is_mock=mock,
        request_key=None,
        started_at=_time(started, "--started"),
    )


def _recall(
    pool: Pool,
    tenant_id: UUID,
    criteria: Criteria,
    new: NewRecall,
    *,
    as_of: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    then = instant_of(as_of, "--as-of") if as_of else None
    checked(criteria)
    if dry_run:
        with working(), snapshot_transaction(pool, tenant_id, with_readings=True) as conn:
            found = evaluate(conn, tenant_id, criteria, as_of=then)
        items = items_of(found)
        show_evaluation(report_of(found, items), items, as_json=as_json)
        return
    with working():
        made = dossier.create(pool, tenant_id, new, criteria, as_of=then)
    kept, items = what_is_kept(pool, tenant_id, made)
    show_evaluation(kept.report, items, as_json=as_json, recall=made)


def _time(text: str | None, option: str = "--at") -> datetime:
    return instant_of(text, option) if text else datetime.now(UTC)
