"""`wayproof handoff`: changes of custody, offered and answered from a terminal with the party's own key."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

import typer

from wayproof.cli.app import AsJson, show, show_list
from wayproof.cli.evidence import Readings, with_readings
from wayproof.cli.files import Output, save
from wayproof.cli.groups import commands
from wayproof.cli.remote import URL_DEFAULT, ApiKey, ApiUrl, Remote, party_id_of, remote, shipment_id_of
from wayproof.cli.signing import (
    DetailsFile,
    Keystore,
    PassphraseFile,
    Yes,
    check_words,
    confirm,
    digest_shown,
    open_key,
    read_details,
)
from wayproof.ledger.hexadecimal import to_address, to_hex
from wayproof.ledger.signable import domain_of
from wayproof.ledger.signatures import KeySigner
from wayproof.ledger.typed_data import refusal_digest
from wayproof.model.errors import InvalidInput
from wayproof.model.handoff import HandoffState

handoff = commands("handoff", "Changes of custody that both parties sign.")

HandoffId = Annotated[str, typer.Argument(metavar="ID", help="As `wayproof handoff list` tells it.")]
_COLUMNS: Final = ("id", "state", "anchor_state", "item", "seq", "from", "to", "expires_at")
_SHOWN: Final = ("id", "state", "anchor_state", "item", "seq", "from", "to", "leaf_index", "digest", "expires_at")


@handoff.command("offer", epilog="Example: wayproof handoff offer PO-4711 --to 0x90F7…b906 --keystore dock-4.json")
def offer(
    goods: Annotated[
        str, typer.Argument(metavar="SHIPMENT", help="Reference or id of a shipment, or the URI of an item.")
    ],
    *,
    keystore: Keystore,
    to: Annotated[str | None, typer.Option(help="Who receives: id of the party, or the address of a key.")] = None,
    sender: Annotated[str | None, typer.Option("--from", help="Who releases, where you receive.")] = None,
    details: DetailsFile = None,
    hours: Annotated[int, typer.Option(min=1, max=720, help="How long it can be answered.")] = 24,
    passphrase_file: PassphraseFile = None,
    yes: Yes = False,
    url: ApiUrl = URL_DEFAULT,
    api_key: ApiKey = None,
    as_json: AsJson = False,
) -> None:
    """Offer a handoff: draft it, show it, sign it with your key, and tell the other party."""
    if (to is None) == (sender is None):
        raise InvalidInput("give either --to, or --from where you receive")
    said, signer = read_details(details), open_key(keystore, passphrase_file)
    with remote(url, api_key) as api:
        body = {
            "role": "receiver" if to is None else "releaser",
            "signer": to_address(signer.address),
            "counterparty": party_id_of(api, to or sender or ""),
            "expires_at": (datetime.now(UTC) + timedelta(hours=hours)).isoformat(),
            "details": said,
            **_goods(api, goods),
        }
        drafted = api.post("/v1/handoffs", body)
        check_words(drafted, said)
        _show(_signed(api, drafted, "offer", signer, yes=yes), as_json=as_json)


@handoff.command("accept", epilog="Example: wayproof handoff accept c1d2e3f4-… --keystore gate-2.json")
def accept(
    handoff_id: HandoffId,
    *,
    keystore: Keystore,
    passphrase_file: PassphraseFile = None,
    yes: Yes = False,
    url: ApiUrl = URL_DEFAULT,
    api_key: ApiKey = None,
    as_json: AsJson = False,
) -> None:
    """Accept an offer: show it, sign it with your key. From then on it stands in the log."""
    signer = open_key(keystore, passphrase_file)
    with remote(url, api_key) as api:
        offered = api.get(f"/v1/handoffs/{handoff_id}")
        _show(_signed(api, offered, "accept", signer, yes=yes), as_json=as_json)


@handoff.command(
    "refuse", epilog="Example: wayproof handoff refuse c1d2e3f4-… --reason 'seal broken' --keystore gate-2.json"
)
def refuse(
    handoff_id: HandoffId,
    *,
    reason: Annotated[str, typer.Option(help="Why; the other party reads it, and it is signed.")],
    keystore: Keystore,
    passphrase_file: PassphraseFile = None,
    yes: Yes = False,
    url: ApiUrl = URL_DEFAULT,
    api_key: ApiKey = None,
    as_json: AsJson = False,
) -> None:
    """Refuse an offer, and sign why."""
    signer = open_key(keystore, passphrase_file)
    path = f"/v1/handoffs/{handoff_id}"
    with remote(url, api_key) as api:
        words = digest_shown(api.get(path), signer.address)
        typer.echo(f"You refuse this: {reason}", err=True)
        confirm(yes=yes)
        asked = api.post(f"{path}/refusal", {"reason": reason})
        signature = _refusal(asked, words, reason, signer)
        body = {"reason": reason, "refused_at": asked["refused_at"], "signature": signature}
        _show(api.post(f"{path}/refuse", body), as_json=as_json)


@handoff.command(
    "amend", epilog="Example: wayproof handoff amend c1d2e3f4-… --details counted.json --keystore gate-2.json"
)
def amend(
    handoff_id: HandoffId,
    *,
    details: DetailsFile,
    keystore: Keystore,
    passphrase_file: PassphraseFile = None,
    yes: Yes = False,
    url: ApiUrl = URL_DEFAULT,
    api_key: ApiKey = None,
    as_json: AsJson = False,
) -> None:
    """Answer an offer in your own words (fewer goods, another seal, damage), which the other party then accepts."""
    said, signer = read_details(details), open_key(keystore, passphrase_file)
    with remote(url, api_key) as api:
        body = {"details": said, "signer": to_address(signer.address)}
        amended = api.post(f"/v1/handoffs/{handoff_id}/amend", body)
        check_words(amended, said)
        _show(_signed(api, amended, "offer", signer, yes=yes), as_json=as_json)


@handoff.command("show", epilog="Example: wayproof handoff show c1d2e3f4-…")
def show_one(
    handoff_id: HandoffId, *, url: ApiUrl = URL_DEFAULT, api_key: ApiKey = None, as_json: AsJson = False
) -> None:
    """Show how a handoff stands between the parties and on the chain."""
    with remote(url, api_key) as api:
        _show(api.get(f"/v1/handoffs/{handoff_id}"), as_json=as_json)


@handoff.command("list", epilog="Example: wayproof handoff list --state offered")
def list_(
    *,
    state: Annotated[HandoffState | None, typer.Option(help="Only those that stand there now.")] = None,
    item: Annotated[str | None, typer.Option(help="Only those of this item.")] = None,
    shipment: Annotated[str | None, typer.Option(help="Only those of this shipment: reference or id.")] = None,
    url: ApiUrl = URL_DEFAULT,
    api_key: ApiKey = None,
    as_json: AsJson = False,
) -> None:
    """List the handoffs that your tenant is party to, newest first."""
    with remote(url, api_key) as api:
        shipment_id = shipment_id_of(api, shipment) if shipment else None
        found = list(api.every("/v1/handoffs", state=state, item=item, shipment_id=shipment_id))
    show_list(found if as_json else map(_brief, found), _COLUMNS, as_json=as_json)


@handoff.command(
    "bundle",
    epilog="Example: wayproof handoff bundle c1d2e3f4-… -o PO-4711.json --evidence truck-7@2026-03-01T12:00:00Z",
)
def bundle(
    handoff_id: HandoffId,
    *,
    output: Output,
    evidence: Readings = None,
    newest_anchor: Annotated[
        bool,
        typer.Option(
            "--newest-anchor",
            help="Under the newest anchor, not the first above the handoff: where a key came to the chain too late"
            " for that one.",
        ),
    ] = False,
    url: ApiUrl = URL_DEFAULT,
    api_key: ApiKey = None,
) -> None:
    """Save everything that proves an accepted handoff; `wayproof verify` checks it without any server of ours."""
    with remote(url, api_key) as api:
        data = api.get_bytes(f"/v1/handoffs/{handoff_id}/bundle", anchor="newest" if newest_anchor else "first")
        if evidence:
            data = with_readings(api, handoff_id, data, evidence)
    save(data, output)


def _goods(api: Remote, text: str) -> dict[str, str]:
    return {"item": text} if ":" in text else {"shipment_id": shipment_id_of(api, text)}


def _signed(api: Remote, document: dict[str, Any], what: str, signer: KeySigner, *, yes: bool) -> dict[str, Any]:
    """The handoff after it was shown, signed, and sent back as an offer or an acceptance."""
    words = digest_shown(document, signer.address)
    confirm(yes=yes)
    answered: dict[str, Any] = api.post(
        f"/v1/handoffs/{document['id']}/{what}", {"signature": to_hex(signer.sign(words))}
    )
    return answered


def _refusal(asked: dict[str, Any], words: bytes, reason: str, signer: KeySigner) -> str:
    refused_at = datetime.fromisoformat(asked["refused_at"])
    refused = refusal_digest(domain_of(asked["typed_data"]), handoff=words, reason=reason, refused_at=refused_at)
    return to_hex(signer.sign(refused))


def _brief(document: dict[str, Any]) -> dict[str, Any]:
    return {**document, "from": document["releaser"]["name"], "to": document["receiver"]["name"]}


def _show(document: dict[str, Any], *, as_json: bool) -> None:
    brief = _brief(document)
    show(document if as_json else {name: brief[name] for name in _SHOWN}, as_json=as_json)
