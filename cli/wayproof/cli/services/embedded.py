"""PostgreSQL, the broker and the chain as services of the supervisor."""

from datetime import timedelta
from functools import partial
from signal import Signals

from wayproof.cli.broker import ensure_service, write_files
from wayproof.cli.services.anvil import Anvil, find_anvil
from wayproof.cli.services.data_dir import DataDir
from wayproof.cli.services.iotcore import IotCore
from wayproof.cli.services.mosquitto import Mosquitto, find_mosquitto
from wayproof.cli.services.postgres import PostgresCluster
from wayproof.cli.services.probes import chain_id, database_answers
from wayproof.cli.services.spec import Service
from wayproof.store.settings import DatabaseSettings

INGESTOR = "svc@ingest-1"
"""The embedded ingestor's name at the broker, and of its secret in the data folder."""
ADMIN_KEY = "ledger-admin"
"""The secret that is the private key of the embedded contract's admin."""
ANCHORER_KEY = "ledger-anchorer"
"""The same of who anchors."""


def postgres_service(data: DataDir, port: int) -> Service:
    """The embedded cluster. SIGINT rolls open transactions back and stops it cleanly."""
    cluster = PostgresCluster(folder=data.postgres)
    return Service(
        name="postgres",
        argv=tuple(cluster.argv(port)),
        log=data.log("postgres"),
        where=f"127.0.0.1:{port}",
        prepare=cluster.prepare,
        ready=lambda: database_answers(cluster.url(port, "postgres")),
        port=port,
        stop_signal=Signals.SIGINT,
        stop_timeout=timedelta(seconds=30),
    )


def mosquitto_service(data: DataDir, port: int, database: DatabaseSettings, depends_on: tuple[str, ...]) -> Service:
    """The embedded broker. It starts with everybody who is registered at that moment."""
    mosquitto = Mosquitto(folder=data.broker, program=find_mosquitto(data.programs))

    def prepare() -> None:
        mosquitto.prepare(port)
        ensure_service(database, INGESTOR, data.secret(INGESTOR))
        write_files(database, data.broker)

    return Service(
        name="broker",
        argv=tuple(mosquitto.argv()),
        log=data.log("broker"),
        where=f"mqtt://127.0.0.1:{port}",
        depends_on=depends_on,
        prepare=prepare,
        port=port,
    )


def iotcore_service(data: DataDir, port: int, port_of_v4: int) -> Service:
    """The broker of last resort."""
    broker = IotCore(folder=data.broker)
    return Service(
        name="broker",
        argv=tuple(broker.argv()),
        log=data.log("broker"),
        where=f"mqtt://127.0.0.1:{port} (MQTT 3.1.1: {port_of_v4})",
        prepare=partial(broker.prepare, port, port_of_v4),
        port=port,
    )


def anvil_service(data: DataDir, port: int) -> Service:
    """The embedded chain."""
    anvil = Anvil(folder=data.chain, program=find_anvil())
    return Service(
        name="chain",
        argv=tuple(anvil.argv(port)),
        log=data.log("chain"),
        where=f"http://127.0.0.1:{port}",
        prepare=anvil.prepare,
        ready=lambda: chain_id(f"http://127.0.0.1:{port}") is not None,
        port=port,
    )


def embedded_ledger(data: DataDir, chain_port: int) -> dict[str, str]:
    """The anchorer's settings on the embedded chain: keys of our own, funded out of anvil's first account by founding.

    A leaf is final within seconds. An anchor and the blocks that its finality needs cost some kilobytes of the chain's
    dump, and quiet times nothing.
    """
    return {
        "WAYPROOF_LEDGER_RPC_URLS": f"http://127.0.0.1:{chain_port}",
        "WAYPROOF_LEDGER_LOG_KEY_FILE": str(data.log_key),
        "WAYPROOF_LEDGER_ANCHORER_KEY": data.private_key(ANCHORER_KEY),
        "WAYPROOF_LEDGER_ADMIN_KEY": data.private_key(ADMIN_KEY),
        "WAYPROOF_LEDGER_ANCHOR_EVERY": "PT10S",
        "WAYPROOF_LEDGER_POLL_INTERVAL": "PT1S",
        "WAYPROOF_LEDGER_IDLE_INTERVAL": "PT5S",
        "WAYPROOF_LEDGER_MINE_BLOCKS": "true",
    }
