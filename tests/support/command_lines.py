"""Checks a `relayctl` command line from a document or manifest without running it."""

from __future__ import annotations

import click

from relayctl.cli import relayctl


def problem(arguments: list[str]) -> str | None:
    """The usage error of the arguments of `relayctl`, None if they are valid."""
    try:
        context = relayctl.make_context("relayctl", list(arguments))
        while isinstance(context.command, click.Group):
            name, command, rest = context.command.resolve_command(
                context, [*context._protected_args, *context.args]
            )
            if command is None:
                return f"there is no command {name}"
            context = command.make_context(name, rest, parent=context)
    except click.exceptions.Exit:
        return None  # --version and --help
    except click.ClickException as error:
        return error.format_message()
    return None
