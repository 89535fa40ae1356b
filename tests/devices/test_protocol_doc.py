"""docs/protocol.md says what is: its examples are published, its tables compared with the code."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from pathlib import Path
from typing import Any, LiteralString, NamedTuple

import cbor2
import pytest
from reading_strategies import BOUNDS

from wayproof.devices.codecs import native, wire
from wayproof.devices.publisher import publisher as sender
from wayproof.devices.publisher import window
from wayproof.devices.receipts import MAX_RANGES, decode_receipt
from wayproof.devices.topics import readings_topic, receipts_topic
from wayproof.model import clock, reading
from wayproof.model.clock import ClockFlag
from wayproof.model.errors import QuarantineReason
from wayproof.model.reading import MAX_BOOT, MAX_SEQ, MEASURES
from wayproof.store.pool import Conn

from fix_ingest import Device, IngestorProcess, eventually
from fix_mqtt import Broker

DOC = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text(encoding="utf-8")
QUARANTINE = Path(reading.__file__).with_name("errors.py").read_text(encoding="utf-8")
READING = Path(reading.__file__).read_text(encoding="utf-8")


class Example(NamedTuple):
    """A fenced block: its language, what is claimed of it, and its text."""

    language: str
    claim: str
    text: str

    def payload(self) -> bytes:
        """What is published: the text, or the bytes that the hexadecimal digits stand for."""
        if self.language == "hex":
            return bytes.fromhex("".join(line.partition("#")[0] for line in self.text.splitlines()))
        return self.text.strip().encode()

    def items(self) -> list[dict[str, Any]]:
        """What it holds by an independent reader."""
        held = cbor2.loads(self.payload()) if self.language == "hex" else json.loads(self.text)
        return held if isinstance(held, list) else [held]


EXAMPLES = [Example(*found) for found in re.findall(r"^```(\S+) ?(.*)\n((?:.*\n)*?)```$", DOC, re.MULTILINE)]


def examples(claim: str) -> list[Example]:
    """Every example of which something is claimed."""
    return [example for example in EXAMPLES if example.claim.startswith(claim)]


def rows(heading: str) -> list[list[str]]:
    """The cells of the table that begins with this line."""
    table = DOC.partition(f"{heading}\n")[2].partition("\n\n")[0].splitlines()[1:]
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in table]


def observed_at(item: dict[str, Any]) -> datetime:
    """The time of an item, read without our codec."""
    value = item["observed_at"]
    if isinstance(value, int):
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=value)
    return datetime.fromisoformat(value)


def shown(item: dict[str, Any], claim: str) -> tuple[Any, ...]:
    """The row that an item of an example should become; `seq` of an uncounted one is left open as 0."""
    flags = int(claim.partition("=")[2] or 0)
    values = [item.get(name) for name in MEASURES]
    return observed_at(item), item.get("boot", 0), item.get("seq", 0), flags, *values


def test_examples_are_stored(ingestor: IngestorProcess, superuser: Conn, connect_device: Callable[..., Device]) -> None:
    """Each reading of the document is stored with every value that it shows, flagged as claimed, and receipted."""
    device = connect_device("truck-1")
    published = examples("reading")
    for example in published:
        device.send(example.payload())
    expected = [shown(item, example.claim) for example in published for item in example.items()]
    device.wait_until_safe(10, boot=7)
    eventually(lambda: superuser.execute("select count(*) from reading").fetchone() == (len(expected),))
    head: LiteralString = "select observed_at, boot, case boot when 0 then 0 else seq end, clock_flags, "
    stored = superuser.execute(head + ", ".join(MEASURES) + " from reading order by observed_at").fetchall()
    assert stored == sorted(expected, key=itemgetter(0))
    assert superuser.execute("select count(*) from quarantine").fetchone() == (0,)


def test_bad_examples_are_set_aside(
    ingestor: IngestorProcess, superuser: Conn, connect_device: Callable[..., Device]
) -> None:
    """Each bad message of the document goes to quarantine with the reason claimed, and neighbours are stored."""
    device = connect_device("truck-1")
    for example in examples("quarantined"):
        device.send(example.payload())
        reason = example.claim.removeprefix("quarantined ")
        (payload,) = eventually(lambda: _newest(superuser, reason))  # noqa: B023 - called before the loop goes on
        assert payload in example.payload()
        superuser.execute("truncate quarantine")
    assert superuser.execute("select seq from reading").fetchall() == [(13,)]


def _newest(conn: Conn, reason: str) -> tuple[bytes] | None:
    return conn.execute("select payload from quarantine where reason = %s", [reason]).fetchone()


def test_receipts_are_receipts() -> None:
    """The receipt in the document is one."""
    (example,) = examples("receipt")
    assert decode_receipt(example.payload()).ranges() == ((1, 120), (125, 130), (140, 140))


def test_diagnostic_notation_is_that_of_the_bytes() -> None:
    """The map spelt out beside the first CBOR example is what its bytes hold."""
    first = next(example for example in EXAMPLES if example.language == "hex")
    (spelt,) = (example for example in EXAMPLES if example.language == "cbor-diag")
    assert json.loads(spelt.text) == cbor2.loads(first.payload())


def test_every_example_claims_something() -> None:
    """No block stands in the document that no test looks at."""
    unclaimed = {example.language for example in EXAMPLES if not example.claim}
    assert unclaimed == {"cbor-diag", "python"}
    assert {example.claim.split()[0] for example in EXAMPLES if example.claim} == {"reading", "receipt", "quarantined"}


def test_measures_are_those_of_the_code() -> None:
    """Names, order, units and bounds in the table are those of wayproof.model.reading."""
    found = re.findall(r"((?:    #: .+\n)+)    (\w+): .*", READING.partition("class Reading(")[0])
    meanings = {name: " ".join(line.strip()[3:] for line in comment.splitlines()) for comment, name in found}
    table = rows("| measure | meaning | least | greatest |")
    assert [row[0] for row in table] == [name for name in MEASURES if name != "extra"]
    for name, meaning, least, greatest in table:
        assert meaning == meanings[name]
        if name in BOUNDS:
            assert (float(least), float(greatest)) == BOUNDS[name]


def test_reasons_are_those_of_the_code() -> None:
    """Every quarantine reason stands in the table, in the words of the code."""
    found = re.findall(r'    [A-Z_]+ = "(\w+)"\n    """(.+)"""\n', QUARANTINE)
    assert [tuple(row) for row in rows("| reason | what was wrong |")] == found
    assert [name for name, _ in found] == list(QuarantineReason)


def test_flags_are_those_of_the_code() -> None:
    """Every clock flag stands in the table with its value."""
    assert [(row[0], int(row[1])) for row in rows("| flag | value | when |")] == [
        (str(flag.name), flag.value) for flag in ClockFlag
    ]


@pytest.mark.parametrize(
    "sentence",
    [
        f"| a message | {native.MAX_PAYLOAD_BYTES} bytes |",
        f"| a batch | {native.MAX_BATCH_READINGS} readings |",
        f"| `extra` | {wire.MAX_EXTRA_BYTES} bytes, {wire.MAX_EXTRA_DEPTH} levels |",
        f"at most {wire.MAX_EXTRA_BYTES} bytes as JSON, {wire.MAX_EXTRA_DEPTH} levels of objects and arrays",
        f"from {clock.EARLIEST:%Y-%m-%dT%H:%M:%S}Z to before {clock.LATEST:%Y-%m-%dT%H:%M:%S}Z",
        f"more than {clock.FUTURE_TOLERANCE.seconds // 60} minutes ahead",
        f"before {clock.DEVICE_TIME_BEGINS:%Y-%m-%d}",
        f"{clock.GPS_WEEK_ROLLOVER.days // 7} weeks early",
        f"within {clock.ROLLOVER_BACKLOG.days} days",
        f"from 1 without gaps, up to {MAX_SEQ}",
        f"1 to {MAX_BOOT}",
        f"ascending; at most {MAX_RANGES}",
        f"The publisher has {window.MAX_MESSAGES}, of at most {sender.MAX_MESSAGE_READINGS} readings",
        f"readings and {sender.MAX_MESSAGE_BYTES} bytes",
        f"The silence is {window.FIRST_DELAY_S:.0f} s at first, doubles up to {window.LONGEST_DELAY_S:.0f} s",
        f"When receipts go on for {window.GAP_PATIENCE_S:.0f} s",
        f"| `{readings_topic('<device>')}` | from the device | 1 | no |",
        f"| `{receipts_topic('<device>')}` | to the device | 0 | no |",
    ],
)
def test_figures_are_those_of_the_code(sentence: str) -> None:
    """Each limit, delay and topic in the document is the code's own."""
    assert sentence in " ".join(DOC.split())


def test_python_example_runs(
    ingestor: IngestorProcess, broker: Broker, connect_device: Callable[..., Device], tmp_path: Path
) -> None:
    """The program in the document, with this test's port and secret, records a reading and sees it safe."""
    connect_device("truck-7").client.disconnect()
    (example,) = (example for example in EXAMPLES if example.language == "python")
    secret = broker.secrets["truck-7"]
    program = example.text.replace("port=1883", f"port={broker.port}").replace("the secret", secret)
    ran = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert ran.stdout == "0 None\n"
