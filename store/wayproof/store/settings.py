"""How this process reaches PostgreSQL."""

from datetime import timedelta
from typing import Any, Literal, TypeVar

from psycopg.conninfo import make_conninfo
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from wayproof.model.errors import InvalidInput

_Settings = TypeVar("_Settings", bound=BaseSettings)
Role = Literal["wayproof_api", "wayproof_ingest", "wayproof_broker", "wayproof_ledger"]


class DatabaseSettings(BaseSettings):
    """Read from the environment: `WAYPROOF_DATABASE_URL` and `WAYPROOF_DATABASE_*`."""

    model_config = SettingsConfigDict(env_prefix="WAYPROOF_DATABASE_", frozen=True)

    #: libpq connection string or URL. Its user must be a member of the role that the process switches to.
    url: SecretStr
    #: How long to wait for a connection, and for one out of the pool.
    connect_timeout: timedelta = timedelta(seconds=5)
    #: No statement runs longer.
    statement_timeout: timedelta = timedelta(seconds=30)
    #: No statement waits longer for a lock.
    lock_timeout: timedelta = timedelta(seconds=5)
    #: A transaction that is left open is ended: it would hold back vacuum and locks.
    idle_in_transaction_timeout: timedelta = timedelta(seconds=60)
    #: Unacknowledged bytes on the wire for this long mean that the other side is gone (TCP_USER_TIMEOUT); where there
    #: are none, keep-alives are sent. The server goes by the same: or what a client that nobody hears any more has
    #: locked would stay locked until `idle_in_transaction_timeout`.
    tcp_user_timeout: timedelta = timedelta(seconds=5)
    #: Connections that a pool holds at most.
    pool_size: int = Field(default=8, ge=1, le=200)

    def unhurried(self) -> "DatabaseSettings":
        """The same for work on whole tables and documents, of which nobody can say how long it takes."""
        return self.model_copy(update={"statement_timeout": timedelta(), "idle_in_transaction_timeout": timedelta()})


def from_environment(kind: type[_Settings], **given: Any) -> _Settings:
    """Settings of that kind out of the environment, but for those given.

    Raises:
        InvalidInput: some are missing or wrong. It names their variables and shows no value, which may be a secret.
    """
    prefix = kind.model_config.get("env_prefix", "")
    try:
        return kind(**given)
    except ValidationError as error:
        wrong = [f"{prefix}{each['loc'][0]}".upper() + f": {each['msg']}" for each in error.errors()]
    except SettingsError as error:  # what should be JSON and is none
        wrong = [f"{prefix}*: {error}"]
    raise InvalidInput("; ".join(wrong))


def conninfo(settings: DatabaseSettings, *, role: Role | None = None) -> str:
    """The connection string with every timeout set and, where `role` is given, that role taken on.

    Without a role the connection keeps the rights of its user: for migrations and for operators' commands.
    """
    # Several probes fit into the time: one that gets lost proves nothing.
    probes = {"keepalives_idle": _probe_after_s(settings.tcp_user_timeout), "keepalives_interval": 1}
    options = {
        "statement_timeout": _ms(settings.statement_timeout),
        "lock_timeout": _ms(settings.lock_timeout),
        "idle_in_transaction_session_timeout": _ms(settings.idle_in_transaction_timeout),
        "tcp_user_timeout": _ms(settings.tcp_user_timeout),
        **{f"tcp_{name}": value for name, value in probes.items()},
        "timezone": "UTC",
        **({"role": role} if role else {}),
    }
    return make_conninfo(
        settings.url.get_secret_value(),
        connect_timeout=max(2, round(settings.connect_timeout.total_seconds())),  # libpq's smallest is 2
        tcp_user_timeout=_ms(settings.tcp_user_timeout),
        **probes,
        application_name=role or "wayproof",
        options=" ".join(f"-c {name}={value}" for name, value in options.items()),
    )


def _ms(duration: timedelta) -> int:
    return round(duration.total_seconds() * 1000)


def _probe_after_s(patience: timedelta) -> int:
    return max(1, int(patience.total_seconds()) // 2)
