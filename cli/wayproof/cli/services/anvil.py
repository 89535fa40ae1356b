"""anvil as the embedded EVM chain."""

import json
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from wayproof.model.errors import Unavailable

CHAIN_ID: Final = 31337

_CHECKOUT: Final = Path(__file__).parents[4]
"""Where `npm ci` puts its folder when Wayproof runs from its sources."""


@dataclass(frozen=True, kw_only=True)
class Anvil:
    """One local chain on disk."""

    folder: Path
    program: Path

    @property
    def state(self) -> Path:
        """Blocks, receipts and accounts, as anvil dumps them."""
        return self.folder / "state.json"

    def prepare(self) -> None:
        """Sets a damaged dump aside: anvil writes it in place, so a kill in the middle leaves half a file."""
        self.folder.mkdir(parents=True, exist_ok=True)
        good = self.folder / "state.good.json"
        if _is_json(self.state):
            shutil.copyfile(self.state, good)
        elif self.state.exists():
            self.state.rename(self.folder / f"state.damaged-{time.time_ns()}.json")
            if good.exists():
                shutil.copyfile(good, self.state)

    def argv(self, port: int) -> list[str]:
        """The chain's command line. SIGTERM saves and stops it.

        Blocks are mined when a transaction comes and not by the clock: an empty block takes 1.7 kB of a dump that is
        written as a whole, so a block a second would add 150 MB a day while nothing happens. Finality counts blocks
        (an epoch of two), so who waits for it on this chain mines the next ones.
        """
        flags = {
            "--host": "127.0.0.1",
            "--port": str(port),
            "--chain-id": str(CHAIN_ID),
            "--state": str(self.state),
            "--state-interval": "10",
            "--slots-in-an-epoch": "2",
        }
        return [str(self.program), "--quiet", *(part for flag in flags.items() for part in flag)]


def find_anvil() -> Path:
    """The program: on PATH, else out of the npm package in this folder's or the sources' node_modules.

    The package's own launcher needs Node at run time; the binary inside does not.
    """
    found = shutil.which("anvil")
    if found is not None:
        return Path(found)
    for root in (Path.cwd(), _CHECKOUT):
        for program in sorted(root.glob("node_modules/@foundry-rs/anvil-linux-*/bin/anvil")):
            return program
    raise Unavailable("no anvil: run `npm ci --ignore-scripts` in the sources, or give a chain with --rpc-url")


def _is_json(path: Path) -> bool:
    try:
        json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return False
    return True
