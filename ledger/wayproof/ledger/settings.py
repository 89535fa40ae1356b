"""How the anchorer reaches the chain, what it may spend, and how often it anchors."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


class LedgerSettings(BaseSettings):
    """Read from the environment, `WAYPROOF_LEDGER_*`; durations as ISO 8601 (`PT10M`) or `HH:MM:SS.ffffff`.

    Chain and contract are no settings: the log names them since it was founded.
    """

    model_config = SettingsConfigDict(env_prefix="WAYPROOF_LEDGER_", frozen=True)

    #: RPC endpoints of the chain, separated by commas; providers put keys into them. Two of different providers see
    #: more than one: what they do not agree on is not taken for granted.
    rpc_urls: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    #: How long to wait for an answer.
    rpc_timeout: timedelta = Field(default=timedelta(seconds=10), gt=timedelta(0))

    #: The Ed25519 key that signs checkpoints.
    log_key_file: Path
    #: The key that signs anchors and pays for them: 32 bytes in hexadecimal, or a keystore (V3) and its passphrase.
    anchorer_key: SecretStr | None = None
    anchorer_keystore: Path | None = None
    anchorer_passphrase: SecretStr | None = None
    #: The contract's admin: it founds, and brings parties and their keys to the chain. Where it is not here, somebody
    #: who has it runs `wayproof ledger keys` after each new key.
    admin_key: SecretStr | None = None
    admin_keystore: Path | None = None
    admin_passphrase: SecretStr | None = None

    #: A checkpoint is anchored once the oldest leaf outside has waited this long. The next anchor covers all that came,
    #: so this and the price of an anchor are what custody costs: 144 anchors a day.
    anchor_every: timedelta = timedelta(minutes=10)
    #: Or once so many leaves wait.
    anchor_leaves: int = Field(default=10_000, ge=1)
    #: A leaf that is not final after this raises an alarm. Ethereum needs 13 to 20 minutes beyond `anchor_every`.
    alarm_after: timedelta = timedelta(hours=1)

    #: Blocks that make one safe or final where the chain has no such tags.
    safe_depth: int = Field(default=12, ge=1)
    final_depth: int = Field(default=64, ge=1)
    #: A transaction that is not mined after this is replaced by one that pays more.
    bump_after: timedelta = timedelta(minutes=3)
    #: No transaction offers more than this for a unit of gas, in gwei.
    max_fee_gwei: int = Field(default=200, ge=1)

    #: How often the chain is asked while an anchor is due or on its way.
    poll_interval: timedelta = Field(default=timedelta(seconds=4), gt=timedelta(0))
    #: And while there is none: a look is ten calls, which providers count.
    idle_interval: timedelta = Field(default=timedelta(minutes=1), gt=timedelta(0))
    #: For chains that mine only on demand, such as the embedded one: make them mine what finality needs.
    mine_blocks: bool = False

    #: Where /livez, /readyz and /metrics are served; port 0: nowhere.
    health_host: str = "127.0.0.1"
    health_port: int = Field(default=0, ge=0, le=65_535)

    @field_validator(
        "anchorer_key",
        "anchorer_keystore",
        "anchorer_passphrase",
        "admin_key",
        "admin_keystore",
        "admin_passphrase",
        mode="before",
    )
    @classmethod
    def _unset(cls, value: object) -> object:
        return value or None  # a compose file hands on what is not set as empty

    @field_validator("rpc_urls", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value
