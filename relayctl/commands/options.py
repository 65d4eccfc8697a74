"""The options that several commands share."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

from relayctl import exit_codes as exits
from relayctl.errors import InputError
from relayctl.render.output import OUTPUTS, Output
from relayctl.render.sheet import printable
from relayctl.reports import time_range as period
from relayctl.reports.query import DIMENSIONS, Filters, Source
from relayctl.sources.opening import DEFAULT_LOGS, KINDS, Kind, open_source, utc_now

Command = Callable[..., Any]

_DURATION = re.compile(r"(?P<count>[0-9]{1,6})(?P<unit>[smhd])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class OwnVariableFirst(click.Option):
    """An option with a shared environment variable, overridden by its own variable RELAYCTL_…."""

    def resolve_envvar_value(self, ctx: click.Context) -> str | None:
        own = os.environ.get(f"{ctx.auto_envvar_prefix}_{(self.name or '').upper()}")
        return own or super().resolve_envvar_value(ctx)


class Place(click.ParamType[str]):
    """A directory or an address; an empty text, mostly a variable that is not set, is none."""

    name = "place"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not value:
            self.fail("it is empty: name a directory", param, ctx)
        return str(value)


class Duration(click.ParamType[int]):
    """A number of seconds, written `30s`, `15m`, `1h` or `1d`."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        match = _DURATION.fullmatch(value)
        if match is None or not int(match["count"]):
            self.fail(f"{value!r} is not a duration such as 30s, 15m, 1h or 1d", param, ctx)
        return int(match["count"]) * _SECONDS[match["unit"]]


database_option = click.option(
    "--database-url",
    cls=OwnVariableFirst,
    envvar="RELAY_DATABASE_URL",
    metavar="URL",
    help="The PostgreSQL of the ETL, as postgresql://user@host/database.  [env: RELAY_DATABASE_URL]",
)
logs_option = click.option(
    "--logs",
    cls=OwnVariableFirst,
    type=Place(),
    envvar="RELAY_LOG_DIR",
    default=DEFAULT_LOGS,
    show_default=True,
    metavar="DIR",
    help="The directory of log segments.  [env: RELAY_LOG_DIR]",
)
archive_option = click.option(
    "--archive",
    cls=OwnVariableFirst,
    envvar="RELAY_ARCHIVE",
    metavar="DIR|s3://BUCKET/PREFIX",
    help="An archive to read beside the logs, each segment once.  [env: RELAY_ARCHIVE]",
)


config_option = click.option(
    "--config",
    cls=OwnVariableFirst,
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="RELAY_CONFIG",
    help="Configuration file.  [env: RELAY_CONFIG]  [default: relay.yaml if it exists]",
)


def needed(database_url: str | None) -> str:
    """The database URL of a command that requires one. Raises `InputError`."""
    if not database_url:
        raise InputError("database_url", "no database: give --database-url or set RELAY_DATABASE_URL")
    return database_url


def local(logs: str, done: str) -> Path:
    """The log directory of a command that changes local files. Raises `InputError`."""
    if "://" in logs:
        raise InputError("logs", f"only a local log directory can be {done}, not {logs}")
    return Path(logs)


def with_database(command: Command) -> Command:
    """Adds `--database-url`, which is required; the command gets it as `url`."""

    @functools.wraps(command)
    def checked(*, database_url: str | None, **own: Any) -> Any:
        return command(url=needed(database_url), **own)

    return database_option(checked)


output_option = click.option(
    "-o", "--output", type=click.Choice(OUTPUTS), default="table", show_default=True, help="Output format."
)


@dataclass(frozen=True, kw_only=True)
class ReportOptions:
    """The values of the common options of a report."""

    period: period.Period
    filters: Filters
    source: Source
    output: Output


def period_options(*, since: str, until: str) -> tuple[Callable[[Command], Command], ...]:
    """The options `--since`, `--until` and `--tz`; the texts describe the defaults."""
    return (
        click.option(
            "-s",
            "--since",
            metavar="WHEN",
            help="Begin, inclusive: 2026-11-01, 2026-11-01T09:30:00Z, 24h, 7d, today, yesterday, mtd, "
            f"last-month.  [default: {since}]",
        ),
        click.option(
            "-u", "--until", metavar="WHEN", help=f"End, exclusive: as --since.  [default: {until}]"
        ),
        click.option(
            "-z",
            "--tz",
            default="UTC",
            show_default=True,
            metavar="ZONE",
            help="IANA zone in which days begin.",
        ),
    )


_SOURCE_OPTIONS: Final = (
    *period_options(since="7 days before the end", until="now"),
    *(
        click.option(f"--{name}", multiple=True, metavar=name.upper(), help=f"Only this {name}; repeatable.")
        for name in DIMENSIONS
    ),
    click.option(
        "--source",
        type=click.Choice(KINDS),
        default="auto",
        show_default=True,
        help="Data source; auto is postgres where a URL is given, else logs.",
    ),
    database_option,
    logs_option,
    archive_option,
)


def report_options(command: Command) -> Command:
    """Adds the common options of reports; the command gets them as `options`. Wrong ones end with code 2."""
    return source_options(output_option(command))


def source_options(command: Command) -> Command:
    """The same for a command with its own output format."""

    @functools.wraps(command)
    def with_options(
        *,
        since: str | None,
        until: str | None,
        tz: str,
        source: Kind,
        database_url: str | None,
        logs: str,
        archive: str | None,
        output: Output = "table",
        **own: Any,
    ) -> Any:
        options = ReportOptions(
            period=period.period(since=since, until=until, tz=tz, now=utc_now()),
            filters=Filters({name: own.pop(name) for name in DIMENSIONS}),
            source=open_source(source, database_url, logs, archive=archive),
            output=output,
        )
        return command(options=options, **own)

    for option in reversed(_SOURCE_OPTIONS):
        with_options = option(with_options)
    return with_options


def print_notes(notes: tuple[str, ...]) -> None:
    """Prints each note on stderr; a name in it cannot steer the terminal."""
    for note in notes:
        click.echo(f"note: {printable(note)}", err=True)


def note_if_empty(*, found: bool, filters: Filters) -> None:
    """Notes on stderr that no request passes the filters: a misspelt name looks like an idle one."""
    if found or not filters:
        return
    named = "; ".join(f"{dimension} {' or '.join(names)}" for dimension, names in filters.values.items())
    print_notes((f"no request in this range has {named}",))


def exit_with_problem() -> None:
    """Ends the command with the exit code for a found problem."""
    click.get_current_context().exit(exits.FOUND)
