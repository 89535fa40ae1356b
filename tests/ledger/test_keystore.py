"""Private keys on disk."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from hypothesis import given
from hypothesis import strategies as st

from wayproof.ledger.keystore import create_keystore, find_passphrase, load_keystore
from wayproof.ledger.signatures import KeySigner, signer_of
from wayproof.model.errors import Conflict, InvalidInput, NotFound

from fix_custody import QUICK

PASSPHRASE = "correct horse"
KEY = bytes(31) + b"\x2a"


@pytest.fixture(scope="module")
def keystore(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A keystore of KEY under PASSPHRASE."""
    path = tmp_path_factory.mktemp("keys") / "key.json"
    create_keystore(path, PASSPHRASE, private_key=KEY)
    return path


def test_round_trip(keystore: Path) -> None:
    """A key comes back out of its file by its passphrase, and signs."""
    signer = load_keystore(keystore, PASSPHRASE)
    assert signer.address == KeySigner(KEY).address
    assert signer_of(bytes(32), signer.sign(bytes(32))) == signer.address


def test_only_owner_reads(keystore: Path) -> None:
    """A keystore may be read and written by its owner and nobody else, whatever the umask."""
    assert stat.S_IMODE(keystore.stat().st_mode) == 0o600


def test_format(keystore: Path) -> None:
    """A keystore is Web3 Secret Storage of version 3 with scrypt, which eth_account opens too; the key is not in it."""
    document = json.loads(keystore.read_text())
    assert (document["version"], document["crypto"]["kdf"]) == (3, "scrypt")
    assert bytes(Account.decrypt(document, PASSPHRASE)) == KEY
    assert KEY.hex() not in keystore.read_text()


def test_new_keys_differ(tmp_path: Path) -> None:
    """A keystore gets a new key unless one is given."""
    made = [create_keystore(tmp_path / name, PASSPHRASE, rounds=QUICK).address for name in ("a", "b")]
    assert made[0] != made[1]
    assert load_keystore(tmp_path / "a", PASSPHRASE).address == made[0]


def test_never_overwritten(keystore: Path) -> None:
    """A file that is there is left as it is."""
    before = keystore.read_bytes()
    with pytest.raises(Conflict, match="never overwritten"):
        create_keystore(keystore, PASSPHRASE, rounds=QUICK)
    assert keystore.read_bytes() == before


@pytest.mark.parametrize("passphrase", ["", "correct horsE", "correct horse\n"])
def test_wrong_passphrase(keystore: Path, passphrase: str) -> None:
    """A wrong passphrase opens nothing, and the message holds neither it nor the key."""
    with pytest.raises(InvalidInput, match="wrong passphrase") as caught:
        load_keystore(keystore, passphrase)
    assert PASSPHRASE not in str(caught.value)


@pytest.mark.parametrize("change", [{"version": 2}, {"crypto": None}, {"crypto": {}}, {"crypto": {"kdf": "none"}}])
def test_other_format(keystore: Path, tmp_path: Path, change: dict[str, Any]) -> None:
    """A file that is no keystore of version 3 is refused."""
    other = tmp_path / "other.json"
    other.write_text(json.dumps(json.loads(keystore.read_text()) | change))
    with pytest.raises(InvalidInput):
        load_keystore(other, PASSPHRASE)


@given(st.binary(max_size=60) | st.sampled_from([b"[]", b"{}", b'"x"', b"1", b'{"version":3}']))
def test_fuzz_file(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    """Any bytes in place of a keystore raise InvalidInput and nothing else."""
    path = tmp_path_factory.mktemp("fuzz") / "key.json"
    path.write_bytes(data)
    with pytest.raises(InvalidInput):
        load_keystore(path, PASSPHRASE)


def test_missing_file(tmp_path: Path) -> None:
    """A file that is not there is NotFound, with its name."""
    with pytest.raises(NotFound, match=r"nowhere\.json"):
        load_keystore(tmp_path / "nowhere.json", PASSPHRASE)


@pytest.mark.parametrize("passphrase", ["", "1234567"])
def test_short_passphrase(tmp_path: Path, passphrase: str) -> None:
    """A key is not written under a passphrase that is guessed at once."""
    with pytest.raises(InvalidInput, match="at least 8"):
        create_keystore(tmp_path / "key.json", passphrase)
    assert not (tmp_path / "key.json").exists()


def test_where_a_passphrase_comes_from(tmp_path: Path) -> None:
    """A file goes before the variable, and that before the prompt; without any of them it says what it looked for."""
    file = tmp_path / "passphrase"
    file.write_text("from file\r\nsecond line\n")
    variable = {"WAYPROOF_KEY_PASSPHRASE": "from variable"}
    assert find_passphrase(file=file, environment=variable, prompt=lambda: "typed") == "from file"
    assert find_passphrase(file=None, environment=variable, prompt=lambda: "typed") == "from variable"
    assert find_passphrase(file=None, environment={}, prompt=lambda: "typed") == "typed"
    with pytest.raises(InvalidInput, match="WAYPROOF_KEY_PASSPHRASE"):
        find_passphrase(file=None, environment={})
    with pytest.raises(InvalidInput, match="readable"):
        find_passphrase(file=tmp_path / "missing", environment=variable)
