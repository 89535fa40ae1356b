"""The FSMA 204 spreadsheet says what the documents say, and nothing else."""

import csv
from datetime import date
from io import BytesIO, StringIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook
from openpyxl.utils.escape import unescape

from wayproof.model.errors import NotFound
from wayproof.model.site import NewSite, SiteKind
from wayproof.store import sites
from wayproof.store.pool import tenant_transaction
from wayproof.trace.exports.compliance import Sheet, sources_of
from wayproof.trace.exports.compliance import tables_of as tables_made
from wayproof.trace.exports.fsma import COLUMNS, CTE, MISSING, Kind, fsma_tables
from wayproof.trace.exports.sheets import Table, to_csv, to_xlsx

from fix_epcis import new_event
from fix_exports import DRESSING, FISH, PACKED, PACKED_TOO, PALLET, RAW, SALAD, Exporter
from fix_registry import Registry

ALL = (RAW, PACKED, PACKED_TOO, DRESSING, SALAD, FISH, PALLET)
FARM = "GLN 0860009999060"
COOLER = "GLN 0860009999077"
PACKER = "GLN 0860009999992"
BUYER = "GLN 0860009998001"
KITCHEN = "GLN 0860009998018"


def tables_of(exporter: Exporter, *lots: str) -> dict[Kind, Table]:
    """The tables of everything, or of some lots alone."""
    events = exporter.events(*ALL)
    tables = fsma_tables(events, exporter.places(events), (lambda uri, _: uri in lots) if lots else None)
    return {Kind(table.title): table for table in tables}


def rows(table: Table) -> list[dict[str, Any]]:
    """Rows without the columns that are ours."""
    return [
        {name: cell for name, cell in row.items() if name in COLUMNS[Kind(table.title)] and cell is not None}
        for row in table.rows
    ]


def test_harvesting(fsma: Exporter) -> None:
    """Farm, day, lot and quantity are the harvest's; recipient and harvester come of the event by which it left."""
    told, untold = rows(tables_of(fsma)[Kind.HARVESTING])
    assert told == {
        "Immediate subsequent recipient location": PACKER,
        "Commodity and variety": "GTIN 00860009999923",
        "Lot as harvested": RAW,
        "Quantity": 25000,
        "Unit of measure": "LBR",
        "Farm location": FARM,
        "Field or growing area": FARM,
        "Date of harvesting": date(2026, 4, 17),
        "Harvester": FARM,
        "Reference document type and number": "Production order HARVEST-2026-0417",
    }
    assert untold == {name: cell for name, cell in told.items() if not name.startswith("Reference")}


def test_cooling(fsma: Exporter) -> None:
    """Each cooling is a row: place, day at that place, temperature, and where the lot came from and went."""
    first, second = rows(tables_of(fsma)[Kind.COOLING])
    assert first == {
        "Immediate subsequent recipient location": PACKER,
        "Commodity and variety": "GTIN 00860009999923",
        "Lot as harvested": RAW,
        "Quantity": 25000,
        "Unit of measure": "LBR",
        "Cooling location": COOLER,
        "Date of cooling": date(2026, 4, 16),
        "Farm location": FARM,
        "Temperature when cooled": "36 FAH",
        "Reference document type and number": "Receiving advice 861-100037169",
    }
    assert (second["Cooling location"], second["Date of cooling"]) == (PACKER, date(2026, 4, 17))


def test_initial_packing(fsma: Exporter) -> None:
    """The packer's row holds what was received, harvest and cooling of it, and the traceability lot code given."""
    packed = rows(tables_of(fsma)[Kind.INITIAL_PACKING])
    assert packed[-1] == {
        "Commodity and variety": "GTIN 00860009999923",
        "Lot as harvested": RAW,
        "Date received": date(2026, 4, 17),
        "Quantity received": 25000,
        "Unit of measure received": "LBR",
        "Farm location": FARM,
        "Field or growing area": FARM,
        "Harvester": FARM,
        "Date of harvesting": date(2026, 4, 17),
        "Cooling location": PACKER,
        "Date of cooling": date(2026, 4, 17),
        "Traceability lot code": PACKED,
        "Product description": "GTIN 10860009999920",
        "Quantity": 500,
        "Unit of measure": "CS",
        "Traceability lot code source location": PACKER,
        "Date of initial packing": date(2026, 4, 18),
        "Reference document type and number": "Production order PACK-20260418-042",
    }


def test_first_land_based_receiver(fsma: Exporter) -> None:
    """Species, harvest dates and zones come of the lot's master data, the source of the code is the read point."""
    assert rows(tables_of(fsma)[Kind.FIRST_RECEIVER]) == [
        {
            "Traceability lot code": FISH,
            "Species or acceptable market name": "SWORDFISH",
            "Quantity": 1000,
            "Unit of measure": "LBR",
            "First date of harvest": "2026-02-16",
            "Last date of harvest": "2026-02-18",
            "Harvest locations": "21.4R; 27.14.a",
            "Traceability lot code source location": "GLN 0860009997004",
            "Date landed": date(2026, 2, 23),
            "Reference document type and number": "Certificate cert-100037169; Receiving advice 861-100037169; "
            "Purchase order 850-100037169",
        }
    ]


def test_shipping_opens_the_pallet(fsma: Exporter) -> None:
    """A pallet that is shipped is a row for each lot on it, with the quantities that were packed onto it."""
    first, second = rows(tables_of(fsma)[Kind.SHIPPING])
    assert first == {
        "Traceability lot code": PACKED,
        "Quantity": 25,
        "Unit of measure": "CS",
        "Product description": "GTIN 10860009999920",
        "Immediate subsequent recipient location": BUYER,
        "Ship-from location": PACKER,
        "Date shipped": date(2026, 4, 19),
        "Traceability lot code source location": PACKER,
        "Logistic unit": PALLET,
        "Reference document type and number": "Despatch advice 856-100037169; Bill of lading 211-101037170",
    }
    assert (second["Traceability lot code"], second["Quantity"]) == (PACKED_TOO, 25)


def test_receiving(fsma: Exporter) -> None:
    """What the receiver counted is told, and receipts of food that was not packed yet are left out."""
    assert rows(tables_of(fsma)[Kind.RECEIVING]) == [
        {
            "Traceability lot code": PACKED,
            "Quantity": 500,
            "Unit of measure": "CS",
            "Product description": "GTIN 10860009999920",
            "Immediate previous source location": PACKER,
            "Receiving location": BUYER,
            "Date received": date(2026, 4, 20),
            "Traceability lot code source location": PACKER,
            "Logistic unit": PALLET,
            "Reference document type and number": "Receiving advice 861-100037169",
        }
    ]


def test_transformation(fsma: Exporter) -> None:
    """Each lot used is a row, beside the lot made of it."""
    first, second = rows(tables_of(fsma)[Kind.TRANSFORMATION])
    assert first == {
        "Traceability lot code used": PACKED,
        "Product description used": "GTIN 10860009999920",
        "Quantity used": 100,
        "Unit of measure used": "CS",
        "Traceability lot code": SALAD,
        "Product description": "GTIN 10860009998039",
        "Quantity": 2000,
        "Unit of measure": "CS",
        "Traceability lot code source location": KITCHEN,
        "Date transformation completed": date(2026, 4, 20),
        "Reference document type and number": "Production order BATCH-20260420-A",
    }
    assert (second["Traceability lot code used"], second["Quantity used"]) == (DRESSING, 50)


def test_what_no_event_tells_is_named(fsma: Exporter) -> None:
    """A key data element that no event tells is empty, and named in the last column; nothing is made up."""
    shipped = tables_of(fsma)[Kind.SHIPPING].rows
    assert [row[MISSING] for row in shipped] == [None, "Traceability lot code source location"]


def test_scope_leaves_out_other_lots(fsma: Exporter) -> None:
    """A spreadsheet of some lots lists no rows of others that came along on a pallet or lie in the same events."""
    tables = tables_of(fsma, PACKED)
    assert [row["Traceability lot code"] for row in tables[Kind.SHIPPING].rows] == [PACKED]
    assert tables[Kind.FIRST_RECEIVER].rows == []


def test_places_are_called_by_their_sites(fsma: Exporter, registry: Registry) -> None:
    """A GLN that is a site's is told with the site's name and address."""
    kitchen = NewSite(
        name="Kitchen",
        kind=SiteKind.PLANT,
        latitude_deg=40,
        longitude_deg=-80,
        radius_m=100,
        gln="0860009998018",
        address="1 Road",
    )
    with tenant_transaction(registry.pool, registry.tenant_id) as conn:
        sites.create_site(conn, tenant_id=registry.tenant_id, site=kitchen)
    made = tables_of(fsma)[Kind.TRANSFORMATION].rows[0]
    assert made["Traceability lot code source location"] == f"Kitchen, 1 Road ({KITCHEN})"


def test_declared_errors_do_not_count(exporter: Exporter) -> None:
    """An event that was declared wrong is in no spreadsheet."""
    line = {"epcClass": FISH, "quantity": 2}
    shipped = new_event(1, epcList=None, quantityList=[line], bizStep="shipping")
    exporter.capture_events(shipped)
    assert len(tables_of(exporter)[Kind.SHIPPING].rows) == 1
    wrong = {"declarationTime": "2026-02-01T12:00:00Z", "reason": "incorrect_data"}
    exporter.capture_events({**shipped, "errorDeclaration": wrong})
    assert tables_of(exporter)[Kind.SHIPPING].rows == []


def test_a_lot_of_which_all_was_wrong_has_empty_tables(exporter: Exporter) -> None:
    """Where every event of a lot was declared wrong there is a spreadsheet without rows; where none ever was, none."""
    shipped = new_event(1, epcList=[PACKED], bizStep="shipping")
    wrong = {"declarationTime": "2026-02-01T12:00:00Z", "reason": "incorrect_data"}
    exporter.capture_events(shipped)
    exporter.capture_events({**shipped, "errorDeclaration": wrong})
    with tenant_transaction(exporter.pool, exporter.tenant_id) as conn:
        sources = sources_of(conn, exporter.tenant_id, [PACKED])
        with pytest.raises(NotFound, match=FISH):
            sources_of(conn, exporter.tenant_id, [FISH])
    assert [len(table.rows) for table in tables_made(Sheet.FSMA204, sources)] == [0] * len(Kind)


def test_the_graph_finds_what_the_journal_names(fsma: Exporter) -> None:
    """By way of the graph the same valid events are found as by the journal's words, now and before a declaration."""
    shipped = new_event(1, epcList=[PALLET], bizStep="shipping")
    fsma.capture_events(shipped)
    [before] = [event.record_time for event in fsma.events(PALLET) if event.epcis_id == shipped["eventID"]]
    wrong = {"declarationTime": "2026-02-01T12:00:00Z", "reason": "incorrect_data"}
    fsma.capture_events({**shipped, "errorDeclaration": wrong})
    for uri in (RAW, PACKED, PACKED_TOO, DRESSING, SALAD, FISH, PALLET, "https://id.gs1.org/00/095201234567891235"):
        assert fsma.told(uri) == fsma.events(uri)
        assert fsma.told(uri, as_of=before) == fsma.events(uri, as_of=before)
    assert len(fsma.told(PALLET, as_of=before)) == len(fsma.told(PALLET)) + 1


def test_xlsx_holds_the_same_cells(fsma: Exporter) -> None:
    """Read by another library, each sheet has the columns and cells of its table; dates and numbers are such."""
    tables = tables_of(fsma)
    book = load_workbook(BytesIO(to_xlsx(tables.values())))
    assert book.sheetnames == [kind.value for kind in Kind]
    for kind, table in tables.items():
        head, *lines = book[kind.value].iter_rows(values_only=True)
        assert head == table.columns
        for line, row in zip(lines, table.rows, strict=True):
            assert [_day(cell) for cell in line] == [row.get(column) for column in table.columns]


def _day(cell: Any) -> Any:
    return cell.date() if hasattr(cell, "date") else cell


def test_csv_is_one_table(fsma: Exporter) -> None:
    """As CSV all rows are in one table that can be sorted, each cell under its column."""
    tables = tables_of(fsma)
    read = list(csv.DictReader(StringIO(to_csv(list(tables.values()), CTE).decode("utf-8-sig"))))
    assert len(read) == sum(len(table.rows) for table in tables.values())
    shipped = next(row for row in read if row[CTE] == "Shipping")
    assert (shipped["Traceability lot code"], shipped["Date shipped"]) == (PACKED, "2026-04-19")


def test_same_rows_are_the_same_bytes(fsma: Exporter) -> None:
    """Two exports of the same events are equal to the byte."""
    assert to_xlsx(tables_of(fsma).values()) == to_xlsx(tables_of(fsma).values())


def test_master_data_of_any_form(exporter: Exporter) -> None:
    """Whatever form a field of master data has, it is a cell: lists in one text, typed values by themselves."""
    ilmd = {
        "gs1:catchZone": ["21.4", {"@value": "21.5"}],
        "gs1:fishType": {"#text": "COD", "ex:list": "asfis"},
        "gs1:harvestDateStart": [],
        "gs1:harvestDateEnd": 10**90,
        "ex:any": {"ex:deep": [1e300, True, None]},
        "gs1:productName": {"ex:en": "Cod"},
    }
    lot = [{"epcClass": FISH, "quantity": 1}]
    exporter.capture_events(
        new_event(1, epcList=None, quantityList=lot, action="ADD", bizStep="creating_class_instance", ilmd=ilmd)
    )
    tables = tables_of(exporter, FISH)
    (row,) = rows(tables[Kind.FIRST_RECEIVER])
    assert (row["Harvest locations"], row["Species or acceptable market name"]) == ("21.4; 21.5", "COD")
    assert row.get("First date of harvest") is None
    assert load_workbook(BytesIO(to_xlsx(tables.values()))).sheetnames == [*Kind]
    assert str(10**90) in to_csv(list(tables.values()), CTE).decode()


def test_a_lot_among_serialised_things_is_found(exporter: Exporter) -> None:
    """A lot that somebody told among serialised things has its rows as well."""
    exporter.capture_events(new_event(1, epcList=[PACKED], bizStep="receiving"))
    assert [event.step for event in exporter.events(PACKED)] == ["receiving"]


@given(
    st.lists(
        st.text(alphabet=st.characters(exclude_categories=["Cs"])) | st.from_regex("_x[0-9A-F]{4}_", fullmatch=True),
        min_size=1,
    )
)
def test_xlsx_keeps_every_text(texts: list[str]) -> None:
    """Markup, blanks at the ends and what looks like an escape come back as they were; control characters escaped."""
    table = Table(title="Lots", columns=("Lot",), rows=[{"Lot": text} for text in texts])
    sheet = load_workbook(BytesIO(to_xlsx([table])), read_only=True)["Lots"]
    found = [str(value or "") for (value,) in sheet.iter_rows(min_row=2, values_only=True)]
    assert [text for value, text in zip(found, texts, strict=True) if text not in {value, unescape(value)}] == []


@pytest.mark.parametrize("text", ["x" * 40_000, "\N{GRINNING FACE}" * 20_000, "<" * 40_000])
def test_xlsx_cuts_what_no_cell_can_hold(text: str) -> None:
    """Of a longer text a cell has the beginning: 32,767 units of UTF-16, and no half of a character."""
    table = Table(title="Lots", columns=("Lot",), rows=[{"Lot": text}])
    value = load_workbook(BytesIO(to_xlsx([table])))["Lots"]["A2"].value
    assert text.startswith(value)
    assert len(value.encode("utf-16-le")) // 2 in {32_766, 32_767}


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\uff1d1+1"])
def test_no_cell_becomes_a_formula(text: str) -> None:
    """What others called their lots never becomes a formula in a spreadsheet program."""
    table = Table(title="Lots", columns=("Lot",), rows=[{"Lot": text}])
    cell = load_workbook(BytesIO(to_xlsx([table])))["Lots"]["A2"]
    assert (cell.data_type, cell.value) == ("s", text)
    assert to_csv([table], "Sheet").decode("utf-8-sig").splitlines()[1] in {f"Lots,'{text}", f'Lots,"\'{text}"'}
