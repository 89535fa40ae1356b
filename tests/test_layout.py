"""The rooms keep the shape that makes one import name out of several folders."""

import tomllib
from pathlib import Path

import pytest

from fix_order import SLOW

ROOT = Path(__file__).parent.parent
ROOMS = sorted(path.parent.name for path in ROOT.glob("*/wayproof"))


def test_no_init_hides_the_other_rooms() -> None:
    """No `__init__.py` stands directly in a room's `wayproof/`: it would hide every other room from Python."""
    assert list(ROOT.glob("*/wayproof/__init__.py")) == []


@pytest.mark.parametrize("room", ROOMS)
def test_room_is_typed_and_introduced(room: str) -> None:
    """Each room holds one package of its own name, a py.typed marker and a README."""
    assert [path.name for path in (ROOT / room / "wayproof").iterdir()] == [room]
    assert (ROOT / room / "wayproof" / room / "py.typed").exists()
    assert (ROOT / room / "README.md").exists()


def test_build_knows_every_room() -> None:
    """Editable installs, wheels and mypy are told of every room."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    assert config["hatch"]["build"]["dev-mode-dirs"] == ROOMS
    assert config["hatch"]["build"]["targets"]["wheel"]["packages"] == [f"{room}/wayproof" for room in ROOMS]
    assert set(ROOMS) <= set(config["mypy"]["files"])
    assert set(ROOMS) <= set(config["mypy"]["mypy_path"])


def test_requirements_are_pinned_and_name_no_index() -> None:
    """Every requirement is pinned by version and hash, and no file says where to get it."""
    for path in sorted((ROOT / "requirements").glob("*.txt")):
        text = path.read_text(encoding="utf-8")
        blocks = text.replace("\\\n", " ").splitlines()
        assert blocks, path.name
        assert all("==" in line and "--hash=sha256:" in line for line in blocks if line.strip()), path.name
        assert "://" not in text, path.name


@pytest.mark.parametrize("name", SLOW)
def test_slow_files_are_called_as_the_order_has_it(name: str) -> None:
    """A file that is to come first is there."""
    assert (ROOT / "tests" / name).is_file()
