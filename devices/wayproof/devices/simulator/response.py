"""First-order response: a value that runs exponentially after its target, in closed form.

There is no step to choose and nothing to add up, so a value at an instant is the same whoever asks for it first.
"""

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

Span = tuple[float, float]
"""From, to: half-open, in seconds since 1970."""


class Pull(NamedTuple):
    """What a value is drawn to, and how fast: after `time_constant_s`, 63 % of the way is done."""

    target: float
    time_constant_s: float


class _Piece(NamedTuple):
    start_s: float
    value: float
    pull: Pull


@dataclass(frozen=True, kw_only=True)
class Response:
    """The value over a stretch of time in which the pull changes now and then."""

    pieces: tuple[_Piece, ...]
    starts_s: tuple[float, ...]

    def at(self, instant_s: float) -> float:
        """The value at an instant; before the stretch, its first value."""
        piece = self.pieces[max(0, bisect_right(self.starts_s, instant_s) - 1)]
        return _run(piece, instant_s)


def respond(initial: float, cuts_s: Iterable[float], pull_at: Callable[[float], Pull]) -> Response:
    """The response from `initial` at the first of `cuts_s`; between two cuts the pull is that of the first."""
    pieces: list[_Piece] = []
    value = initial
    ordered = sorted(set(cuts_s))
    for start_s, end_s in pairwise([*ordered, ordered[-1]]):
        pieces.append(_Piece(start_s, value, pull_at(start_s)))
        value = _run(pieces[-1], end_s)
    return Response(pieces=tuple(pieces), starts_s=tuple(ordered))


def within(spans: Iterable[Span], instant_s: float) -> bool:
    """Whether an instant lies in one of the spans."""
    return any(start_s <= instant_s < end_s for start_s, end_s in spans)


def cut(span: Span, *by: Iterable[Span]) -> list[float]:
    """The start and end of `span`, and every start and end of `by` inside it."""
    inner = [edge_s for spans in by for each in spans for edge_s in each if span[0] < edge_s < span[1]]
    return [span[0], *inner, span[1]]


def _run(piece: _Piece, instant_s: float) -> float:
    passed_s = max(0.0, instant_s - piece.start_s)
    decay = math.exp(-passed_s / piece.pull.time_constant_s)
    return piece.pull.target + (piece.value - piece.pull.target) * decay
