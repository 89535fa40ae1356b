"""The audit dossier: one ZIP of events, bundles, evidence and a report, and what of it can be proven.

Whoever made a dossier could have made another one, so its own sums show only that it is whole. What binds its maker are
the bundles, which the other party signed and the chain anchors, and the readings, whose root stands in them.
"""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from io import BytesIO
from typing import IO, Final
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile, ZipInfo

from wayproof.ledger.hexadecimal import to_hex
from wayproof.ledger.strict_json import strict_json
from wayproof.ledger.verify import verify_together
from wayproof.ledger.verify.bundle import MAX_BYTES, parse_bundle
from wayproof.ledger.verify.offline import Trusted
from wayproof.ledger.verify.report import Check, Report, failed, passed, unchecked
from wayproof.model.canonical import canonical_json, reading_of
from wayproof.model.errors import InvalidInput
from wayproof.model.handoff import ZERO_HASH
from wayproof.model.merkle import leaf_hash, root_of

FORMAT: Final = "wayproof-dossier/v1"
MANIFEST: Final = "manifest.json"
BUNDLES: Final = "custody/"
READINGS: Final = "readings/"
EVENTS: Final = "events.jsonld"

MOST_BYTES: Final = 2 << 30
"""Of all files together, unpacked: a file that claims more is no dossier of ours."""
_MOST_FILES: Final = 20_000
_MOST_MANIFEST_BYTES: Final = 16 << 20
_MOST_BUNDLES_BYTES: Final = 256 << 20
_MOST_LINE_BYTES: Final = 1 << 20
_PIECE_BYTES: Final = 1 << 18
_BROKEN: Final = (BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)
_FIRST_TIME: Final = (1980, 1, 1, 0, 0, 0)
_MODE: Final = 0o644 << 16
_ABOUT: Final = frozenset({"format", "subject", "as_of", "verify", "files"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """What a dossier says of itself."""

    #: Of what it is: a lot or thing by its URI, or a shipment by its id.
    subject: str
    #: Time of the newest record in it, RFC 3339.
    as_of: str
    #: SHA-256 in hexadecimal by the path of each file.
    sums: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Leg:
    """What the lines of readings come to."""

    size: int
    root: bytes


@dataclass(kw_only=True, slots=True)
class _Files:
    """What is kept of the files: sums and bundles, so that a file of zeros cannot fill the memory."""

    #: SHA-256 in hexadecimal.
    sums: dict[str, str] = field(default_factory=dict)
    bundles: dict[str, bytes] = field(default_factory=dict)
    #: Bytes that bundles may still take.
    room: int = _MOST_BUNDLES_BYTES
    #: Why it is none, where the lines are no readings.
    legs: dict[str, _Leg | str] = field(default_factory=dict)
    #: Why a file cannot be read.
    broken: dict[str, str] = field(default_factory=dict)


def pack(files: Mapping[str, bytes], *, subject: str, as_of: str) -> bytes:
    """The ZIP of these files and their manifest; the same files are the same bytes."""
    listed = [{"path": path, "sha256": sha256(files[path]).hexdigest()} for path in sorted(files)]
    manifest = {
        "format": FORMAT,
        "subject": subject,
        "as_of": as_of,
        "verify": "wayproof dossier verify FILE --rpc URL",
        "files": listed,
    }
    data = BytesIO()
    with ZipFile(data, "w") as archive:
        _put(archive, MANIFEST, canonical_json(manifest))
        for path in sorted(files):
            _put(archive, path, files[path])
    return data.getvalue()


def _put(archive: ZipFile, path: str, content: bytes) -> None:
    entry = ZipInfo(path, _FIRST_TIME)
    entry.external_attr = _MODE
    entry.create_system = 3  # the same on every system that packs
    archive.writestr(entry, content, ZIP_DEFLATED, compresslevel=6)


def verify_dossier(
    source: IO[bytes], *, rpcs: Sequence[str] = (), trusted: Trusted | None = None
) -> tuple[Manifest, dict[str, Report]]:
    """What the dossier says of itself, and a report for its files, its readings, each bundle, and all bundles together.

    InvalidInput where this is no dossier at all, or a bundle in it is none. Of the source, which must be seekable, it
    holds no more than the bundles and a piece of a file.
    """
    manifest, files = _unpack(source)
    reports = {"files": _files(manifest, files), "readings": _all_readings(files)}
    bundles = dict(sorted(files.bundles.items()))
    if bundles:
        each, together = verify_together(list(bundles.values()), rpcs=rpcs, trusted=trusted)
        reports |= {**dict(zip(bundles, each, strict=True)), "together": together}
    return manifest, {name: report for name, report in reports.items() if report.checks}


def _unpack(source: IO[bytes]) -> tuple[Manifest, _Files]:
    """The manifest, and what is to be known of every other file."""
    files = _Files()
    try:
        with ZipFile(source) as archive:
            entries = _entries(archive)
            manifest = _manifest(_manifest_bytes(archive))
            for entry in entries:
                if entry.filename != MANIFEST:
                    _take(archive, entry, files)
    except (BadZipFile, OSError, ValueError) as error:
        raise InvalidInput(f"dossier: expected a ZIP file, got: {error}") from None
    return manifest, files


def _manifest_bytes(archive: ZipFile) -> bytes:
    try:
        with archive.open(MANIFEST) as stream:
            return stream.read(_MOST_MANIFEST_BYTES + 1)  # one more is refused with its reason
    except (KeyError, *_BROKEN) as error:
        got = "none" if isinstance(error, KeyError) else error
        raise InvalidInput(f"dossier: expected {MANIFEST} in it, got {got}") from None


def _take(archive: ZipFile, entry: ZipInfo, files: _Files) -> None:
    path = entry.filename
    try:
        if path.startswith(BUNDLES):
            files.bundles[path] = content = _bundle(archive, entry, min(MAX_BYTES, files.room))
            files.room -= len(content)
            files.sums[path] = sha256(content).hexdigest()
        elif path.startswith(READINGS):
            files.sums[path], files.legs[path] = _leg(archive, entry)
        else:
            files.sums[path] = _sum_of(archive, entry)
    except _BROKEN as error:
        files.broken[path] = str(error)


def _bundle(archive: ZipFile, entry: ZipInfo, most_bytes: int) -> bytes:
    if entry.file_size > most_bytes:
        raise BadZipFile(f"too large: expected at most {most_bytes:,} bytes, got {entry.file_size:,}")
    return archive.read(entry)


def _sum_of(archive: ZipFile, entry: ZipInfo) -> str:
    total = sha256()
    with archive.open(entry) as stream:
        while piece := stream.read(_PIECE_BYTES):
            total.update(piece)
    return total.hexdigest()


def _leg(archive: ZipFile, entry: ZipInfo) -> tuple[str, _Leg | str]:
    """The file's sum, and what its lines come to or why they are no readings."""
    total, size = sha256(), 0

    def leaves(stream: IO[bytes]) -> Iterator[bytes]:
        nonlocal size
        while line := stream.readline(_MOST_LINE_BYTES):
            total.update(line)
            reading = bytes.fromhex(line.decode("ascii"))
            reading_of(reading)
            size += 1
            yield leaf_hash(reading)

    leg: _Leg | str
    with archive.open(entry) as stream:
        try:
            root = root_of(leaves(stream))
            leg = _Leg(size=size, root=root if size else ZERO_HASH)
        except (InvalidInput, ValueError) as error:
            leg = str(error)
        while piece := stream.read(_PIECE_BYTES):  # behind a line that is no reading
            total.update(piece)
    return total.hexdigest(), leg


def _entries(archive: ZipFile) -> list[ZipInfo]:
    entries = archive.infolist()
    if len(entries) > _MOST_FILES or sum(entry.file_size for entry in entries) > MOST_BYTES:
        raise InvalidInput(f"dossier: expected at most {_MOST_FILES:,} files of {MOST_BYTES:,} bytes, got more")
    names = [entry.filename for entry in entries]
    if len(set(names)) < len(names):
        raise InvalidInput("dossier: expected each file once, got one twice")
    return entries


def _manifest(data: bytes) -> Manifest:
    document = strict_json(data, max_bytes=_MOST_MANIFEST_BYTES)
    if not isinstance(document, dict) or document.keys() != _ABOUT or document["format"] != FORMAT:
        raise InvalidInput(f"{MANIFEST}: expected a manifest of {FORMAT} with {', '.join(sorted(_ABOUT))}")
    try:
        sums = {str(each["path"]): str(each["sha256"]) for each in document["files"]}
    except (TypeError, KeyError, LookupError):
        raise InvalidInput(f"{MANIFEST}: /files: expected a list of path and sha256", pointer="/files") from None
    return Manifest(subject=str(document["subject"]), as_of=str(document["as_of"]), sums=sums)


def _files(manifest: Manifest, files: _Files) -> Report:
    """Whether every file is the one that the manifest names."""
    checks = [_sum(path, expected, files) for path, expected in sorted(manifest.sums.items())]
    strange = sorted((files.sums.keys() | files.broken.keys()) - manifest.sums.keys())
    checks += [failed(path, "the manifest does not name this file") for path in strange]
    if EVENTS in files.sums:
        word = "rest on the word of who made the dossier: no signature and no chain holds EPCIS events"
        checks.append(unchecked("events", word))
    return Report(checks=tuple(checks))


def _sum(path: str, expected: str, files: _Files) -> Check:
    if path in files.broken:
        return failed(path, f"cannot be unpacked: {files.broken[path]}")
    got = files.sums.get(path)
    if got is None:
        return failed(path, "named, and missing")
    if got != expected:
        return failed(path, f"SHA-256: expected {expected}, got {got}")
    return passed(path, "as in the manifest")


def _all_readings(files: _Files) -> Report:
    """Whether the readings of each leg are those whose root both parties signed in the bundle of the same name."""
    return Report(checks=tuple(_readings(path, leg, files) for path, leg in sorted(files.legs.items())))


def _readings(path: str, leg: _Leg | str, files: _Files) -> Check:
    bundle = files.bundles.get(f"{BUNDLES}{path.removeprefix(READINGS).removesuffix('.txt')}.json")
    if bundle is None:
        return unchecked(path, "no bundle in the dossier has their root")
    if isinstance(leg, str):
        return failed(path, f"cannot be read: {leg}")
    try:
        record = parse_bundle(bundle).signed.handoff
    except InvalidInput as error:
        return failed(path, f"cannot be read: {error}")
    if (leg.size, leg.root) != (record.evidence_size, record.evidence_root):
        return failed(
            path,
            f"expected {record.evidence_size} readings under the root {to_hex(record.evidence_root)} that both parties "
            f"signed, got {leg.size} under {to_hex(leg.root)}",
        )
    return passed(path, f"all {leg.size} readings are those that both parties signed")
