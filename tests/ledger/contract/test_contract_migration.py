"""Going on in a new contract where an old one ends."""

from typing import Final

import pytest

from wayproof.ledger.contract import ZERO_ADDRESS

from fix_chain import ORIGIN_HASH, Chain, Ledger, deploy
from merkle_trees import tree

TREE: Final = tree(20)
FARM: Final = b"farm".ljust(32, b"\1")
NOTE: Final = bytes(32)


@pytest.fixture
def old(ledger: Ledger) -> Ledger:
    """A paused contract with seven leaves."""
    ledger.send("anchor", 7, TREE.root(7), [], NOTE, by=ledger.anchorer)
    ledger.send("pause", by=ledger.guardian)
    return ledger


def test_successor_goes_on_where_its_predecessor_ended(chain: Chain, old: Ledger) -> None:
    """It has the latest size and root, says whose, and takes only what extends them."""
    new = deploy(chain.web3, predecessor=old.address)
    assert (new.call("latestSize"), new.call("rootAt", 7)) == (7, TREE.root(7))
    assert (new.call("predecessor"), new.call("originHash")) == (old.address, ORIGIN_HASH)
    event = ("Continued", {"predecessor": old.address, "size": 7, "root": TREE.root(7)})
    assert new.events(new.receipt)[-1] == event
    proof = TREE.consistency(7, 20)
    assert new.refusal("anchor", 20, TREE.root(20), [], NOTE, by=new.anchorer) == "BadProof()"
    assert new.refusal("anchor", 20, TREE.root(19), proof, NOTE, by=new.anchorer) == "BadProof()"
    new.send("anchor", 20, TREE.root(20), proof, NOTE, by=new.anchorer)


def test_successor_of_an_empty_log_starts_empty(chain: Chain, ledger: Ledger) -> None:
    """With nothing anchored before, the first anchor needs no proof."""
    ledger.send("pause", by=ledger.guardian)
    new = deploy(chain.web3, predecessor=ledger.address)
    new.send("anchor", 7, TREE.root(7), [], NOTE, by=new.anchorer)


def test_first_contract_has_no_predecessor(ledger: Ledger) -> None:
    """Without a predecessor it says zero."""
    assert ledger.call("predecessor") == ZERO_ADDRESS


def test_predecessor_must_be_paused(chain: Chain, old: Ledger) -> None:
    """While the old contract can still take anchors, a new one would split the log."""
    old.send("unpause", by=old.admin)
    with pytest.raises(AssertionError, match=r"PredecessorNotPaused\(\)"):
        deploy(chain.web3, predecessor=old.address)


def test_predecessor_must_be_of_the_same_log(chain: Chain, old: Ledger) -> None:
    """A contract of another origin cannot be gone on with."""
    with pytest.raises(AssertionError, match=r"PredecessorOfAnotherLog\(\)"):
        deploy(chain.web3, predecessor=old.address, origin_hash=bytes(32))


def test_what_was_revoked_stays_revoked(chain: Chain, ledger: Ledger) -> None:
    """A key that was revoked in a contract before, even two before, cannot be added; a living one can."""
    revoked, living = chain.accounts[4:6]
    ledger.send("registerCustodian", FARM, ledger.admin, by=ledger.admin)
    ledger.send("addKey", FARM, revoked, by=ledger.admin)
    ledger.send("addKey", FARM, living, by=ledger.admin)
    ledger.send("revokeKey", revoked, by=ledger.admin)
    for _ in range(2):
        ledger.send("pause", by=ledger.guardian)
        ledger = deploy(chain.web3, predecessor=ledger.address)
    ledger.send("registerCustodian", FARM, ledger.admin, by=ledger.admin)
    assert ledger.call("isRevoked", revoked)
    assert ledger.refusal("addKey", FARM, revoked, by=ledger.admin) == "KeyRevokedAlready()"
    ledger.send("addKey", FARM, living, by=ledger.admin)
