"""The outbox: what it has taken it keeps, whatever dies, until a receipt names it."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wayproof.devices.codecs.native import decode
from wayproof.devices.publisher.outbox import Observation, Outbox
from wayproof.devices.receipts import Receipt
from wayproof.model.errors import Conflict, InvalidInput, OutboxFull, Unavailable
from wayproof.model.reading import MAX_BOOT, Measures, Reading

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the outbox of this test lies."""
    return tmp_path / "outbox.db"


def observations(count: int) -> list[Observation]:
    """Distinguishable observations."""
    return [(NOON + timedelta(seconds=n), Measures(temperature_c=n / 10)) for n in range(count)]


def waiting(outbox: Outbox) -> list[int]:
    """The numbers that wait, read page by page."""
    seqs: list[int] = []
    while page := outbox.page(after=seqs[-1] if seqs else 0, limit=7):
        seqs.extend(seq for seq, _ in page)
    return seqs


def test_readings_are_numbered_from_one_without_gaps(path: Path) -> None:
    """Numbers go on where they stopped, over closing and opening, and carry one boot drawn at random."""
    with Outbox.open(path) as outbox:
        boot = outbox.boot
        assert outbox.append(observations(3)) == range(1, 4)
        assert outbox.append([]) == range(4, 4)
    with Outbox.open(path) as outbox:
        assert outbox.append(observations(2)) == range(4, 6)
        assert (outbox.boot, waiting(outbox)) == (boot, [1, 2, 3, 4, 5])
    assert 1 <= boot <= MAX_BOOT


def test_each_outbox_has_a_boot_of_its_own(tmp_path: Path) -> None:
    """Two new outboxes do not count the same boot, so a replaced file never reuses numbers."""
    boots = set()
    for n in range(5):
        with Outbox.open(tmp_path / f"{n}.db") as outbox:
            boots.add(outbox.boot)
    assert len(boots) == 5


def test_payloads_are_what_a_decoder_reads(path: Path) -> None:
    """What lies in the outbox is the encoded reading, with its number, in UTC."""
    elsewhere = NOON.astimezone(timezone(timedelta(hours=-7)))
    measures = Measures(latitude_deg=1.5, longitude_deg=-2.25, door_open=False, extra={"a": [1]})
    with Outbox.open(path, boot=7) as outbox:
        outbox.append([(elsewhere, measures)])
        ((_, payload),) = outbox.page(after=0, limit=10)
    expected = Reading(
        observed_at=NOON, boot=7, seq=1, latitude_deg=1.5, longitude_deg=-2.25, door_open=False, extra={"a": [1]}
    )
    assert decode(payload).readings == (expected,)


def test_values_that_no_ingestor_takes_are_refused(path: Path) -> None:
    """One bad observation refuses its whole batch at once, and no number is used up."""
    with Outbox.open(path) as outbox:
        for bad in ((NOON, Measures(temperature_c=float("nan"))), (NOON.replace(tzinfo=None), Measures())):
            with pytest.raises(InvalidInput):
                outbox.append([*observations(2), bad])
        assert outbox.append(observations(1)) == range(1, 2)


def test_bound_is_kept(path: Path) -> None:
    """A full outbox takes nothing, keeps what it has, and takes again once a receipt has made room."""
    with Outbox.open(path, boot=7, capacity=5) as outbox:
        outbox.append(observations(4))
        with pytest.raises(OutboxFull, match="4 of at most 5"):
            outbox.append(observations(2))
        assert waiting(outbox) == [1, 2, 3, 4]
        outbox.remove(Receipt(boot=7, through=3), sent_through=4)
        assert outbox.append(observations(2)) == range(5, 7)
        assert waiting(outbox) == [4, 5, 6]


def test_receipts_remove_what_they_name(path: Path) -> None:
    """Everything through the contiguous end and within the ranges beyond goes, and nothing else."""
    with Outbox.open(path, boot=7) as outbox:
        outbox.append(observations(20))
        assert outbox.remove(Receipt(boot=7, through=4, beyond=((6, 7), (10, 18))), sent_through=20) == 15
        assert waiting(outbox) == [5, 8, 9, 19, 20]
        assert len(outbox) == 5
        for other in (Receipt(boot=7, through=4), Receipt(boot=8, through=20), Receipt(boot=7, through=0)):
            assert outbox.remove(other, sent_through=20) == 0
        assert waiting(outbox) == [5, 8, 9, 19, 20]


def test_receipts_remove_nothing_that_was_not_sent(path: Path) -> None:
    """A receipt ahead of what was sent speaks of an earlier file with the same boot; unsent readings stay."""
    with Outbox.open(path, boot=7) as outbox:
        outbox.append(observations(10))
        assert outbox.remove(Receipt(boot=7, through=120), sent_through=4) == 4
        assert waiting(outbox) == [5, 6, 7, 8, 9, 10]
        assert outbox.safe_through == 120


def test_numbering_skips_what_is_safe(path: Path) -> None:
    """Numbers that an earlier file of the same boot gave out can be skipped, and never come back."""
    with Outbox.open(path, boot=7) as outbox:
        outbox.append(observations(1))
        outbox.skip_to(121)
        outbox.skip_to(5)
    with Outbox.open(path) as outbox:
        assert outbox.append(observations(1)) == range(121, 122)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30)
@given(data=st.data())
def test_outbox_is_a_set_of_numbers(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Under any sequence of batches, receipts and reopenings it holds exactly the numbers that none has named."""
    path = tmp_path_factory.mktemp("outbox") / "outbox.db"
    outbox = Outbox.open(path, boot=7)
    expected: set[int] = set()
    for action in data.draw(st.lists(st.sampled_from(["append", "remove", "reopen"]), max_size=12)):
        if action == "append":
            expected |= set(outbox.append(observations(data.draw(st.integers(0, 9)))))
        elif action == "remove":
            marks = data.draw(st.lists(st.integers(1, max(outbox.next_seq, 5)), unique=True, max_size=5).map(sorted))
            through = marks.pop(0) if len(marks) % 2 else 0
            receipt = Receipt(boot=7, through=through, beyond=tuple(zip(marks[::2], marks[1::2], strict=True)))
            outbox.remove(receipt, sent_through=outbox.next_seq)
            expected = {n for n in expected if not any(first <= n <= last for first, last in receipt.ranges())}
        else:
            outbox.close()
            outbox = Outbox.open(path)
        assert waiting(outbox) == sorted(expected)
        assert len(outbox) == len(expected)
    outbox.close()


def test_every_commit_reaches_the_disk(path: Path) -> None:
    """A commit waits for the disk: a write-ahead log, synchronous=FULL."""
    with Outbox.open(path) as outbox:
        (mode,) = outbox._connection.execute("pragma journal_mode").fetchone()
        (synchronous,) = outbox._connection.execute("pragma synchronous").fetchone()
    assert (mode, synchronous) == ("wal", 2)


def test_only_its_owner_reads_it(path: Path) -> None:
    """Where a truck was is nobody else's business: the files are readable by their owner alone."""
    with Outbox.open(path) as outbox:
        outbox.append(observations(1))
        modes = {file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
    assert modes == {0o600}


_RECORD = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from wayproof.devices.publisher.outbox import Outbox
from wayproof.model.reading import Measures
with Outbox.open(Path(sys.argv[1])) as outbox:
    while True:
        for seq in outbox.append([(datetime.now(UTC), Measures(temperature_c=1.0))]):
            print(outbox.boot, seq, flush=True)
"""


def test_killed_recorder_loses_nothing(path: Path) -> None:
    """Over kills in mid-stream, each number that append() gave out is kept, and none is reused or left out."""
    told: list[tuple[int, int]] = []
    for count in (50, 300, 1, 120):
        process = subprocess.Popen([sys.executable, "-c", _RECORD, path], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        told.extend(_numbers(process.stdout.readline()) for _ in range(count))
        process.kill()
        told.extend(_numbers(line) for line in process.stdout if line.endswith("\n"))
        process.stdout.close()
        process.wait(60)
    with Outbox.open(path) as outbox:
        kept = waiting(outbox)
        assert {boot for boot, _ in told} == {outbox.boot}
    seqs = [seq for _, seq in told]
    assert len(set(seqs)) == len(seqs)
    assert set(seqs) <= set(kept)
    assert kept == list(range(1, len(kept) + 1))
    assert len(kept) - len(seqs) <= 4  # each kill may hit between commit and print


def _numbers(line: str) -> tuple[int, int]:
    boot, seq = line.split()
    return int(boot), int(seq)


def test_second_process_is_refused(path: Path) -> None:
    """While one process has the outbox another cannot open it; when the first is killed, it can."""
    process = subprocess.Popen([sys.executable, "-c", _RECORD, path], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    with pytest.raises(Conflict, match="in use by another process"):
        Outbox.open(path)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)
    Outbox.open(path).close()


def test_second_opening_in_one_process_is_refused(path: Path) -> None:
    """The same holds within a process."""
    with Outbox.open(path), pytest.raises(Conflict, match="in use"):
        Outbox.open(path)


def test_threads_share_an_outbox(path: Path) -> None:
    """Several threads record at once, and every number is given out once."""
    given_out: list[range] = []

    def record() -> None:
        given_out.extend(outbox.append(observations(2)) for _ in range(50))

    with Outbox.open(path) as outbox:
        threads = [threading.Thread(target=record) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert waiting(outbox) == list(range(1, 401))
    assert sorted(seq for seqs in given_out for seq in seqs) == list(range(1, 401))


@pytest.mark.parametrize("damage", ["garbage", "overwritten", "cut"])
def test_damaged_file_is_named_with_its_mend(path: Path, damage: str) -> None:
    """A file that is no sound database is refused with words that say how to go on."""
    with Outbox.open(path) as outbox:
        outbox.append(observations(2_000))
    raw = path.read_bytes()
    damaged = {"garbage": b"no database " * 1_000, "overwritten": raw[:4096] + b"\xaa" * 8192 + raw[12_288:]}
    path.write_bytes(damaged.get(damage, raw[:-8192]))
    with pytest.raises(InvalidInput, match="move it and its -wal file aside"):
        Outbox.open(path)


def test_other_databases_are_left_alone(path: Path) -> None:
    """A SQLite file of somebody else is refused and not touched."""
    connection = sqlite3.connect(path)
    connection.execute("create table theirs (a)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(InvalidInput, match="no outbox"):
        Outbox.open(path)
    assert path.read_bytes() == before


def test_outbox_of_another_boot_is_refused(path: Path) -> None:
    """A boot that is asked for must be the one that the file counts."""
    Outbox.open(path, boot=7).close()
    with pytest.raises(Conflict, match="counts boot 7, not 8"):
        Outbox.open(path, boot=8)
    Outbox.open(path, boot=7).close()


def test_boot_is_a_positive_31_bit_number(path: Path) -> None:
    """No receipt could name another one."""
    for boot in (0, -1, MAX_BOOT + 1):
        with pytest.raises(InvalidInput, match="boot"):
            Outbox.open(path, boot=boot)


def test_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """A path below a file is an error that says so."""
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="file"):
        Outbox.open(tmp_path / "file" / "outbox.db")


def test_full_disk_is_told_and_survived(path: Path) -> None:
    """When the disk is full the reading is refused, the outbox goes on, and numbers stay without gaps."""
    with Outbox.open(path) as outbox:
        outbox.append(observations(10))
        (pages,) = outbox._connection.execute("pragma page_count").fetchone()
        outbox._connection.execute(f"pragma max_page_count = {pages}")
        with pytest.raises(OutboxFull, match="disk is full"):
            outbox.append(observations(500))
        outbox._connection.execute("pragma max_page_count = 1000000")
        assert outbox.append(observations(1)) == range(11, 12)
        assert len(outbox) == 11
