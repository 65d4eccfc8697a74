"""`relayctl keys`: issues, lists and revokes the keys that clients authenticate with."""

from __future__ import annotations

from pathlib import Path

import click

from proxy import config_file, keys
from relayctl.commands.configured import config_option


@click.group()
def command() -> None:
    """Issue, list and revoke Relay keys."""


@command.command()
@config_option
@click.option("--user", required=True, help="Whose requests these are.")
@click.option("--team", required=True, help="The team that pays.")
@click.option("--models", multiple=True, metavar="GLOB", help="Models the key may ask for; repeatable.")
@click.option("--rpm", type=click.IntRange(min=1), help="Requests per minute.")
@click.option("--tpm", type=click.IntRange(min=1), help="Tokens per minute.")
def issue(
    *, config: Path | None, user: str, team: str, models: tuple[str, ...], rpm: int | None, tpm: int | None
) -> None:
    """Make a key and print it once; only its hash is kept.

    Example: relayctl keys issue --user ada --team search --models 'gpt-*'
    """
    if rpm is not None or tpm is not None:
        raise click.UsageError("limits per key are not enforced by this version; leave out --rpm and --tpm")
    path = config_file.load(config).keys.file
    raw = keys.issue(path, user=user, team=team, models=models or ("*",))
    click.echo(raw)
    click.echo(f"kept as a hash in {path}; this is the only time the key is shown", err=True)


@command.command("list")
@config_option
def list_keys(*, config: Path | None) -> None:
    """Show every key's id, owner and state, never the key.

    Example: relayctl keys list
    """
    for key in keys.read(config_file.load(config).keys.file).keys:
        state = f"revoked {key.revoked_at:%Y-%m-%d}" if key.revoked_at else "works"
        click.echo(f"{key.id}\t{key.user}\t{key.team}\t{','.join(key.models)}\t{state}")


@command.command()
@config_option
@click.argument("key_id", metavar="ID")
def revoke(*, config: Path | None, key_id: str) -> None:
    """End a key; a running proxy refuses it within two seconds.

    Example: relayctl keys revoke key_0a1b2c3d4e5f
    """
    revoked = keys.revoke(config_file.load(config).keys.file, key_id)
    click.echo(f"{revoked.id} of {revoked.user} is revoked", err=True)
