"""`wayproof doctor`: what is found, what is missing, and what mends it."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated

import typer
from pydantic import SecretStr

from wayproof.cli.app import DATA_DEFAULT, AsJson, Data, DatabaseUrl
from wayproof.cli.services.checks import Check, Status, run_checks
from wayproof.cli.services.data_dir import DataDir
from wayproof.cli.services.own import mask
from wayproof.cli.services.plan import Wanted
from wayproof.store.settings import DatabaseSettings

_SIGN = {Status.OK: ("ok", "green"), Status.WARNING: ("weak", "yellow"), Status.MISSING: ("MISSING", "red")}


def doctor(
    *,
    data: Data = DATA_DEFAULT,
    database_url: DatabaseUrl = None,
    broker_url: Annotated[str | None, typer.Option(envvar="WAYPROOF_BROKER_URL", help="As for `up`.")] = None,
    rpc_url: Annotated[str | None, typer.Option(envvar="WAYPROOF_RPC_URL", help="As for `up`.")] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="As for `up`.")] = None,
    as_json: AsJson = False,
) -> None:
    """Find what is missing, and what mends it.

    Exit status 1 where `wayproof up` could not work.
    """
    folder = DataDir.at(data)
    wanted = Wanted(
        tenant="", trucks=0, api_port=port, database_url=database_url, broker_url=broker_url, rpc_url=rpc_url
    )
    checks = list(run_checks(folder, wanted))
    works = all(check.status != Status.MISSING for check in checks)
    settings = _resolved(folder, wanted)
    if as_json:
        report = {"works": works, "checks": [asdict(check) for check in checks], "settings": settings}
        typer.echo(json.dumps(report, indent=2))
    else:
        _print(checks, settings)
    raise typer.Exit(0 if works else 1)


def _resolved(data: DataDir, wanted: Wanted) -> dict[str, str]:
    """Settings as the next start would take them, without secrets."""
    url = wanted.database_url
    limits = DatabaseSettings(url=SecretStr("")).model_dump(mode="json", exclude={"url"})
    return {
        "data": str(data.root),
        "database": mask(url) if url else "embedded",
        "broker": mask(wanted.broker_url) if wanted.broker_url else "embedded",
        "chain": mask(wanted.rpc_url) if wanted.rpc_url else "embedded",
        **{f"database {name.replace('_', ' ')}": str(value) for name, value in limits.items()},
    }


def _print(checks: list[Check], settings: Mapping[str, str]) -> None:
    for check in checks:
        word, colour = _SIGN[check.status]
        typer.secho(f"{word:<8}", fg=colour, nl=False)
        typer.echo(f"{check.name:<10}{check.found}")
        if check.mend:
            typer.echo(f"{'':18}mend: {check.mend}")
    typer.echo("\nsettings")
    for name, value in settings.items():
        typer.echo(f"  {name:<38}{value}")
