"""Tables as CSV and as XLSX, for people who sort and filter."""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from io import BytesIO, StringIO
from typing import Any, Final, TypeAlias, TypeVar

from xlsxwriter import Workbook

from wayproof.model.errors import InvalidInput

Cell: TypeAlias = str | int | Decimal | date | datetime | None
Row = TypeVar("Row")

_FIRST_DAY: Final = datetime(2020, 1, 1)  # noqa: DTZ001 - the creation time in every file: same rows, same bytes
_WIDTH: Final = 26
_MOST_WIDTH: Final = 60
_FORMULA_STARTS: Final = (
    "=",
    "+",
    "-",
    "@",
    "\t",
    "\r",
    "\n",
    "\N{FULLWIDTH EQUALS SIGN}",
    "\N{FULLWIDTH COMMERCIAL AT}",
)
_MOST_CHARACTERS: Final = 32_767
"""Of a cell of XLSX (ECMA-376 part 1 §18.3.1.4 as Excel reads it)."""
_SURELY_FITS: Final = _MOST_CHARACTERS // 2
"""Excel counts UTF-16, where a character takes at most two."""
_DIGITS_OF_FLOAT: Final = 15


MOST_ROWS: Final = 100_000
"""Of all tables of a file: inputs times outputs of one event can be more than any spreadsheet program opens."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """One sheet."""

    title: str
    columns: tuple[str, ...]
    #: Cells by column; a column that a row leaves out is empty.
    rows: Sequence[Mapping[str, Cell]]


def limited(rows: Iterable[Row]) -> Iterator[Row]:
    """The same rows; raises InvalidInput where there are more than `MOST_ROWS`."""
    for count, row in enumerate(rows):
        if count == MOST_ROWS:
            raise InvalidInput(f"spreadsheet: expected at most {MOST_ROWS:,} rows, got more; ask for fewer lots")
        yield row


def to_csv(tables: Sequence[Table], first: str) -> bytes:
    """All tables as one (RFC 4180, UTF-8 with byte order mark, as spreadsheets want it).

    The column `first` names the table of each row; the others are those of all tables, each once.
    """
    columns = list(dict.fromkeys((first, *(column for table in tables for column in table.columns))))
    text = StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(columns)
    for table in tables:
        places = [(columns.index(column), column) for column in table.columns]
        for row in table.rows:
            cells = [table.title] + [""] * (len(columns) - 1)
            for place, column in places:
                cells[place] = _text(row.get(column))
            writer.writerow(cells)
    return text.getvalue().encode("utf-8-sig")


def to_xlsx(tables: Iterable[Table]) -> bytes:
    """One sheet a table, with filters and a frozen head; the same tables give the same bytes.

    Texts stay texts whatever they look like, so no cell can become a formula or a link.
    """
    data = BytesIO()
    book = Workbook(data, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    book.set_properties({"created": _FIRST_DAY})
    formats = {
        "head": book.add_format({"bold": True, "text_wrap": True, "valign": "top", "bg_color": "#E8EEF4"}),
        "date": book.add_format({"num_format": "yyyy-mm-dd"}),
        "time": book.add_format({"num_format": 'yyyy-mm-dd hh:mm:ss"Z"'}),
    }
    for table in tables:
        _write(book.add_worksheet(table.title), table, formats)
    book.close()
    return data.getvalue()


def _write(sheet: Any, table: Table, formats: Mapping[str, Any]) -> None:
    for place, column in enumerate(table.columns):
        sheet.write_string(0, place, column, formats["head"])
        sizes = (len(str(cell)) for row in table.rows if (cell := row.get(column)) is not None)
        sheet.set_column(place, place, min(max(max(sizes, default=0) + 2, _WIDTH), _MOST_WIDTH))
    sheet.freeze_panes(1, 0)
    sheet.autofilter(0, 0, max(len(table.rows), 1), len(table.columns) - 1)
    for number, row in enumerate(table.rows, start=1):
        for place, column in enumerate(table.columns):
            cell = row.get(column)
            if cell is not None:
                _write_cell(sheet, number, place, cell, formats)


def _write_cell(
    sheet: Any, row: int, column: int, cell: str | int | Decimal | date, formats: Mapping[str, Any]
) -> None:
    match cell:
        case str():  # nearly all are
            sheet.write_string(row, column, cell if len(cell) <= _SURELY_FITS else _cut(cell))
        case datetime():
            sheet.write_datetime(row, column, cell.replace(tzinfo=None), formats["time"])
        case date():
            sheet.write_datetime(row, column, cell, formats["date"])
        case _ if len(str(cell)) > _DIGITS_OF_FLOAT:  # a spreadsheet's number would lose digits
            sheet.write_string(row, column, str(cell))
        case _:
            sheet.write_number(row, column, cell)


def _cut(text: str) -> str:
    """As much of a text as fits a cell."""
    return text.encode("utf-16-le")[: 2 * _MOST_CHARACTERS].decode("utf-16-le", "ignore")


def _text(cell: Cell) -> str:
    """As CSV has it: what a spreadsheet would take for a formula is led by an apostrophe."""
    match cell:
        case None:
            return ""
        case str():  # nearly all are
            return f"'{cell}" if cell.startswith(_FORMULA_STARTS) else cell
        case datetime():
            return cell.isoformat().replace("+00:00", "Z")
        case date():
            return cell.isoformat()
        case _:
            return f"{cell:f}" if isinstance(cell, Decimal) else str(cell)
