"""`relayctl leaderboard`: the top consumers."""

from __future__ import annotations

import click

from relayctl.commands.options import ReportOptions, note_if_empty, print_notes, report_options
from relayctl.render.output import show
from relayctl.render.reports import leaderboard_sheet
from relayctl.reports import reports
from relayctl.reports.query import DIMENSIONS, Dimension
from relayctl.reports.reports import Metric


@click.command()
@click.option(
    "-d",
    "--dimension",
    type=click.Choice(DIMENSIONS),
    default="user",
    show_default=True,
    help="Dimension to rank.",
)
@click.option(
    "-m",
    "--metric",
    type=click.Choice(reports.METRICS),
    default="tokens",
    show_default=True,
    help="Metric to rank by.",
)
@click.option(
    "-n",
    "--limit",
    type=click.IntRange(1, reports.LARGEST_LIMIT),
    default=reports.DEFAULT_LIMIT,
    show_default=True,
    help="Number of rows.",
)
@click.option("--compare", is_flag=True, help="Add the value of the period before, and the change.")
@report_options
def command(
    *, options: ReportOptions, dimension: Dimension, metric: Metric, limit: int, compare: bool
) -> None:
    """Show the top users, teams, models, providers, keys or endpoints.

    The period before ends where this one begins: as many whole months or days, else the same duration.

    Example: relayctl leaderboard --dimension team --metric cost --since last-month --until mtd --compare
    """
    report = reports.leaderboard(
        options.source,
        options.period,
        dimension=dimension,
        metric=metric,
        limit=limit,
        filters=options.filters,
        compare=compare,
        # Only the formats for people show it.
        trend=options.output in ("table", "md"),
    )
    print_notes(report.notes)
    note_if_empty(found=bool(report.rows), filters=options.filters)
    show(leaderboard_sheet(report), options.output)
