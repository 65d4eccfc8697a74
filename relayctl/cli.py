"""The console entry `relayctl`: finds the command, and alone turns errors into exit codes.

It must import nothing that a command needs: `relayctl --help` is to answer at once.
"""

from __future__ import annotations

import errno
import importlib
import os
import sys
from pathlib import Path
from typing import Any, Final

import click

from relayctl import exit_codes as exits
from relayctl.errors import InputError, RelayctlError

COMMANDS: Final = {
    "alert-check": ("relayctl.commands.alert_check", "Evaluate the alert rules and budgets once."),
    "completion": ("relayctl.commands.completion", "Print the completion script of a shell."),
    "demo": ("relayctl.commands.demo", "Show everything at once on this machine, with nothing configured."),
    "doctor": ("relayctl.commands.doctor", "Check the set-up and say what to do."),
    "etl": ("relayctl.commands.etl", "Load sealed segments into PostgreSQL and look after them."),
    "keys": ("relayctl.commands.keys", "Issue, list, rotate and revoke Relay keys."),
    "langfuse": ("relayctl.commands.langfuse", "Send records to Langfuse, each once, and prove it."),
    "leaderboard": ("relayctl.commands.leaderboard", "Show the top users, teams or models."),
    "report": ("relayctl.commands.report", "Write one page with charts."),
    "serve": ("relayctl.commands.serve", "Run the proxy with its admin endpoints."),
    "top": ("relayctl.commands.top", "PollTimer live what a proxy does."),
    "sql": ("relayctl.commands.sql", "Ask the logs and the archive in SQL."),
    "usage": ("relayctl.commands.usage", "Show usage and cost over time."),
}
"""Each command's module, imported only when the command is called, and its line in `relayctl --help`."""


_NO_ROOM: Final = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO))
"""What ends a command anywhere that it writes: its output, or a file for the time being."""


class ClosedPipeError(Exception):
    """Nobody reads stdout any more."""


class LazyGroup(click.Group):
    """A group that imports a command's module only when that command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(COMMANDS[cmd_name][0]).command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][1]) for name in self.list_commands(ctx)])

    def invoke(self, ctx: click.Context) -> Any:
        # click would end a closed pipe with code 1, which promises a sentence.
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError as error:
            raise ClosedPipeError from error
        return result


def _print_version(ctx: click.Context, _parameter: click.Parameter, wanted: bool) -> None:  # noqa: FBT001 - click's signature
    if wanted and not ctx.resilient_parsing:
        from importlib import metadata  # noqa: PLC0415 - only this option needs it

        click.echo(f"relayctl {metadata.version('relayctl')}")
        ctx.exit()


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the version and exit.",
)
def relayctl() -> None:
    """Relay: a gateway to language-model providers whose bill you can prove.

    Every option can be given in the environment as RELAYCTL_<COMMAND>_<OPTION>.
    """


def _sentence(error: Exception) -> str | None:
    """What the error says to a user; None when nobody foresaw it.

    A package that was never imported cannot have raised its own.
    """
    foreign = (("etl.errors", "EtlError"), ("proxy.errors", "RelayError"))
    loaded = (getattr(sys.modules[module], name) for module, name in foreign if module in sys.modules)
    if isinstance(error, (RelayctlError, *loaded)):
        return str(error)
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        return f"{error.filename or 'the output'} cannot be written: {error.strerror}"
    return None


def _say(sentence: str) -> None:
    click.echo(f"relayctl: {sentence}", err=True)


def _check_text(arguments: list[str]) -> None:
    """Raises `InputError` for bytes that are no text: no name of a record and no file of ours has such."""
    for argument in arguments:
        try:
            argument.encode()
        except UnicodeEncodeError:
            encoding = sys.getfilesystemencoding()
            raise InputError("arguments", f"the argument {argument!r} is no text in {encoding}") from None


def _silence(stream: int) -> None:
    """Lets the interpreter's own last flush go nowhere instead of into the closed pipe."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream)


def run(arguments: list[str] | None = None) -> int:
    """Runs one command line and gives its exit code; foreseeable errors end as one sentence on stderr."""
    try:
        _check_text(sys.argv[1:] if arguments is None else arguments)
        code = relayctl.main(
            arguments, prog_name="relayctl", standalone_mode=False, auto_envvar_prefix="RELAYCTL"
        )
    except click.Abort:
        return exits.INTERRUPTED
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except InputError as error:
        _say(str(error))
        return exits.USAGE
    except ClosedPipeError:
        _silence(sys.stdout.fileno())
        return exits.CLOSED_PIPE
    except Exception as error:
        sentence = _sentence(error)
        if sentence is None:
            raise
        if isinstance(error, OSError):
            _silence(sys.stdout.fileno())
        _say(sentence)
        return exits.FAILED
    return code if isinstance(code, int) else exits.DONE


def main() -> None:
    """The console script."""
    # Whoever closed one of them wants nothing of it; Python has None there, and the first word would fail.
    sys.stdout = sys.stdout or Path(os.devnull).open("w")  # noqa: SIM115 - as long as the process
    sys.stderr = sys.stderr or Path(os.devnull).open("w")  # noqa: SIM115 - as long as the process
    sys.exit(run())
