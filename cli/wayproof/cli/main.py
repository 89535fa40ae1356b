"""The `wayproof` command."""

from importlib.metadata import version as installed_version

import typer

from wayproof.cli.app import commands
from wayproof.cli.broker import broker
from wayproof.cli.database import maintain, migrate
from wayproof.cli.devices import devices
from wayproof.cli.doctor import doctor
from wayproof.cli.epcis import epcis
from wayproof.cli.keys import keys
from wayproof.cli.quarantine import quarantine
from wayproof.cli.replay import replay
from wayproof.cli.simulate import simulate
from wayproof.cli.tenants import tenants
from wayproof.cli.up import up

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
for group in (tenants, keys, devices, broker, quarantine, epcis):
    app.add_typer(group)


@app.command(epilog="Example: wayproof version")
def version() -> None:
    """Print the version of Wayproof."""
    typer.echo(installed_version("wayproof"))


if __name__ == "__main__":
    app()
