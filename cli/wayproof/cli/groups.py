"""Groups of commands: how errors end a command, and that a command is imported only once it is asked for."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command, get_group

from wayproof.model.errors import WayproofError


class Commands(TyperGroup):
    """A group of commands in which a domain error is one line on stderr and exit status 1."""

    def invoke(self, ctx: Any) -> Any:
        """Runs the command that was asked for."""
        try:
            return super().invoke(ctx)
        except WayproofError as error:
            # libpq speaks in paragraphs.
            typer.echo(f"wayproof: {' '.join(str(error).split())}", err=True)
            raise typer.Exit(1) from error

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that the first word names, imported if it was not yet."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command.load() if isinstance(command, Deferred) else command, rest


def commands(name: str, help_text: str, cls: type[Commands] = Commands) -> typer.Typer:
    """A group of commands that is shown its help when no command is named."""
    return typer.Typer(name=name, help=help_text, cls=cls, no_args_is_help=True, rich_markup_mode=None)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What a list of commands shows of one, and where it is: `module:attribute`, a function or a group."""

    target: str
    short_help: str
    epilog: str | None = None


class Deferred(TyperCommand):
    """A command in a list: all that help and completion need, without what runs."""

    def __init__(self, name: str, entry: Entry) -> None:
        super().__init__(name, short_help=entry.short_help, epilog=entry.epilog)
        self._target = entry.target

    def load(self) -> TyperCommand | TyperGroup:
        """The command itself."""
        _log_beside_the_answer()
        module, _, attribute = self._target.partition(":")
        found: Any = getattr(import_module(module), attribute)
        if isinstance(found, typer.Typer):
            return get_group(found)
        alone = typer.Typer(add_completion=False, rich_markup_mode=None)
        alone.command(self.name, short_help=self.short_help, epilog=self.epilog)(found)
        command: Any = get_command(alone)
        return command  # type: ignore[no-any-return] # typer names no public type


def deferred(entries: Mapping[str, Entry]) -> type[Commands]:
    """A group of these commands, in this order."""

    class DeferredCommands(Commands):
        def __init__(self, **settings: Any) -> None:
            super().__init__(**{**settings, "commands": [Deferred(name, entry) for name, entry in entries.items()]})

    return DeferredCommands


def _log_beside_the_answer() -> None:
    import structlog  # noqa: PLC0415 - takes as long as all else that help and completion need

    structlog.configure(logger_factory=lambda *_: structlog.PrintLogger(sys.stderr))
