"""The commands of the command line, those within groups too."""

from __future__ import annotations

import click


def all_commands(group: click.Group, prefix: str = "") -> dict[str, click.Command]:
    """The commands that do something, by the words that call them."""
    found: dict[str, click.Command] = {}
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            found |= all_commands(command, f"{prefix}{name} ")
        else:
            found[prefix + name] = command
    return found
