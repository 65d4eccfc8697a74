"""`relayctl usage`: usage and cost over time."""

from __future__ import annotations

import click

from relayctl.commands.options import ReportOptions, note_if_empty, print_notes, report_options
from relayctl.render.output import show
from relayctl.render.reports import usage_sheet
from relayctl.reports import reports
from relayctl.reports.buckets import GRANULARITIES, Granularity
from relayctl.reports.query import DEFAULT_GROUP_BY, DIMENSIONS, Dimension


@click.command()
@click.option(
    "--granularity",
    type=click.Choice(GRANULARITIES),
    default="day",
    show_default=True,
    help="Length of a row's time bucket.",
)
@click.option(
    "--group-by",
    type=click.Choice(DIMENSIONS),
    multiple=True,
    help="Group by this dimension; repeatable.  [default: user, team and model]",
)
@report_options
def command(*, options: ReportOptions, granularity: Granularity, group_by: tuple[Dimension, ...]) -> None:
    """Show usage and cost over time.

    Example: relayctl usage --since mtd --group-by team --tz Europe/Berlin
    """
    report = reports.usage_report(
        options.source,
        options.period,
        granularity=granularity,
        group_by=group_by or DEFAULT_GROUP_BY,
        filters=options.filters,
    )
    print_notes(report.notes)
    note_if_empty(found=bool(report.rows), filters=options.filters)
    show(usage_sheet(report), options.output)
