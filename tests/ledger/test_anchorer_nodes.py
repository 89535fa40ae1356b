"""Nodes that are away, stuck, forgetful, or of different minds."""

import shutil
import signal
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pytest

from wayproof.ledger.anchorer import Anchorer
from wayproof.ledger.found import put_back
from wayproof.model.anchor import Alarm
from wayproof.model.handoff import AnchorState
from wayproof.store import anchors, log

from fix_anchorer import Anchoring, dripping_node, plain_endpoint
from fix_chain import Chain
from ports import free_port


def follow_until(anchoring: Anchoring, anchorer: Anchorer, holds: Callable[[], bool], *, mine: bool = False) -> None:
    """Passes until a condition holds, at most half a minute."""
    deadline = time.monotonic() + 90
    while not holds():
        assert time.monotonic() < deadline, (anchoring.states(), anchors.alarms(anchoring.conn))
        anchorer.follow()
        if mine:
            anchoring.mine()
        time.sleep(0.05)


def all_final(anchoring: Anchoring) -> bool:
    """Whether no anchor is left to follow, and every leaf is covered."""
    states = anchoring.states()
    return set(states.values()) == {AnchorState.FINAL} and max(states) == log.size(anchoring.conn)


def test_node_stopped(anchoring: Anchoring) -> None:
    """While the node is away leaves and checkpoints go on, an alarm stands, and one later anchor covers them all."""
    anchorer = anchoring.anchorer(mine_blocks=True)
    anchoring.append(1)
    follow_until(anchoring, anchorer, lambda: all_final(anchoring))
    anchoring.chain.stop(signal.SIGTERM)
    for _ in range(3):
        anchoring.append(1)
        anchorer.checkpoint()
        assert not anchorer.follow()
    assert anchoring.alarms() == {Alarm.CHAIN_UNREACHABLE}
    assert anchoring.conn.execute("select array_agg(size order by size) from log_checkpoint").fetchone() == (
        [1, 2, 3, 4],
    )
    anchoring.chain.start()
    follow_until(anchoring, anchorer, lambda: all_final(anchoring))
    assert anchoring.events() == [1, 4]
    anchoring.check_all_well()
    assert anchoring.alarms() == set()


def test_chain_lost_its_data(anchoring: Anchoring) -> None:
    """A development chain that lost everything gets contract and anchors back, byte for byte; an alarm says so."""
    anchorer = anchoring.anchorer(mine_blocks=True)
    for _ in range(2):
        anchoring.append(2)
        follow_until(anchoring, anchorer, lambda: all_final(anchoring))
    raw = [tx.raw for size in (2, 4) for tx in anchoring.anchor(size).transactions]
    anchoring.chain.stop(signal.SIGKILL)
    anchoring.chain.service.state.unlink(missing_ok=True)
    anchoring.chain.start()
    follow_until(anchoring, anchorer, lambda: Alarm.WRONG_CHAIN in anchoring.alarms())
    assert set(anchoring.states().values()) == {AnchorState.FINAL}

    anchorer._restore = partial(put_back, plain_endpoint(anchoring.chain), anchoring.identity, anchoring.founding)
    follow_until(anchoring, anchorer, lambda: Alarm.FINAL_LOST in anchoring.alarms())
    follow_until(anchoring, anchorer, lambda: all_final(anchoring))
    assert [tx.raw for size in (2, 4) for tx in anchoring.anchor(size).transactions] == raw
    anchoring.check_all_well()
    anchorer.follow()
    assert anchoring.alarms() == set()


def test_node_stuck(anchoring: Anchoring) -> None:
    """A node that hangs costs a time-out and then rests; when it goes on, so does the anchor."""
    anchorer = anchoring.anchorer(mine_blocks=True)
    anchoring.append(1)
    anchorer.follow()
    anchoring.signal_chain(signal.SIGSTOP)
    begun_s = time.monotonic()
    assert not anchorer.follow()
    assert time.monotonic() - begun_s < 30
    assert anchoring.alarms() == {Alarm.CHAIN_UNREACHABLE}
    anchoring.signal_chain(signal.SIGCONT)
    follow_until(anchoring, anchorer, lambda: all_final(anchoring))
    anchoring.check_all_well()


def test_answer_without_end(anchoring: Anchoring) -> None:
    """A node that answers a byte at a time costs a time-out like one that is silent, and holds up nobody else."""
    with dripping_node() as (url, asked):
        alone = anchoring.anchorer(url)
        anchoring.append(1)
        begun_s = time.monotonic()
        assert not alone.follow()
        assert time.monotonic() - begun_s < 8
        assert anchoring.alarms() == {Alarm.CHAIN_UNREACHABLE}
        both = anchoring.anchorer(url, anchoring.chain.url, mine_blocks=False)
        follow_until(anchoring, both, lambda: all_final(anchoring), mine=True)
        assert asked
    anchoring.check_all_well()


@pytest.mark.parametrize(
    "method", ["eth_chainId", "eth_getBlockByNumber", "eth_call", "eth_estimateGas", "eth_sendRawTransaction"]
)
def test_lost_calls(anchoring: Anchoring, method: str) -> None:
    """Whichever call is lost, nothing breaks: an alarm stands, and all goes on when calls come through again."""
    wire = anchoring.wire()
    anchorer = anchoring.anchorer(wire.url, mine_blocks=True)
    wire.lose(method)
    anchoring.append(2)
    assert not anchorer.follow()
    assert anchoring.alarms() == {Alarm.CHAIN_UNREACHABLE}
    wire.lose()
    follow_until(anchoring, anchorer, lambda: all_final(anchoring))
    assert len(anchoring.anchor(2).transactions) == 1
    anchoring.check_all_well()


def test_one_of_two_endpoints_is_dead(anchoring: Anchoring) -> None:
    """With one endpoint dead from the start, or dying on the way, the other carries on."""
    wire = anchoring.wire()
    dead = f"http://127.0.0.1:{free_port()}"
    anchorer = anchoring.anchorer(dead, wire.url, anchoring.chain.url, mine_blocks=False)
    anchoring.append(2)
    anchorer.follow()
    wire.lose("eth_chainId", "eth_call")
    follow_until(anchoring, anchorer, lambda: all_final(anchoring), mine=True)
    assert anchoring.alarms() == set()
    anchoring.check_all_well()


def test_endpoint_of_another_chain(anchoring: Anchoring, session_chain: Chain) -> None:
    """An endpoint whose chain has no such contract raises an alarm that names it, and nothing is signed."""
    anchorer = anchoring.anchorer(anchoring.chain.url, session_chain.url)
    anchoring.append(1)
    anchorer.follow()
    (alarm,) = anchors.alarms(anchoring.conn)
    assert alarm.alarm == Alarm.WRONG_CHAIN
    assert f"127.0.0.1:{session_chain.port} has no contract of ours" in alarm.detail
    assert anchoring.states() == {}


def test_endpoints_of_different_minds(anchoring: Anchoring, chain_factory: Callable[[], Chain]) -> None:
    """What only one endpoint saw is not mined; while they differ on the contract nothing new is signed."""
    anchoring.chain.stop(signal.SIGTERM)
    other = chain_factory()
    other.stop(signal.SIGTERM)
    shutil.copyfile(anchoring.chain.service.state, other.service.state)
    for chain in (anchoring.chain, other):
        chain.start()
    try:
        other.rpc("evm_increaseTime", "0x100")  # so that its blocks are others
        anchorer = anchoring.anchorer(anchoring.chain.url, other.url)
        anchoring.append(2)
        for _ in range(3):
            anchorer.follow()
            anchoring.mine()
            other.rpc("evm_mine")
        assert anchoring.latest()[0] == 2
        assert anchoring.states() == {2: AnchorState.SUBMITTED}

        other.rpc("anvil_reorg", 4, [])
        anchoring.append(2)
        anchorer.follow()
        assert Alarm.ENDPOINTS_DISAGREE in anchoring.alarms()
        assert set(anchoring.states()) == {2}
    finally:
        other.stop(signal.SIGKILL)
    follow_until(anchoring, anchorer, lambda: all_final(anchoring), mine=True)
    anchoring.check_all_well()
    assert anchoring.alarms() == set()


def test_chain_without_tags(anchoring: Anchoring) -> None:
    """On a chain that knows neither `safe` nor `finalized`, depth decides; a node that is busy decides nothing."""
    wire = anchoring.wire()
    anchorer = anchoring.anchorer(wire.url, safe_depth=3, final_depth=5)

    def refuse(code: int) -> Callable[[Mapping[str, Any]], Mapping[str, Any] | None]:
        def answer(call: Mapping[str, Any]) -> Mapping[str, Any] | None:
            if call["method"] == "eth_getBlockByNumber" and call["params"][0] in {"safe", "finalized"}:
                return {"error": {"code": code, "message": "no"}}
            return None

        return answer

    wire.answer = refuse(-32602)
    anchoring.append(1)
    anchorer.follow()
    seen = []
    for _ in range(5):
        anchorer.follow()
        seen.append(anchoring.anchor(1).state)
        anchoring.mine()
    mined, safe, final = AnchorState.MINED, AnchorState.SAFE, AnchorState.FINAL
    assert seen == [mined, mined, safe, safe, final]
    wire.answer = refuse(-32005)
    assert not anchorer.follow()
    assert anchoring.alarms() == {Alarm.CHAIN_UNREACHABLE}
