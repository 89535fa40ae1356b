"""What the MQTT broker has to know of the registry, and when it changes."""

from datetime import timedelta
from typing import Final

from wayproof.store.pool import Conn
from wayproof.store.queries import load
from wayproof.store.violations import domain_errors

_SQL: Final = load("broker")


def broker_credentials(conn: Conn) -> list[tuple[str, str]]:
    """`(user name, password hash)` of every device that may connect and of every service, by name."""
    with domain_errors():
        return [(str(name), str(hashed)) for name, hashed in conn.execute(_SQL["broker_credentials"]).fetchall()]


def put_service(conn: Conn, name: str, credential: str) -> None:
    """Lets the process called `name` (`svc@...`) connect with the secret whose hash is `credential`."""
    with domain_errors():
        conn.execute(_SQL["put_service"], {"name": name, "credential": credential})


def listen_for_changes(conn: Conn) -> None:
    """From now on `wait_for_change` on this autocommitting connection tells of changes of the registry."""
    with domain_errors():
        conn.execute(_SQL["listen"])


def wait_for_change(conn: Conn, timeout: timedelta) -> bool:
    """Waits until the registry has changed, at most for `timeout`. Changes that came together are one.

    Unavailable when the connection is lost: changes may have been missed, so read everything again.
    """
    with domain_errors():
        return any(True for _ in conn.notifies(timeout=timeout.total_seconds(), stop_after=1))
