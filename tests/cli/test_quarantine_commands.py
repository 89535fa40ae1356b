"""Operators look at the quarantine safely, and bring back what can be understood after a fix."""

import base64
import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import cbor2
import pytest
from typer.testing import CliRunner

from wayproof.cli.main import app
from wayproof.ingest import replay as replaying
from wayproof.ingest.batcher import Chunk
from wayproof.ingest.decoding import decode_all
from wayproof.store.intake import write_batch
from wayproof.store.pool import Conn
from wayproof.store.registry import KnownDevice, known_devices
from wayproof.store.settings import DatabaseSettings

from fix_ingest import Device, IngestorProcess, eventually, reading_json
from fix_intake import NOON

TOPIC = "wp/v1/truck-1/readings"
UNPRINTABLE = re.compile(r"[^\n\x20-\x7e]")


class Quarantine:
    """`wayproof quarantine` in this process, against a test's own database."""

    def __init__(self, settings: DatabaseSettings, data: Path) -> None:
        self._env = {"WAYPROOF_DATABASE_URL": settings.url.get_secret_value(), "WAYPROOF_DATA": str(data)}

    def __call__(self, *words: str | int, fails: bool = False) -> str:
        """What the command prints: on stderr where it is to fail."""
        result = CliRunner().invoke(app, ["quarantine", *map(str, words)], env=self._env)
        assert result.exit_code == int(fails), result.output
        return result.stderr if fails else result.stdout

    def json(self, *words: str | int) -> Any:
        """The JSON that the command prints for programs."""
        return json.loads(self(*words, "--json"))

    def listed(self, *words: str | int) -> list[dict[str, Any]]:
        """What `list` tells."""
        items: list[dict[str, Any]] = self.json("list", *words)["items"]
        return items


@pytest.fixture
def quarantine(database: DatabaseSettings, tmp_path: Path) -> Quarantine:
    """The command, on this test's database."""
    return Quarantine(database, tmp_path)


Take = Callable[..., None]


@pytest.fixture
def take(ingest_conn: Conn) -> Take:
    """Takes messages as an ingestor would, with the devices that are registered now."""

    def take(*payloads: bytes, device: str = "truck-1", at: datetime = NOON) -> None:
        topic = f"wp/v1/{device}/readings".encode()
        chunk = Chunk(messages=[(topic, payload, 1) for payload in payloads], received_at=at, epoch=1)
        known = known_devices(ingest_conn)
        write_batch(ingest_conn, decode_all([chunk], {topic: known[device]} if device in known else {}))

    return take


def test_device_that_is_registered_later(
    ingestor: IngestorProcess,
    quarantine: Quarantine,
    superuser: Conn,
    connect_device: Callable[..., Device],
    device_factory: Callable[[str], KnownDevice],
) -> None:
    """What an unknown device sent is stored by a replay once it is registered, and its next receipt names it."""
    stranger = connect_device("truck-1", registered=False)
    stranger.send_reading(1)
    (kept,) = eventually(quarantine.listed)
    assert (kept["device"], kept["topic"], kept["reason"]) == ("truck-1", TOPIC, "unknown_device")
    device_factory("truck-1")
    told = quarantine.json("replay", "--reason", "unknown_device")
    assert told == {"released": 1, "stored": 1, "duplicates": 0, "still_kept": {}}
    assert quarantine.listed() == []
    assert superuser.execute("select seq, temperature_c from reading").fetchall() == [(1, 1.0)]
    assert superuser.execute("select seqs::text from device_sequence").fetchall() == [("{[1,2)}",)]
    assert superuser.execute("select temperature_c from device_state").fetchall() == [(1.0,)]
    stranger.send_reading(2)
    assert stranger.wait_until_safe(2).through == 2


def test_clocks_are_judged_as_of_the_first_arrival(
    quarantine: Quarantine, take: Take, superuser: Conn, device_factory: Callable[[str], KnownDevice]
) -> None:
    """A reading from the future of its first arrival stays one, however late it is replayed."""
    take(reading_json(1, observed_at="2026-03-02T12:30:00Z"))
    take(reading_json(1, observed_at="2026-03-02T12:30:00Z"), at=NOON + timedelta(hours=1))
    (kept,) = quarantine.listed()
    assert (kept["times_received"], kept["first_received_at"]) == (2, "2026-03-02T12:00:00Z")
    device_factory("truck-1")
    quarantine("replay", kept["quarantine_id"])
    assert superuser.execute("select received_at, clock_flags from reading").fetchall() == [(NOON, 1)]


def test_mixed_batch(
    quarantine: Quarantine, take: Take, superuser: Conn, device_factory: Callable[[str], KnownDevice]
) -> None:
    """What can be understood is stored and leaves; what cannot stays with today's reason, counted no further."""
    batch = b"[" + b",".join([reading_json(1), reading_json(2, temperature_c=-300), reading_json(3)]) + b"]"
    hopeless = b"\xff\x00 nonsense"
    take(batch, hopeless, reading_json(4, temperature_c="warm"))
    take(reading_json(5), device="truck-2")
    take(hopeless, at=NOON + timedelta(days=1))
    device_factory("truck-1")
    told = quarantine("replay", "--all")
    assert told.splitlines() == [
        "1 messages replayed: 2 readings stored, 0 were stored before",
        "1 messages wait on: invalid_reading",
        "1 messages wait on: unknown_device",
        "1 messages wait on: unknown_format",
    ]
    rows = superuser.execute(
        "select payload, reason, times_received, tenant_id is not null from quarantine order by payload, reason"
    ).fetchall()
    assert set(rows) == {
        (hopeless, "unknown_format", 2, True),
        (reading_json(2, temperature_c=-300), "invalid_reading", 1, True),
        (reading_json(4, temperature_c="warm"), "invalid_reading", 1, True),
        (reading_json(5), "unknown_device", 1, False),
    }
    # The item that can never be a reading counts as safe, as it does when it comes by itself.
    assert superuser.execute("select seqs::text from device_sequence").fetchall() == [("{[1,5)}",)]
    again = quarantine.json("replay", "--all")
    assert (again["released"], again["stored"]) == (0, 0)
    assert set(superuser.execute("select payload, reason, times_received from quarantine").fetchall()) == {
        row[:3] for row in rows
    }


def test_death_between_commit_and_release(
    quarantine: Quarantine,
    take: Take,
    superuser: Conn,
    device_factory: Callable[[str], KnownDevice],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A replay that dies after the commit has stored nothing twice when it is run again."""
    take(*map(reading_json, range(1, 1202)))
    device_factory("truck-1")

    def die(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(replaying, "release", die)
        assert CliRunner().invoke(app, ["quarantine", "replay", "--all"], env=quarantine._env).exit_code != 0
    assert superuser.execute("select count(*) from reading").fetchone() == (500,)
    told = quarantine.json("replay", "--all")
    assert told == {"released": 1201, "stored": 701, "duplicates": 500, "still_kept": {}}
    assert superuser.execute("select sum(count) from reading_rollup").fetchone() == (1201,)


def test_what_the_database_refused(
    quarantine: Quarantine, take: Take, superuser: Conn, device_factory: Callable[[str], KnownDevice]
) -> None:
    """A message that the database refuses stays with that reason, is counted once, and is stored once it is taken."""
    take(reading_json(1), reading_json(2))
    device_factory("truck-1")
    superuser.execute("alter table reading add constraint no_second check (seq <> 2)")
    told = quarantine.json("replay", "--all")
    assert (told["released"], told["still_kept"]) == (1, {"refused_by_database": 1})
    (kept,) = quarantine.listed("--reason", "refused_by_database")
    assert (kept["times_received"], kept["detail"][:15]) == (1, "CheckViolation:")
    superuser.execute("alter table reading drop constraint no_second")
    assert quarantine.json("replay", kept["quarantine_id"])["stored"] == 1


def test_list_is_narrowed_down(quarantine: Quarantine, take: Take) -> None:
    """Reason, device and time each leave out the others; the last to come is first, and a limit holds."""
    take(b"a", b"b")
    take(b"c", device="truck-2", at=NOON + timedelta(hours=2))
    take(b"d", device="-", at=NOON + timedelta(hours=1))
    assert [row["device"] for row in quarantine.listed()] == ["truck-2", None, "truck-1", "truck-1"]
    assert [row["topic"] for row in quarantine.listed("--reason", "bad_topic")] == ["wp/v1/-/readings"]
    assert len(quarantine.listed("--device", "truck-1")) == 2
    assert len(quarantine.listed("--since", "2026-03-02T15:00:00+02:00")) == 2
    assert len(quarantine.listed("--limit", 1)) == 1
    assert "unknown_device" in quarantine("list", "--limit", 1)


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        (b"\x1b[2J\x1b]0;pwned\x07\xff", "00000000  1b 5b 32 4a 1b 5d 30 3b 70 77 6e 65 64 07 ff     .[2J.]0;pwned.."),
        (b'{"temprature_c":1e400,"note":"\x7f\xc2\x9b31m"}', '  "temprature_c": 1e400,\n  "note": "\\x7f\\x9b31m"'),
        (cbor2.dumps({"a": [1, b"\x00\xff", "\x1b\u202e"]}), '    "h\'00ff\'",\n    "\\u001b\\u202e"'),
        (b"[" * 60_000, "... 60,000 bytes in all; --hex shows every one"),
        (b'{"x":"' + b"y" * 60_000 + b'"}', "... 60,008 bytes in all; --hex shows every one"),
        (bytes(1_000_000), "... 1,000,000 bytes in all; --hex shows every one"),
        (b"", "payload_bytes:  0"),
    ],
    ids=["escapes", "JSON", "CBOR", "deep", "long", "huge", "empty"],
)
def test_nothing_steers_the_terminal(quarantine: Quarantine, take: Take, payload: bytes, said: str) -> None:
    """JSON and CBOR are shown pretty and others as a hex dump: without control characters, and bounded."""
    take(payload)
    shown = quarantine("show", 1)
    assert said in shown
    assert not UNPRINTABLE.search(shown)
    assert len(shown) < 12_000
    assert base64.b64decode(quarantine.json("show", 1)["payload_base64"]) == payload
    dump = quarantine("show", 1, "--hex").partition("\n\n")[2]
    assert bytes.fromhex("".join(line[10:57] for line in dump.splitlines())) == payload


def test_topic_and_detail_steer_nothing(quarantine: Quarantine, superuser: Conn, take: Take) -> None:
    """Texts that quote what was sent are spelled out, in lists as well."""
    take(b"x")
    superuser.execute("update quarantine set topic = %s, detail = %s", ["\x1b[1mtopic", "got [red]\x1b[31m\x9b\nnews"])
    for shown in (quarantine("list"), quarantine("show", 1)):
        assert "got [red]\\x1b[31m\\x9b\\nnews" in shown
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", shown)
    assert "\\x1b[1mtopic" in quarantine("show", 1)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["replay"], "give either ids, or --reason, or --all"),
        (["replay", "1", "--all"], "give either ids, or --reason, or --all"),
        (["replay", "7"], "no message 7 in quarantine"),
        (["show", "7"], "no message 7 in quarantine"),
        (["list", "--since", "2026-03-01T12:00:00"], "expected an offset"),
        (["list", "--since", "yesterday"], "expected a time like 2026-03-01T12:00:00Z"),
    ],
)
def test_what_cannot_be_done_is_said(quarantine: Quarantine, words: list[str], said: str) -> None:
    """A wrong request changes nothing, and says what was expected."""
    assert said in quarantine(*words, fails=True)
