"""Roles: who may call what, and how roles pass on."""

from typing import Any, Final

import pytest

from wayproof.ledger.contract import ZERO_ADDRESS

from fix_chain import Chain, Ledger, deploy
from merkle_trees import tree

FARM: Final = b"farm".ljust(32, b"\1")
PORT: Final = b"port".ljust(32, b"\1")
SOMEBODY: Final = "0x" + "11" * 20
ROOT: Final = tree(3).root(3)
ACTORS: Final = ["admin", "guardian", "anchorer", "controller", "other controller", "next admin", "key", "stranger"]

MATRIX: Final[dict[str, tuple[tuple[Any, ...], set[str], str]]] = {
    "anchor": ((3, ROOT, [], ROOT), {"anchorer"}, "NotAnchorer()"),
    "registerCustodian": ((b"ship".ljust(32), SOMEBODY), {"admin"}, "NotAdmin()"),
    "setController": ((FARM, SOMEBODY), {"admin", "controller"}, "NotController()"),
    "addKey": ((FARM, SOMEBODY), {"admin", "controller"}, "NotController()"),
    "revokeKey": (("key",), {"admin", "controller"}, "NotController()"),
    "pause": ((), {"admin", "guardian"}, "NotGuardian()"),
    "unpause": ((), {"admin"}, "NotAdmin()"),
    "setAnchorer": ((SOMEBODY,), {"admin"}, "NotAdmin()"),
    "setGuardian": ((SOMEBODY,), {"admin"}, "NotAdmin()"),
    "transferAdmin": ((SOMEBODY,), {"admin"}, "NotAdmin()"),
    "acceptAdmin": ((), {"next admin"}, "NotPendingAdmin()"),
}
"""Arguments, who may, and what everybody else is told."""


@pytest.fixture
def actors(chain: Chain, ledger: Ledger) -> dict[str, Any]:
    """One account for each part, on a contract where each has been given it."""
    actors = dict(zip(ACTORS, chain.accounts, strict=False))
    ledger.send("registerCustodian", FARM, actors["controller"], by=ledger.admin)
    ledger.send("registerCustodian", PORT, actors["other controller"], by=ledger.admin)
    ledger.send("addKey", FARM, actors["key"], by=actors["controller"])
    ledger.send("transferAdmin", actors["next admin"], by=ledger.admin)
    return actors


def test_matrix_knows_every_function(ledger: Ledger) -> None:
    """No function that writes is missing in the matrix."""
    writing = {
        abi["name"] for abi in ledger.contract.abi if abi["type"] == "function" and abi["stateMutability"] != "view"
    }
    assert writing == set(MATRIX)


@pytest.mark.parametrize("name", MATRIX)
def test_only_who_may_can(ledger: Ledger, actors: dict[str, Any], name: str) -> None:
    """Of all parts, those in the matrix can call the function, and every other is told whom it takes."""
    args, allowed, error = MATRIX[name]
    args = tuple(actors.get(arg, arg) if isinstance(arg, str) else arg for arg in args)
    if name == "unpause":
        ledger.send("pause", by=ledger.guardian)
    found = {actor: ledger.refusal(name, *args, by=account) for actor, account in actors.items()}
    assert found == {actor: None if actor in allowed else error for actor in ACTORS}


@pytest.mark.parametrize("by", ["guardian", "admin"])
def test_pause_stops_anchoring_until_the_admin_ends_it(ledger: Ledger, by: str) -> None:
    """While paused, the anchorer is refused; pausing twice and unpausing what runs are refused too."""
    caller = getattr(ledger, by)
    assert ledger.refusal("unpause", by=ledger.admin) == "NotPaused()"
    receipt = ledger.send("pause", by=caller)
    assert ledger.events(receipt) == [("AnchoringPaused", {"by": caller})]
    assert ledger.call("paused")
    assert ledger.refusal("anchor", 3, ROOT, [], ROOT, by=ledger.anchorer) == "Paused()"
    assert ledger.refusal("pause", by=caller) == "Paused()"
    receipt = ledger.send("unpause", by=ledger.admin)
    assert ledger.events(receipt) == [("AnchoringUnpaused", {"by": ledger.admin})]
    assert not ledger.call("paused")
    ledger.send("anchor", 3, ROOT, [], ROOT, by=ledger.anchorer)


@pytest.mark.parametrize(
    ("setter", "getter", "event"),
    [("setAnchorer", "anchorer", "AnchorerChanged"), ("setGuardian", "guardian", "GuardianChanged")],
)
def test_role_passes_at_once(chain: Chain, ledger: Ledger, setter: str, getter: str, event: str) -> None:
    """A new anchorer or guardian holds the role alone, from the block that names it; zero is refused."""
    newcomer = chain.accounts[5]
    receipt = ledger.send(setter, newcomer, by=ledger.admin)
    assert ledger.events(receipt) == [(event, {getter: newcomer})]
    assert ledger.call(getter) == newcomer
    name = "anchor" if getter == "anchorer" else "pause"
    args = MATRIX[name][0]
    assert ledger.refusal(name, *args, by=newcomer) is None
    assert ledger.refusal(name, *args, by=getattr(ledger, getter)) is not None
    assert ledger.refusal(setter, ZERO_ADDRESS, by=ledger.admin) == "ZeroAddress()"


def test_new_anchorer_leaves_size_and_pause(chain: Chain, ledger: Ledger) -> None:
    """The anchorer shares its storage slot with the latest size and the pause: changing one changes no other."""
    ledger.send("anchor", 3, ROOT, [], ROOT, by=ledger.anchorer)
    ledger.send("pause", by=ledger.guardian)
    ledger.send("setAnchorer", chain.accounts[5], by=ledger.admin)
    assert (ledger.call("latestSize"), ledger.call("paused")) == (3, True)
    ledger.send("unpause", by=ledger.admin)
    assert (ledger.call("latestSize"), ledger.call("anchorer")) == (3, chain.accounts[5])


def test_admin_passes_in_two_steps(chain: Chain, ledger: Ledger) -> None:
    """The admin stays until the named one accepts; then only the new one is admin, and nobody is named."""
    newcomer = chain.accounts[5]
    receipt = ledger.send("transferAdmin", newcomer, by=ledger.admin)
    assert ledger.events(receipt) == [("AdminTransferStarted", {"admin": ledger.admin, "pendingAdmin": newcomer})]
    assert (ledger.call("admin"), ledger.call("pendingAdmin")) == (ledger.admin, newcomer)
    receipt = ledger.send("acceptAdmin", by=newcomer)
    assert ledger.events(receipt) == [("AdminTransferred", {"previous": ledger.admin, "admin": newcomer})]
    assert (ledger.call("admin"), ledger.call("pendingAdmin")) == (newcomer, ZERO_ADDRESS)
    assert ledger.refusal("setGuardian", SOMEBODY, by=ledger.admin) == "NotAdmin()"
    assert ledger.refusal("acceptAdmin", by=newcomer) == "NotPendingAdmin()"


def test_offer_of_the_admin_role_can_be_taken_back(chain: Chain, ledger: Ledger) -> None:
    """Naming zero ends a transfer; the role cannot be thrown away, since zero never accepts."""
    newcomer = chain.accounts[5]
    ledger.send("transferAdmin", newcomer, by=ledger.admin)
    ledger.send("transferAdmin", ZERO_ADDRESS, by=ledger.admin)
    assert ledger.refusal("acceptAdmin", by=newcomer) == "NotPendingAdmin()"
    assert ledger.call("admin") == ledger.admin


def test_deployment_tells_its_roles(ledger: Ledger) -> None:
    """The events of the deployment name admin, guardian and anchorer, and nothing is anchored or paused."""
    assert ledger.events(ledger.receipt) == [
        ("AdminTransferred", {"previous": ZERO_ADDRESS, "admin": ledger.admin}),
        ("GuardianChanged", {"guardian": ledger.guardian}),
        ("AnchorerChanged", {"anchorer": ledger.anchorer}),
    ]
    assert (ledger.call("latestSize"), ledger.call("paused")) == (0, False)


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_every_role_needs_an_account(chain: Chain, missing: int) -> None:
    """A deployment with a role left at zero is refused."""
    roles = chain.accounts[:3]
    with pytest.raises(AssertionError, match=r"ZeroAddress\(\)"):
        deploy(chain.web3, roles=[ZERO_ADDRESS if at == missing else role for at, role in enumerate(roles)])
