"""The anchorer on a real chain and a real database, step by step."""

import re
from datetime import timedelta
from hashlib import sha256
from itertools import pairwise

import pytest
from web3 import Web3

from wayproof.ledger.notes import open_note
from wayproof.ledger.settings import LedgerSettings
from wayproof.model.anchor import Alarm
from wayproof.model.handoff import AnchorState
from wayproof.store import anchors, log

from fix_anchorer import Anchoring, plain_endpoint

STATES = [AnchorState.MINED, AnchorState.SAFE, AnchorState.FINAL]


def test_a_checkpoint_becomes_final(anchoring: Anchoring) -> None:
    """A leaf is covered by a signed checkpoint and an anchor that goes to mined, safe and final as blocks come."""
    anchorer = anchoring.anchorer()
    size = anchoring.append(3)
    assert anchorer.follow()
    assert anchoring.states() == {3: AnchorState.SUBMITTED}
    seen = []
    for _ in range(5):
        anchorer.follow()
        seen.append(anchoring.anchor(size).state)
        anchoring.mine()
    assert list(dict.fromkeys(seen)) == STATES
    anchor = anchoring.anchor(size)
    assert anchor.inclusion is not None
    assert anchor.inclusion.fee_wei > 0
    assert anchor.note_hash == sha256(log.checkpoint_at(anchoring.conn, size).note.encode()).digest()
    anchoring.check_all_well()
    assert anchoring.alarms() == set()


def test_checkpoints_are_signed_whenever_the_log_grew(anchoring: Anchoring) -> None:
    """Between anchors every growth of the log gets a checkpoint, and no growth none."""
    anchorer = anchoring.anchorer(anchor_leaves=1000)
    anchorer.follow()
    for _ in range(2):
        size = anchoring.append(2)
        anchorer.checkpoint()
        anchorer.checkpoint()
        latest = log.latest_checkpoint(anchoring.conn)
        assert latest is not None
        assert (latest.size, latest.root) == (size, log.root_at(anchoring.conn, size))
    assert anchoring.conn.execute("select count(*) from log_checkpoint").fetchone() == (2,)
    assert anchoring.states() == {}


def test_policy_by_leaves_and_by_time(anchoring: Anchoring) -> None:
    """An anchor is made once enough leaves wait, or once one has waited long enough, whichever comes first."""
    anchoring.append(2)
    anchoring.anchorer(anchor_leaves=3, anchor_every=timedelta(hours=1)).follow()
    assert anchoring.states() == {}
    size = anchoring.append(1)
    anchoring.anchorer(anchor_leaves=3, anchor_every=timedelta(hours=1)).follow()
    assert set(anchoring.states()) == {size}


def test_policy_by_time(anchoring: Anchoring) -> None:
    """A single leaf is anchored once it has waited long enough."""
    anchoring.append(1)
    anchoring.anchorer(anchor_leaves=1000, anchor_every=timedelta(0)).follow()
    assert set(anchoring.states()) == {1}


def test_growth_while_an_anchor_is_on_its_way(anchoring: Anchoring) -> None:
    """While a transaction waits no other checkpoint is queued; the next anchor covers all that came meanwhile."""
    anchorer = anchoring.anchorer()
    anchoring.chain.rpc("evm_setAutomine", False)
    anchoring.append(1)
    anchorer.follow()
    for _ in range(3):
        anchoring.append(1)
        anchorer.follow()
    assert set(anchoring.states()) == {1}
    anchoring.mine()
    anchoring.chain.rpc("evm_setAutomine", True)
    for _ in range(6):
        anchorer.follow()
        anchoring.mine()
    anchorer.follow()
    assert set(anchoring.states()) == {1, 4}
    anchoring.check_all_well()


@pytest.mark.parametrize("depth", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("seen", STATES)
def test_reorganisation(anchoring: Anchoring, depth: int, seen: AnchorState) -> None:
    """A reorganisation of any depth, whatever state was seen before it, ends with the same bytes final on the chain."""
    anchorer = anchoring.anchorer()
    anchoring.mine(6)
    size = anchoring.append(2)
    anchorer.follow()
    anchorer.follow()
    while anchoring.anchor(size).state != seen:
        anchoring.mine()
        anchorer.follow()
    before = anchoring.anchor(size)
    assert before.inclusion is not None
    is_hit = anchoring.chain.web3.eth.block_number - depth < before.inclusion.block_number
    anchoring.chain.rpc("anvil_reorg", depth, [])
    assert (anchoring.latest()[0] == 0) == is_hit
    anchorer.follow()
    after = anchoring.anchor(size)
    assert (Alarm.FINAL_LOST in anchoring.alarms()) == (is_hit and seen == AnchorState.FINAL)
    if is_hit:
        assert after.inclusion is None
        assert after.state in {AnchorState.SUBMITTED, AnchorState.SIGNED}
    for _ in range(6):
        anchoring.mine()
        anchorer.follow()
    assert [tx.raw for tx in anchoring.anchor(size).transactions] == [tx.raw for tx in before.transactions]
    anchoring.check_all_well()
    assert anchoring.alarms() == set()


def test_reorganisation_of_several_anchors(anchoring: Anchoring) -> None:
    """Anchors that one reorganisation takes together come back in their order, each with the bytes it had."""
    anchorer = anchoring.anchorer()
    for _ in range(3):
        anchoring.append(2)
        anchorer.follow()
        anchorer.follow()
    assert set(anchoring.states()) == {2, 4, 6}
    raw = [anchoring.anchor(size).transactions for size in (2, 4, 6)]
    anchoring.chain.rpc("anvil_reorg", 3, [])
    assert anchoring.latest()[0] == 0
    for _ in range(8):
        anchorer.follow()
        anchoring.mine()
    anchorer.follow()
    after = [anchoring.anchor(size).transactions for size in (2, 4, 6)]
    assert [[tx.raw for tx in each] for each in after] == [[tx.raw for tx in each] for each in raw]
    anchoring.check_all_well()


def test_dropped_transaction(anchoring: Anchoring) -> None:
    """A transaction that a node has forgotten is given to it again."""
    anchorer = anchoring.anchorer()
    anchoring.chain.rpc("evm_setAutomine", False)
    size = anchoring.append(1)
    anchorer.follow()
    (transaction,) = anchoring.anchor(size).transactions
    for _ in range(2):
        anchoring.chain.rpc("anvil_dropTransaction", "0x" + transaction.tx_hash.hex())
        anchorer.follow()
    anchoring.mine()
    anchorer.follow()
    assert anchoring.anchor(size).state == AnchorState.MINED
    assert [tx.raw for tx in anchoring.anchor(size).transactions] == [transaction.raw]


def test_fee_is_raised(anchoring: Anchoring) -> None:
    """A transaction that waits too long gets a successor of its nonce, an eighth dearer on both fees, up to the cap."""
    anchorer = anchoring.anchorer(bump_after=timedelta(0), max_fee_gwei=3)
    anchoring.chain.rpc("evm_setAutomine", False)
    size = anchoring.append(1)
    for _ in range(5):
        anchorer.follow()
    transactions = anchoring.anchor(size).transactions
    assert len(transactions) > 1
    assert {tx.nonce for tx in transactions} == {0}
    for old, new in pairwise(transactions):
        assert new.max_fee_wei * 8 > old.max_fee_wei * 9
        assert new.priority_fee_wei * 8 > old.priority_fee_wei * 9
    assert transactions[-1].max_fee_wei <= 3 * 10**9
    assert anchoring.alarms() == {Alarm.FEE_CAPPED}
    [raised] = anchors.alarms(anchoring.conn)
    [named] = re.findall(r"WAYPROOF_LEDGER_(\w+)", raised.detail)
    assert named.lower() in LedgerSettings.model_fields
    anchoring.mine()
    anchorer.follow()
    found = anchoring.anchor(size)
    assert found.inclusion is not None
    assert found.inclusion.tx_hash == transactions[-1].tx_hash
    assert anchoring.alarms() == set()


def test_nonce_taken_by_somebody_else(anchoring: Anchoring) -> None:
    """Where another transaction used the nonce, the anchor is signed anew with the next one."""
    anchorer = anchoring.anchorer()
    anchoring.chain.rpc("evm_setAutomine", False)
    size = anchoring.append(1)
    anchorer.follow()
    (lost,) = anchoring.anchor(size).transactions
    sender = anchoring.chain.web3.eth.get_transaction("0x" + lost.tx_hash.hex())["from"]  # type: ignore[arg-type]
    anchoring.chain.rpc("anvil_dropTransaction", "0x" + lost.tx_hash.hex())
    anchoring.chain.rpc("anvil_impersonateAccount", sender)
    anchoring.chain.rpc("eth_sendTransaction", {"from": sender, "to": sender, "value": "0x1"})
    anchoring.mine()
    anchoring.chain.rpc("evm_setAutomine", True)
    for _ in range(6):
        anchorer.follow()
        anchoring.mine()
    anchorer.follow()
    assert [tx.nonce for tx in anchoring.anchor(size).transactions] == [0, 1]
    anchoring.check_all_well()


def test_superseded(anchoring: Anchoring) -> None:
    """A checkpoint that the chain passed by is superseded for good; the larger one on the chain covers its leaves."""
    anchorer = anchoring.anchorer()
    anchoring.chain.rpc("evm_setAutomine", False)
    anchoring.append(2)
    anchorer.follow()
    (lost,) = anchoring.anchor(2).transactions
    anchoring.chain.rpc("anvil_dropTransaction", "0x" + lost.tx_hash.hex())
    size = anchoring.append(2)
    contract = plain_endpoint(anchoring.chain, anchoring.identity.contract).contract
    anchoring.chain.rpc("anvil_impersonateAccount", anchoring.account)
    call = contract.functions.anchor(size, log.root_at(anchoring.conn, size), [], bytes(32))
    call.transact({"from": Web3.to_checksum_address(anchoring.account), "gas": 200_000})
    anchoring.mine()
    anchoring.chain.rpc("evm_setAutomine", True)
    for _ in range(6):
        anchorer.follow()
        anchoring.mine()
    assert anchoring.states() == {2: AnchorState.SUPERSEDED, size: AnchorState.FINAL}
    assert anchoring.events() == [size]
    assert anchoring.alarms() == set()


def test_work_is_seen(anchoring: Anchoring) -> None:
    """The chain is worth asking often from the first leaf that is due until its anchor is final, and otherwise not."""
    anchorer = anchoring.anchorer(mine_blocks=True)
    anchorer.follow()
    assert not anchorer.has_work()
    anchoring.append(1)
    for _ in range(6):
        assert anchorer.has_work()
        anchorer.follow()
        if AnchorState.FINAL in anchoring.states().values():
            break
    assert not anchorer.has_work()


def test_paused_contract(anchoring: Anchoring) -> None:
    """What the contract would refuse is not signed and costs nothing; the alarm names the reason, and ends with it."""
    anchorer = anchoring.anchorer()
    contract = plain_endpoint(anchoring.chain, anchoring.identity.contract).contract
    admin = contract.functions.admin().call()
    anchoring.chain.rpc("anvil_impersonateAccount", admin)
    contract.functions.pause().transact({"from": admin})
    size = anchoring.append(1)
    anchorer.follow()
    assert anchoring.anchor(size).state == AnchorState.QUEUED
    (alarm,) = anchors.alarms(anchoring.conn)
    assert (alarm.alarm, "Paused" in alarm.detail) == (Alarm.REFUSED, True)
    contract.functions.unpause().transact({"from": admin})
    anchorer.follow()
    anchorer.follow()
    assert anchoring.anchor(size).state == AnchorState.MINED
    assert anchoring.alarms() == set()


def test_empty_account(anchoring: Anchoring) -> None:
    """An account that cannot pay raises an alarm that tells what is missing, and the anchor waits."""
    anchorer = anchoring.anchorer()
    size = anchoring.append(1)
    anchoring.chain.rpc("anvil_setBalance", anchoring.account, "0x0")
    anchorer.follow()
    (alarm,) = anchors.alarms(anchoring.conn)
    assert alarm.alarm == Alarm.NOT_FUNDED
    assert f"{anchoring.account} holds 0 wei" in alarm.detail
    assert anchoring.anchor(size).state == AnchorState.QUEUED
    anchoring.chain.rpc("anvil_setBalance", anchoring.account, hex(10**18))
    anchorer.follow()
    anchorer.follow()
    assert anchoring.anchor(size).state == AnchorState.MINED


def test_old_leaf_raises_an_alarm(anchoring: Anchoring) -> None:
    """A leaf that no final anchor covers in the promised time raises an alarm, which ends when it is final."""
    anchorer = anchoring.anchorer(alarm_after=timedelta(0), mine_blocks=True)
    anchoring.append(1)
    anchorer.follow()
    assert anchoring.alarms() == {Alarm.NOT_ANCHORED}
    for _ in range(6):
        anchorer.follow()
    assert anchoring.alarms() == set()
    anchoring.check_all_well()


def test_final_without_traffic(anchoring: Anchoring) -> None:
    """On a chain that mines only on demand the anchorer has the blocks mined that finality needs, and no more."""
    anchorer = anchoring.anchorer(mine_blocks=True)
    anchoring.append(1)
    for _ in range(8):
        anchorer.follow()
    anchoring.check_all_well()
    height = anchoring.chain.web3.eth.block_number
    anchorer.follow()
    assert anchoring.chain.web3.eth.block_number == height


def test_only_one_anchorer(anchoring: Anchoring) -> None:
    """The lock goes to one session, and to another when that one has ended."""
    first = anchoring.anchorer()._conn
    second = anchoring.anchorer()._conn
    assert anchors.lock(first)
    assert not anchors.lock(second)
    first.close()
    anchoring.wait_for(lambda: anchors.lock(second))


def test_changed_leaf(anchoring: Anchoring) -> None:
    """Where the log's root is not the one on the chain nothing is signed any more, and an alarm says so."""
    anchoring.append(2)
    anchorer = anchoring.anchorer(mine_blocks=True)
    for _ in range(8):
        anchorer.follow()
    with anchoring.conn.transaction():
        anchoring.conn.execute("set local session_replication_role = replica")
        anchoring.conn.execute("update log_tile set nodes = overlay(nodes placing '\\xffff' from 5)")
    anchoring.append(2)
    fresh = anchoring.anchorer()
    for each in (anchorer, fresh):
        each.follow()
        each.checkpoint()
        assert anchoring.alarms() == {Alarm.ROOT_MISMATCH}
    assert set(anchoring.states()) == {2}
    latest = log.latest_checkpoint(anchoring.conn)
    assert latest is not None
    assert latest.size == 2


def test_log_changed_before_it_was_anchored(anchoring: Anchoring) -> None:
    """A log that does not extend its own last checkpoint gets no further one, and an alarm says so."""
    anchorer = anchoring.anchorer(anchor_leaves=100)
    anchoring.append(2)
    anchorer.follow()
    anchorer.checkpoint()
    with anchoring.conn.transaction():
        anchoring.conn.execute("set local session_replication_role = replica")
        anchoring.conn.execute("update log_tile set nodes = overlay(nodes placing '\\xffff' from 5)")
    anchoring.append(2)
    anchorer.checkpoint()
    for _ in range(2):
        anchorer.follow()
        anchorer.checkpoint()
        assert anchoring.alarms() == {Alarm.ROOT_MISMATCH}
    assert anchoring.conn.execute("select count(*) from log_checkpoint").fetchone() == (1,)


def test_note_under_an_anchor(anchoring: Anchoring) -> None:
    """The note under an anchor opens with the log's key and tells the size and root that the contract holds."""
    anchoring.append(5)
    anchorer = anchoring.anchorer()
    anchorer.follow()
    key = anchorer._checkpoint_signer.key
    note = open_note(log.checkpoint_at(anchoring.conn, 5).note, key)
    assert (note.size, note.root) == anchoring.latest()
