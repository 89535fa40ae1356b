"""The command line itself: help, output for people and programs, errors in one line."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.core import TyperGroup
from typer.main import get_command
from typer.testing import CliRunner

from wayproof.cli.groups import Deferred
from wayproof.cli.main import COMMANDS, app
from wayproof.devices.credentials import secret_matches
from wayproof.store.broker import broker_credentials
from wayproof.store.keys import authenticate
from wayproof.store.pool import Conn, connect
from wayproof.store.settings import DatabaseSettings


def every_command(command: Any, *path: str) -> Iterator[tuple[str, ...]]:
    """The words of each command that does something, groups left out."""
    if isinstance(command, Deferred):
        command = command.load()
    for name, below in getattr(command, "commands", {}).items():
        yield from every_command(below, *path, name)
    if not hasattr(command, "commands"):
        yield path


class Wayproof:
    """Runs commands in this process against a test's own database."""

    def __init__(self, settings: DatabaseSettings, data: Path) -> None:
        url = settings.url.get_secret_value()
        self._env = {"WAYPROOF_DATABASE_URL": url, "WAYPROOF_TENANT": "acme", "WAYPROOF_DATA": str(data)}

    def __call__(self, *words: str, fails: bool = False) -> str:
        """What the command prints: on stderr where it is to fail."""
        result = CliRunner().invoke(app, words, env=self._env)
        assert result.exit_code == int(fails), result.output
        return result.stderr if fails else result.stdout

    def json(self, *words: str) -> Any:
        """The JSON that the command prints for programs."""
        return json.loads(self(*words, "--json"))


@pytest.fixture
def wayproof(database: DatabaseSettings, tmp_path: Path) -> Wayproof:
    """The command, on a database with the tenant `acme`."""
    it = Wayproof(database, tmp_path)
    it("tenant", "create", "acme")
    return it


@pytest.mark.parametrize("words", list(every_command(get_command(app))), ids=" ".join)
def test_help_of_every_command_has_an_example(words: tuple[str, ...]) -> None:
    """Each command's help ends with a line to copy, which names that command."""
    help_text = CliRunner().invoke(app, [*words, "--help"], terminal_width=200).stdout
    example = re.search(r"Example: (wayproof .+)$", help_text.strip())
    assert example is not None, help_text
    assert example[1].split()[1 : len(words) + 1] == list(words)


def test_summaries_are_not_cut() -> None:
    """The list of commands fits an eighty-column terminal."""
    _, _, listed = CliRunner().invoke(app, ["--help"], terminal_width=80).stdout.partition("Commands:")
    assert "doctor" in listed
    assert "..." not in listed


def test_list_says_what_the_groups_say() -> None:
    """The list of commands, which is shown without importing any, names and describes each group as its module does."""
    for name, entry in COMMANDS.items():
        command = Deferred(name, entry).load()
        if isinstance(command, TyperGroup):
            assert (command.name, command.help, command.epilog) == (name, entry.short_help, entry.epilog)


@pytest.mark.parametrize(
    ("words", "environment"),
    [
        (["--help"], {}),
        (["version"], {}),
        (["nonsense"], {}),
        ([], {"_WAYPROOF_COMPLETE": "complete_bash", "COMP_WORDS": "wayproof tr", "COMP_CWORD": "1"}),
    ],
)
def test_what_needs_no_command_imports_none(words: list[str], environment: dict[str, str]) -> None:
    """Help, version and completion load neither commands nor anything of another room but the errors."""
    code = "import sys\nfrom wayproof.cli.main import app\ntry: app(prog_name='wayproof')\nfinally: print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    loaded = {name for name in done.stdout.split() if name.startswith("wayproof.")}
    own = {"wayproof.cli", "wayproof.cli.groups", "wayproof.cli.main", "wayproof.cli.version"}
    assert loaded - own == {"wayproof.model", "wayproof.model.errors"}
    if environment:
        assert done.stdout.splitlines()[0] == "trace"


def test_tenants_are_made_and_listed(wayproof: Wayproof) -> None:
    """A tenant that was made is listed, for people and for programs."""
    wayproof("tenant", "create", "zenith")
    assert [tenant["name"] for tenant in wayproof.json("tenant", "list")["items"]] == ["acme", "zenith"]
    assert "zenith" in wayproof("tenant", "list")


def test_key_works_until_it_is_revoked(wayproof: Wayproof, database: DatabaseSettings) -> None:
    """The token that is printed once proves the key, with its scopes and end; revoking shows in the list."""
    made = wayproof.json("key", "create", "screen", "--scope", "shipments:read", "--days", "30")
    with connect(database) as conn:
        assert authenticate(conn, made["token"]).label == "screen"
    assert made["scopes"] == ["shipments:read"]
    assert made["expires_at"] > made["created_at"]
    wayproof("key", "revoke", made["key_id"])
    (listed,) = wayproof.json("key", "list")["items"]
    assert listed["revoked_at"] is not None
    assert made["token"] not in wayproof("key", "list")


def test_device_secret_is_told_once_and_can_be_replaced(wayproof: Wayproof, superuser: Conn) -> None:
    """The broker knows a device by the hash of the secret that was printed last."""
    made = wayproof.json("device", "add", "truck-7", "--kind", "truck", "--label", "Volvo")
    assert secret_matches(made["secret"], dict(broker_credentials(superuser))["truck-7"])
    rotated = wayproof.json("device", "rotate", "truck-7")
    hashed = dict(broker_credentials(superuser))["truck-7"]
    assert secret_matches(rotated["secret"], hashed)
    assert not secret_matches(made["secret"], hashed)
    (listed,) = wayproof.json("device", "list")["items"]
    assert (listed["name"], listed["label"]) == ("truck-7", "Volvo")
    assert "secret" not in listed


def test_migrate_and_maintain_can_be_repeated(wayproof: Wayproof) -> None:
    """Both say what they did, and find nothing to do the second time."""
    wayproof("migrate")
    assert wayproof("migrate").splitlines()[-1] == "opened 0 days of readings, packed 0, dropped 0"
    assert wayproof("maintain", "--ahead-days", "9") == "opened 2 days of readings, packed 0, dropped 0\n"


def test_maintain_says_what_it_drops_from_quarantine(wayproof: Wayproof, superuser: Conn) -> None:
    """What is too old in quarantine goes, and a line says how much of whose that was."""
    wayproof("migrate")
    superuser.execute(
        "insert into quarantine (digest, device, topic, payload, reason, detail, first_received_at, last_received_at)"
        " select sha256(n::text::bytea), 'truck-1', 't', 'abc', 'malformed_json', '', t, t"
        " from (values (1, timestamptz '2026-01-01 00:00Z'), (2, '2026-01-02 00:00Z'), (3, now())) as v (n, t)"
    )
    told = wayproof("maintain", "--quarantine-days", "30").splitlines()
    assert told[1:] == [
        (
            "dropped from quarantine, older than 30 days: 2 messages (6 bytes) of truck-1, malformed_json, received"
            " 2026-01-01T00:00:00Z to 2026-01-02T00:00:00Z"
        )
    ]
    assert superuser.execute("select count(*) from quarantine").fetchone() == (1,)


def test_missing_database_is_made(wayproof: Wayproof, database: DatabaseSettings, superuser: Conn) -> None:
    """Migrating a database that does not exist makes it first."""
    url = database.url.get_secret_value().rsplit("/", 1)[0]
    try:
        told = wayproof("migrate", "--database-url", f"{url}/made_by_migrate")
        assert told.splitlines()[0] == "made the database"
    finally:
        superuser.execute("drop database made_by_migrate")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["tenant", "create", "acme"], "a tenant of this name exists already"),
        (
            ["key", "create", "x", "--tenant", "nobody"],
            "no tenant 'nobody': make it by `wayproof tenant create nobody`",
        ),
        (["key", "revoke", "aaaaaaaaaaaa"], "no key 'aaaaaaaaaaaa'"),
        (["device", "rotate", "ghost"], "no device 'ghost'"),
        (["device", "add", "../up"], "expected a name of at most 64 letters"),
        (["broker", "sync", "/nowhere"], "expected a folder for the broker's files, got /nowhere"),
        (["maintain", "--database-url", "postgresql://127.0.0.1:1/x"], "PostgreSQL does not answer"),
        (["up", "--broker-url", "localhost:1883"], "expected a broker's address like mqtt://"),
    ],
)
def test_domain_errors_are_one_line(wayproof: Wayproof, words: list[str], said: str) -> None:
    """What goes wrong is said in one line that starts with the program's name, with status 1 and no traceback."""
    (line,) = wayproof(*words, fails=True).splitlines()
    assert line.startswith("wayproof: ")
    assert said in line


def test_no_database_names_the_mend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an embedded database and without a URL, the error says how to get either."""
    monkeypatch.delenv("WAYPROOF_DATABASE_URL", raising=False)
    result = CliRunner().invoke(app, ["tenant", "list", "--data", str(tmp_path)])
    assert result.exit_code == 1
    assert "start `wayproof up`, or give --data or --database-url" in result.stderr
