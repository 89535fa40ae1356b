"""Tables as CSV and as XLSX, for people who sort and filter."""

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from io import BytesIO, StringIO
from typing import Final, TypeAlias

from xlsxwriter import Workbook
from xlsxwriter.format import Format
from xlsxwriter.utility import xl_col_to_name
from xlsxwriter.worksheet import Worksheet

Cell: TypeAlias = str | int | Decimal | date | datetime | None

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
_PLAIN: Final = re.compile(r"[A-Za-z0-9 :/.,;()-]{0,1000}")
"""Texts that are XML as they are, and short: most are."""
_DIGITS_OF_FLOAT: Final = 15


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """One sheet."""

    title: str
    columns: tuple[str, ...]
    #: Cells by column; a column that a row leaves out is empty.
    rows: Sequence[Mapping[str, Cell]]


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
    book = Workbook(data, {"in_memory": True})
    book.set_properties({"created": _FIRST_DAY})
    formats = {
        "head": book.add_format({"bold": True, "text_wrap": True, "valign": "top", "bg_color": "#E8EEF4"}),
        "date": book.add_format({"num_format": "yyyy-mm-dd"}),
        "time": book.add_format({"num_format": 'yyyy-mm-dd hh:mm:ss"Z"'}),
    }
    for table in tables:
        _write(book.add_worksheet(table.title, _Sheet), table, formats)
    book.close()
    return data.getvalue()


def _write(sheet: "_Sheet", table: Table, formats: Mapping[str, Format]) -> None:
    for place, column in enumerate(table.columns):
        sheet.write_string(0, place, column, formats["head"])
        sizes = (len(str(cell)) for row in table.rows if (cell := row.get(column)) is not None)
        sheet.set_column(place, place, min(max(max(sizes, default=0) + 2, _WIDTH), _MOST_WIDTH))
    sheet.freeze_panes(1, 0)
    sheet.autofilter(0, 0, max(len(table.rows), 1), len(table.columns) - 1)
    sheet.hold(table, formats)


class _Sheet(Worksheet):  # type: ignore[misc] # the library has no types
    """A sheet that writes its rows as XML itself: one call of the library for each cell takes three times as long.

    The texts are inline (ECMA-376 part 1 §18.3.1.53).
    """

    def hold(self, table: Table, formats: Mapping[str, Format]) -> None:
        """Takes the rows below the head."""
        self._held, self._formats = table, formats
        self.dim_rowmax = len(table.rows)

    def _write_rows(self) -> None:
        super()._write_rows()  # the head
        columns = [(xl_col_to_name(place), column) for place, column in enumerate(self._held.columns)]
        for number, row in enumerate(self._held.rows, start=2):
            cells = [
                self._cell(f'<c r="{letter}{number}"', cell)
                for letter, column in columns
                if (cell := row.get(column)) is not None
            ]
            self.fh.write(f'<row r="{number}">{"".join(cells)}</row>')

    def _cell(self, start: str, cell: str | int | Decimal | date) -> str:
        match cell:
            case str():  # nearly all are
                text = (
                    cell if _PLAIN.fullmatch(cell) else self._escape_control_characters(self._escape_data(_cut(cell)))
                )
                return f'{start} t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'
            case datetime():
                return self._moment(start, cell.replace(tzinfo=None), "time")
            case date():
                return self._moment(start, cell, "date")
            case _ if len(str(cell)) > _DIGITS_OF_FLOAT:  # a spreadsheet's number would lose digits
                return self._cell(start, str(cell))
            case _:
                return f"{start}><v>{cell:.16G}</v></c>"

    def _moment(self, start: str, cell: date, name: str) -> str:
        style = self._formats[name]._get_xf_index()  # noqa: SLF001 - as the library does, once it writes
        return f'{start} s="{style}"><v>{self._convert_date_time(cell):.16G}</v></c>'


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
