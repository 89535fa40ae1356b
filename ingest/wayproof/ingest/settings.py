"""How this ingestor reaches the broker, and how much it takes at once."""

from datetime import timedelta
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class IngestSettings(BaseSettings):
    """Read from the environment, `WAYPROOF_INGEST_*`; durations as ISO 8601 (`PT0.05S`) or `HH:MM:SS.ffffff`."""

    model_config = SettingsConfigDict(env_prefix="WAYPROOF_INGEST_", frozen=True)

    broker_host: str = "127.0.0.1"
    broker_port: int = Field(default=1883, ge=1, le=65_535)
    #: Plain MQTT, or MQTT in WebSocket frames where only HTTP passes.
    broker_transport: Literal["tcp", "websockets"] = "tcp"
    #: Certificates (PEM) to check the broker's against; None: no TLS.
    broker_tls_ca: Path | None = None
    #: User name and client id: each ingestor has its own, or they would throw one another off.
    user: str = "svc@ingest-1"
    password: SecretStr

    #: Where /livez, /readyz and /metrics are served; port 0: nowhere.
    health_host: str = "127.0.0.1"
    health_port: int = Field(default=0, ge=0, le=65_535)

    #: Read the broker's socket in large pieces; False: stock paho, many times slower, leaning on nothing private.
    read_in_bulk: bool = True

    #: A batch closes at this many messages: beyond it a commit's fixed cost is hardly felt any more, and what is paid
    #: per device is shared by more of its messages.
    batch_size: int = Field(default=20_000, ge=1, le=100_000)
    #: Or at this many bytes of payload: a message may hold a thousand readings.
    batch_bytes: int = Field(default=8 * 2**20, ge=1)
    #: Or when its first message has waited this long. Nobody who watches a truck sees 50 ms, and twenty commits a
    #: second cost little; while one commit runs, the next batch gathers anyway.
    batch_age: timedelta = timedelta(milliseconds=50)

    #: How many batches are in hand at once, each with a thread and a connection: while PostgreSQL works for one, the
    #: next is decoded. They are acknowledged in their order.
    writers: int = Field(default=2, ge=1, le=16)

    #: What may wait for the writers. Beyond either nothing more is read: the broker keeps the rest.
    queue_messages: int = Field(default=50_000, ge=1)
    queue_bytes: int = Field(default=32 * 2**20, ge=1)

    #: How often the broker hears of us when there is nothing to say. A wire that died without a word is noticed after
    #: twice this time at most, and until then we get nothing.
    keep_alive: timedelta = Field(default=timedelta(seconds=10), ge=timedelta(seconds=5))
    #: How long the broker keeps for us what it gave us and we did not acknowledge.
    session_expiry: timedelta = timedelta(days=1)
    #: How long after SIGTERM to go on writing what has been taken.
    drain_timeout: timedelta = timedelta(seconds=10)
    #: Who leaves for good waits so long for one more message before it ends its session: what the broker still holds
    #: for it follows at once.
    leave_after_idle: timedelta = timedelta(seconds=2)
