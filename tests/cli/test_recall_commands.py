"""`wayproof recall` from the first question to its report."""

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from typer.testing import CliRunner, Result

from wayproof.cli.main import app
from wayproof.store.pool import Pool
from wayproof.store.settings import DatabaseSettings

from fix_exports import Exporter
from recall_events import DAIRY, FARM, SHOP, lot, made, moved, packed, sscc

SPAN = ("--since", "2026-03-02T00:00:00Z", "--until", "2026-03-03T00:00:00Z")


@pytest.fixture
def run(database: DatabaseSettings, api_pool: Pool, tenant_factory: Callable[[str], UUID]) -> Callable[..., Result]:
    """Runs commands on a tenant that was told how milk became cheese and the cheese went to a shop."""
    exporter = Exporter(pool=api_pool, tenant_id=tenant_factory("demo"))
    exporter.capture_events(
        moved(0, "commissioning", lot("MILK"), FARM, action="ADD", quantity=100),
        moved(60, "receiving", lot("MILK"), DAIRY, quantity=100),
        made(120, {lot("MILK"): 100}, {lot("CHEESE"): 10}, DAIRY),
        packed(180, sscc(1), {lot("CHEESE"): 10}, DAIRY),
        moved(300, "receiving", sscc(1), SHOP),
    )

    def invoke(*arguments: str) -> Result:
        url = database.url.get_secret_value()
        return CliRunner().invoke(app, ["recall", *arguments, "--database-url", url, "--tenant", "demo"])

    return invoke


def told(result: Result) -> Any:
    """The JSON that a command printed."""
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    return json.loads(result.stdout)


def test_an_exercise(run: Callable[..., Result]) -> None:
    """Lots are recalled, everybody is told and answers, the exercise ends, and its report tells times and shares."""
    shown = run("lots", lot("MILK"), "--title", "Milk", "--mock").stdout
    assert "(exercise), revision 1: Milk" in shown
    assert "(10) CHEESE" in shown
    assert run("notify", "last", SHOP, "--by", "JB", "--how", "mail", "--link").stdout.count("/recall/") == 1
    said = ("--by", "MR", "--how", "telephone", "--unit", "KGM", "--found", "10", "--returned", "10")
    assert run("acknowledge", "last", SHOP, *said).exit_code == 0
    closed = told(run("close", "last", "--note", "done", "--json"))
    assert closed["recall"]["closing_note"] == "done"
    effect = closed["effectiveness"]
    assert (effect["acknowledged"], effect["quantities"][0]["returned"]) == (1, 10.0)
    assert effect["minutes_to_scope"] >= 0
    assert "acknowledged 1" in run("report", "last").stdout
    assert run("acknowledge", "last", SHOP, *said).exit_code == 1


def test_a_dry_run_keeps_nothing(run: Callable[..., Result]) -> None:
    """What would be affected is told by place, supplier and exposure, and nothing is kept."""
    for asked, expected in (
        (("place", DAIRY), {lot("MILK"), lot("CHEESE"), sscc(1)}),
        (("supplier", FARM), {lot("MILK"), lot("CHEESE"), sscc(1)}),
        (("exposure", "--above", "8"), set[str]()),
    ):
        found = told(run(*asked, *SPAN, "--dry-run", "--json"))
        assert {item["uri"] for item in found["items"]} == expected
    assert told(run("list", "--json"))["items"] == []
    assert run("show", "last").exit_code == 1


def test_again(run: Callable[..., Result]) -> None:
    """Evaluated again a recall has a second revision, and the first one is still shown."""
    first = told(run("lots", lot("MILK"), "--json"))
    assert told(run("again", "last", "--json"))["recall"]["revision"] == 2
    assert told(run("show", first["recall"]["recall_id"], "--revision", "1", "--json"))["items"] == first["items"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("lots", lot("NONE")),
        ("show", "x"),
        ("exposure", *SPAN),
        ("exposure", "--above", "8", "--below", "2", *SPAN),
        ("place", DAIRY, "--since", "yesterday", "--until", "today"),
    ],
)
def test_refused(run: Callable[..., Result], arguments: tuple[str, ...]) -> None:
    """What cannot be recalled ends with a line that says why."""
    done = run(*arguments)
    assert done.exit_code == 1, done.output
    assert "wayproof: " in done.output
