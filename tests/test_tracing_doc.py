"""docs/tracing.md, done."""

import json
import os
import re
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest

from wayproof.cli.access import database_settings, tenant_pool

from fix_exports import FSMA, PACKED
from fix_registry import Registry
from fix_up import Up

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "tracing.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)


def test_readme_shows_what_is_run() -> None:
    """Every command of the README's trace is one of the page's."""
    section = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Trace a lot")[2].partition("\n## ")[0]
    [block] = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    shown = [re.sub(r" +# .*", "", line) for line in block.splitlines()]
    assert len(shown) > 5
    assert set(shown) <= {line for command in COMMANDS for line in command.splitlines()}


@pytest.mark.timeout(600)
@pytest.mark.skipif(not FSMA.is_dir(), reason=f"FSMA 204 documents are not at {FSMA}")
def test_walk_through(up_factory: Callable[..., Up], tmp_path: Path) -> None:
    """Every block of the page works in its order in the folder of a `make run`, and says what the page says."""
    up = up_factory(tmp_path / ".wayproof")
    up.wait_until_ready()
    address = f"http://127.0.0.1:{up.data.ports()['api']}"
    _depart(up)
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("WAYPROOF_")},
        "DOCUMENTS": str(FSMA),
        "WAYPROOF_URL": address,
    }
    script = "set -euo pipefail\n" + "\necho ----\n".join(COMMANDS)
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=480
    )
    assert done.returncode == 0, done.stdout + done.stderr
    blocks = re.split(r"^----\n", done.stdout, flags=re.MULTILINE)
    _, imported, traced, resolved, placed, saved, verified, recorded, recalled = blocks
    assert "forgiven" in imported
    assert "in the journal already" in imported
    upstream, downstream = traced.split("downstream, ")
    assert "(01) 00860009999923 (10) ABC1234" in upstream
    assert "SALAD-20260420-A" in downstream
    assert "(00) 008600099999850000" in downstream
    assert "DEF2345" not in traced
    assert f"307 {address}/item?id=" in resolved
    assert "used_up" in placed
    assert "(00) 008600099999850000" in placed
    assert re.search(r"^ *accounted for +114\.3 %", placed, re.MULTILINE)
    assert json.loads((tmp_path / "balance.json").read_text(encoding="utf-8"))["made"] == 525
    assert saved == ""
    assert "FAILED" not in verified
    assert re.search(r"^passed +fsma204.csv ", verified, re.MULTILINE)
    assert re.search(r"^[01] events recorded$", recorded, re.MULTILINE)  # none where the service came first
    assert _departures(up, address) == 1
    assert "(exercise), revision 2: Salad" in recalled
    assert "SALAD-20260420-A" in recalled
    assert f"{address}/recall/" in recalled
    assert re.search(r"full scope after [0-9.]+ min", recalled)
    assert (tmp_path / "ABC1234.csv").read_text(encoding="utf-8-sig").count(PACKED) > 3


def _depart(up: Up) -> None:
    """A shipment of the tenant is picked up now."""
    with tenant_pool(database_settings(up.data, None), "demo") as (pool, tenant):
        registry = Registry(pool=pool, tenant_id=tenant.tenant_id)
        registry.change(registry.shipment(), picked_up_at=datetime.now(UTC))


def _departures(up: Up, address: str) -> int:
    token = json.loads(up.wayproof("key", "create", "look", "--json").stdout)["token"]
    answer = httpx2.get(
        f"{address}/epcis/events", params={"EQ_bizStep": "departing"}, headers={"Authorization": f"Bearer {token}"}
    )
    return len(answer.raise_for_status().json()["epcisBody"]["queryResults"]["resultsBody"]["eventList"])
