"""How this process serves HTTP."""

from datetime import timedelta

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from wayproof.store.settings import DatabaseSettings
from wayproof.trace.settings import WebhookSettings


class ApiSettings(BaseSettings):
    """Read from the environment: `WAYPROOF_API_*`, and `WAYPROOF_DATABASE_*` for the database."""

    model_config = SettingsConfigDict(env_prefix="WAYPROOF_API_", frozen=True)

    #: Where to listen. Other than loopback only behind a proxy that speaks TLS.
    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    #: Where everybody reaches this server, as https://track.example.com: Digital Links lead there, and pages name it.
    #: None: as each request has it in its Host header, which is only good while no cache stands in between.
    public_url: str | None = Field(default=None, pattern=r"^https?://[^\s?#]+[^\s?#/]$")
    #: How long a browser stays signed in.
    session_lifetime: timedelta = timedelta(hours=12)
    #: How long requests may take to finish when the process is told to end.
    drain_timeout: timedelta = timedelta(seconds=10)
    #: The database whose rows are served.
    database: DatabaseSettings = Field(default_factory=DatabaseSettings)  # type: ignore[arg-type]
    #: Where subscribers may want to be called.
    webhooks: WebhookSettings = Field(default_factory=WebhookSettings)
