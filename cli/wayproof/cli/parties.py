"""`wayproof party`: organisations that take custody, and the keys by which they sign."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from wayproof.cli.app import AsJson, show, show_list
from wayproof.cli.groups import commands
from wayproof.cli.remote import URL_DEFAULT, ApiKey, ApiUrl, party_id_of, remote
from wayproof.cli.signing import Keystore, PassphraseFile, new_passphrase, open_key
from wayproof.ledger.hexadecimal import to_address, to_hex
from wayproof.ledger.keystore import create_keystore
from wayproof.ledger.signable import domain_of
from wayproof.ledger.typed_data import claim_digest

parties = commands("party", "Organisations that take custody, and their keys.")
keys = commands("key", "Keys by which a party signs.")
parties.add_typer(keys)

PartyArgument = Annotated[str, typer.Argument(metavar="PARTY", help="Its id, or its name where it is your own.")]


@parties.command("keygen", epilog="Example: wayproof party keygen dock-4.json")
def keygen(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="Where the new keystore goes; never overwritten.")],
    *,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Make a key in an encrypted file that only you may read, and print its address. It needs no network."""
    signer = create_keystore(path, new_passphrase(passphrase_file))
    show({"address": to_address(signer.address), "keystore": path}, as_json=as_json)


@parties.command("add", epilog="Example: wayproof party add 'Northern Freight' --gln 8712345000004")
def add(
    name: Annotated[str, typer.Argument(help="What others know it by.")],
    *,
    gln: Annotated[str | None, typer.Option(help="GS1 Global Location Number, 13 digits.")] = None,
    url: ApiUrl = URL_DEFAULT,
    api_key: ApiKey = None,
    as_json: AsJson = False,
) -> None:
    """Make a party of your tenant."""
    with remote(url, api_key) as api:
        show(api.post("/v1/parties", {"name": name, "gln": gln}), as_json=as_json)


@parties.command("list", epilog="Example: wayproof party list --json")
def list_(*, url: ApiUrl = URL_DEFAULT, api_key: ApiKey = None, as_json: AsJson = False) -> None:
    """List the parties of your tenant, newest first."""
    with remote(url, api_key) as api:
        found = list(api.every("/v1/parties"))
    for party in found:
        party["addresses"] = [key["address"] for key in party["keys"] if key["revoked_at"] is None]
    show_list(found, ("name", "id", "gln", "addresses"), as_json=as_json)


@keys.command("add", epilog="Example: wayproof party key add 'Northern Freight' --keystore dock-4.json")
def add_key(
    party: PartyArgument,
    *,
    keystore: Keystore,
    passphrase_file: PassphraseFile = None,
    url: ApiUrl = URL_DEFAULT,
    api_key: ApiKey = None,
    as_json: AsJson = False,
) -> None:
    """Register a key for a party of yours: the key signs that it is the party's. An address has one party, for ever."""
    signer = open_key(keystore, passphrase_file)
    address = to_address(signer.address)
    with remote(url, api_key) as api:
        party_id = party_id_of(api, party)
        claim = api.post(f"/v1/parties/{party_id}/keys/claim", {"address": address})
        # Built anew here: the key signs this claim, whatever the API would have it sign.
        claimed_at = datetime.fromisoformat(claim["claimed_at"])
        words = claim_digest(domain_of(claim["typed_data"]), party=party_id, key=signer.address, claimed_at=claimed_at)
        body = {"address": address, "claimed_at": claim["claimed_at"], "signature": to_hex(signer.sign(words))}
        show(api.post(f"/v1/parties/{party_id}/keys", body), as_json=as_json)


@keys.command(
    "revoke",
    epilog="Example: wayproof party key revoke 'Northern Freight' 0x90F79bf6EB2c4f870365E785982E1f101E93b906",
)
def revoke_key(
    party: PartyArgument,
    address: Annotated[str, typer.Argument(help="The key's address.")],
    *,
    url: ApiUrl = URL_DEFAULT,
    api_key: ApiKey = None,
    as_json: AsJson = False,
) -> None:
    """End a key at once and for ever; what it has signed before stays signed."""
    with remote(url, api_key) as api:
        show(api.post(f"/v1/parties/{party_id_of(api, party)}/keys/{address}/revoke"), as_json=as_json)
