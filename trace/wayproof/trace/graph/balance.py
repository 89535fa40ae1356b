"""The mass balance of a lot: what was made and received of it, against what became of it.

made + received = used + destroyed + sold + shipped + returned + on hand + lost

Each quantity is where `stock` says that it is, so that what went through many hands is counted once. More on the right
than on the left means that events tell of goods which cannot have been there; what cannot be compared is told and left
out.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from functools import partial
from math import fsum
from typing import Final
from uuid import UUID

from wayproof.model.errors import InvalidInput
from wayproof.store.pool import Conn
from wayproof.trace.graph.amounts import factor
from wayproof.trace.graph.build import key_of
from wayproof.trace.graph.happenings import History, told_of
from wayproof.trace.graph.inflows import inflows
from wayproof.trace.graph.questions import Direction, EdgeKind, Question, Traced, trace
from wayproof.trace.graph.shares import shares
from wayproof.trace.graph.shelf import Piece
from wayproof.trace.graph.steps import Kind, State
from wayproof.trace.graph.stock import Happening, Origin, Source, Stock

_TOLERANCE: Final = 1e-9


class FindingKind(StrEnum):
    """What is wrong with a balance, or missing in it. Shown as text."""

    MORE_THAN_THERE_WAS = "more_than_there_was"
    """Events tell of more than was made and received."""
    LOST = "lost"
    """It was counted less, stolen, or lost its label."""
    UNIT_DIFFERS = "unit_differs"
    """Quantities that cannot be compared with the others."""
    QUANTITY_MISSING = "quantity_missing"
    """Events that do not tell how much."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One of them."""

    kind: FindingKind
    detail: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Balance:
    """Of one lot, all quantities in one unit."""

    node: UUID
    #: UN/ECE Recommendation 20; None: pieces.
    unit: str | None
    #: Where no event made or received any of it: what was first told.
    made: float
    received: float
    #: It went into something else.
    used: float
    destroyed: float
    sold: float
    #: On its way, as far as anybody told.
    shipped: float
    returned: float
    on_hand: float
    lost: float
    #: What was told of without being there, on the right side of the balance.
    unexplained: float
    findings: tuple[Finding, ...]

    @property
    def there_was(self) -> float:
        """What was made and received."""
        return self.made + self.received

    @property
    def accounted(self) -> float:
        """Of what it is known what became of it."""
        return fsum((self.used, self.destroyed, self.sold, self.shipped, self.returned, self.on_hand))

    @property
    def percent(self) -> float | None:
        """How much is accounted for; None: nobody told how much there was."""
        return 100 * self.accounted / self.there_was if self.there_was else None


def balance(conn: Conn, key: UUID, *, unit: str | None = None, as_of: datetime | None = None) -> Balance | None:
    """The balance of a lot in a unit (None: the one in which it was made or first told), as recorded up to `as_of`.

    None is the answer where no event tells of it.

    Raises:
        InvalidInput: a unit in which nothing of the lot can be told.
    """
    history = next(told_of(conn, [key], as_of=as_of).histories(), None)
    return None if history is None else balance_of(key, history, unit=unit)


def balance_of(key: UUID, history: History, *, unit: str | None = None) -> Balance:
    """The same, of what was told."""
    wanted = _unit(history, unit)
    kept, left_out = _comparable(history, wanted)
    stock = Stock.after(kept, is_single=history.is_single)
    sum_of = partial(_sum, unit=wanted, is_single=history.is_single)
    became = {line: sum_of(each for each in stock.pieces if _became(each) == line) for line in _RIGHT}
    came = {source: sum_of(each for each in stock.origins if each.source is source) for source in Source}
    missing = 0 if history.is_single else sum(each.quantity is None for each in stock.pieces)
    is_from_somewhere = any(each.source is not Source.TOLD for each in stock.origins)
    unexplained = came[Source.TOLD] if is_from_somewhere else 0.0
    return Balance(
        node=key,
        unit=wanted,
        made=came[Source.MADE] + came[Source.TOLD] - unexplained,
        received=came[Source.RECEIVED],
        unexplained=unexplained,
        findings=tuple(_findings(became["lost"], unexplained, left_out, missing=missing, unit=wanted)),
        **became,
    )


def downstream_balance(
    conn: Conn, tenant_id: UUID, uri: str, *, unit: str | None = None, as_of: datetime | None = None
) -> Balance | None:
    """The same, with what became of the lot in everything that it went into, by its share in that (`shares`).

    `used` is what is not found again: lost in a process, or in things whose quantity cannot be compared.
    """
    start = key_of(tenant_id, uri)
    traced = trace(conn, tenant_id, Question(starts=(uri,), direction=Direction.DOWNSTREAM, as_of=as_of))
    told = told_of(conn, [node.key for node in traced.nodes], as_of=as_of)
    histories = {key: history for history in told.histories() for key in history.keys}
    if start not in histories:
        return None
    own = balance_of(start, histories.pop(start), unit=unit)
    share_in = shares(traced, [start], others=inflows(conn, traced, as_of=as_of))
    made = {edge.target for edge in traced.edges if edge.kind is EdgeKind.OUTPUT}
    found, unknown = _found_again(histories, share_in, own.unit, made)
    again = fsum(found.values())
    findings = [*own.findings, *_not_followed(unknown, traced)]
    lines = {line: getattr(own, line) + found[line] for line in _ENDS}
    return replace(own, used=max(0.0, own.used - again), findings=tuple(findings), **lines)


def _found_again(
    histories: Mapping[UUID, History], share_in: Mapping[UUID, float | None], unit: str | None, made: Collection[UUID]
) -> tuple[dict[str, float], int]:
    """How much of a lot is in what became of other things, and in how many of them nobody can say."""
    found: defaultdict[str, list[float]] = defaultdict(list)
    unknown = 0
    for key, history in histories.items():
        share = share_in.get(key)
        is_known = share is not None and not history.is_single
        for piece in Stock.after(history.happenings, is_single=False).pieces if is_known else ():
            ratio = factor(piece.unit, unit)
            is_known &= piece.quantity is not None and ratio is not None
            found[_became(piece)].append((share or 0.0) * (piece.quantity or 0.0) * (ratio or 0.0))
        unknown += key in made and not is_known
    return {line: fsum(found[line]) for line in _ENDS}, unknown


def _not_followed(unknown: int, traced: Traced) -> Iterator[Finding]:
    if unknown:
        detail = f"nobody can say how much of it is in {unknown} {'things' if unknown > 1 else 'thing'} downstream"
        yield Finding(kind=FindingKind.QUANTITY_MISSING, detail=detail)
    if not traced.is_complete:
        detail = f"only the first {len(traced.nodes)} things downstream were looked at"
        yield Finding(kind=FindingKind.QUANTITY_MISSING, detail=detail)


def _sum(parts: Iterable[Piece | Origin], unit: str | None, *, is_single: bool) -> float:
    """How much they are, as far as it is known; a single thing is one."""
    if is_single:
        return float(len(list(parts)))
    return fsum(part.quantity * (factor(part.unit, unit) or 0.0) for part in parts if part.quantity is not None)


_BY_STATE: Final = {
    State.USED_UP: "used",
    State.DESTROYED: "destroyed",
    State.SOLD: "sold",
    State.RETURNED: "returned",
    State.UNKNOWN: "lost",
}
_ENDS: Final = ("destroyed", "sold", "shipped", "returned", "on_hand", "lost")
_RIGHT: Final = ("used", *_ENDS)


def _became(piece: Piece) -> str:
    """On which line of the balance a piece stands."""
    at_last = "shipped" if piece.is_moving else "on_hand"
    return _BY_STATE.get(piece.state, at_last) if piece.state else at_last


def _unit(history: History, wanted: str | None) -> str | None:
    """The unit of a balance: the one that is wanted, else in which the lot was made, else first told."""
    told = [each for each in history.happenings if each.quantity is not None]
    made = [each for each in told if each.effect.kind is Kind.MAKE]
    if wanted is None:
        return next((each.unit for each in made or told), None)
    units = {each.unit for each in told} or {None}
    if all(factor(unit, wanted) is None for unit in units):
        names = ", ".join(sorted(_name(unit) for unit in units))
        raise InvalidInput(f"unit: expected {names} or another unit of the same measure, got {wanted}")
    return wanted


def _comparable(history: History, unit: str | None) -> tuple[list[Happening], Counter[str]]:
    """What can be told in a unit; and how many events, by their units, cannot."""
    left_out: Counter[str] = Counter()
    kept = []
    for each in history.happenings:
        if each.quantity is None or factor(each.unit, unit) is not None:
            kept.append(each)
        else:
            left_out[_name(each.unit)] += 1
    return kept, left_out


def _findings(
    lost: float, unexplained: float, left_out: Mapping[str, int], *, missing: int, unit: str | None
) -> Iterator[Finding]:
    name = _name(unit)
    if unexplained > _TOLERANCE:
        detail = f"events tell of {unexplained:g} {name} more than was made and received"
        yield Finding(kind=FindingKind.MORE_THAN_THERE_WAS, detail=detail)
    if lost > _TOLERANCE:
        yield Finding(kind=FindingKind.LOST, detail=f"{lost:g} {name} are missing, stolen or without a label")
    for other, count in sorted(left_out.items()):
        detail = f"{count} {'quantities' if count > 1 else 'quantity'} in {other}, not comparable with {name}"
        yield Finding(kind=FindingKind.UNIT_DIFFERS, detail=detail)
    if missing:
        detail = f"of {missing} {'parts' if missing > 1 else 'part'} nobody told how much it is"
        yield Finding(kind=FindingKind.QUANTITY_MISSING, detail=detail)


def _name(unit: str | None) -> str:
    return unit or "pieces"
