"""docs/custody.md, done."""

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from wayproof.cli.services.data_dir import DataDir
from wayproof.cli.services.plan import PREFERRED_PORTS

from fix_up import EMBEDDED, Up
from ports import free_port

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "custody.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.timeout(300)
def test_walk_through(up_factory: Callable[..., Up], tmp_path: Path) -> None:
    """Two parties hand a simulated shipment over, it is final and verified; one byte changed is found by name."""
    data = DataDir.at(tmp_path / "data")
    data.make()
    ports = {name: free_port() for name in PREFERRED_PORTS}
    data.remember_ports(ports)
    up = up_factory(data.root, "--demo", "--trucks", "2")
    up.wait_until_ready((*EMBEDDED, "fleet"))
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("WAYPROOF_")},
        "WAYPROOF_DATA": str(data.root),
        "WAYPROOF_URL": f"http://127.0.0.1:{ports['api']}",
        "WAYPROOF_RPC_URL": f"http://127.0.0.1:{ports['chain']}",
    }
    # The fleet books its shipments in its first second.
    script = "set -euo pipefail\nsleep 2\n" + "\n".join(COMMANDS)
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=240
    )
    assert done.returncode == 0, done.stdout + done.stderr
    verified, forged = done.stdout.split("handoff.json\npassed", 1)[1].split("forged.json\n")
    assert "FAILED" not in verified
    assert re.search(r"^passed +finality +final", verified, re.MULTILINE)
    assert re.search(r"^passed +receiver key ", verified, re.MULTILINE)
    assert re.findall(r"^FAILED +(\w+) ", forged, re.MULTILINE) == ["details"]
    assert done.stdout.endswith("exit status 1\n")
