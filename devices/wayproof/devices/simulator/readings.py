"""What a device observes in a window of time."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from wayproof.devices.simulator.fleet import DevicePlan
from wayproof.model.errors import InvalidInput
from wayproof.model.reading import Measures


def readings_between(
    plan: DevicePlan, since: datetime, until: datetime, *, interval: timedelta
) -> Iterator[tuple[datetime, Measures]]:
    """The readings of [since, until), in order, by true time: one at each multiple of `interval` since 1970.

    Whole seconds only. Two windows that meet give what the one over both gives.
    """
    for instant_s in instants_between(since, until, interval=interval):
        yield datetime.fromtimestamp(instant_s, UTC), plan.measures_at(instant_s)


def instants_between(since: datetime, until: datetime, *, interval: timedelta) -> range:
    """The multiples of `interval` in [since, until), seconds since 1970."""
    every_s, rest = divmod(interval, timedelta(seconds=1))
    if every_s < 1 or rest:
        raise InvalidInput(f"interval: expected whole seconds, at least one, got {interval}")
    return range(_up(since, every_s), _up(until, every_s), every_s)


def _up(time: datetime, every_s: int) -> int:
    seconds = -(-(time - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1))
    return -(-seconds // every_s) * every_s
