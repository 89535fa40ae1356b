"""How this process works off what the API has taken."""

from datetime import timedelta

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from wayproof.trace.recorder import Recording
from wayproof.trace.subscriptions.webhook import Reach
from wayproof.trace.subscriptions.worker import Telling


class WebhookSettings(BaseSettings):
    """Read from the environment, `WAYPROOF_WEBHOOK_*`, by the process that tells subscribers and by the API."""

    model_config = SettingsConfigDict(env_prefix="WAYPROOF_WEBHOOK_", frozen=True)

    #: Hosts, as they stand in addresses, to which webhooks may go although they are not public, or speak no TLS: a JSON
    #: list. Whoever may subscribe can make this process call them.
    allowed_hosts: frozenset[str] = frozenset()
    #: Subscribers who are told at the same time.
    threads: int = Field(default=4, ge=1, le=64)

    def telling(self) -> Telling:
        """The same for the worker."""
        return Telling(reach=self.reach(), threads=self.threads)

    def reach(self) -> Reach:
        """Where webhooks may go."""
        return Reach(allowed_hosts=self.allowed_hosts)


class TraceSettings(BaseSettings):
    """Read from the environment, `WAYPROOF_TRACE_*`; durations as ISO 8601 (`PT30S`) or `HH:MM:SS`."""

    model_config = SettingsConfigDict(env_prefix="WAYPROOF_TRACE_", frozen=True)

    #: Processes that capture documents. Checking one keeps a core busy; while one of them writes, others can check.
    capture_processes: int = Field(default=3, ge=1, le=64)
    #: How long documents under way may take when the process is told to end. Then they are begun anew by the next one.
    drain_timeout: timedelta = timedelta(seconds=20)
    #: Where everybody reaches the API: events that Wayproof records itself name readings and rules below it.
    api_url: str = Field(default="http://127.0.0.1:8080", pattern=r"^https?://[^\s?#]+$")
    #: How often to look for departures, arrivals and handoffs that no event tells; zero: they are not recorded.
    record_every: timedelta = Field(default=timedelta(seconds=15), ge=timedelta(0))
    #: How long after they happened here they are recorded: readings that are still under way come along.
    record_after: timedelta = Field(default=timedelta(minutes=1), ge=timedelta(0))

    def recording(self) -> Recording:
        """What is recorded by itself."""
        return Recording(api_url=self.api_url.rstrip("/"), every=self.record_every, settled=self.record_after)
