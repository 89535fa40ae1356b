"""`wayproof quarantine`: what could not be understood, and how it comes back after a fix."""

import json
from base64 import b64encode
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.progress import track

from wayproof.cli.access import database_settings
from wayproof.cli.app import DATA_DEFAULT, AsJson, Data, DatabaseUrl, instant_of, show, show_list
from wayproof.cli.groups import commands
from wayproof.cli.payloads import hex_dump, picture
from wayproof.cli.services.data_dir import DataDir
from wayproof.ingest.replay import AT_ONCE, Replayed
from wayproof.ingest.replay import replay as replay_some
from wayproof.model.errors import InvalidInput, NotFound, QuarantineReason
from wayproof.store.pool import Conn, connect
from wayproof.store.quarantine import Kept, get_kept, list_kept, select_kept

quarantine = commands("quarantine", "Messages that could not be understood, kept byte for byte.")

_COLUMNS: Final = (
    "quarantine_id", "device", "reason", "times_received", "last_received_at", "payload_bytes", "detail"
)  # fmt: skip
Reason = Annotated[QuarantineReason | None, typer.Option(help="Only what was set aside for this.")]


@quarantine.command(
    "list", epilog="Example: wayproof quarantine list --reason unknown_device --since 2026-03-01T00:00Z"
)
def list_(
    *,
    reason: Reason = None,
    device: Annotated[str | None, typer.Option(help="Only what names this device in its topic.")] = None,
    since: Annotated[str | None, typer.Option(help="Only what came then or later: ISO 8601 with an offset.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many at most.")] = 50,
    data: Data = DATA_DEFAULT,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """List what waits, of all tenants and of none, the last to come first."""
    begin = None if since is None else instant_of(since, "--since")
    with _open(data, database_url) as conn:
        found = list_kept(conn, reason=reason, device=device, since=begin, limit=limit)
    show_list(found, _COLUMNS, as_json=as_json)


@quarantine.command("show", epilog="Example: wayproof quarantine show 17 --hex")
def show_one(
    quarantine_id: Annotated[int, typer.Argument(help="As `wayproof quarantine list` tells it.")],
    *,
    as_hex: Annotated[bool, typer.Option("--hex", help="Show every byte, as a hex dump.")] = False,
    data: Data = DATA_DEFAULT,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Show one message: topic, times, reason, and its bytes."""
    with _open(data, database_url) as conn:
        message = get_kept(conn, quarantine_id)
    kept = Kept(**{field.name: getattr(message, field.name) for field in fields(Kept)})
    if as_json:
        show(kept, as_json=True, payload_base64=b64encode(message.payload).decode())
        return
    show(kept, as_json=False)
    typer.echo()
    typer.echo(hex_dump(message.payload) if as_hex else picture(message.payload))


@quarantine.command("replay", epilog="Example: wayproof quarantine replay --reason unknown_device")
def replay(
    ids: Annotated[list[int] | None, typer.Argument(metavar="[ID]...", help="Which ones.")] = None,
    *,
    reason: Reason = None,
    everything: Annotated[bool, typer.Option("--all", help="Everything that waits.")] = False,
    data: Data = DATA_DEFAULT,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Decode messages again, by today's codec and registry, and store their readings.

    What is stored leaves the quarantine; what still fails stays, with today's reason. Safe to run again, and beside
    running ingestors. Devices are told by the receipt of what they send next.
    """
    if (bool(ids), reason is not None, everything).count(True) != 1:
        raise InvalidInput("give either ids, or --reason, or --all")
    with _open(data, database_url) as conn:
        chosen = select_kept(conn, reason=reason, ids=ids or None)
        if ids and (missing := sorted(set(ids) - set(chosen))):
            raise NotFound(f"no message {missing[0]} in quarantine")
        done = [replay_some(conn, part) for part in _watch(chosen)]
    _report(done, as_json=as_json)


def _open(data: Path, database_url: str | None) -> Conn:
    """Under the ingestors' role: it sees what belongs to no tenant, and what is replayed is written as by them."""
    return connect(database_settings(DataDir.at(data), database_url), role="wayproof_ingest", autocommit=True)


def _watch(ids: Sequence[int]) -> Iterable[Sequence[int]]:
    """The ids in parts; a bar on a terminal, nothing in a log."""
    parts = [ids[at : at + AT_ONCE] for at in range(0, len(ids), AT_ONCE)]
    console = Console(stderr=True)
    return track(parts, "replaying", console=console, disable=not (parts and console.is_terminal))


def _report(done: Sequence[Replayed], *, as_json: bool) -> None:
    released, stored, duplicates = (sum(getattr(part, name) for part in done) for name in _SUMS)
    still_kept = sum((part.still_kept for part in done), Counter[QuarantineReason]())
    if as_json:
        sums = dict(zip(_SUMS, (released, stored, duplicates), strict=True))
        typer.echo(json.dumps({**sums, "still_kept": {r.value: n for r, n in sorted(still_kept.items())}}, indent=2))
        return
    typer.echo(f"{released:,} messages replayed: {stored:,} readings stored, {duplicates:,} were stored before")
    for reason, count in sorted(still_kept.items()):
        typer.echo(f"{count:,} messages wait on: {reason.value}")


_SUMS: Final = ("released", "stored", "duplicates")
