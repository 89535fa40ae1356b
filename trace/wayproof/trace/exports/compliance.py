"""The spreadsheets by name: what an authority asks for, made from the journal."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from wayproof.store.pool import Conn
from wayproof.trace.exports.dscsa import dscsa_tables
from wayproof.trace.exports.fsma import CTE, fsma_tables
from wayproof.trace.exports.history import Event, Scope
from wayproof.trace.exports.places import known_places
from wayproof.trace.exports.related import Related, related
from wayproof.trace.exports.sheets import Table, to_csv, to_xlsx
from wayproof.trace.identifiers import canonical_uri


class Sheet(StrEnum):
    """What can be asked for."""

    FSMA204 = "fsma204"
    DSCSA = "dscsa"


class SheetFormat(StrEnum):
    """In which form."""

    XLSX = "xlsx"
    CSV = "csv"


_Make = Callable[[Sequence[Event], Mapping[str, str], Scope | None], list[Table]]
_MAKERS: Final[Mapping[Sheet, _Make]] = {Sheet.FSMA204: fsma_tables, Sheet.DSCSA: dscsa_tables}


@dataclass(frozen=True, kw_only=True, slots=True)
class Sources:
    """What tables are made of: all that has to be read for them."""

    found: Related
    #: What places and parties are called, by URI.
    places: Mapping[str, str]


def sources_of(conn: Conn, tenant_id: UUID, identifiers: Iterable[str], *, as_of: datetime | None = None) -> Sources:
    """All about things, upstream and downstream of them, as the journal stood at `as_of`; None: now.

    Raises:
        InvalidInput: no identifier, or one that breaks the rules of its scheme; too many things.
        NotFound: no event names any of them.
    """
    found = related(conn, tenant_id, [canonical_uri(each) for each in identifiers], as_of=as_of)
    return Sources(found=found, places=known_places(conn, found.events))


def tables_of(sheet: Sheet, sources: Sources) -> list[Table]:
    """The tables about what was found; InvalidInput for more rows than a spreadsheet should have."""
    return _MAKERS[sheet](sources.found.events, sources.places, sources.found.tells_of)


def written(tables: Sequence[Table], form: SheetFormat) -> bytes:
    """The bytes of a file."""
    return to_xlsx(tables) if form is SheetFormat.XLSX else to_csv(tables, CTE)
