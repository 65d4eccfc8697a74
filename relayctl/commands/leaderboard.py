"""`relayctl leaderboard`: the top consumers."""

from __future__ import annotations

import click

from relayctl import reports
from relayctl.commands.options import Asked, report_options, tell, tell_if_nothing
from relayctl.question import DIMENSIONS, Dimension
from relayctl.render.output import show
from relayctl.render.reports import leaderboard_sheet
from relayctl.reports import Metric


@click.command()
@click.option(
    "-d",
    "--dimension",
    type=click.Choice(DIMENSIONS),
    default="user",
    show_default=True,
    help="Who competes.",
)
@click.option(
    "-m", "--metric", type=click.Choice(reports.METRICS), default="tokens", show_default=True, help="In what."
)
@click.option(
    "-n",
    "--limit",
    type=click.IntRange(1, reports.LARGEST_LIMIT),
    default=reports.DEFAULT_LIMIT,
    show_default=True,
    help="How many to show.",
)
@report_options
def command(*, asked: Asked, dimension: Dimension, metric: Metric, limit: int) -> None:
    """Show the top users, teams or models.

    Example: relayctl leaderboard --dimension team --metric cost --since last-month --until mtd
    """
    report = reports.leaderboard(
        asked.source, asked.period, dimension=dimension, metric=metric, limit=limit, filters=asked.filters
    )
    tell(report.notes)
    tell_if_nothing(found=bool(report.rows), filters=asked.filters)
    show(leaderboard_sheet(report), asked.output)
