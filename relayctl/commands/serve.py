"""`relayctl serve`: the proxy with its admin endpoints, the composition root of the running service."""

from __future__ import annotations

from pathlib import Path

import click

from proxy.config import file as config_file
from relayctl.commands.configured import config_option
from relayctl.commands.options import OwnVariableFirst, archive_option


@click.command()
@config_option
@click.option("--host", help="Overrides server.host.")
@click.option("--port", type=click.IntRange(0, 65535), help="Overrides server.port.")
@click.option(
    "--database-url",
    cls=OwnVariableFirst,
    envvar="RELAY_DATABASE_URL",
    help="Read /internal/* from it, not from the logs.",
)
@archive_option
def command(
    *, config: Path | None, host: str | None, port: int | None, database_url: str | None, archive: str | None
) -> None:
    """Run the proxy.

    Example: relayctl serve --config relay.yaml
    """
    settings = config_file.load(config)
    overrides = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    server = settings.server.model_copy(update=overrides)
    # Only now, what is needed in this order: a mistake in the settings is told at once, and the service is
    # loaded into the memory that the price tables of other providers have left, 3 MiB for as long as it runs.
    from proxy.metering import prices  # noqa: PLC0415

    prices.keep_only(settings.upstreams.values())
    from relayctl.serve import service  # noqa: PLC0415

    service.run(settings.model_copy(update={"server": server}), database_url=database_url, archive=archive)
