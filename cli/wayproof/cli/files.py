"""Saving what the API answered."""

from pathlib import Path
from typing import Annotated

import typer

from wayproof.cli.app import show
from wayproof.model.errors import InvalidInput

Output = Annotated[Path, typer.Option("--output", "-o", help="Where it goes; - for stdout.")]


def save(data: bytes, output: Path, *, as_json: bool = False) -> None:
    """Writes a file, or to stdout, and tells how much it was."""
    if str(output) == "-":
        typer.echo(data, nl=False)
        return
    try:
        output.write_bytes(data)
    except OSError as error:
        raise InvalidInput(f"{output}: {error.strerror}") from error
    if as_json:
        show({"file": str(output), "bytes": len(data)}, as_json=True)
    else:
        typer.echo(f"saved {output}, {len(data):,} bytes", err=True)
