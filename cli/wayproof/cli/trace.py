"""`wayproof trace`: where a lot comes from, and where it went."""

import json
from dataclasses import replace
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from wayproof.cli.access import database_settings, tenant_pool
from wayproof.cli.app import (
    DATA_DEFAULT,
    TENANT_DEFAULT,
    AsJson,
    Data,
    DatabaseUrl,
    TenantName,
    instant_of,
    plain,
    printable,
)
from wayproof.cli.services.data_dir import DataDir
from wayproof.cli.trace_views import dot, mermaid, shown, tree_of
from wayproof.model.errors import InvalidInput
from wayproof.model.graph import EVER_AFTER, EVER_BEFORE
from wayproof.store import graph
from wayproof.store.pool import Conn, snapshot_transaction, tenant_transaction
from wayproof.trace.epcis.formats import canonical_identifier, untold
from wayproof.trace.graph.build import key_of, rebuild
from wayproof.trace.graph.gaps import Gap, find_gaps
from wayproof.trace.graph.questions import Direction, Question, Traced, merged, trace


def trace_item(
    item: Annotated[
        str, typer.Argument(metavar="EPC", help="Digital Link, EPC URN, element string such as (01)…(10)…, or any URI.")
    ],
    *,
    upstream: Annotated[bool, typer.Option("--upstream", help="Where it comes from.")] = False,
    downstream: Annotated[bool, typer.Option("--downstream", help="Where it went.")] = False,
    both: Annotated[bool, typer.Option("--both", help="Both, which is the default.")] = False,
    depth: Annotated[int, typer.Option(min=0, max=100, help="Steps from the item at most.")] = 100,
    since: Annotated[str | None, typer.Option(metavar="TIME", help="Only what happened from then on.")] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="Only what happened until then.")] = None,
    as_of: Annotated[str | None, typer.Option(metavar="TIME", help="As it was recorded then.")] = None,
    as_tree: Annotated[bool, typer.Option("--tree", help="As a tree, which is the default.")] = False,
    as_mermaid: Annotated[bool, typer.Option("--mermaid", help="As a Mermaid flowchart.")] = False,
    as_dot: Annotated[bool, typer.Option("--dot", help="As a GraphViz digraph.")] = False,
    as_json: AsJson = False,
    tenant: TenantName = TENANT_DEFAULT,
    database_url: DatabaseUrl = None,
    data: Data = DATA_DEFAULT,
) -> None:
    """Show what a lot or thing was made of and in, and what became of it, with what the events do not tell."""
    if as_tree + as_mermaid + as_dot + as_json > 1:
        raise InvalidInput("expected one of --tree, --mermaid, --dot and --json, got several")
    start = canonical_identifier(item)
    ways = [Direction.UPSTREAM] * (upstream or both) + [Direction.DOWNSTREAM] * (downstream or both) or list(Direction)
    asked = Question(
        starts=(start,),
        direction=ways[0],
        max_depth=depth,
        since=instant_of(since, "--since") if since else EVER_BEFORE,
        until=instant_of(until, "--until") if until else EVER_AFTER,
        as_of=instant_of(as_of, "--as-of") if as_of else None,
    )
    if asked.since > asked.until:
        raise InvalidInput(f"--until: expected a time not before --since, got {until!r}")
    settings = database_settings(DataDir.at(data), database_url)
    with tenant_pool(settings, tenant) as (pool, found), snapshot_transaction(pool, found.tenant_id) as conn:
        if not graph.uris(conn, [key_of(found.tenant_id, start)]):
            raise untold(start, whose=f" of tenant {tenant!r}")
        answers = [(way, *_ask(conn, found.tenant_id, replace(asked, direction=way))) for way in ways]
    if as_json:
        documents = {way.value: _document(traced, gaps) for way, traced, gaps in answers}
        typer.echo(json.dumps(documents, default=plain, indent=2))
        return
    if as_mermaid or as_dot:
        whole = merged([traced for _, traced, _ in answers])
        typer.echo(mermaid(whole) if as_mermaid else dot(whole))
        return
    for answer in answers:
        _print_tree(*answer)


def rebuild_graph(
    *, tenant: TenantName = TENANT_DEFAULT, database_url: DatabaseUrl = None, data: Data = DATA_DEFAULT
) -> None:
    """Make the graph again from the journal. Captures wait meanwhile; answers stay as they were until it is done."""
    settings = database_settings(DataDir.at(data), database_url).unhurried()
    console = Console(stderr=True)
    columns = (TextColumn("events"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with (
        tenant_pool(settings, tenant) as (pool, found),
        tenant_transaction(pool, found.tenant_id) as conn,
        Progress(*columns, console=console, disable=not console.is_terminal) as bar,
    ):
        task = bar.add_task("rebuild", total=graph.count_journal(conn, found.tenant_id))
        count = rebuild(conn, found.tenant_id, progress=lambda done: bar.update(task, advance=done))
    typer.echo(f"rebuilt from {count} events")


def _ask(conn: Conn, tenant_id: UUID, question: Question) -> tuple[Traced, list[Gap]]:
    found = trace(conn, tenant_id, question)
    return found, find_gaps(conn, [node.key for node in found.nodes], as_of=question.as_of)


def _print_tree(way: Direction, traced: Traced, gaps: list[Gap]) -> None:
    console = Console(highlight=False)
    console.print(f"[bold]{way.value}[/bold], {len(traced.nodes) - 1} found")
    console.print(tree_of(traced, way))
    names = {node.key: shown(node.uri) for node in traced.nodes}
    for gap in gaps:
        console.print(Text.assemble(f"gap: {gap.kind.value}  {names[gap.node]}", (f"  {printable(gap.detail)}", "dim")))


def _document(traced: Traced, gaps: list[Gap]) -> dict[str, Any]:
    names = {node.key: node.uri for node in traced.nodes}
    return {
        "nodes": [{"id": node.uri, "depth": node.depth} for node in traced.nodes],
        "edges": [
            {
                "kind": edge.kind,
                "source": names.get(edge.source) or edge.source.urn,
                "target": names.get(edge.target) or edge.target.urn,
                "at": None if edge.at == EVER_BEFORE else edge.at,
                "quantity": edge.quantity,
                "unit": edge.unit,
                "event": edge.event_id,
            }
            for edge in traced.edges
        ],
        "gaps": [{"kind": gap.kind, "id": names[gap.node], "at": gap.at, "detail": gap.detail} for gap in gaps],
        "is_complete": traced.is_complete,
    }
