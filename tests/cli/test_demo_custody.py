"""Custody of simulated shipments."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

from wayproof.cli.demo import demo_world
from wayproof.devices.simulator.state import StateFolder
from wayproof.model.custody import SHIPMENT_ITEM
from wayproof.model.log import LogIdentity
from wayproof.store import log
from wayproof.store.pool import Conn
from wayproof.store.settings import DatabaseSettings

HISTORY = timedelta(hours=12)
CHAINS = """
    select s.reference, s.consignor, s.carrier, s.consignee, s.delivered_at, h.item, h.state, r.name, c.name
      from shipment s
      join handoff h using (shipment_id)
      join party r on r.party_id = h.releaser_party_id
      join party c on c.party_id = h.receiver_party_id
     order by s.reference, h.seq
"""


def test_goods_go_from_consignor_to_carrier_to_consignee(
    database: DatabaseSettings, founded: LogIdentity, tmp_path: Path, superuser: Conn
) -> None:
    """Every second lorry's shipments are handed over at pickup and delivery, once each; the rest wait."""
    plan, state = StateFolder(tmp_path).open_fleet(
        seed=7, prefix="demo-", trucks=4, warehouses=0, history=HISTORY, now=datetime.now(UTC)
    )
    for _ in range(2):
        with demo_world(database, tenant="demo", fleet=plan, state=state) as world:
            world.advance(plan.epoch)
    chains = defaultdict(list)
    for reference, *companies, delivered_at, item, state_now, releaser, receiver in superuser.execute(CHAINS):
        assert (state_now, item.startswith(SHIPMENT_ITEM)) == ("accepted", True)
        chains[reference, *companies, delivered_at].append((releaser, receiver))
    assert {reference.split("-")[-2] for reference, *_ in chains} == {"02", "04"}
    for (_, consignor, carrier, consignee, delivered_at), handoffs in chains.items():
        assert handoffs == [(consignor, carrier), *([(carrier, consignee)] if delivered_at else [])]
    assert log.size(superuser) == sum(map(len, chains.values())) > len(chains) > 1


def test_without_a_log_there_is_no_custody(database: DatabaseSettings, tmp_path: Path, superuser: Conn) -> None:
    """Where no log was founded shipments go on without handoffs."""
    plan, state = StateFolder(tmp_path).open_fleet(
        seed=7, prefix="demo-", trucks=2, warehouses=0, history=HISTORY, now=datetime.now(UTC)
    )
    with demo_world(database, tenant="demo", fleet=plan, state=state) as world:
        assert world.advance(plan.epoch)
    assert superuser.execute("select count(*) from handoff").fetchone() == (0,)
