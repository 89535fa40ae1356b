"""What a party is asked to sign, checked where its key is: on a terminal, or on a device.

Imports neither web3 nor pydantic nor a database, so that a device can have it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wayproof.ledger.hexadecimal import from_address, from_hex, to_hex
from wayproof.ledger.leaves import SALT_BYTES, details_hash
from wayproof.ledger.typed_data import digest, handoff_of
from wayproof.model.errors import InvalidInput, InvalidProof
from wayproof.model.handoff import Handoff, SigningDomain


@dataclass(frozen=True, kw_only=True, slots=True)
class Signable:
    """A handoff as the API shows it to its parties, true to itself: the digest is of these words and no others."""

    handoff: Handoff
    details: Mapping[str, Any]
    #: For which chain and contract a signature will hold.
    domain: SigningDomain
    #: What a `Signer` signs: 32 bytes.
    digest: bytes


def read_signable(document: Mapping[str, Any]) -> Signable:
    """What `/v1/handoffs/{id}` answers, and drafting and amending do.

    InvalidProof where the document tells two stories; InvalidInput where it is none. Whether the words are true is for
    the signer to say.
    """
    try:
        handoff, domain = handoff_of(document["record"]), domain_of(document["typed_data"])
        details, told = document["details"], document["digest"]
        salt = from_hex(document["details_salt"], SALT_BYTES, pointer="/details_salt")
    except (KeyError, TypeError) as error:
        raise InvalidInput(f"expected a handoff as the API answers it, got a document without {error}") from error
    if not isinstance(details, Mapping) or details_hash(details, salt) != handoff.details_hash:
        raise InvalidProof("the details that the API shows are not those of the record; nothing was signed")
    words = digest(domain, handoff)
    if to_hex(words) != told:
        raise InvalidProof("the digest that the API shows is not that of the record; nothing was signed")
    return Signable(handoff=handoff, details=details, domain=domain, digest=words)


def domain_of(typed_data: Mapping[str, Any]) -> SigningDomain:
    """For which chain and contract a signature under the typed data holds."""
    domain = typed_data["domain"]
    contract = from_address(domain["verifyingContract"], pointer="/domain/verifyingContract")
    return SigningDomain(chain_id=domain["chainId"], contract=contract)
