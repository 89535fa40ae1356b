"""The audit dossier: one ZIP of events, bundles, evidence and a report, and what of it can be proven.

Whoever made a dossier could have made another one, so its own sums show only that it is whole. What binds its maker are
the bundles, which the other party signed and the chain anchors, and the readings, whose root stands in them.
"""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from typing import Final
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile, ZipInfo

from wayproof.ledger.hexadecimal import to_hex
from wayproof.ledger.strict_json import strict_json
from wayproof.ledger.verify import verify_together
from wayproof.ledger.verify.bundle import parse_bundle
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
    data: bytes, *, rpcs: Sequence[str] = (), trusted: Trusted | None = None
) -> tuple[Manifest, dict[str, Report]]:
    """What the dossier says of itself, and a report for its files, its readings, each bundle, and all bundles together.

    InvalidInput where this is no dossier at all, or a bundle in it is none.
    """
    manifest, files, broken = _unpack(data)
    reports = {"files": _files(manifest, files, broken), "readings": _all_readings(files)}
    bundles = {path: content for path, content in sorted(files.items()) if path.startswith(BUNDLES)}
    if bundles:
        each, together = verify_together(list(bundles.values()), rpcs=rpcs, trusted=trusted)
        reports |= {**dict(zip(bundles, each, strict=True)), "together": together}
    return manifest, {name: report for name, report in reports.items() if report.checks}


def _unpack(data: bytes) -> tuple[Manifest, dict[str, bytes], dict[str, str]]:
    """The manifest, every other file, and why others cannot be read."""
    files: dict[str, bytes] = {}
    broken: dict[str, str] = {}
    try:
        with ZipFile(BytesIO(data)) as archive:
            for entry in _entries(archive):
                try:
                    files[entry.filename] = archive.read(entry)
                except (BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
                    broken[entry.filename] = str(error)
    except (BadZipFile, OSError, ValueError) as error:
        raise InvalidInput(f"dossier: expected a ZIP file, got: {error}") from None
    if MANIFEST not in files:
        raise InvalidInput(f"dossier: expected {MANIFEST} in it, got {broken.get(MANIFEST, 'none')}")
    return _manifest(files.pop(MANIFEST)), files, broken


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


def _files(manifest: Manifest, files: Mapping[str, bytes], broken: Mapping[str, str]) -> Report:
    """Whether every file is the one that the manifest names."""
    checks = [_sum(path, expected, files.get(path), broken) for path, expected in sorted(manifest.sums.items())]
    strange = sorted((files.keys() | broken.keys()) - manifest.sums.keys())
    checks += [failed(path, "the manifest does not name this file") for path in strange]
    if EVENTS in files:
        word = "rest on the word of who made the dossier: no signature and no chain holds EPCIS events"
        checks.append(unchecked("events", word))
    return Report(checks=tuple(checks))


def _sum(path: str, expected: str, content: bytes | None, broken: Mapping[str, str]) -> Check:
    if content is None:
        return failed(path, f"cannot be unpacked: {broken[path]}" if path in broken else "named, and missing")
    got = sha256(content).hexdigest()
    if got != expected:
        return failed(path, f"SHA-256: expected {expected}, got {got}")
    return passed(path, "as in the manifest")


def _all_readings(files: Mapping[str, bytes]) -> Report:
    """Whether the readings of each leg are those whose root both parties signed in the bundle of the same name."""
    paths = (path for path in sorted(files) if path.startswith(READINGS))
    return Report(checks=tuple(_readings(path, files) for path in paths))


def _readings(path: str, files: Mapping[str, bytes]) -> Check:
    bundle = files.get(f"{BUNDLES}{path.removeprefix(READINGS).removesuffix('.txt')}.json")
    if bundle is None:
        return unchecked(path, "no bundle in the dossier has their root")
    try:
        record = parse_bundle(bundle).signed.handoff
        lines = [bytes.fromhex(line) for line in files[path].decode("ascii").split()]
        for line in lines:
            reading_of(line)
    except (InvalidInput, ValueError) as error:
        return failed(path, f"cannot be read: {error}")
    root = root_of([leaf_hash(line) for line in lines]) if lines else ZERO_HASH
    if (len(lines), root) != (record.evidence_size, record.evidence_root):
        return failed(
            path,
            f"expected {record.evidence_size} readings under the root {to_hex(record.evidence_root)} that both parties "
            f"signed, got {len(lines)} under {to_hex(root)}",
        )
    return passed(path, f"all {len(lines)} readings are those that both parties signed")
