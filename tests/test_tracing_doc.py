"""docs/tracing.md, done."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from wayproof.model.access import Scope
from wayproof.store.keys import create_key
from wayproof.store.pool import Conn
from wayproof.store.settings import DatabaseSettings

from fix_api import ApiProcess
from fix_exports import FSMA, PACKED
from fix_registry import MONDAY, Registry

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "tracing.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.timeout(240)
@pytest.mark.skipif(not FSMA.is_dir(), reason=f"FSMA 204 documents are not at {FSMA}")
def test_walk_through(
    api_process: ApiProcess, database: DatabaseSettings, registry: Registry, superuser: Conn, tmp_path: Path
) -> None:
    """Every block of the page works in its order, and says what the page says."""
    registry.change(registry.shipment(), picked_up_at=MONDAY)
    [tenant] = superuser.execute("select name from tenant where tenant_id = %s", [registry.tenant_id]).fetchone() or [
        ""
    ]
    _, token = create_key(superuser, tenant_id=registry.tenant_id, label="walk", scopes=[*Scope])
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("WAYPROOF_")},
        "PATH": f"{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}",
        "DOCUMENTS": str(FSMA),
        "WAYPROOF_TENANT": tenant,
        "WAYPROOF_DATABASE_URL": database.url.get_secret_value(),
        "WAYPROOF_URL": api_process.address,
        "WAYPROOF_API_KEY": token,
    }
    script = "set -euo pipefail\n" + "\necho ----\n".join(COMMANDS)
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=220
    )
    assert done.returncode == 0, done.stdout + done.stderr
    blocks = re.split(r"^----\n", done.stdout, flags=re.MULTILINE)
    imported, traced, resolved, placed, saved, verified, recorded, recalled = blocks
    assert "forgiven" in imported
    assert "in the journal already" in imported
    up, down = traced.split("downstream, ")
    assert "(01) 00860009999923 (10) ABC1234" in up
    assert "SALAD-20260420-A" in down
    assert "(00) 008600099999850000" in down
    assert "DEF2345" not in traced
    assert f"307 {api_process.address}/item?id=" in resolved
    assert "used_up" in placed
    assert "(00) 008600099999850000" in placed
    assert re.search(r"^ *accounted for +114\.3 %", placed, re.MULTILINE)
    assert json.loads((tmp_path / "balance.json").read_text(encoding="utf-8"))["made"] == 525
    assert saved == ""
    assert "FAILED" not in verified
    assert re.search(r"^passed +fsma204.csv ", verified, re.MULTILINE)
    assert recorded.endswith("1 events recorded\n")
    assert "(exercise), revision 2: Salad" in recalled
    assert "SALAD-20260420-A" in recalled
    assert f"{api_process.address}/recall/" in recalled
    assert re.search(r"full scope after [0-9.]+ min", recalled)
    assert (tmp_path / "ABC1234.csv").read_text(encoding="utf-8-sig").count(PACKED) > 3
