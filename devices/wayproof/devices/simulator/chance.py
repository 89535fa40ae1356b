"""Chance without a sequence: every draw is named, so no draw depends on which were made before it."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final, Self, TypeVar

_MASK: Final = 2**64 - 1
_GOLDEN: Final = 0x9E3779B97F4A7C15

T = TypeVar("T")


@dataclass(frozen=True)
class Chance:
    """Draws that are a function of `key` and of their own name."""

    key: int

    @classmethod
    def of(cls, *parts: str | int) -> Self:
        """The chance of one seed, device, trip, or whatever names it."""
        text = "\x1f".join(str(part) for part in parts)
        return cls(int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big"))

    def child(self, *parts: str | int) -> "Chance":
        """The chance of something inside this one."""
        return Chance.of(self.key, *parts)

    def draw(self, name: str) -> float:
        """Uniform in [0, 1)."""
        return self.child(name).key / 2**64

    def uniform(self, name: str, low: float, high: float) -> float:
        """Uniform in [low, high)."""
        return low + (high - low) * self.draw(name)

    def pick(self, name: str, options: Sequence[T]) -> T:
        """One of `options`, each as likely."""
        return options[int(self.draw(name) * len(options))]

    def noise(self, channel: int, instant: int) -> float:
        """Bell-shaped, mean 0, standard deviation 1, within ±3.5; cheap, for one value of one reading.

        The sum of four uniform numbers, out of one round of SplitMix64 (Steele, Lea, Flood 2014).
        """
        bits = _mix(self.key + _GOLDEN * (instant * 16 + channel))
        total = (bits & 0xFFFF) + (bits >> 16 & 0xFFFF) + (bits >> 32 & 0xFFFF) + (bits >> 48)
        return (total / 0xFFFF - 2) * 3**0.5

    def rare(self, channel: int, instant: int, *, one_in: int) -> bool:
        """True at one in `one_in` instants."""
        return _mix(self.key + _GOLDEN * (instant * 16 + channel)) % one_in == 0


def _mix(value: int) -> int:
    value &= _MASK
    value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9 & _MASK
    value = (value ^ value >> 27) * 0x94D049BB133111EB & _MASK
    return value ^ value >> 31
