"""`relayctl serve`: runs the proxy with its admin endpoints."""

from __future__ import annotations

from pathlib import Path

import click

from proxy.config import file as config_file
from relayctl.commands.options import OwnVariableFirst, archive_option, config_option


@click.command()
@config_option
@click.option("--host", help="Override server.host.")
@click.option("--port", type=click.IntRange(0, 65535), help="Override server.port.")
@click.option(
    "--database-url",
    cls=OwnVariableFirst,
    envvar="RELAY_DATABASE_URL",
    help="Read /internal/* from this PostgreSQL instead of the logs.  [env: RELAY_DATABASE_URL]",
)
@archive_option
def command(
    *, config: Path | None, host: str | None, port: int | None, database_url: str | None, archive: str | None
) -> None:
    """Run the proxy with its admin endpoints.

    Example: relayctl serve --config relay.yaml
    """
    settings = config_file.load(config)
    overrides = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    server = settings.server.model_copy(update=overrides)
    # Imported late and in this order: a configuration error is reported at once, and the service is loaded
    # into the memory that the price tables of other providers have released, which saves 3 MiB.
    from proxy.metering import prices  # noqa: PLC0415

    prices.drop_unused_providers(settings.upstreams.values())
    from relayctl.serve import service  # noqa: PLC0415

    service.run(settings.model_copy(update={"server": server}), database_url=database_url, archive=archive)
