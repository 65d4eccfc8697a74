"""The interactive prompt of `relayctl sql`, with history and completion; statements end with a semicolon."""

from __future__ import annotations

import os
from pathlib import Path

import click
from prompt_toolkit import PromptSession
from prompt_toolkit.completion import WordCompleter
from prompt_toolkit.history import FileHistory

from relayctl.errors import RelayctlError
from relayctl.render.output import Output, show
from relayctl.render.sql import sql_sheet
from relayctl.sources.sql_database import Database

_EXIT_COMMANDS = ("exit", "quit", r"\q")


def history_file() -> Path:
    """Creates the history file, readable only by its owner. Raises `RelayctlError`."""
    state = Path(os.environ.get("XDG_STATE_HOME") or "~/.local/state").expanduser() / "relay"
    file = state / "sql_history"
    try:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(file, os.O_CREAT | os.O_WRONLY, 0o600))
        file.chmod(0o600)
    except OSError as error:
        raise RelayctlError(
            f"the history {file} cannot be written ({error.strerror}): set XDG_STATE_HOME"
        ) from error
    return file


def run_prompt(database: Database, output: Output) -> None:
    """Reads and runs statements until Ctrl-D; Ctrl-C discards the input or cancels the statement."""
    words = database.names()
    session: PromptSession[str] = PromptSession(
        history=FileHistory(str(history_file())), completer=WordCompleter(words), complete_while_typing=False
    )
    click.echo("usage_records and usage_daily; end a statement with ; and exit with Ctrl-D", err=True)
    text = ""
    while True:
        try:
            text += session.prompt("   ...> " if text else "relay> ")
        except KeyboardInterrupt:
            text = ""
            continue
        except EOFError:
            return
        if text.strip().rstrip(";").lower() in _EXIT_COMMANDS:
            return
        if not text.strip() or text.rstrip().endswith(";"):
            _run(database, text, output)
            text = ""
        else:
            text += "\n"


def _run(database: Database, text: str, output: Output) -> None:
    try:
        for statement in database.statements(text):
            if result := database.run(statement):
                show(sql_sheet(result), output)
    except KeyboardInterrupt:
        click.echo("cancelled", err=True)
    except RelayctlError as error:
        click.echo(f"relayctl: {error}", err=True)
