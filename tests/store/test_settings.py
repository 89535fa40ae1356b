"""Settings out of the environment, and what the processes say where it lacks something."""

import os
import subprocess
import sys

import pytest

from wayproof.model.errors import InvalidInput
from wayproof.store.settings import DatabaseSettings, from_environment
from wayproof.trace.settings import WebhookSettings


@pytest.fixture
def environment() -> dict[str, str]:
    """The environment without anything of ours."""
    return {name: value for name, value in os.environ.items() if not name.startswith("WAYPROOF_")}


@pytest.mark.parametrize("room", ["api", "ingest", "ledger", "trace"])
def test_missing_settings_are_named(room: str, environment: dict[str, str]) -> None:
    """Without the environment that it needs a process ends with 2 and says what is missing."""
    argv = [sys.executable, "-m", f"wayproof.{room}"]
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    missing = {"ingest": "WAYPROOF_INGEST_PASSWORD", "ledger": "WAYPROOF_LEDGER_LOG_KEY_FILE"}
    assert done.stderr.startswith(f"{missing.get(room, 'WAYPROOF_DATABASE_URL')}: Field required")


@pytest.mark.parametrize("room", ["api", "ingest", "ledger", "trace"])
def test_help_needs_no_settings(room: str, environment: dict[str, str]) -> None:
    """Help tells by which variables a process is set up."""
    argv = [sys.executable, "-m", f"wayproof.{room}", "--help"]
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=True)
    assert f"WAYPROOF_{room.upper()}_*" in done.stdout


def test_wrong_settings_are_named_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every variable that is wrong is named with what is wrong, and no value, which may be a secret."""
    monkeypatch.setenv("WAYPROOF_DATABASE_URL", "postgresql://somebody:secret@db/wayproof")
    monkeypatch.setenv("WAYPROOF_DATABASE_POOL_SIZE", "secret")
    monkeypatch.setenv("WAYPROOF_DATABASE_LOCK_TIMEOUT", "secret")
    with pytest.raises(InvalidInput) as told:
        from_environment(DatabaseSettings)
    wrong = [each.partition(":")[0] for each in str(told.value).split("; ")]
    assert wrong == ["WAYPROOF_DATABASE_LOCK_TIMEOUT", "WAYPROOF_DATABASE_POOL_SIZE"]
    assert "secret" not in str(told.value)


def test_settings_that_should_be_json(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list that is no JSON is named as well."""
    monkeypatch.setenv("WAYPROOF_WEBHOOK_ALLOWED_HOSTS", "hooks.example.com")
    with pytest.raises(InvalidInput, match="allowed_hosts"):
        from_environment(WebhookSettings)


def test_given_settings_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the caller gives is not asked of the environment."""
    monkeypatch.setenv("WAYPROOF_WEBHOOK_THREADS", "many")
    assert from_environment(WebhookSettings, threads=2).threads == 2
