"""The simulated fleet's rows in one tenant: sites, profiles, devices, and a shipment for each leg that a lorry drives.

Everything is found before it is made, so it can be run again over what stands there. What somebody has changed
since then through the API is left as it is.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from wayproof.cli.demo_custody import DemoCustody
from wayproof.devices.credentials import hash_secret, secret_matches
from wayproof.devices.simulator.climate import CARGOES, Cargo
from wayproof.devices.simulator.fleet import DevicePlan, FleetPlan
from wayproof.devices.simulator.legs import Leg
from wayproof.devices.simulator.places import CITIES, City
from wayproof.devices.simulator.state import SimulationState
from wayproof.devices.simulator.trucks import TruckPlan
from wayproof.model.device import DeviceKind
from wayproof.model.errors import Conflict, NotFound
from wayproof.model.shipment import NewProfile, NewShipment, Shipment
from wayproof.model.site import NewSite, SiteKind
from wayproof.store.assignments import create_assignment, list_assignments, update_assignment
from wayproof.store.broker import broker_credentials
from wayproof.store.devices import create_device, get_device
from wayproof.store.faults import unavailable_on_any_error
from wayproof.store.pool import Conn, Pool, connect, open_pool, tenant_transaction
from wayproof.store.profiles import create_profile, list_profiles
from wayproof.store.settings import DatabaseSettings
from wayproof.store.shipments import create_shipment, list_shipments, lock_shipment, update_shipment
from wayproof.store.sites import create_site, list_sites
from wayproof.store.tenants import create_tenant, find_tenant

_MANY: Final = 10_000
"""More sites, profiles or assignments of one shipment than a tenant has that somebody demonstrates with."""


@contextmanager
def demo_world(
    settings: DatabaseSettings, *, tenant: str, fleet: FleetPlan, state: SimulationState
) -> Iterator["DemoWorld"]:
    """The fleet's world in the tenant of that name, provisioned. Needs an operator's connection.

    Conflict where a device exists whose secret is not the one in `state`.
    """
    with connect(settings) as conn:
        tenant_id = (find_tenant(conn, tenant) or create_tenant(conn, tenant)).tenant_id
    with connect(settings, role="wayproof_broker") as conn:
        credentials = dict(broker_credentials(conn))
    with open_pool(settings.model_copy(update={"pool_size": 1}), role="wayproof_api") as pool:
        world = DemoWorld(pool, tenant_id=tenant_id, fleet=fleet, state=state)
        world.provision(state.secrets, credentials)
        yield world


class DemoWorld:
    """Keeps the tenant's rows in step with the fleet. It works under the API's role, so it can do no more than a key.

    Args:
        pool: connections of role `wayproof_api`.
        tenant_id: whose rows.
        fleet: the fleet.
        state: legs that ended before its records are never booked.
    """

    def __init__(self, pool: Pool, *, tenant_id: UUID, fleet: FleetPlan, state: SimulationState) -> None:
        self._pool = pool
        self._tenant_id = tenant_id
        self._fleet = fleet
        since_s = int(state.records_from.timestamp())
        self._settled_s = dict.fromkeys((truck.device for truck in fleet.trucks), since_s)
        self._due_s = dict(self._settled_s)
        self._site_ids: dict[str, UUID] = {}
        self._profile_ids: dict[str, UUID] = {}
        first = state.secrets[min(state.secrets)] if state.secrets else ""
        self._custody = DemoCustody(self._transaction, tenant_id=tenant_id, secret=first)

    def provision(self, secrets: Mapping[str, str], credentials: Mapping[str, str]) -> None:
        """Makes what is missing of sites, profiles and devices.

        `secrets` are the devices', `credentials` the hashes that the broker knows; Conflict where they differ.
        """
        with self._transaction() as conn:
            self._site_ids = self._ensure_sites(conn)
            self._profile_ids = self._ensure_profiles(conn)
            for plan in self._fleet.devices:
                self._ensure_device(conn, plan, secrets[plan.device], credentials.get(plan.device))

    def advance(self, now: datetime) -> list[str]:
        """Books, picks up and delivers what is due by `now`; says what it did."""
        now_s = int(now.timestamp())
        done: list[str] = []
        for place, truck in enumerate(self._fleet.trucks, 1):
            if self._due_s[truck.device] <= now_s:
                done += self._advance_truck(place, truck, now_s)
        return done

    def _advance_truck(self, place: int, truck: TruckPlan, now_s: int) -> list[str]:
        legs = list(truck.itinerary.legs_between(self._settled_s[truck.device], now_s + 1))
        with self._transaction() as conn:
            done = [each for leg in legs for each in self._settle(conn, place, truck, leg, now_s)]
        if place % 2 == 0:  # the others' shipments are left for whoever wants to hand one over
            done += [each for leg in legs for each in self._custody.follow(self._booked(place, leg))]
        # Only after the commit: what failed is due again.
        self._settled_s[truck.device] = now_s
        self._due_s[truck.device] = min(s for s in (legs[-1].departs_s, legs[-1].arrives_s) if s > now_s)
        return done

    def _settle(self, conn: Conn, place: int, truck: TruckPlan, leg: Leg, now_s: int) -> Iterator[str]:
        """Brings one leg's shipment and assignment to where they stand at `now_s`."""
        reference = self._reference(place, leg)
        where = f"{reference}  {leg.origin.name} → {leg.destination.name}"
        found = list_shipments(conn, limit=1, reference=reference)
        shipment = lock_shipment(conn, found[0].shipment_id) if found else self._book(conn, reference, truck, leg)
        if not found:
            yield f"booked     {where}"
        ends_at = _time(leg.arrives_s) if leg.arrives_s <= now_s else None
        if ends_at is not None:
            self._release(conn, shipment, truck, ends_at)
        if leg.departs_s > now_s or shipment.cancelled_at is not None:
            return
        if shipment.picked_up_at is None:
            shipment = update_shipment(conn, replace(shipment, picked_up_at=_time(leg.departs_s)))
            self._assign(conn, shipment, truck, _time(leg.departs_s), ends_at)
            yield f"picked up  {where}"
        if ends_at is not None and shipment.delivered_at is None:
            # Somebody may have entered a later pickup.
            delivered_at = max(ends_at, shipment.picked_up_at or ends_at)
            update_shipment(conn, replace(shipment, delivered_at=delivered_at))
            yield f"delivered  {where}"

    def _reference(self, place: int, leg: Leg) -> str:
        return f"{self._fleet.tag}-{place:02}-{leg.number:04}"

    def _booked(self, place: int, leg: Leg) -> Shipment:
        with self._transaction() as conn:
            return list_shipments(conn, limit=1, reference=self._reference(place, leg))[0]

    def _book(self, conn: Conn, reference: str, truck: TruckPlan, leg: Leg) -> Shipment:
        shipment = NewShipment(
            reference=reference,
            consignor=leg.origin.company,
            consignee=leg.destination.company,
            carrier=truck.carrier,
            origin_site_id=self._site_ids[leg.origin.name],
            destination_site_id=self._site_ids[leg.destination.name],
            profile_id=self._profile_ids[truck.cargo.name],
            planned_pickup_at=_time(leg.planned_pickup_s),
            planned_delivery_at=_time(leg.planned_delivery_s),
        )
        return create_shipment(conn, tenant_id=self._tenant_id, shipment=shipment)

    def _assign(
        self, conn: Conn, shipment: Shipment, truck: TruckPlan, begins_at: datetime, ends_at: datetime | None
    ) -> None:
        create_assignment(
            conn,
            tenant_id=self._tenant_id,
            shipment_id=shipment.shipment_id,
            device=truck.device,
            begins_at=begins_at,
            ends_at=ends_at,
        )

    def _release(self, conn: Conn, shipment: Shipment, truck: TruckPlan, ends_at: datetime) -> None:
        for riding in list_assignments(conn, limit=_MANY, shipment_id=shipment.shipment_id, device=truck.device):
            if riding.ends_at is None and riding.begins_at < ends_at:
                update_assignment(conn, replace(riding, ends_at=ends_at))

    def _ensure_sites(self, conn: Conn) -> dict[str, UUID]:
        known = {site.name: site.site_id for site in list_sites(conn, limit=_MANY)}
        missing = [city for city in CITIES.values() if city.name not in known]
        made = {city.name: create_site(conn, tenant_id=self._tenant_id, site=_site(city)).site_id for city in missing}
        return known | made

    def _ensure_profiles(self, conn: Conn) -> dict[str, UUID]:
        # Newest first: of several versions under one name the first one listed counts.
        known = {profile.name: profile.profile_id for profile in reversed(list_profiles(conn, limit=_MANY))}
        missing = [cargo for cargo in CARGOES if cargo.name not in known]
        made = {
            cargo.name: create_profile(conn, tenant_id=self._tenant_id, profile=_profile(cargo)).profile_id
            for cargo in missing
        }
        return known | made

    def _ensure_device(self, conn: Conn, plan: DevicePlan, secret: str, credential: str | None) -> None:
        try:
            device = get_device(conn, plan.device)
        except NotFound:
            self._create_device(conn, plan, secret)
            return
        # One that somebody has retired stays so: its lorry drives on, and nobody hears of it.
        if device.retired_at is None and not (credential and secret_matches(secret, credential)):
            raise Conflict(
                f"device {plan.device!r} exists with another secret than the simulation's: give the state folder "
                "of the simulation that made it, or another tenant"
            )

    def _create_device(self, conn: Conn, plan: DevicePlan, secret: str) -> None:
        create_device(
            conn,
            tenant_id=self._tenant_id,
            name=plan.device,
            kind=DeviceKind(plan.kind),
            label=plan.label,
            credential=hash_secret(secret),
        )

    @contextmanager
    def _transaction(self) -> Iterator[Conn]:
        with unavailable_on_any_error(), tenant_transaction(self._pool, self._tenant_id) as conn:
            yield conn


def _site(city: City) -> NewSite:
    return NewSite(
        name=city.name,
        kind=SiteKind(city.kind),
        latitude_deg=city.latitude_deg,
        longitude_deg=city.longitude_deg,
        radius_m=500,
        gln=None,
        address=f"{city.company}, {city.name}",
    )


def _profile(cargo: Cargo) -> NewProfile:
    return NewProfile(
        name=cargo.name,
        version=1,
        temperature_min_c=cargo.temperature_min_c,
        temperature_max_c=cargo.temperature_max_c,
        humidity_min_pct=None,
        humidity_max_pct=None,
        shock_max_g=None,
    )


def _time(instant_s: int) -> datetime:
    return datetime.fromtimestamp(instant_s, UTC)
