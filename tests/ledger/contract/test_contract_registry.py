"""The registry: whose keys sign, since when, and until when."""

from typing import Final

import pytest

from wayproof.ledger.contract import ZERO_ADDRESS

from fix_chain import Chain, Ledger

FARM: Final = b"farm".ljust(32, b"\1")
PORT: Final = b"port".ljust(32, b"\1")


@pytest.fixture
def controller(chain: Chain) -> str:
    """An account without a role, made controller of FARM by tests."""
    return chain.accounts[3]


@pytest.fixture
def key(chain: Chain) -> str:
    """An account to sign with."""
    return chain.accounts[4]


@pytest.fixture
def farm(ledger: Ledger, controller: str) -> Ledger:
    """A contract that knows FARM."""
    ledger.send("registerCustodian", FARM, controller, by=ledger.admin)
    return ledger


def test_custodian_is_registered(ledger: Ledger, controller: str) -> None:
    """A registered custodian has a controller, and an event tells it."""
    assert ledger.call("controllerOf", FARM) == ZERO_ADDRESS
    receipt = ledger.send("registerCustodian", FARM, controller, by=ledger.admin)
    assert ledger.call("controllerOf", FARM) == controller
    assert ledger.events(receipt) == [("CustodianRegistered", {"custodian": FARM, "controller": controller})]


@pytest.mark.parametrize(
    ("name", "args", "expected"),
    [
        ("registerCustodian", (FARM, "0x" + "11" * 20), "CustodianTaken()"),
        ("registerCustodian", (bytes(32), "0x" + "11" * 20), "ZeroCustodian()"),
        ("registerCustodian", (PORT, ZERO_ADDRESS), "ZeroAddress()"),
        ("setController", (PORT, "0x" + "11" * 20), "UnknownCustodian()"),
        ("setController", (FARM, ZERO_ADDRESS), "ZeroAddress()"),
        ("addKey", (PORT, "0x" + "11" * 20), "UnknownCustodian()"),
        ("addKey", (FARM, ZERO_ADDRESS), "ZeroAddress()"),
        ("revokeKey", ("0x" + "11" * 20,), "UnknownKey()"),
    ],
)
def test_registry_refuses_with_a_reason(farm: Ledger, name: str, args: tuple[object, ...], expected: str) -> None:
    """What is unknown, taken or zero is refused by name, also to the admin."""
    assert farm.refusal(name, *args, by=farm.admin) == expected


def test_controller_can_be_replaced(farm: Ledger, controller: str, key: str) -> None:
    """A new controller, named by the old one, takes its place at once; the admin can name another again."""
    receipt = farm.send("setController", FARM, key, by=controller)
    assert farm.events(receipt) == [("ControllerChanged", {"custodian": FARM, "controller": key})]
    assert farm.refusal("addKey", FARM, "0x" + "11" * 20, by=controller) == "NotController()"
    assert farm.refusal("addKey", FARM, "0x" + "11" * 20, by=key) is None
    farm.send("setController", FARM, controller, by=farm.admin)
    assert farm.call("controllerOf", FARM) == controller


def test_key_lives_from_its_block_until_its_revocation(farm: Ledger, chain: Chain, controller: str, key: str) -> None:
    """A key is valid from the time of the block that added it to the second before the one that revoked it."""
    added_at = chain.web3.eth.get_block("latest")["timestamp"] + 100
    chain.set_next_time(added_at)
    receipt = farm.send("addKey", FARM, key, by=controller)
    assert farm.events(receipt) == [("KeyAdded", {"custodian": FARM, "key": key, "addedAt": added_at})]
    assert farm.call("keyOf", key) == [FARM, added_at, 0]
    assert [farm.call("isKeyValidAt", key, added_at + step) for step in (-1, 0, 10**9)] == [False, True, True]

    revoked_at = added_at + 60
    chain.set_next_time(revoked_at)
    receipt = farm.send("revokeKey", key, by=controller)
    assert farm.events(receipt) == [("KeyRevoked", {"custodian": FARM, "key": key, "revokedAt": revoked_at})]
    assert farm.call("keyOf", key) == [FARM, added_at, revoked_at]
    assert [farm.call("isKeyValidAt", key, revoked_at + step) for step in (-61, -60, -1, 0)] == [
        False,
        True,
        True,
        False,
    ]


def test_unknown_key_is_never_valid(ledger: Ledger, key: str) -> None:
    """An unknown key has no owner, is valid at no time and counts as not revoked."""
    assert ledger.call("keyOf", key) == [bytes(32), 0, 0]
    assert not ledger.call("isKeyValidAt", key, 0)
    assert not ledger.call("isKeyValidAt", key, 2**64 - 1)
    assert not ledger.call("isRevoked", key)


def test_key_has_one_owner(farm: Ledger, controller: str, key: str) -> None:
    """A key that one custodian holds cannot be added again, by it or by another."""
    farm.send("addKey", FARM, key, by=controller)
    farm.send("registerCustodian", PORT, farm.guardian, by=farm.admin)
    assert farm.refusal("addKey", FARM, key, by=controller) == "KeyTaken()"
    assert farm.refusal("addKey", PORT, key, by=farm.guardian) == "KeyTaken()"


@pytest.mark.parametrize("by_admin", [True, False])
def test_revocation_is_final(farm: Ledger, controller: str, key: str, *, by_admin: bool) -> None:
    """A revoked key can be neither revoked at another time nor added again, whoever revoked it."""
    farm.send("addKey", FARM, key, by=controller)
    farm.send("revokeKey", key, by=farm.admin if by_admin else controller)
    assert farm.call("isRevoked", key)
    for caller in (controller, farm.admin):
        assert farm.refusal("revokeKey", key, by=caller) == "KeyRevokedAlready()"
        assert farm.refusal("addKey", FARM, key, by=caller) == "KeyRevokedAlready()"


def test_only_a_keys_own_controller_or_the_admin_revokes_it(farm: Ledger, controller: str, key: str) -> None:
    """The controller of another custodian cannot revoke a key, and after a change neither can its own old one."""
    farm.send("addKey", FARM, key, by=controller)
    farm.send("registerCustodian", PORT, farm.guardian, by=farm.admin)
    assert farm.refusal("revokeKey", key, by=farm.guardian) == "NotController()"
    farm.send("setController", FARM, farm.guardian, by=farm.admin)
    assert farm.refusal("revokeKey", key, by=controller) == "NotController()"
    assert farm.refusal("revokeKey", key, by=farm.guardian) is None


def test_pause_stops_no_revocation(farm: Ledger, controller: str, key: str) -> None:
    """While anchoring is paused, custodians and keys are added and revoked as ever."""
    farm.send("pause", by=farm.guardian)
    farm.send("registerCustodian", PORT, farm.guardian, by=farm.admin)
    farm.send("addKey", FARM, key, by=controller)
    farm.send("revokeKey", key, by=controller)
    assert farm.call("isRevoked", key)
