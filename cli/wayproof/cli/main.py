"""The `wayproof` command.

A command's module is imported when the command runs or is asked for its own help: all of them take seconds.
"""

from typing import Final

from wayproof.cli.groups import Entry, commands, deferred

COMMANDS: Final = {
    "up": Entry(
        target="wayproof.cli.up:up",
        short_help="Start everything and keep it running.",
        epilog="Example: wayproof up --data /srv/wayproof --trucks 40",
    ),
    "doctor": Entry(
        target="wayproof.cli.doctor:doctor",
        short_help="Find what is missing, and what mends it.",
        epilog="Example: wayproof doctor --json",
    ),
    "migrate": Entry(
        target="wayproof.cli.database:migrate",
        short_help="Bring the database to the newest schema.",
        epilog="Example: wayproof migrate --database-url postgresql://wayproof@db/wayproof",
    ),
    "maintain": Entry(
        target="wayproof.cli.database:maintain",
        short_help="Open days of readings, pack old ones, and drop the oldest.",
        epilog="Example: wayproof maintain --keep-days 400",
    ),
    "simulate": Entry(
        target="wayproof.cli.simulate:simulate",
        short_help="Run a simulated fleet.",
        epilog="Example: wayproof simulate --trucks 40 --seed 7",
    ),
    "replay": Entry(
        target="wayproof.cli.replay:replay",
        short_help="Publish files of readings.",
        epilog="Example: wayproof replay track.gpx --tenant demo",
    ),
    "trace": Entry(
        target="wayproof.cli.trace:trace_item",
        short_help="Where a lot comes from, and where it went.",
        epilog="Example: wayproof trace urn:epc:class:lgtin:4012345.012345.998877 --upstream",
    ),
    "where": Entry(
        target="wayproof.cli.whereabouts:where",
        short_help="Where a lot or thing is now.",
        epilog="Example: wayproof where '(01)10860009999920(10)ABC1234' --as-of 2026-05-01T00:00:00Z",
    ),
    "balance": Entry(
        target="wayproof.cli.whereabouts:balance_lot",
        short_help="What became of a lot, and whether that is all.",
        epilog="Example: wayproof balance urn:epc:class:lgtin:4012345.012345.998877 --downstream",
    ),
    "erase": Entry(
        target="wayproof.cli.erase:erase",
        short_help="Erase what a handoff says.",
        epilog="Example: wayproof erase c1d2e3f4-… --reason 'request 17'",
    ),
    "verify": Entry(
        target="wayproof.cli.verify:verify",
        short_help="Check what a bundle proves, without our servers.",
        epilog="Example: wayproof verify PO-4711.json; or wayproof verify first.json second.json"
        " --rpc https://node.example --rpc https://other.example --contract 0x5FbD… --chain-id 1"
        " --log-key log.example+…",
    ),
    "version": Entry(
        target="wayproof.cli.version:version",
        short_help="Print the version of Wayproof.",
        epilog="Example: wayproof version",
    ),
    "tenant": Entry(
        target="wayproof.cli.tenants:tenants",
        short_help="Customers of this installation; each sees only its own rows.",
    ),
    "key": Entry(target="wayproof.cli.keys:keys", short_help="API keys of a tenant."),
    "device": Entry(target="wayproof.cli.devices:devices", short_help="Devices of a tenant, and their secrets."),
    "broker": Entry(target="wayproof.cli.broker:broker", short_help="The MQTT broker: program and users."),
    "quarantine": Entry(
        target="wayproof.cli.quarantine:quarantine",
        short_help="Messages that could not be understood, kept byte for byte.",
    ),
    "party": Entry(
        target="wayproof.cli.parties:parties", short_help="Organisations that take custody, and their keys."
    ),
    "handoff": Entry(target="wayproof.cli.handoffs:handoff", short_help="Changes of custody that both parties sign."),
    "ledger": Entry(target="wayproof.cli.ledger:ledger", short_help="The log of custody and its anchors on the chain."),
    "epcis": Entry(target="wayproof.cli.epcis:epcis", short_help="EPCIS documents."),
    "export": Entry(target="wayproof.cli.export:export", short_help="Files for authorities, auditors and customers."),
    "dossier": Entry(
        target="wayproof.cli.dossier:dossier", short_help="Audit dossiers: all of a lot or shipment in one file."
    ),
    "recall": Entry(
        target="wayproof.cli.recall:recall", short_help="Recalls, real or mock: what is affected, and where."
    ),
}

app = commands("wayproof", "Shipment tracking and traceability, from the sensor to the proof.", deferred(COMMANDS))


@app.callback()
def _every_command() -> None:
    pass


if __name__ == "__main__":
    app()
