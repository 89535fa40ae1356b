"""How much of a lot is in what it went into.

The worst case is simple: whatever a lot reaches is affected as a whole. Here is the other figure: how much of a thing,
by mass, comes from the lot, if everything that went into a transformation was mixed evenly.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import fsum
from typing import Final, NamedTuple, Self
from uuid import UUID

from msgspec.structs import replace

from wayproof.model.graph import EVER_BEFORE
from wayproof.trace.epcis.units import Dimension
from wayproof.trace.graph.amounts import Amount, amount_of, total
from wayproof.trace.graph.questions import Edge, EdgeKind, Traced

_MOST_ROUNDS: Final = 500
"""For goods that go round; what has not settled by then is unknown."""
_SETTLED: Final = 1e-9
_WEIGHED: Final = frozenset({Dimension.MASS, Dimension.VOLUME, Dimension.AREA, Dimension.LENGTH})
"""What of different goods can be added up. Their pieces and cases cannot."""


def shares(
    traced: Traced, starts: Collection[UUID], *, others: Iterable[Edge] | None = None
) -> dict[UUID, float | None]:
    """The share, from 0 to 1, of the starts in everything that a search downstream found.

    `others` are the edges of what else went into the same transformations and containers
    (`wayproof.trace.graph.inflows`); None: nobody looked. Without them a transformation has mixed as much as came out
    of it, and a container holds nothing else. The share is None where a quantity that is needed was not told, or units
    cannot be compared. No order of edges makes a difference.
    """
    mixture = _Mixture.of([*traced.edges, *(others or ())], frozenset(starts), is_whole=others is not None)
    found = mixture.solved()
    return {node.key: found.get(node.key, 1.0 if node.key in mixture.starts else None) for node in traced.nodes}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Mixture:
    """Goods that flow from things into transformations and containers."""

    starts: frozenset[UUID]
    #: Whether all that went in is known.
    is_whole: bool
    into: Mapping[UUID, list[Edge]]
    out_of: Mapping[UUID, list[Edge]]

    @classmethod
    def of(cls, edges: Iterable[Edge], starts: frozenset[UUID], *, is_whole: bool) -> Self:
        """The flow along edges."""
        into: defaultdict[UUID, list[Edge]] = defaultdict(list)
        out_of: defaultdict[UUID, list[Edge]] = defaultdict(list)
        for edge in {_identity(edge): edge for edge in edges}.values():
            into[edge.target].append(edge)
            out_of[edge.source].append(edge)
        return cls(starts=starts, is_whole=is_whole, into=dict(into), out_of=dict(out_of))

    def solved(self) -> dict[UUID, float | None]:
        """The share in each thing: one after the other where goods flow one way, by rounds where they go round."""
        missing = {node: self._sources(node) for node in dict.fromkeys((*self.out_of, *self.into))}
        waiting = {node: len(sources) for node, sources in missing.items()}
        ready = [node for node, count in waiting.items() if not count]
        known: dict[UUID, float | None] = {}
        for node in ready:
            known[node] = self._share(node, known)
            for target in {edge.target for edge in self.out_of.get(node, ())} - self.starts:
                waiting[target] -= 1
                if not waiting[target]:
                    ready.append(target)
        return self._settled(known, [node for node, count in waiting.items() if count])

    def _sources(self, node: UUID) -> set[UUID]:
        return set() if node in self.starts else {edge.source for edge in self.into.get(node, ())}

    def _settled(self, known: dict[UUID, float | None], rest: list[UUID]) -> dict[UUID, float | None]:
        """The shares in what goes round, and in what comes of that: from nothing up, until no round changes any."""
        found = known | dict.fromkeys(rest, 0.0)
        for _ in range(_MOST_ROUNDS if rest else 0):
            last, found = found, found | {node: self._share(node, found) for node in rest}
            if all(_is_close(last[node], found[node]) for node in rest):
                return found
        return known | dict.fromkeys(rest, None) if rest else found

    def _share(self, node: UUID, known: Mapping[UUID, float | None]) -> float | None:
        if node in self.starts:
            return 1.0
        edges = self.into.get(node)
        if not edges:
            return 0.0
        parts = [_Part(known[edge.source], self._amount(edge)) for edge in edges]
        if edges[0].kind is not EdgeKind.INPUT:
            return _mean(parts)
        made = total(amount_of(edge.quantity, edge.unit) for edge in self.out_of.get(node, ()))
        return _mixed(parts, made, is_whole=self.is_whole)

    def _amount(self, edge: Edge) -> Amount | None:
        """How much flows along an edge: what is told, or of a container that flows along no other what it holds."""
        told = amount_of(edge.quantity, edge.unit)
        if told is not None or edge.kind is EdgeKind.OUTPUT:
            return told
        alike = [each for each in self.out_of[edge.source] if each.kind is edge.kind]
        return self._held(edge.source, frozenset()) if len(alike) == 1 else None

    def _held(self, container: UUID, around: frozenset[UUID]) -> Amount | None:
        inside = [edge for edge in self.into.get(container, ()) if edge.kind is EdgeKind.PACKED]
        if container in around:
            return None
        within = around | {container}
        return total(amount_of(edge.quantity, edge.unit) or self._held(edge.source, within) for edge in inside)


def _identity(edge: Edge) -> object:
    """What makes two edges one: a stay in a container that was met from two sides begins with the same event."""
    is_stay = edge.kind is EdgeKind.PACKED and edge.event_id is not None
    return replace(edge, at=EVER_BEFORE) if is_stay else edge


class _Part(NamedTuple):
    """What flows into something."""

    share: float | None
    amount: Amount | None


def _mean(parts: Sequence[_Part]) -> float | None:
    """The share in all parts together; where they have the same, how much there is of each makes no difference."""
    if any(part.share is None for part in parts):
        return None
    if len({part.share for part in parts}) == 1:
        return parts[0].share
    whole = total(part.amount for part in parts)
    return _ratio(parts, whole.value) if whole else None


def _mixed(parts: Sequence[_Part], made: Amount | None, *, is_whole: bool) -> float | None:
    """The share in what a transformation makes: of the greater of what went in and what came out.

    More comes out than is known to have gone in where the rest was not told (water), or nobody looked for it; less,
    where something was lost, and the start's part with it.
    """
    if any(part.share is None for part in parts):
        return None
    used = total(part.amount for part in parts)
    if used is None or used.measure not in _WEIGHED:
        return parts[0].share if is_whole and len({part.share for part in parts}) == 1 else None
    if made is None or made.measure != used.measure:
        return _ratio(parts, used.value) if is_whole else None
    return _ratio(parts, max(used.value, made.value))


def _ratio(parts: Sequence[_Part], whole: float) -> float | None:
    """How much of the starts flows in, of a whole."""
    flows = [part.share * part.amount.value for part in parts if part.share is not None and part.amount is not None]
    return min(1.0, fsum(flows) / whole) if whole else None


def _is_close(one: float | None, other: float | None) -> bool:
    return one is other or (one is not None and other is not None and abs(one - other) <= _SETTLED)
