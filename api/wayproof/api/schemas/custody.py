"""What documents of parties and handoffs share: hex, addresses, signatures, and what is to be signed."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import Depends, Request
from pydantic import Field, PlainSerializer, PlainValidator, WithJsonSchema

from wayproof.api.schemas.base import Body, View
from wayproof.ledger.hexadecimal import from_address, from_hex, to_hex
from wayproof.ledger.signatures import SIGNATURE_BYTES
from wayproof.ledger.strict_json import strict_json
from wayproof.model.errors import InvalidInput

ADDRESS: Final = "0x90F79bf6EB2c4f870365E785982E1f101E93b906"
OTHER_ADDRESS: Final = "0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65"
HASH: Final = "0x6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
SIGNATURE: Final = "0x" + "4f" * 64 + "1b"
PARTY: Final = "8b2f0a4e-6c1d-4f3a-9e57-2d4c6b8a0f13"
HANDOFF: Final = "c1d2e3f4-a5b6-4789-8abc-def012345678"
ITEM: Final = "urn:epc:id:sgtin:0614141.812345.6789"
NOON: Final = "2026-03-02T12:00:00Z"
DETAILS: Final[dict[str, Any]] = {
    "place": "Dock 4",
    "goods": [{"name": "Vaccine", "quantity": 20, "unit": "pallet"}],
    "seals": ["A-17"],
    "temperature": {"verdict": "within 2 to 8 °C"},
}
_DOMAIN: Final = {
    "name": "Wayproof",
    "version": "1",
    "chainId": 31337,
    "verifyingContract": "0x5FbDB2315678afecb367f032d93F642f64180aa3",
}


def _parsed(parse: Callable[[Any], bytes], pattern: str) -> tuple[Any, ...]:
    """What pydantic wants to know of bytes that are text in JSON."""

    def parsed(text: Any) -> bytes:
        try:
            return parse(text)
        except InvalidInput as error:
            raise ValueError(str(error)) from None

    return (
        PlainValidator(parsed),
        PlainSerializer(to_hex, when_used="json"),
        WithJsonSchema({"type": "string", "pattern": pattern}),
    )


_AS_ADDRESS: Final = _parsed(lambda text: from_address(text, pointer="address"), "^0x[0-9a-fA-F]{40}$")
_AS_SIGNATURE: Final = _parsed(lambda text: from_hex(text, SIGNATURE_BYTES, pointer="signature"), "^0x[0-9a-f]{130}$")

Address = Annotated[bytes, *_AS_ADDRESS]
"""20 bytes; in JSON an Ethereum address with its checksum (EIP-55)."""

Signature = Annotated[bytes, *_AS_SIGNATURE]
"""65 bytes r, s, v; s in the lower half, v 27 or 28."""


async def _strict_body(request: Request) -> None:
    strict_json(await request.body())


StrictBody = Annotated[None, Depends(_strict_body)]
"""Refuses a body that two readers could take for different things: it holds what is signed."""


class TypedData(View):
    """What to sign: EIP-712 for `eth_signTypedData_v4`, as wallets take it. Sign with the party's own key."""

    types: dict[str, list[dict[str, str]]] = Field(
        examples=[{"KeyClaim": [{"name": "party", "type": "string"}, {"name": "key", "type": "address"}]}]
    )
    primaryType: str = Field(examples=["Handoff"])  # noqa: N815 - EIP-712's own name
    domain: dict[str, Any] = Field(examples=[_DOMAIN])
    message: dict[str, Any] = Field(examples=[{"party": PARTY, "key": ADDRESS, "claimedAt": 1772452800}])


class Signed(Body):
    """A signature under the typed data that was given."""

    signature: Signature = Field(description="65 bytes r, s, v; s in the lower half (EIP-2)", examples=[SIGNATURE])


def whole(at: datetime) -> datetime:
    """The time in whole seconds, as it is signed."""
    return at.replace(microsecond=0)
