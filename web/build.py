"""Copies what the pages need out of node_modules into the API's static files.

Run after `npm ci`. Plain Python, so that `make` can run it before anything is installed; safe to run again.
"""

import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NODE_MODULES = ROOT / "node_modules"
VENDOR = ROOT / "api" / "wayproof" / "api" / "static" / "vendor"

# Licences travel with the code that they cover.
FILES = {
    "leaflet": ("dist/leaflet.js", "dist/leaflet.css", "LICENSE"),
    "topojson-client": ("dist/topojson-client.min.js", "LICENSE"),
    "world-atlas": ("countries-50m.json", "LICENSE"),
    "@fontsource-variable/inter": (
        "files/inter-latin-wght-normal.woff2",
        "files/inter-latin-ext-wght-normal.woff2",
        "LICENSE",
    ),
    "swagger-ui-dist": ("swagger-ui-bundle.js", "swagger-ui-bundle.js.LICENSE.txt", "swagger-ui.css", "LICENSE"),
}


def wanted() -> dict[Path, Path]:
    """Each file of static/vendor and where in node_modules it comes from."""
    return {
        VENDOR / package.rpartition("/")[2] / Path(name).name: NODE_MODULES / package / name
        for package, names in FILES.items()
        for name in names
    }


def say(line: str) -> None:
    """Prints one line of what was done."""
    sys.stdout.write(line + "\n")


def copy(source: Path, target: Path) -> bool:
    """Copies unless the same bytes stand there already; whether anything changed."""
    if target.is_file() and target.read_bytes() == source.read_bytes():
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    return True


def remove_strangers(keep: set[Path]) -> int:
    """Deletes what an older version of this list has left behind; how many files that were."""
    strangers = [path for path in VENDOR.rglob("*") if path.is_file() and path not in keep]
    for path in strangers:
        path.unlink()
    return len(strangers)


def main() -> None:
    """Brings static/vendor to the state that `FILES` describes."""
    files = wanted()
    missing = [str(source.relative_to(ROOT)) for source in files.values() if not source.is_file()]
    if missing:
        sys.exit(f"web/build.py: not found: {', '.join(missing)}\nRun `npm ci` in {ROOT} first.")
    copied = sum(copy(source, target) for target, source in files.items())
    removed = remove_strangers(set(files))
    say(f"{VENDOR.relative_to(ROOT)}: {len(files)} files, {copied} copied, {removed} removed")


if __name__ == "__main__":
    main()
