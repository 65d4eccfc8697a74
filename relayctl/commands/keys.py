"""`relayctl keys`: issues, lists, rotates and revokes the keys of clients."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final

import click

from proxy.config import file as config_file
from proxy.config.quota import MAX_PER_DAY, MAX_PER_MINUTE, MAX_USD
from proxy.errors import KeysError
from proxy.request import keys
from relayctl.commands.options import Duration, config_option, output_option
from relayctl.render.keys import keys_sheet
from relayctl.render.output import Output, show
from relayctl.render.sheet import Row
from relayctl.reports.json_documents import time_label

_USD_DIGITS: Final = 12
_COUNT: Final = click.IntRange(min=1, max=MAX_PER_MINUTE)


class _Usd(click.ParamType[Decimal]):
    """An exact amount in USD above 0."""

    name = "usd"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:
        try:
            amount = Decimal(str(value))
        except InvalidOperation:
            self.fail(f"{value!r} is not an amount such as 2.50", param, ctx)
        if not (amount.is_finite() and 0 < amount <= MAX_USD):
            self.fail(f"{value} is not above 0 and at most {MAX_USD}", param, ctx)
        if int(amount.as_tuple().exponent) < -_USD_DIGITS:
            self.fail(f"{value} has more than {_USD_DIGITS} fractional digits", param, ctx)
        return amount


class _Name(click.ParamType[str]):
    """The name of a user or team."""

    name = "name"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            keys.check_name(value)
        except KeysError as error:
            self.fail(str(error), param, ctx)
        return str(value)


class _Glob(click.ParamType[str]):
    """One glob pattern; two separated by a comma would match no model."""

    name = "glob"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not value or "," in value:
            self.fail(f"{value!r} is not one glob such as 'gpt-*'; give --models once for each", param, ctx)
        return str(value)


@click.group()
def command() -> None:
    """Issue, list, rotate and revoke Relay keys."""


@command.command()
@config_option
@click.option("--user", type=_Name(), required=True, metavar="TEXT", help="The user of the key.")
@click.option("--team", type=_Name(), required=True, metavar="TEXT", help="The team of the key.")
@click.option(
    "--models", type=_Glob(), multiple=True, metavar="GLOB", help="Models that the key may use; repeatable."
)
@click.option("--rpm", type=_COUNT, help="Maximum requests per minute.")
@click.option("--tpm", type=_COUNT, help="Maximum tokens per minute.")
@click.option("--concurrency", type=_COUNT, help="Maximum concurrent requests.")
@click.option(
    "--tokens-per-day", type=click.IntRange(min=1, max=MAX_PER_DAY), help="Maximum tokens per UTC day."
)
@click.option("--usd-per-day", type=_Usd(), help="Maximum cost per UTC day, in USD.")
def issue(
    *,
    config: Path | None,
    user: str,
    team: str,
    models: tuple[str, ...],
    rpm: int | None,
    tpm: int | None,
    concurrency: int | None,
    tokens_per_day: int | None,
    usd_per_day: Decimal | None,
) -> None:
    """Issue a key and print it once; only its hash is stored.

    Example: relayctl keys issue --user ada --team search --models 'gpt-*'
    """
    path = config_file.load(config).keys.file
    limits = keys.KeyLimits(
        rpm=rpm, tpm=tpm, concurrency=concurrency, tokens_per_day=tokens_per_day, usd_per_day=usd_per_day
    )
    raw = keys.issue(path, user=user, team=team, models=models or ("*",), limits=limits)
    click.echo(raw)
    click.echo(f"stored as a hash in {path}; the key is not shown again", err=True)


@command.command("list")
@config_option
@output_option
def list_keys(*, config: Path | None, output: Output) -> None:
    """Show the id, owner, limits and state of every key, never the key itself.

    Example: relayctl keys list
    """
    path = config_file.load(config).keys.file
    now = datetime.now(UTC)
    show(keys_sheet([_row(key, now) for key in keys.read(path).keys]), output)


def _row(key: keys.Key, now: datetime) -> Row:
    ending = key.revoked_at is not None and key.is_valid(now)
    return {
        "key_id": key.id,
        "user_id": key.user,
        "team_id": key.team,
        "models": ",".join(key.models),
        "rpm": key.rpm,
        "tpm": key.tpm,
        "concurrency": key.concurrency,
        "tokens_per_day": key.tokens_per_day,
        "usd_per_day": key.usd_per_day,
        "created_at": time_label(key.created_at),
        "revoked_at": time_label(key.revoked_at) if key.revoked_at else None,
        "state": "ending" if ending else "works" if key.is_valid(now) else "revoked",
    }


@command.command()
@config_option
@click.argument("key_id", metavar="ID")
@click.option(
    "--grace", type=Duration(), metavar="DURATION", help="How long the old key stays valid: 30m, 24h, 7d."
)
def rotate(*, config: Path | None, key_id: str, grace: int | None) -> None:
    """Replace a key by a new one with the same owner, models and limits, and print it once.

    Example: relayctl keys rotate key_0a1b2c3d4e5f --grace 24h
    """
    path = config_file.load(config).keys.file
    raw, old = keys.rotate(path, key_id, grace=timedelta(seconds=grace or 0))
    click.echo(raw)
    click.echo(f"{old.id} of {old.user} ends {old.revoked_at:%Y-%m-%d %H:%M:%S} UTC", err=True)


@command.command()
@config_option
@click.argument("key_id", metavar="ID")
def revoke(*, config: Path | None, key_id: str) -> None:
    """Revoke a key; a running proxy refuses it within two seconds.

    Example: relayctl keys revoke key_0a1b2c3d4e5f
    """
    revoked = keys.revoke(config_file.load(config).keys.file, key_id)
    click.echo(f"{revoked.id} of {revoked.user} is revoked", err=True)
