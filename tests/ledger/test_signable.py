"""What a party is asked to sign, where its key is."""

import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from handoff_strategies import DOMAIN, RELEASER, a_handoff

from wayproof.ledger.hexadecimal import to_hex
from wayproof.ledger.leaves import details_hash
from wayproof.ledger.signable import read_signable
from wayproof.ledger.signatures import signer_of
from wayproof.ledger.typed_data import digest, record_of, typed_data
from wayproof.model.errors import InvalidInput, InvalidProof

DETAILS = {"place": "Dock 4", "goods": [{"name": "Vaccine", "quantity": 20}]}
SALT = b"\7" * 32
HANDOFF = a_handoff(details_hash=details_hash(DETAILS, SALT))


def document() -> dict[str, Any]:
    """As the API answers it."""
    return {
        "record": record_of(HANDOFF),
        "details": DETAILS,
        "details_salt": to_hex(SALT),
        "digest": to_hex(digest(DOMAIN, HANDOFF)),
        "typed_data": typed_data(DOMAIN, HANDOFF),
    }


def test_device_signs_what_it_read() -> None:
    """A document that is true to itself yields its words, and the digest that a signature of them is over."""
    asked = read_signable(document())
    assert (asked.handoff, asked.details, asked.domain) == (HANDOFF, DETAILS, DOMAIN)
    assert signer_of(digest(DOMAIN, HANDOFF), RELEASER.sign(asked.digest)) == RELEASER.address


@pytest.mark.parametrize(
    "changes",
    [
        {"item": "urn:epc:id:sscc:0614141.1"},
        {"seq": 2, "prev": b"\1" * 32},
        {"releaser": b"\1" * 20},
        {"receiver": b"\1" * 20},
        {"occurred_at": HANDOFF.occurred_at + timedelta(seconds=1)},
        {"expires_at": HANDOFF.expires_at + timedelta(seconds=1)},
        {"details_hash": b"\1" * 32},
        {"evidence_root": b"\1" * 32},
        {"evidence_size": 4},
        {"seen_size": 3},
        {"seen_root": b"\1" * 32},
    ],
    ids="-".join,
)
def test_no_member_of_the_record_is_free(changes: dict[str, Any]) -> None:
    """Whichever member of the record is another one than the digest's, there is nothing to sign."""
    with pytest.raises(InvalidProof, match="nothing was signed"):
        read_signable({**document(), "record": record_of(replace(HANDOFF, **changes))})


@pytest.mark.parametrize(
    ("member", "lie"), [("details", {}), ("details", None), ("digest", "0x"), ("details_salt", to_hex(bytes(32)))]
)
def test_two_stories(member: str, lie: object) -> None:
    """Details, salt and digest of another handoff are refused, and so are erased details."""
    with pytest.raises(InvalidProof, match="nothing was signed"):
        read_signable({**document(), member: lie})


@pytest.mark.parametrize("member", list(document()))
def test_document_without(member: str) -> None:
    """What is no handoff of the API is refused by naming what it lacks."""
    told = document()
    del told[member]
    with pytest.raises(InvalidInput, match=member):
        read_signable(told)


def test_devices_can_have_it() -> None:
    """Reading and signing loads neither web3 nor pydantic nor a database's driver."""
    code = (
        "import sys, wayproof.ledger.signable, wayproof.ledger.signatures\n"
        "print(*{name.partition('.')[0] for name in sys.modules} & {'web3', 'eth_account', 'pydantic', 'psycopg'})"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == []
