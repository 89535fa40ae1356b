"""What a person is shown before they sign, checked on this machine: nothing is signed that is not shown."""

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from wayproof.cli.app import printable
from wayproof.ledger.hexadecimal import to_address, to_hex
from wayproof.ledger.keystore import find_passphrase, load_keystore
from wayproof.ledger.signable import Signable, read_signable
from wayproof.ledger.signatures import KeySigner
from wayproof.ledger.strict_json import strict_json
from wayproof.model.canonical import canonical_json
from wayproof.model.errors import InvalidInput, InvalidProof

Keystore = Annotated[
    Path, typer.Option("--keystore", help="File of the party's key; `wayproof party keygen` makes one.")
]
PassphraseFile = Annotated[
    Path | None,
    typer.Option(help="File whose first line opens the keystore; default: WAYPROOF_KEY_PASSPHRASE, or you are asked."),
]
Yes = Annotated[bool, typer.Option("--yes", help="Sign without asking; what is signed is shown all the same.")]
DetailsFile = Annotated[
    Path | None, typer.Option("--details", help="JSON object: place, goods, seals, damage, temperature; - for stdin.")
]


def open_key(keystore: Path, passphrase_file: Path | None) -> KeySigner:
    """The key in a keystore."""
    passphrase = find_passphrase(file=passphrase_file, environment=os.environ, prompt=lambda: _asked(confirm=False))
    return load_keystore(keystore, passphrase)


def new_passphrase(passphrase_file: Path | None) -> str:
    """The passphrase of a keystore that is to be made."""
    return find_passphrase(file=passphrase_file, environment=os.environ, prompt=lambda: _asked(confirm=True))


def read_details(path: Path | None) -> dict[str, Any]:
    """The details in a file; InvalidInput where it is no JSON object, or one that is ambiguous."""
    if path is None:
        return {}
    try:
        data = typer.get_binary_stream("stdin").read() if str(path) == "-" else path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"details {path}: {error.strerror}") from error
    details = strict_json(data)
    if not isinstance(details, dict):
        raise InvalidInput(f"details {path}: expected a JSON object")
    return details


def digest_shown(document: Mapping[str, Any], key: bytes) -> bytes:
    """What is to be signed of a handoff by the key of an address, after it was shown on stderr.

    InvalidProof where the API tells two stories, InvalidInput where the key is neither party's.
    """
    asked = read_signable(document)
    if key not in {asked.handoff.releaser, asked.handoff.receiver}:
        raise InvalidInput(f"keystore: its key {to_address(key)} is neither party's; is it another one's keystore?")
    for line in _lines(document, asked, key):
        typer.echo(line, err=True)
    return asked.digest


def check_words(document: Mapping[str, Any], said: Mapping[str, Any]) -> None:
    """That a draft holds the details that were said, and the evidence. InvalidProof otherwise: --yes reads nothing."""
    drafted = {name: value for name, value in read_signable(document).details.items() if name != "evidence"}
    if canonical_json(drafted) != canonical_json(dict(said)):
        raise InvalidProof("the API has drafted other details than were given; nothing was signed")


def confirm(*, yes: bool) -> None:
    """Asks whether to sign what was shown, unless told in advance; ends the command where the answer is no."""
    if not yes:
        typer.confirm("Sign this?", abort=True, err=True)


def _lines(document: Mapping[str, Any], asked: Signable, key: bytes) -> list[str]:
    record, domain = asked.handoff, asked.domain
    shown = {
        "item": f"{record.item} (handoff {record.seq} of it)",
        "from": _side(document["releaser"], record.releaser, key),
        "to": _side(document["receiver"], record.receiver, key),
        "changed hands": _time(record.occurred_at),
        "answer until": _time(record.expires_at),
        "after": to_hex(record.prev) if record.seq > 1 else "nothing: the first handoff",
        "evidence": f"{record.evidence_size} readings, root {to_hex(record.evidence_root)}",
        "checkpoint": f"{record.seen_size} leaves, root {to_hex(record.seen_root)}"
        if record.seen_size
        else "none seen",
        "valid on": f"chain {domain.chain_id}, contract {to_address(domain.contract)}",
        "digest": to_hex(asked.digest),
    }
    details = json.dumps(asked.details, indent=2, ensure_ascii=False, sort_keys=True)
    head = [f"  {name + ':':15}{printable(text)}" for name, text in shown.items()]
    return ["To be signed:", *head, "  details:", *(f"    {printable(line)}" for line in details.splitlines())]


def _side(side: Mapping[str, Any], address: bytes, key: bytes) -> str:
    return f"{side['name']}, key {to_address(address)}{', which is yours' if address == key else ''}"


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _asked(*, confirm: bool) -> str:
    return str(typer.prompt("Passphrase of the keystore", hide_input=True, confirmation_prompt=confirm, err=True))
