"""Writes the generated parts of docs/, or with --check says which of them are out of date."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from relayctl.cli import relayctl

DOCS: Final = Path(__file__).parent
_HEAD: Final = """# The command line

Made by `make docs` from the help texts; do not edit. Every option has an environment twin
`RELAYCTL_<COMMAND>_<OPTION>`. Exit codes: 0 done, nothing found wrong; 1 failed, one sentence says why;
2 wrong usage; 3 looked and found a problem.
"""


def _commands(command: click.Command, context: click.Context) -> Iterator[tuple[str, str]]:
    yield context.command_path, command.get_help(context)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from _commands(found, click.Context(found, info_name=name, parent=context))


def cli_reference() -> str:
    """The help of every command, as Markdown."""
    context = click.Context(relayctl, info_name="relayctl", terminal_width=100, max_content_width=100)
    sections = [f"## {path}\n\n```text\n{text}\n```\n" for path, text in _commands(relayctl, context)]
    return "\n".join([_HEAD, *sections])


def main(arguments: list[str]) -> int:
    """Exit code 1 when something is out of date and only a check was asked for."""
    made = {DOCS / "cli.md": cli_reference()}
    stale = [path for path, text in made.items() if not path.exists() or path.read_text("utf-8") != text]
    if "--check" in arguments:
        for path in stale:
            click.echo(f"{path} is out of date; run `make docs` and commit it", err=True)
        return 1 if stale else 0
    for path in stale:
        path.write_text(made[path], "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
