"""Webhooks reach the public internet and nothing else."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from ipaddress import ip_address
from typing import Any

import pytest
from fix_webhooks import Subscriber
from hypothesis import given
from hypothesis import strategies as st

from wayproof.model.errors import InvalidInput
from wayproof.trace.epcis.formats import EpcFormat
from wayproof.trace.subscriptions.requests import read_subscription
from wayproof.trace.subscriptions.webhook import NotDelivered, Reach, check_dest, is_public, post

_NOBODY = Reach(connect_timeout_s=1, total_timeout_s=1)
_LOCAL = Reach(allowed_hosts=frozenset({"127.0.0.1", "localhost"}), connect_timeout_s=1, total_timeout_s=1)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3",  # noqa: S104
        "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "192.0.2.1", "198.18.0.1", "224.0.0.1", "255.255.255.255", "240.0.0.1", "::1", "::", "fe80::1", "fc00::1",
        "fd00:ec2::254", "ff02::1", "2001:db8::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::", "2002:0a00:0001::1", "fec0::1",
    ],
)  # fmt: skip
def test_addresses_that_are_not_public(address: str) -> None:
    """Loopback, private, link-local, shared, reserved and multicast addresses are refused, also wrapped in IPv6."""
    assert not is_public(ip_address(address))


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "93.184.215.14", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_addresses_that_are_public(address: str) -> None:
    """Addresses of the public internet are let through."""
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "dest",
    [
        "http://example.com/", "ftp://example.com/", "https://", "https://user:secret@example.com/", "example.com",
        "https://127.0.0.1/", "https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://169.254.169.254/latest",
        "https://[fe80::1%25eth0]/", "https://example.com:0/", "https://example.com:99999/", "https://exa mple.com/",
        "https://example.com/\r\nX: y", "https://example.com/\x00", "https://exämple.com/", "https://[::1", "", "//x",
        "file:///etc/passwd", "https://example.com/" + "x" * 2_000, "https://localhost/", "https://a.localhost./",
        "https://127.1/", "https://2130706433/", "https://0x7f.1/", "https://0177.0.0.1/",
    ],
)  # fmt: skip
def test_addresses_that_nobody_may_subscribe(dest: str) -> None:
    """Only https to a host, without credentials and control characters, and to no address that is not public."""
    with pytest.raises(InvalidInput):
        check_dest(dest, _NOBODY)


@given(st.text(max_size=40).map("https://{}".format) | st.text(max_size=40))
def test_no_address_breaks_the_check(dest: str) -> None:
    """Whatever stands there, it is a good address or an error of ours."""
    try:
        scheme = check_dest(dest, _NOBODY).scheme
    except InvalidInput:
        return
    assert scheme == "https"


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f000001", "0177.0.0.1", "localhost"])
def test_names_of_loopback_are_refused_when_called(host: str, subscriber: Subscriber) -> None:
    """However loopback is spelled, nothing is sent there: addresses count, not names."""
    with pytest.raises(InvalidInput):
        post(f"https://{host}:{subscriber.port}/", b"{}", {}, _NOBODY)
    assert not subscriber.bodies


def test_a_name_that_turns_private_is_refused(monkeypatch: pytest.MonkeyPatch, subscriber: Subscriber) -> None:
    """Of a name that resolves to something public and something private, nothing is called."""
    answers = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, 443)) for ip in ("93.184.215.14", "127.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_kwargs: answers)
    with pytest.raises(NotDelivered, match="has an address that is not public") as told:
        post("https://rebinding.example/", b"{}", {}, _NOBODY)
    assert "127.0.0.1" not in str(told.value)


def test_a_name_is_resolved_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The address that was judged is the one that is called: a second answer of the name server changes nothing."""
    asked: list[str] = []
    called: list[Any] = []

    def resolve(host: str, *_args: Any, **_kwargs: Any) -> list[Any]:
        asked.append(host)
        ip = "93.184.215.14" if len(asked) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, 443))]

    def connect(address: Any, **_kwargs: Any) -> socket.socket:
        called.append(address)
        raise ConnectionRefusedError("nobody is to be called by a test")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(socket, "create_connection", connect)
    with pytest.raises(NotDelivered):
        post("https://rebinding.example/", b"{}", {}, _NOBODY)
    assert asked == ["rebinding.example"]
    assert called == [("93.184.215.14", 443)]


def test_redirects_are_not_followed(subscriber: Subscriber) -> None:
    """A redirect is a failure: it could lead anywhere."""
    subscriber.answers = [307]
    with pytest.raises(NotDelivered, match="HTTP 307"):
        post(subscriber.url, b'{"epcisBody":{"queryResults":{"resultsBody":{"eventList":[]}}}}', {}, _LOCAL)
    assert not subscriber.bodies


def test_hosts_that_an_operator_allows_are_called(subscriber: Subscriber) -> None:
    """An allowed host may be private and without TLS; the request goes out as it should."""
    body = b'{"epcisBody":{"queryResults":{"resultsBody":{"eventList":[]}}}}'
    post(subscriber.url, body, {"GS1-Signature": "sha256=00"}, _LOCAL)
    assert subscriber.bodies == [body]
    assert subscriber.headers[0]["Host"] == f"127.0.0.1:{subscriber.port}"


_TLS = b"\x16\x03"


@pytest.fixture
def dripping() -> Iterator[int]:
    """The port of a server that answers a byte at a time and never ends."""
    listener = socket.create_server(("127.0.0.1", 0))
    stop = threading.Event()
    thread = threading.Thread(target=_drip, args=(listener, stop), daemon=True)
    thread.start()
    yield listener.getsockname()[1]
    stop.set()
    listener.close()
    thread.join(60)


def _drip(listener: socket.socket, stop: threading.Event) -> None:
    try:
        conn, _ = listener.accept()
        with closing(conn):
            if conn.recv(65_536).startswith(_TLS):
                conn.sendall(_TLS + b"\x03\x3f\xff")  # the head of a record of 16 KiB
            while not stop.wait(0.05):
                conn.sendall(b"X")
    except OSError:
        return


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_an_answer_that_drips_is_cut_off(dripping: int, scheme: str) -> None:
    """An answer that comes a byte at a time is cut off when its time is over, and so is a handshake of TLS."""
    began = time.monotonic()
    with pytest.raises(NotDelivered):
        post(f"{scheme}://127.0.0.1:{dripping}/", b"{}", {}, _LOCAL)
    assert time.monotonic() - began > 0.9
    assert time.monotonic() - began < 30


@pytest.mark.parametrize("host", ["a..b", "x" * 70 + ".example", ".example"])
def test_a_name_that_cannot_be_asked_for(host: str) -> None:
    """A name that no name server can be asked for is no fault of ours."""
    with pytest.raises(NotDelivered):
        post(f"https://{host}/", b"{}", {}, _NOBODY)


_GOOD: dict[str, Any] = {"dest": "https://example.com/told", "stream": True}


@pytest.mark.parametrize(
    "change",
    [
        {"stream": False}, {"stream": "yes"}, {"schedule": {"hour": "1"}}, {"dest": None}, {"dest": 5}, {"more": 1},
        {"signatureToken": "x" * 501}, {"signatureToken": 5}, {"reportIfEmpty": "no"}, {"initialRecordTime": "soon"},
        {"initialRecordTime": 5}, {"dest": "http://example.com"},
    ],
)  # fmt: skip
def test_subscriptions_that_cannot_be(change: dict[str, Any]) -> None:
    """A subscription needs an address and either a stream or a schedule; what is wrong is said."""
    with pytest.raises(InvalidInput, match="expected"):
        read(_GOOD | change)


read: Callable[[Any], object] = lambda given: read_subscription(  # noqa: E731
    given, query_name="q", epcs=EpcFormat.NO_PREFERENCE, reach=_NOBODY, newest_id=0
)


@pytest.mark.parametrize("given", [[], None, "x", {}])
def test_what_is_no_subscription(given: Any) -> None:
    """What is no object, or an empty one, is refused."""
    with pytest.raises(InvalidInput, match="expected"):
        read(given)
