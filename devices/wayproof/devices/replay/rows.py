"""The rows of a file, one by one, each with its place: CSV (RFC 4180) and GPX track points, also compressed."""

import csv
import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple, cast
from xml.etree import ElementTree as ET

from wayproof.devices.replay.mapping import FileMapping, Row
from wayproof.model.errors import InvalidInput

if TYPE_CHECKING:
    import _csv

CSV_SUFFIXES: Final = (".csv", ".csv.gz")
GPX_SUFFIXES: Final = (".gpx", ".gpx.gz")


class FileRow(NamedTuple):
    """One row of a file, or what kept it from being one."""

    place: str
    fields: Row
    fault: str | None = None


def is_gpx(path: Path) -> bool:
    """Whether a path is a GPX file's; InvalidInput if it is neither that nor a CSV file's."""
    name = path.name.lower()
    if not name.endswith(CSV_SUFFIXES + GPX_SUFFIXES):
        raise InvalidInput(f"{path}: expected one of {', '.join(CSV_SUFFIXES + GPX_SUFFIXES)}")
    return name.endswith(GPX_SUFFIXES)


def read_rows(path: Path, mapping: FileMapping) -> Iterator[FileRow]:
    """Every row of the file. A bad row is a row with a fault; a file that cannot be read on raises InvalidInput."""
    with _file_errors(path), _open(path) as file:
        yield from _gpx_rows(file) if is_gpx(path) else _csv_rows(file, mapping)


def _open(path: Path) -> BinaryIO:
    # gzip's file can do all that is asked of it here, though its type does not say so.
    return cast("BinaryIO", gzip.open(path)) if path.name.lower().endswith(".gz") else path.open("rb")


def _csv_rows(file: BinaryIO, mapping: FileMapping) -> Iterator[FileRow]:
    # What is not UTF-8 must cost its row and not the file: it comes through, marked by lone surrogates.
    with TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="") as text:
        reader = csv.reader(text)
        header = next(reader, [])
        unclear = sorted(name for name in mapping.required_columns() if header.count(name) != 1)
        if unclear:
            raise InvalidInput(f"expected columns {unclear} once each in the first line, got {header}")
        yield from _table_rows(reader, header)


def _table_rows(reader: "_csv.Reader", header: list[str]) -> Iterator[FileRow]:
    while True:
        try:
            values = next(reader, None)
        except csv.Error as error:
            yield FileRow(f"line {reader.line_num}", {}, str(error))
            continue
        if values is None:
            return
        if values:
            yield _csv_row(f"line {reader.line_num}", header, values)


def _csv_row(place: str, header: list[str], values: list[str]) -> FileRow:
    if len(values) != len(header):
        return FileRow(place, {}, f"expected {len(header)} fields, got {len(values)}")
    try:
        "".join(values).encode()
    except UnicodeEncodeError:
        return FileRow(place, {}, "expected text in UTF-8")
    return FileRow(place, dict(zip(header, values, strict=True)))


def _gpx_rows(file: BinaryIO) -> Iterator[FileRow]:
    number = 0
    # Entity bombs are refused by expat itself (2.4 and later), and no external entity is ever read.
    for _, element in ET.iterparse(file):  # noqa: S314
        if _local_name(element) == "trkpt":
            number += 1
            texts = {_local_name(child): child.text or "" for child in element.iter() if child is not element}
            yield FileRow(f"point {number}", {**texts, **element.attrib})
            element.clear()


def _local_name(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


@contextmanager
def _file_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InvalidInput(f"{path}: {error.strerror or error}") from error
    except (EOFError, zlib.error) as error:
        raise InvalidInput(f"{path}: the compressed file is damaged: {error}") from error
    except ET.ParseError as error:
        raise InvalidInput(f"{path}: no well-formed XML: {error}") from error
    except InvalidInput as error:
        raise InvalidInput(f"{path}: {error}") from error
