"""`wayproof version`."""

from importlib.metadata import version as installed_version

import typer


def version() -> None:
    """Print the version of Wayproof."""
    typer.echo(installed_version("wayproof"))
