"""Which services one `wayproof up` runs: embedded what was not given, and our own processes over it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import SecretStr

from wayproof.cli.services.data_dir import DataDir
from wayproof.cli.services.embedded import (
    INGESTOR,
    anvil_service,
    embedded_ledger,
    iotcore_service,
    mosquitto_service,
    postgres_service,
)
from wayproof.cli.services.iotcore import WEAKER, has_iotcore
from wayproof.cli.services.mosquitto import find_mosquitto
from wayproof.cli.services.own import (
    BrokerLink,
    api_service,
    broker_sync_service,
    fleet_service,
    has_anchoring_key,
    ingest_service,
    ledger_environment,
    ledger_init_service,
    ledger_service,
    maintenance_service,
    mask,
    migrate_service,
    trace_service,
)
from wayproof.cli.services.ports import choose_ports, is_free, owner_of
from wayproof.cli.services.postgres import PostgresCluster
from wayproof.cli.services.spec import Service
from wayproof.model.errors import Conflict, Unavailable
from wayproof.store.settings import DatabaseSettings

PREFERRED_PORTS: Final = {
    "api": 8080,
    "broker": 1883,
    "broker-v4": 1884,
    "chain": 8545,
    "ingest": 9108,
    "ledger": 9109,
    "postgres": 54329,
}

_NO_KEY: Final = (
    "ledger: handoffs are not anchored; give a funded key by WAYPROOF_LEDGER_ANCHORER_KEYSTORE and"
    " WAYPROOF_LEDGER_ANCHORER_PASSPHRASE, and for the first start one that deploys by WAYPROOF_LEDGER_ADMIN_KEY."
)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What the user asked for. A URL replaces the embedded service."""

    tenant: str
    #: Size of the simulated fleet; 0: none.
    trucks: int
    #: None: the preferred port, or another where that is taken.
    api_port: int | None = None
    database_url: str | None = None
    broker_url: str | None = None
    rpc_url: str | None = None


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything that one start needs to know."""

    services: tuple[Service, ...]
    #: Name and masked address of what somebody else runs.
    external: tuple[tuple[str, str], ...]
    #: What the user must know: weaker promises, what is left out.
    notes: tuple[str, ...]
    database: DatabaseSettings
    tenant: str
    api_port: int


def make_plan(data: DataDir, wanted: Wanted) -> Plan:
    """The services in the order of their start. Chooses ports and remembers them in `data`."""
    planner = _Planner(data=data, wanted=wanted, ports=_choose_ports(data, wanted))
    planner.add_database()
    link = planner.add_broker()
    planner.add_chain()
    planner.add_ledger()
    planner.add_own_processes(link)
    planner.add_fleet(link)
    given = {"postgres": wanted.database_url, "broker": wanted.broker_url, "chain": wanted.rpc_url}
    return Plan(
        services=tuple(planner.services),
        external=tuple((name, mask(url)) for name, url in given.items() if url is not None),
        notes=tuple(planner.notes),
        database=planner.database,
        tenant=wanted.tenant,
        api_port=planner.ports["api"],
    )


def _choose_ports(data: DataDir, wanted: Wanted) -> dict[str, int]:
    asked = wanted.api_port
    if asked is not None and not is_free(asked):
        raise Conflict(f"port {asked} is taken by {owner_of(asked)}: free it, or give another with --port")
    ports = choose_ports({**PREFERRED_PORTS, **data.ports(), **({"api": asked} if asked is not None else {})})
    data.remember_ports(ports)
    return ports


class _Planner:
    """Collects services in the order of their start."""

    def __init__(self, *, data: DataDir, wanted: Wanted, ports: Mapping[str, int]) -> None:
        self.data = data
        self.wanted = wanted
        self.ports = ports
        self.services: list[Service] = []
        self.notes: list[str] = []
        url = wanted.database_url or PostgresCluster(folder=data.postgres).url(ports["postgres"])
        self.database = DatabaseSettings(url=SecretStr(url))
        self._env = {"WAYPROOF_DATABASE_URL": url}

    def add_database(self) -> None:
        """PostgreSQL, its schema and its maintenance."""
        if self.wanted.database_url is None:
            self.services.append(postgres_service(self.data, self.ports["postgres"]))
        self.services.append(migrate_service(self.data, self._env, self._those("postgres")))
        self.services.append(maintenance_service(self.data, self._env, self._those("postgres", "migrate")))

    def add_broker(self) -> BrokerLink:
        """The broker; returns how to reach it."""
        if self.wanted.broker_url is not None:
            self.notes.append("broker: whoever runs it keeps its passwords and ACL; see `wayproof broker sync --help`.")
            return BrokerLink.parse(self.wanted.broker_url)
        port = self.ports["broker"]
        if self._uses_iotcore():
            self.services.append(iotcore_service(self.data, port, self.ports["broker-v4"]))
            self.notes.append(WEAKER)
        else:
            stored = self._those("postgres", "migrate")
            self.services.append(mosquitto_service(self.data, port, self.database, stored))
            self.services.append(broker_sync_service(self.data, self._env, (*stored, "broker")))
        return BrokerLink(host="127.0.0.1", port=port, user=INGESTOR, password=self.data.secret(INGESTOR))

    def add_chain(self) -> None:
        """The chain. Readings and shipments do not need it, so its absence is a note and no error."""
        if self.wanted.rpc_url is None:
            try:
                self.services.append(anvil_service(self.data, self.ports["chain"]))
            except Unavailable as error:
                self.notes.append(f"chain: {error}")

    def add_ledger(self) -> None:
        """The log's anchorer, where there is a chain and a key that pays."""
        if self.wanted.rpc_url is None:
            if not self._those("chain"):
                return
            chain = embedded_ledger(self.data, self.ports["chain"])
        elif has_anchoring_key():
            chain = ledger_environment(self.data, self.wanted.rpc_url)
        else:
            self.notes.append(_NO_KEY)
            return
        env = {**self._env, **chain}
        self.services.append(ledger_init_service(self.data, env, self._those("postgres", "migrate", "chain")))
        needs = self._those("postgres", "chain", "ledger-init")
        self.services.append(ledger_service(self.data, env, self.ports["ledger"], needs))

    def add_own_processes(self, link: BrokerLink) -> None:
        """Ingest, API and trace."""
        stored = self._those("postgres", "migrate")
        ingest = {**self._env, **link.environment()}
        self.services.append(ingest_service(self.data, ingest, self.ports["ingest"], (*stored, *self._those("broker"))))
        self.services.append(api_service(self.data, self._env, self.ports["api"], stored))
        self.services.append(trace_service(self.data, self._env, self.ports["api"], stored))

    def add_fleet(self, link: BrokerLink) -> None:
        """The simulated fleet. It registers its own trucks, which only a broker of ours learns of."""
        if self.wanted.trucks == 0:
            return
        if self.wanted.broker_url is not None:
            self.notes.append("fleet: not started; the trucks' passwords are unknown to a broker that is not ours.")
            return
        needs = self._those("postgres", "migrate", "broker", "broker-sync", "ledger-init", "ingest", "api")
        self.services.append(
            fleet_service(
                self.data, self._env, needs, tenant=self.wanted.tenant, trucks=self.wanted.trucks, broker=link
            )
        )

    def _those(self, *names: str) -> tuple[str, ...]:
        present = {service.name for service in self.services}
        return tuple(name for name in names if name in present)

    def _uses_iotcore(self) -> bool:
        try:
            find_mosquitto(self.data.programs)
        except Unavailable:
            if has_iotcore():
                return True
            raise
        return False
