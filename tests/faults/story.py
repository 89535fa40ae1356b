"""What is sent: all of it follows from the seed, so that what must be stored is known whatever dies on the way."""

import json
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

import cbor2
import msgspec

from wayproof.devices.publisher import Observation
from wayproof.model.clock import EARLIEST, GPS_WEEK_ROLLOVER
from wayproof.model.reading import Measures, content_seq

BOOT: Final = 7
FLEET: Final = tuple(f"truck-{number}" for number in range(1, 13))
LOGGER: Final = "logger-1"
"""Sends by a bare MQTT client, without an outbox: poison, and batches with a bad item."""
TAG: Final = "tag-1"
"""Counts nothing, and observes several things at the same instant."""
STRANGER: Final = "stranger"
"""May connect, and is not registered."""

_BLOCK: Final = 25
_STEP: Final = timedelta(milliseconds=20)

Identity = tuple[str, int, int]
"""Device, boot and seq."""


@dataclass(frozen=True, kw_only=True)
class Story:
    """Two runs of one seed differ in when they begin, and in nothing else that is sent."""

    seed: int
    began_at: datetime


def observation(story: Story, device: str, seq: int) -> Observation:
    """What a device observes as its number `seq`, from 1."""
    return _block(story, device, (seq - 1) // _BLOCK)[(seq - 1) % _BLOCK]


def skewed(observed: Observation, offset_s: float) -> Observation:
    """The same, by a clock that is wrong by so much; none runs before its epoch."""
    return max(EARLIEST, observed[0] + timedelta(seconds=offset_s)), observed[1]


@lru_cache(4096)
def _block(story: Story, device: str, number: int) -> list[Observation]:
    chance = random.Random(f"{story.seed} {device} {number}")
    begins_at = story.began_at - timedelta(hours=1) + number * _BLOCK * _STEP
    times = [begins_at + place * _STEP + timedelta(microseconds=chance.randrange(1000)) for place in range(_BLOCK)]
    return [(time, _measures(chance)) for time in _disorder(chance, number, times)]


def _disorder(chance: random.Random, number: int, times: list[datetime]) -> list[datetime]:
    """How the block's times come: mostly in order, else late, all at once, or by a wrong clock."""
    kinds = {
        "reversed": times[::-1],
        "stuck": times[:1] * len(times),
        "slow": [time - timedelta(minutes=10) for time in times],
        "backfill": [time - timedelta(days=1 + number % 40) for time in times],
        "unset": [EARLIEST + (time - times[0]) for time in times],
        "week": [time - GPS_WEEK_ROLLOVER for time in times],
        "ahead": [time + timedelta(days=1) for time in times],
    }
    return chance.choice([times] * 3 + list(kinds.values()))


def _measures(chance: random.Random) -> Measures:
    values: dict[str, Any] = {"temperature_c": chance.uniform(-30, 40), "battery_pct": float(chance.randint(0, 100))}
    if chance.random() < 0.5:
        values |= {"latitude_deg": chance.uniform(-90, 90), "longitude_deg": chance.uniform(-180, 180)}
    if chance.random() < 0.2:
        del values["temperature_c"]
    if chance.random() < 0.2:
        values |= {"door_open": chance.random() < 0.5, "humidity_pct": round(chance.uniform(0, 100), 1)}
    if chance.random() < 0.1:
        values["extra"] = {"note": chance.choice(["å", "\u2028", '"', ""]), "count": chance.randrange(1000)}
    return Measures(**values)


@dataclass(frozen=True, kw_only=True)
class RawMessage:
    """A message of a bare client, and what must become of it."""

    device: str
    payload: bytes
    #: Readings that it holds.
    readings: tuple[tuple[Identity, Observation], ...] = ()
    #: What of it must end in quarantine.
    set_aside: tuple[bytes, ...] = ()
    #: Numbers that count as received, though no reading bears them.
    excused: tuple[Identity, ...] = ()


@lru_cache(65_536)
def raw_message(story: Story, number: int) -> RawMessage:
    """The message that the bare client sends as its number `number`, from 0; no two are equal."""
    chance = random.Random(f"{story.seed} raw {number}")
    at = story.began_at - timedelta(hours=2) + number * timedelta(seconds=1)
    match chance.randrange(4):
        case 0:
            return _uncounted(at, chance)
        case 1:
            return _batch_with_bad_item(at, 3 * number + 1)
        case 2:
            payload = _item(at, seq=1, temperature_c=number)
            return RawMessage(device=STRANGER, payload=payload, set_aside=(payload,))
    payload = _poison(chance, number, at)
    return RawMessage(device=LOGGER, payload=payload, set_aside=(payload,))


def _uncounted(at: datetime, chance: random.Random) -> RawMessage:
    # Only few different times: what was observed at the same instant must not depend on which came first.
    observed_at = at.replace(minute=at.minute // 10 * 10, second=0, microsecond=0)
    measures = Measures(temperature_c=chance.uniform(-30, 40), battery_pct=float(chance.randint(0, 100)))
    body = {"observed_at": observed_at.isoformat(), **msgspec.to_builtins(measures)}
    reading = ((TAG, 0, content_seq(observed_at, measures)), (observed_at, measures))
    return RawMessage(device=TAG, payload=json.dumps(body).encode(), readings=(reading,))


def _batch_with_bad_item(at: datetime, seq: int) -> RawMessage:
    temperatures = [float(seq), -300.0, float(seq + 2)]
    items = [_item(at, seq=seq + place, temperature_c=value) for place, value in enumerate(temperatures)]
    good = tuple(((LOGGER, BOOT, seq + place), (at, Measures(temperature_c=temperatures[place]))) for place in (0, 2))
    return RawMessage(
        device=LOGGER,
        payload=b"[" + b",".join(items) + b"]",
        readings=good,
        set_aside=(items[1],),
        excused=((LOGGER, BOOT, seq + 1),),
    )


def _item(at: datetime, **fields: Any) -> bytes:
    return json.dumps({"observed_at": at.isoformat(), "boot": BOOT, **fields}).encode()


def _poison(chance: random.Random, number: int, at: datetime) -> bytes:
    """Bytes that no reading can be read from, and no number either."""
    return chance.choice(
        [
            b"\xff" + chance.randbytes(chance.randrange(2000)) + b"%d" % number,
            _item(at, seq=number)[: chance.randrange(2, 20)] + b"%d" % number,
            b"[" * chance.randrange(1, 2000) + b"%d" % number,
            cbor2.dumps({"observed_at": at.isoformat(), "number": number})[:-1],
            json.dumps({"observed_at": f"2026-03-02T12:00:{number % 60:02}.{number}"}).encode(),
            json.dumps({"temperature_c": number}).encode(),
            b"{" + b" " * chance.randrange(60_000) + b"%d" % number,
        ]
    )


def story_of(seed: int) -> Story:
    """The story that begins now."""
    return Story(seed=seed, began_at=datetime.now(UTC))
