"""The console script `relayctl`: loads the command and maps errors to exit codes.

Must not import what only commands need, so that `relayctl --help` is fast.
"""

from __future__ import annotations

import errno
import importlib
import os
import sys
from pathlib import Path
from typing import Any, Final

import click

from relayctl import exit_codes
from relayctl.errors import InputError, RelayctlError

COMMANDS: Final = {
    "alert-check": ("relayctl.commands.alert_check", "Evaluate the alert rules and budgets once."),
    "completion": ("relayctl.commands.completion", "Print the completion script of a shell."),
    "demo": ("relayctl.commands.demo", "Run all of Relay on this machine without configuration."),
    "doctor": ("relayctl.commands.doctor", "Check the installation and give advice."),
    "etl": ("relayctl.commands.etl", "Load sealed segments into PostgreSQL, archive and prune them."),
    "keys": ("relayctl.commands.keys", "Issue, list, rotate and revoke Relay keys."),
    "langfuse": (
        "relayctl.commands.langfuse",
        "Send records to Langfuse, each exactly once, and verify them.",
    ),
    "leaderboard": ("relayctl.commands.leaderboard", "Show the top users, teams or models."),
    "report": ("relayctl.commands.report", "Write an HTML page with charts."),
    "serve": ("relayctl.commands.serve", "Run the proxy with its admin endpoints."),
    "top": ("relayctl.commands.top", "Show live rates, cost and latency of a proxy."),
    "sql": ("relayctl.commands.sql", "Query the logs and the archive with SQL."),
    "usage": ("relayctl.commands.usage", "Show usage and cost over time."),
}
"""Command name to its module, imported only when called, and its line in `relayctl --help`."""


_DISK_ERRORS: Final = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO))
"""Errors that may occur wherever a command writes: its output or a temporary file."""


class ClosedPipeError(Exception):
    """The reader of stdout has closed the pipe."""


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
        # click would exit with code 1, which is for errors with a message.
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError as error:
            raise ClosedPipeError from error
        return result


def _print_version(ctx: click.Context, _parameter: click.Parameter, value: bool) -> None:  # noqa: FBT001 - click's signature
    if value and not ctx.resilient_parsing:
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

    Every option can also be set by an environment variable RELAYCTL_<COMMAND>_<OPTION>.
    """


def _sentence(error: Exception) -> str | None:
    """The message of an expected error, None for any other.

    The error classes of packages that were never imported cannot occur and are not imported here.
    """
    foreign = (("etl.errors", "EtlError"), ("proxy.errors", "RelayError"))
    loaded = (getattr(sys.modules[module], name) for module, name in foreign if module in sys.modules)
    if isinstance(error, (RelayctlError, *loaded)):
        return str(error)
    if isinstance(error, OSError) and error.errno in _DISK_ERRORS:
        return f"{error.filename or 'the output'} cannot be written: {error.strerror}"
    return None


def _print_error(sentence: str) -> None:
    click.echo(f"relayctl: {sentence}", err=True)


def _check_text(arguments: list[str]) -> None:
    """Raises `InputError` for an argument that cannot be encoded; no name or path of Relay contains such."""
    for argument in arguments:
        try:
            argument.encode()
        except UnicodeEncodeError:
            encoding = sys.getfilesystemencoding()
            raise InputError("arguments", f"the argument {argument!r} is not text in {encoding}") from None


def _silence(stream: int) -> None:
    """Redirects the stream to /dev/null, because the interpreter flushes it again at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream)


def run(arguments: list[str] | None = None) -> int:
    """Runs one command line and returns its exit code; expected errors are one sentence on stderr."""
    try:
        _check_text(sys.argv[1:] if arguments is None else arguments)
        code = relayctl.main(
            arguments, prog_name="relayctl", standalone_mode=False, auto_envvar_prefix="RELAYCTL"
        )
    except click.Abort:
        return exit_codes.INTERRUPTED
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except InputError as error:
        _print_error(str(error))
        return exit_codes.USAGE
    except ClosedPipeError:
        _silence(sys.stdout.fileno())
        return exit_codes.CLOSED_PIPE
    except Exception as error:
        sentence = _sentence(error)
        if sentence is None:
            raise
        if isinstance(error, OSError):
            _silence(sys.stdout.fileno())
        _print_error(sentence)
        return exit_codes.FAILED
    return code if isinstance(code, int) else exit_codes.DONE


def main() -> None:
    """The console script."""
    # A closed stdout or stderr is None in Python, and the first write to it would fail.
    sys.stdout = sys.stdout or Path(os.devnull).open("w")  # noqa: SIM115 - stays open as long as the process runs
    sys.stderr = sys.stderr or Path(os.devnull).open("w")  # noqa: SIM115 - stays open as long as the process runs
    sys.exit(run())
