"""Tests marked `alone`, which measure time: while one of them runs, the other workers of pytest-xdist wait."""

import fcntl
import shutil
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

_INPUT: Final = "turns"
"""What workers are told the folder of the locks by."""
_turns = pytest.StashKey[Path]()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tells a worker where the locks are; only the process that starts workers has this called."""
    if _turns not in node.config.stash:
        node.config.stash[_turns] = Path(tempfile.mkdtemp(prefix="wayproof-turns-"))
    node.workerinput[_INPUT] = str(node.config.stash[_turns])


def pytest_unconfigure(config: pytest.Config) -> None:
    """Removes the locks after the last worker."""
    if _turns in config.stash:
        shutil.rmtree(config.stash[_turns])


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Waits for its turn before any time-out begins."""
    folder: str | None = getattr(item.config, "workerinput", {}).get(_INPUT)
    if folder is None:
        return (yield)
    with _turn(Path(folder), is_alone=item.get_closest_marker("alone") is not None):
        return (yield)


@contextmanager
def _turn(folder: Path, *, is_alone: bool) -> Iterator[None]:
    with (folder / "room").open("a") as room:
        # Who waits to be alone keeps the door meanwhile, or those who share would come and go for ever.
        with (folder / "door").open("a") as door:
            fcntl.flock(door, fcntl.LOCK_EX)
            fcntl.flock(room, fcntl.LOCK_EX if is_alone else fcntl.LOCK_SH)
        yield
