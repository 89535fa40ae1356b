"""An anchorer that is killed in any state: the next one goes on, with the same bytes, to one final anchor."""

import signal
import urllib.request
from collections.abc import Callable
from urllib.error import HTTPError

import pytest

from wayproof.model.handoff import AnchorState
from wayproof.store import log

from fix_anchorer import ANCHORER_KEY, Anchoring, Wire
from ports import free_port

Until = Callable[[Anchoring, Wire], None]


def before_signing(anchoring: Anchoring, wire: Wire) -> None:
    """It asks what the call takes."""
    wire.hold(before="eth_estimateGas")
    anchoring.append(3)
    assert wire.reached.wait(60), anchoring.output()


def before_broadcasting(anchoring: Anchoring, wire: Wire) -> None:
    """The transaction is stored, and on the wire."""
    wire.hold(before="eth_sendRawTransaction")
    anchoring.append(3)
    assert wire.reached.wait(60), anchoring.output()


def before_the_answer(anchoring: Anchoring, wire: Wire) -> None:
    """The node has taken and mined it, and did not answer yet."""
    wire.hold(after="eth_sendRawTransaction")
    anchoring.append(3)
    assert wire.reached.wait(60), anchoring.output()


def while_it_waits(anchoring: Anchoring, wire: Wire) -> None:
    """The node has it and mines nothing."""
    anchoring.chain.rpc("evm_setAutomine", False)
    anchoring.append(3)
    anchoring.wait_for(lambda: AnchorState.SUBMITTED in anchoring.states().values())


def when_mined(anchoring: Anchoring, wire: Wire) -> None:
    """It is in the newest block."""
    anchoring.append(3)
    anchoring.wait_for(lambda: AnchorState.MINED in anchoring.states().values())


def when_safe(anchoring: Anchoring, wire: Wire) -> None:
    """An epoch has passed."""
    when_mined(anchoring, wire)
    anchoring.mine(2)
    anchoring.wait_for(lambda: AnchorState.SAFE in anchoring.states().values())


def when_final(anchoring: Anchoring, wire: Wire) -> None:
    """All is done."""
    when_mined(anchoring, wire)
    anchoring.mine(4)
    anchoring.wait_for(lambda: AnchorState.FINAL in anchoring.states().values())


@pytest.mark.parametrize(
    ("until", "state"),
    [
        (before_signing, AnchorState.QUEUED),
        (before_broadcasting, AnchorState.SIGNED),
        (before_the_answer, AnchorState.SIGNED),
        (while_it_waits, AnchorState.SUBMITTED),
        (when_mined, AnchorState.MINED),
        (when_safe, AnchorState.SAFE),
        (when_final, AnchorState.FINAL),
    ],
)
def test_killed(anchoring: Anchoring, until: Until, state: AnchorState) -> None:
    """Killed in whatever state, the next anchorer brings the same transaction to its end, and every later leaf too."""
    wire = anchoring.wire()
    process = anchoring.start(wire.url)
    until(anchoring, wire)
    process.kill()
    process.wait(60)
    wire.release()
    assert anchoring.states() == {3: state}
    signed = anchoring.anchor(3).transactions
    assert len(signed) == (state != AnchorState.QUEUED)
    anchoring.chain.rpc("evm_setAutomine", True)

    anchoring.start(mine_blocks="true")
    anchoring.wait_for(lambda: anchoring.states() == {3: AnchorState.FINAL})
    size = anchoring.append(4)
    anchoring.wait_for(lambda: anchoring.states() == {3: AnchorState.FINAL, size: AnchorState.FINAL})
    anchoring.check_all_well()
    if signed:
        assert [tx.raw for tx in anchoring.anchor(3).transactions] == [tx.raw for tx in signed]


def test_process(anchoring: Anchoring) -> None:
    """It serves health and metrics, comes back to a database that threw it out, ends by SIGTERM, and shows no key."""
    port = free_port()
    process = anchoring.start(mine_blocks="true", health_port=str(port))

    def get(path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as response:
                return response.status, response.read().decode()
        except HTTPError as error:
            return error.code, error.read().decode()
        except OSError as error:
            return 0, str(error)

    anchoring.wait_for(lambda: get("/readyz") == (200, '{"database":true,"chain":true}'))
    anchoring.append(2)
    anchoring.wait_for(lambda: anchoring.states() == {2: AnchorState.FINAL})
    anchoring.conn.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'wayproof_ledger'"
    )
    anchoring.append(2)
    anchoring.wait_for(lambda: anchoring.states() == {2: AnchorState.FINAL, 4: AnchorState.FINAL})
    anchoring.wait_for(lambda: "wayproof_ledger_final_leaves 4.0" in get("/metrics")[1])
    told = get("/metrics")[1]
    assert 'wayproof_ledger_anchors{state="final"} 2.0' in told
    assert 'wayproof_ledger_alarm{alarm="root_mismatch"} 0.0' in told
    second = anchoring.start()
    anchoring.wait_for(lambda: "another anchorer runs" in anchoring.output())
    for each in (second, process):
        each.send_signal(signal.SIGTERM)
        assert each.wait(60) == 0
    assert ANCHORER_KEY.hex()[2:] not in anchoring.output()
    latest = log.latest_checkpoint(anchoring.conn)
    assert latest is not None
    assert latest.size == 4
