"""What the doctor finds of the log of custody, and what it says mends it."""

import json
import subprocess
import sys

from wayproof.cli.services.ledger_checks import examine_ledger
from wayproof.model.anchor import Alarm
from wayproof.store import anchors
from wayproof.store.pool import connect
from wayproof.store.settings import DatabaseSettings

from fix_anchorer import Anchoring
from fix_chain import Chain
from ports import free_port


def test_no_log(database: DatabaseSettings) -> None:
    """A database without a log is told so, with the command that founds one."""
    with connect(database) as conn:
        assert examine_ledger(conn, "http://127.0.0.1:1") == ("no log is founded", "wayproof ledger init")


def test_what_is_found(anchoring: Anchoring, chain: Chain) -> None:
    """Sizes, account and balance of a log that is well; else the first thing that is wrong, with its mend."""
    anchoring.append(3)
    found, mend = examine_ledger(anchoring.conn, anchoring.chain.url)
    assert (
        found
        == f"log.example/anchored: 3 leaves, 0 signed, 0 final; {anchoring.account} anchors and holds 100.00 coins"
    )
    assert mend == ""
    anchoring.chain.rpc("anvil_setBalance", anchoring.account, "0x1")
    found, mend = examine_ledger(anchoring.conn, anchoring.chain.url)
    assert (f"{anchoring.account}, which anchors, holds 1 wei" in found, bool(mend)) == (True, True)
    found, mend = examine_ledger(anchoring.conn, chain.url)
    assert ("no contract of this log at 0x" in found, mend) == (True, "correct WAYPROOF_RPC_URL")
    found, mend = examine_ledger(anchoring.conn, f"http://127.0.0.1:{free_port()}")
    assert ("speaks for chain None, expected 31337" in found, mend) == (True, "correct WAYPROOF_RPC_URL")


def test_alarms_are_told(anchoring: Anchoring) -> None:
    """While an alarm stands the doctor names it, and `ledger status` shows what it is about and ends with 1."""
    anchors.put_alarms(anchoring.conn, {Alarm.NOT_FUNDED: "empty"})
    found, mend = examine_ledger(anchoring.conn, anchoring.chain.url)
    assert ("alarms: not_funded" in found, bool(mend)) == (True, True)
    url = anchoring.database.url.get_secret_value()
    for words in (("status", "--json"), ("status",)):
        argv = [sys.executable, "-m", "wayproof.cli.main", "ledger", *words, "--database-url", url]
        told = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
        assert told.returncode == 1
        if "--json" in words:
            assert json.loads(told.stdout)["alarms"] == {"not_funded": "empty"}
        else:
            assert "alarms:         not_funded: empty\n" in told.stdout
