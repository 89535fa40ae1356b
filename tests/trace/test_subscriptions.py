"""Subscribers are told what is new, at least once and in order, whatever dies in between."""

import hmac
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import psutil
import pytest
from fix_webhooks import Subscriber, events_in

from wayproof.model.errors import InvalidInput
from wayproof.store import subscriptions
from wayproof.store.event_queries import newest_place
from wayproof.store.pool import Conn, Pool, tenant_transaction, transaction
from wayproof.store.settings import DatabaseSettings
from wayproof.store.subscriptions import Subscription
from wayproof.trace.capture import capture
from wayproof.trace.epcis.formats import EpcFormat
from wayproof.trace.subscriptions.requests import read_subscription
from wayproof.trace.subscriptions.schedule import read_schedule
from wayproof.trace.subscriptions.webhook import Reach
from wayproof.trace.subscriptions.worker import Telling, tell, tell_due

from fix_epcis import dumped, new_document, new_event

_REACH = Reach(allowed_hosts=frozenset({"127.0.0.1"}), connect_timeout_s=1, total_timeout_s=2)
_TELLING = Telling(reach=_REACH, interval=timedelta(0))


class Told:
    """A tenant with a query, events, and somebody who is told."""

    def __init__(self, pool: Pool, tenant_id: UUID, superuser: Conn, subscriber: Subscriber) -> None:
        self.pool = pool
        self.tenant_id = tenant_id
        self.superuser = superuser
        self.subscriber = subscriber
        self._numbers = 0
        with tenant_transaction(pool, tenant_id) as conn:
            subscriptions.create_query(conn, tenant_id, "shipped", '{"EQ_bizStep": ["shipping"]}')

    def subscribe(self, *, epcs: EpcFormat = EpcFormat.NEVER_TRANSLATES, **members: Any) -> Subscription:
        """A subscription: a stream, where nothing else is said."""
        given = {"dest": self.subscriber.url, **({} if "schedule" in members else {"stream": True}), **members}
        with tenant_transaction(self.pool, self.tenant_id) as conn:
            new = read_subscription(given, query_name="shipped", epcs=epcs, reach=_REACH, newest_id=newest_place(conn))
            return subscriptions.create_subscription(conn, self.tenant_id, new)

    def capture(self, count: int = 1, **fields: Any) -> list[str]:
        """Captures events; their ids."""
        events = [new_event(self._numbers + number, **fields) for number in range(count)]
        self._numbers += count
        with tenant_transaction(self.pool, self.tenant_id) as conn:
            assert not capture(conn, self.tenant_id, dumped(new_document(*events))).faults
        return [event["eventID"] for event in events]

    def tell(self, telling: Telling = _TELLING) -> None:
        """Tells those whose time has come, until nothing is left."""
        with ThreadPoolExecutor(2) as threads:
            while tell_due(self.pool, telling, threads):
                pass

    def hurry(self) -> None:
        """Lets the time pass until the next try."""
        self.superuser.execute("update epcis_subscription set due_at = now()")

    def state(self, subscription: Subscription) -> Subscription:
        """How a subscription stands."""
        with tenant_transaction(self.pool, self.tenant_id) as conn:
            return subscriptions.get_subscription(conn, "shipped", subscription.subscription_id)


@pytest.fixture
def told(api_pool: Pool, superuser: Conn, tenant_factory: Callable[[str], UUID], subscriber: Subscriber) -> Told:
    """The same."""
    return Told(api_pool, tenant_factory("acme"), superuser, subscriber)


def test_only_what_is_new_is_told_and_once(told: Told) -> None:
    """A stream is told events captured after it began, those that match, and none again."""
    told.capture(2)
    subscription = told.subscribe()
    told.tell()
    new = told.capture(3)
    told.capture(1, bizStep="receiving")
    told.tell()
    told.hurry()
    told.tell()
    assert told.subscriber.event_ids() == new
    (document,) = told.subscriber.documents()
    results = document["epcisBody"]["queryResults"]
    assert (results["queryName"], results["subscriptionID"]) == ("shipped", str(subscription.subscription_id))
    assert told.state(subscription).last_told_at is not None


def test_initial_record_time_reaches_back(told: Told) -> None:
    """With initialRecordTime events recorded since then are told, and none before."""
    old = told.capture(2)
    told.superuser.execute("update epcis_event set record_time = '2020-01-01Z'")
    recent = told.capture(2)
    told.subscribe(initialRecordTime="2021-01-01T00:00:00Z")
    told.tell()
    assert told.subscriber.event_ids() == recent
    assert old


def test_messages_are_signed(told: Told) -> None:
    """GS1-Signature is the HMAC-SHA256 of the body under the subscriber's token."""
    told.subscribe(signatureToken="geheim")
    told.capture()
    told.tell()
    expected = hmac.new(b"geheim", told.subscriber.bodies[0], sha256).hexdigest()
    (headers,) = told.subscriber.headers
    assert headers["GS1-Signature"] == f"sha256={expected}"
    assert headers["Content-Type"] == "application/json"


def test_identifiers_come_as_asked_for(told: Told) -> None:
    """A subscriber gets identifiers in the format that it subscribed with."""
    told.subscribe(epcs=EpcFormat.DIGITAL_LINK)
    told.capture()
    told.tell()
    (event,) = events_in(told.subscriber.documents()[0])
    assert event["epcList"] == ["https://id.gs1.org/00/195201223456789125"]


@pytest.mark.parametrize("status", [500, 404, 302, 401])
def test_what_was_not_taken_is_told_again(told: Told, status: int) -> None:
    """Only a 2xx moves the cursor: after anything else, a redirect too, the same is told again, later."""
    subscription = told.subscribe()
    told.tell()
    new = told.capture(3)
    told.subscriber.answers = [status, status]
    told.hurry()
    told.tell()
    failed = told.state(subscription)
    assert (failed.failures, failed.last_failure) == (1, f"HTTP {status}")
    assert not told.subscriber.bodies
    told.tell()
    assert told.state(subscription).failures == 1, "it must not be tried again at once"
    for _ in range(2):
        told.hurry()
        told.tell()
    assert told.subscriber.event_ids() == new
    assert told.state(subscription).failures == 0


def test_waiting_grows_with_failures(told: Told) -> None:
    """Each failure doubles the time to the next try, up to an hour."""
    subscription = told.subscribe()
    told.capture()
    waits = []
    for _ in range(14):
        told.subscriber.answers = [500]
        told.hurry()
        told.tell()
        row = told.superuser.execute(
            "select extract(epoch from due_at - now())::float from epcis_subscription"
        ).fetchone()
        assert row is not None
        waits.append(row[0])
    assert 0.5 < waits[0] <= 2
    assert all(waits[place] <= 2.0 ** (place + 1) for place in range(14))
    assert 1_700 < waits[-1] <= 3_600
    assert told.state(subscription).failures == 14


def test_who_fails_waits_for_the_others(told: Told) -> None:
    """Subscribers that fail, however long they have waited, keep none waiting that does not."""
    slow, good = told.subscribe(), told.subscribe()
    sql = "update epcis_subscription set failures = 1, due_at = now() - interval '1 day' where subscription_id = %s"
    told.superuser.execute(sql, [slow.subscription_id])
    with transaction(told.pool) as conn:
        due = subscriptions.list_due(conn, datetime.now(UTC), 10)
    assert [subscription_id for _, subscription_id in due] == [good.subscription_id, slow.subscription_id]


def test_a_message_that_is_too_large_is_split(told: Told) -> None:
    """After 413 events come one by one."""
    told.subscribe()
    told.subscriber.most = 1
    new = told.capture(5)
    for _ in range(12):
        told.hurry()
        told.tell()
    assert told.subscriber.event_ids() == new


def test_batches_keep_the_order_of_capture(told: Told) -> None:
    """Many events come in several messages, in the order in which they were captured."""
    told.subscribe()
    new = told.capture(25, eventTime="2026-01-02T12:00:00+01:00") + told.capture(25)
    told.hurry()
    told.tell(Telling(reach=_REACH, batch=10, interval=timedelta(0)))
    assert told.subscriber.event_ids() == new
    assert [len(events_in(document)) for document in told.subscriber.documents()] == [10] * 5


def test_two_workers_never_tell_one_subscriber_together(told: Told) -> None:
    """While one worker tells a subscriber, others leave it alone."""
    subscription = told.subscribe()
    told.capture()
    told.subscriber.answering.clear()
    telling = replace(_TELLING, reach=replace(_REACH, total_timeout_s=60))
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(tell, told.pool, telling, told.tenant_id, subscription.subscription_id)
        assert told.subscriber.reached.wait(60)
        second = threads.submit(tell, told.pool, telling, told.tenant_id, subscription.subscription_id)
        assert second.result(60) is False
        assert not first.done()
        told.subscriber.answering.set()
        first.result(60)
    assert len(told.subscriber.bodies) == 1


def test_who_answers_never_is_cut_off(told: Told) -> None:
    """A subscriber that takes the message and says nothing costs no more than the time-out."""
    subscription = told.subscribe()
    told.capture()
    told.subscriber.answering.clear()
    began = time.monotonic()
    told.tell()
    assert time.monotonic() - began < 30
    assert told.state(subscription).failures == 1


def test_schedules_run_when_they_say(told: Told) -> None:
    """A schedule is told at its times, also of nothing where it wants that."""
    silent = told.subscribe(schedule={"hour": "1", "minute": "5"})
    told.subscribe(schedule={"hour": "1", "minute": "5"}, reportIfEmpty=True)
    new = told.capture(2)
    told.tell()
    assert not told.subscriber.bodies, "it is not time yet"
    told.hurry()
    told.tell()
    assert sorted(told.subscriber.event_ids()) == sorted(new * 2)
    told.hurry()
    told.tell()
    assert [len(events_in(document)) for document in told.subscriber.documents()] == [2, 2, 0]
    row = told.superuser.execute(
        "select due_at from epcis_subscription where subscription_id = %s", [silent.subscription_id]
    ).fetchone()
    assert row is not None
    assert (row[0].hour, row[0].minute, row[0].second) == (1, 5, 0)


@pytest.mark.parametrize(
    ("fields", "after", "expected"),
    [
        ({"hour": "1", "minute": "5"}, "2026-03-02T01:05:00", "2026-03-03T01:05:00"),
        ({"hour": 1, "minute": 5}, "2026-03-02T01:04:59.5", "2026-03-02T01:05:00"),
        ({"second": "0,[30-31]"}, "2026-03-02T01:05:30", "2026-03-02T01:05:31"),
        ({"minute": "[58-59]"}, "2026-12-31T23:59:00", "2027-01-01T00:58:00"),
        ({"dayOfWeek": "1"}, "2026-03-02T00:00:00", "2026-03-09T00:00:00"),
        ({"dayOfMonth": "29", "month": "2"}, "2026-03-02T00:00:00", "2028-02-29T00:00:00"),
        ({"dayOfMonth": "31", "hour": "12"}, "2026-04-01T00:00:00", "2026-05-31T12:00:00"),
    ],
)
def test_next_time_of_a_schedule(fields: dict[str, Any], after: str, expected: str) -> None:
    """A schedule comes next at the first second that all of its fields match."""
    at = datetime.fromisoformat(after).replace(tzinfo=UTC)
    assert read_schedule(fields).next_after(at) == datetime.fromisoformat(expected).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"hour": "24"},
        {"minute": "[5-3]"},
        {"second": "*/5"},
        {"year": "1"},
        {"hour": True},
        {"hour": None},
        [],
        "1",
    ],
)
def test_impossible_schedules_are_refused(fields: Any) -> None:
    """A schedule that says nothing, or what no clock shows, is refused."""
    with pytest.raises(InvalidInput):
        read_schedule(fields)


def test_a_day_that_never_comes_is_refused() -> None:
    """A schedule of a day that no year has is refused when it is made."""
    with pytest.raises(InvalidInput, match="time that comes"):
        read_schedule({"dayOfMonth": "31", "month": "2"}).next_after(datetime(2026, 1, 1, tzinfo=UTC))


def _start(database: DatabaseSettings, log: Path) -> subprocess.Popen[bytes]:
    environment = {
        **os.environ,
        "WAYPROOF_DATABASE_URL": database.url.get_secret_value(),
        "WAYPROOF_TRACE_CAPTURE_PROCESSES": "1",
        "WAYPROOF_WEBHOOK_ALLOWED_HOSTS": json.dumps(["127.0.0.1"]),
    }
    with log.open("ab") as out:
        return subprocess.Popen([sys.executable, "-m", "wayproof.trace"], env=environment, stdout=out, stderr=out)


def _kill(process: subprocess.Popen[bytes]) -> None:
    for child in psutil.Process(process.pid).children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            child.kill()
    process.kill()
    process.wait(60)


def test_a_killed_worker_leaves_nothing_out(told: Told, database: DatabaseSettings, tmp_path: Path) -> None:
    """Workers killed at any moment, and subscribers that fail: everything is told at least once, and in order."""
    told.subscribe()
    random = Random(7)
    sent: list[str] = []
    for _ in range(3):
        process = _start(database, tmp_path / "log")
        deadline = time.monotonic() + 4 + random.random()
        while time.monotonic() < deadline:
            told.subscriber.answers = [500] if random.random() < 0.1 else []
            sent += told.capture(random.randint(1, 30))
            time.sleep(random.uniform(0.01, 0.2))
        _kill(process)
    told.subscriber.answers = []
    told.superuser.execute("update epcis_subscription set due_at = now()")
    process = _start(database, tmp_path / "log")
    try:
        for _ in range(900):
            if set(told.subscriber.event_ids()) == set(sent):
                break
            time.sleep(0.1)
    finally:
        _kill(process)
    heard = told.subscriber.event_ids()
    assert list(dict.fromkeys(heard)) == sent, (tmp_path / "log").read_text()[-2000:]
