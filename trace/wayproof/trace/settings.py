"""How this process works off what the API has taken."""

from datetime import timedelta

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class TraceSettings(BaseSettings):
    """Read from the environment, `WAYPROOF_TRACE_*`; durations as ISO 8601 (`PT30S`) or `HH:MM:SS`."""

    model_config = SettingsConfigDict(env_prefix="WAYPROOF_TRACE_", frozen=True)

    #: Processes that capture documents. Checking one keeps a core busy, so more than cores help nobody.
    capture_processes: int = Field(default=2, ge=1, le=64)
    #: How long documents under way may take when the process is told to end. Then they are begun anew by the next one.
    drain_timeout: timedelta = timedelta(seconds=20)
