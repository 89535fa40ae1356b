"""The `wayproof` command."""

from importlib.metadata import version as installed_version

import typer

from wayproof.cli.app import commands
from wayproof.cli.broker import broker
from wayproof.cli.database import maintain, migrate
from wayproof.cli.devices import devices
from wayproof.cli.doctor import doctor
from wayproof.cli.dossier import dossier
from wayproof.cli.epcis import epcis
from wayproof.cli.erase import erase
from wayproof.cli.export import export
from wayproof.cli.handoffs import handoff
from wayproof.cli.keys import keys
from wayproof.cli.ledger import ledger
from wayproof.cli.parties import parties
from wayproof.cli.quarantine import quarantine
from wayproof.cli.recall import recall
from wayproof.cli.replay import replay
from wayproof.cli.simulate import simulate
from wayproof.cli.tenants import tenants
from wayproof.cli.trace import trace_item
from wayproof.cli.up import up
from wayproof.cli.verify import verify
from wayproof.cli.whereabouts import balance_lot, where

app = commands("wayproof", "Shipment tracking and traceability, from the sensor to the proof.")

app.command(epilog="Example: wayproof up --data /srv/wayproof --trucks 40")(up)
app.command(epilog="Example: wayproof doctor --json")(doctor)
app.command(epilog="Example: wayproof migrate --database-url postgresql://wayproof@db/wayproof")(migrate)
app.command(epilog="Example: wayproof maintain --keep-days 400")(maintain)
app.command(short_help="Run a simulated fleet.", epilog="Example: wayproof simulate --trucks 40 --seed 7")(simulate)
app.command(
    short_help="Publish files of readings.",
    epilog="Example: wayproof replay track.gpx --tenant demo",
)(replay)
app.command(
    "trace",
    short_help="Where a lot comes from, and where it went.",
    epilog="Example: wayproof trace urn:epc:class:lgtin:4012345.012345.998877 --upstream",
)(trace_item)
app.command(
    short_help="Where a lot or thing is now.",
    epilog="Example: wayproof where '(01)10860009999920(10)ABC1234' --as-of 2026-05-01T00:00:00Z",
)(where)
app.command(
    "balance",
    short_help="What became of a lot, and whether that is all.",
    epilog="Example: wayproof balance urn:epc:class:lgtin:4012345.012345.998877 --downstream",
)(balance_lot)
app.command(short_help="Erase what a handoff says.", epilog="Example: wayproof erase c1d2e3f4-… --reason 'request 17'")(
    erase
)
app.command(
    short_help="Check what a bundle proves, without our servers.",
    epilog="Example: wayproof verify PO-4711.json; or wayproof verify first.json second.json --rpc https://node.example"
    " --rpc https://other.example --contract 0x5FbD… --chain-id 1 --log-key log.example+…",
)(verify)
for group in (tenants, keys, devices, broker, quarantine, parties, handoff, ledger, epcis, export, dossier, recall):
    app.add_typer(group)


@app.command(epilog="Example: wayproof version")
def version() -> None:
    """Print the version of Wayproof."""
    typer.echo(installed_version("wayproof"))


if __name__ == "__main__":
    app()
