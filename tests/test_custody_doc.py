"""docs/custody.md, done."""

import json
import os
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fix_up import EMBEDDED, Up

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "custody.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)


def test_readme_shows_what_is_run() -> None:
    """Every command of the README's handoff is one of the page's."""
    section = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Hand a shipment over")[2]
    [block] = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    shown = [re.sub(r" +# .*", "", line) for line in block.splitlines()]
    assert len(shown) > 5
    assert set(shown) <= {line for command in COMMANDS for line in command.splitlines()}


@pytest.mark.timeout(600)
def test_walk_through(up_factory: Callable[..., Up], tmp_path: Path) -> None:
    """Two parties hand a simulated shipment over, it is final and verified; one byte changed is found by name."""
    up = up_factory(tmp_path / "data", "--demo", "--trucks", "2")
    up.wait_until_ready((*EMBEDDED, "fleet"))
    data, ports = up.data, up.data.ports()
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("WAYPROOF_")},
        "WAYPROOF_DATA": str(data.root),
        "WAYPROOF_URL": f"http://127.0.0.1:{ports['api']}",
        "WAYPROOF_RPC_URL": f"http://127.0.0.1:{ports['chain']}",
    }
    _wait_for("-01-", data.log("fleet"))  # the shipment that waits for the reader
    script = "set -euo pipefail\n" + "\n".join(COMMANDS)
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=480
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "device: accepted\n" in done.stdout
    verified, forged = done.stdout.split("handoff.json\npassed", 1)[1].split("forged.json\n")
    assert "FAILED" not in verified
    assert re.search(r"^passed +finality +final", verified, re.MULTILINE)
    assert re.search(r"^passed +receiver key ", verified, re.MULTILINE)
    assert re.findall(r"^FAILED +(\w+) ", forged, re.MULTILINE) == ["details"]
    assert done.stdout.endswith("exit status 1\n")
    _check_simulated(up, environment, tmp_path / "simulated.json")


def _wait_for(text: str, log: Path) -> None:
    deadline = time.monotonic() + 120
    while text not in log.read_text(encoding="utf-8"):
        assert time.monotonic() < deadline, log.read_text(encoding="utf-8")
        time.sleep(0.1)


def _check_simulated(up: Up, environment: dict[str, str], bundle: Path) -> None:
    """What the simulation handed over is final too, by keys that are in the contract, and nothing is wrong."""
    token = json.loads(up.wayproof("key", "create", "look", "--json").stdout)["token"]
    reach = ("--url", environment["WAYPROOF_URL"], "--api-key", token)
    listed = json.loads(up.wayproof("handoff", "list", "--json", *reach).stdout)["items"]
    simulated = [each["id"] for each in listed if "simulated" in each["details"] and each["anchor_state"] == "final"]
    assert up.wayproof("handoff", "bundle", simulated[0], "-o", str(bundle), *reach).returncode == 0
    verified = up.wayproof("verify", str(bundle), "--rpc", environment["WAYPROOF_RPC_URL"])
    assert verified.returncode == 0, verified.stdout
    status = up.wayproof("ledger", "status")
    assert status.returncode == 0, status.stdout
