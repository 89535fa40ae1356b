"""Looking through a file before anything of it is published."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from wayproof.devices.publisher import Observation
from wayproof.devices.replay.mapping import FileMapping
from wayproof.devices.replay.rows import FileRow, read_rows
from wayproof.model.errors import InvalidInput
from wayproof.model.reading import MAX_BOOT

MAX_KEPT_FAULTS: Final = 1_000


class Fault(NamedTuple):
    """A row that cannot be published."""

    place: str
    reason: str


@dataclass(kw_only=True)
class Survey:
    """What a file holds under a mapping. `rows` and `first` are by device, in the order of the file."""

    path: Path
    mapping: FileMapping
    #: The boot under which it is published: the same file under the same mapping always gets the same one.
    boot: int
    rows: dict[str, int] = field(default_factory=dict)
    first: dict[str, Observation] = field(default_factory=dict)
    #: At most the first thousand.
    faults: list[Fault] = field(default_factory=list)
    bad_rows: int = 0

    def observations(self) -> Iterator[tuple[str, Observation]]:
        """Every good row of the file: its device and what it observed. Reads the file again."""
        for row in read_rows(self.path, self.mapping):
            found = _read(row, self.mapping)
            if not isinstance(found, Fault):
                yield found


def survey(path: Path, mapping: FileMapping) -> Survey:
    """Reads the whole file once; InvalidInput if it cannot be read, or if two devices would share a name."""
    found = Survey(path=path, mapping=mapping, boot=_boot(path, mapping))
    names: dict[str, str] = {}
    for row in read_rows(path, mapping):
        outcome = _read(row, mapping)
        if isinstance(outcome, Fault):
            found.bad_rows += 1
            found.faults.extend([outcome] if len(found.faults) < MAX_KEPT_FAULTS else [])
            continue
        device, observation = outcome
        text = mapping.device_text(row.fields)
        if names.setdefault(device, text) != text:
            raise InvalidInput(f"{path}: both {names[device]!r} and {text!r} would be device {device}")
        found.first.setdefault(device, observation)
        found.rows[device] = found.rows.get(device, 0) + 1
    return found


def _read(row: FileRow, mapping: FileMapping) -> tuple[str, Observation] | Fault:
    if row.fault is not None:
        return Fault(row.place, row.fault)
    try:
        return mapping.device_name(row.fields), mapping.observation(row.fields)
    except InvalidInput as error:
        return Fault(row.place, str(error))


def _boot(path: Path, mapping: FileMapping) -> int:
    digest = hashlib.sha256(msgspec.json.encode(mapping))
    try:
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256")
    except OSError as error:
        raise InvalidInput(f"{path}: {error.strerror}") from error
    digest.update(content.digest())
    return 1 + int.from_bytes(digest.digest()[:8], "big") % MAX_BOOT
