"""The output formats: the exact bytes of each, and tables on terminals of any width."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from rich.cells import cell_len

from etl.rollup.columns import MEASURES
from relayctl.render.data import to_csv, to_json, to_ndjson
from relayctl.render.markdown import to_markdown
from relayctl.render.reports import leaderboard_sheet, usage_sheet
from relayctl.render.sheet import Column, Kind, Sheet, cell, sparkline
from relayctl.render.table import to_table
from relayctl.reports.measures import Measures
from relayctl.reports.query import DEFAULT_GROUP_BY
from relayctl.reports.reports import Leaderboard, LeaderboardRow, UsageReport, UsageRow
from relayctl.reports.time_range import Period, zone_named

PERIOD = Period(
    since=datetime(2026, 11, 1, tzinfo=UTC),
    until=datetime(2026, 11, 3, 9, 30, tzinfo=UTC),
    zone=zone_named("Europe/Berlin"),
)
AS_OF = datetime(2026, 11, 3, 9, 30, 5, 250_000, tzinfo=UTC)


def used(cost: str | None, *, requests: int = 1200, estimated: int = 0) -> Measures:
    return Measures.from_row(
        dict.fromkeys((one.name for one in MEASURES), 0)
        | {
            "requests": requests,
            "errors": 3,
            "prompt_tokens": 1_000_000,
            "completion_tokens": 234_567,
            "total_tokens": 1_234_567,
            "cost_usd": cost,
            "unpriced_requests": requests if cost is None else 0,
            "estimated_requests": estimated,
            "estimated_cost_usd": Decimal("0.25") if estimated else 0,
            "latency_ms": Decimal(requests) * Decimal("812.3456"),
        }
    )


def usage(*names: tuple[str, str, str]) -> UsageReport:
    first, second = (dict(zip(DEFAULT_GROUP_BY, group, strict=True)) for group in names)
    rows = [
        UsageRow(bucket="2026-11-01", group=first, measures=used("12.345678901234", estimated=7)),
        UsageRow(bucket="2026-11-02", group=second, measures=used(None, requests=5)),
    ]
    return UsageReport(
        period=PERIOD,
        granularity="day",
        group_by=DEFAULT_GROUP_BY,
        rows=rows,
        totals=Measures.total(row.measures for row in rows),
        as_of=AS_OF,
    )


PLAIN = usage(("ada", "search", "gpt-5"), ("bob", "a|b", "=1+1"))
BOARD = Leaderboard(
    period=PERIOD,
    dimension="team",
    metric="cost",
    rows=[
        LeaderboardRow(rank=1, name="search", value=Decimal("12.5"), measures=used("12.5")),
        LeaderboardRow(rank=2, name="+ops", value=None, measures=used(None)),
    ],
    totals=Measures.total([used("12.5"), used(None)]),
    total_value=Decimal("12.5"),
    as_of=None,
)

COMPARED = replace(
    BOARD,
    rows=[
        replace(BOARD.rows[0], before=Decimal("10"), trend=[Decimal("0.01"), None, Decimal("12.4")]),
        replace(BOARD.rows[1], trend=[None, None, None]),
    ],
    total_value=Decimal("15"),
    period_before=Period(
        since=datetime(2026, 10, 29, 14, 30, tzinfo=UTC), until=PERIOD.since, zone=PERIOD.zone
    ),
    total_before=Decimal("30"),
)

TABLE = """\
Usage by day, 2026-11-01 01:00 to 2026-11-03 10:30 (Europe/Berlin), as of 2026-11-03 10:30:05
5 of 1,205 requests (0.4%) have no known price; the cost is without them
7 of 1,205 requests have estimated tokens; they cost 0.2500 USD, 2.0% of the cost
day         user  team    model  requests  errors  answer cache hits     prompt  completion     tokens  cost (USD)  unpriced  avg ms  cache read  cache write  reasoning
────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
2026-11-01  ada   search  gpt-5     1,200       3                  0  1,000,000     234,567  1,234,567     12.3457         0   812.3           0            0          0
2026-11-02  bob   a|b     =1+1          5       3                  0  1,000,000     234,567  1,234,567     unknown         5   812.3           0            0          0
────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
total                               1,205       6                  0  2,000,000     469,134  2,469,134     12.3457         5   812.3           0            0          0
"""  # noqa: E501 - the table is this wide
JSON = (
    '{"schema":"relay.usage/v1","rows":['
    '{"day":"2026-11-01","user_id":"ada","team_id":"search","model":"gpt-5","requests":1200,"errors":3,'
    '"cache_hits":0,"prompt_tokens":1000000,"completion_tokens":234567,"total_tokens":1234567,'
    '"cost_usd":12.345678901234,"unpriced_requests":0,"avg_latency_ms":812.346,"cache_read_tokens":0,"cache_write_tokens":0,"reasoning_tokens":0},'
    '{"day":"2026-11-02","user_id":"bob","team_id":"a|b","model":"=1+1","requests":5,"errors":3,'
    '"cache_hits":0,"prompt_tokens":1000000,"completion_tokens":234567,"total_tokens":1234567,'
    '"cost_usd":null,"unpriced_requests":5,"avg_latency_ms":812.346,"cache_read_tokens":0,"cache_write_tokens":0,"reasoning_tokens":0}],'
    '"totals":{"requests":1205,"errors":6,"cache_hits":0,"prompt_tokens":2000000,'
    '"completion_tokens":469134,"total_tokens":2469134,"cost_usd":12.345678901234,'
    '"unpriced_requests":5,"avg_latency_ms":812.346,"cache_read_tokens":0,"cache_write_tokens":0,"reasoning_tokens":0},'
    '"range":{"since":"2026-11-01T00:00:00Z","until":"2026-11-03T09:30:00Z","tz":"Europe/Berlin"},'
    '"as_of":"2026-11-03T09:30:05.250000Z"}\n'
)
CSV = (
    "day,user_id,team_id,model,requests,errors,cache_hits,prompt_tokens,completion_tokens,total_tokens,"
    "cost_usd,unpriced_requests,avg_latency_ms,cache_read_tokens,cache_write_tokens,reasoning_tokens\r\n"
    "2026-11-01,ada,search,gpt-5,1200,3,0,1000000,234567,1234567,12.345678901234,0,812.346,0,0,0\r\n"
    "2026-11-02,bob,a|b,'=1+1,5,3,0,1000000,234567,1234567,,5,812.346,0,0,0\r\n"
)
NDJSON = (
    '{"rank":1,"team":"search","value":12.5,"requests":1200,"cost_usd":12.5,"total_tokens":1234567}\n'
    '{"rank":2,"team":"+ops","value":null,"requests":1200,"cost_usd":null,"total_tokens":1234567}\n'
)
MARKDOWN = """\
Top teams by cost, 2026-11-01 01:00 to 2026-11-03 10:30 (Europe/Berlin), not everything loaded yet  
1,200 of 2,400 requests (50.0%) have no known price; the cost is without them  

| # | team | cost (USD) | requests | tokens | share |
| ---: | --- | ---: | ---: | ---: | ---: |
| 1 | search | 12.5000 | 1,200 | 1,234,567 | 100.0% |
| 2 | +ops | unknown | 1,200 | 1,234,567 |  |
|  | **all teams** | **12.5000** | **2,400** | **2,469,134** |  |
"""  # noqa: W291 - two spaces are a line break in Markdown
COMPARED_TABLE = """\
Top teams by cost, 2026-11-01 01:00 to 2026-11-03 10:30 (Europe/Berlin), not everything loaded yet
Compared with 2026-10-29 15:30 to 2026-11-01 01:00
1,200 of 2,400 requests (50.0%) have no known price; the cost is without them
#  team       cost (USD)  trend  requests     tokens  share   before  change
────────────────────────────────────────────────────────────────────────────
1  search        12.5000  ▁·█       1,200  1,234,567  83.3%  10.0000  +25.0%
2  +ops          unknown  ···       1,200  1,234,567         unknown
────────────────────────────────────────────────────────────────────────────
   all teams     15.0000            2,400  2,469,134         30.0000  -50.0%
"""
COMPARED_CSV = (
    "rank,team,value,requests,cost_usd,total_tokens,share_percent,value_before,change_percent\r\n"
    "1,search,12.5,1200,12.5,1234567,83.33,10,25\r\n"
    "2,'+ops,,1200,,1234567,,,\r\n"
)
COMPARED_JSON = (
    '{"schema":"relay.leaderboard/v1","dimension":"team","metric":"cost","rows":['
    '{"rank":1,"team":"search","value":12.5,"requests":1200,"cost_usd":12.5,"total_tokens":1234567,'
    '"share_percent":83.33,"value_before":10,"change_percent":25},'
    '{"rank":2,"team":"+ops","value":null,"requests":1200,"cost_usd":null,"total_tokens":1234567,'
    '"share_percent":null,"value_before":null,"change_percent":null}],'
    '"range":{"since":"2026-11-01T00:00:00Z","until":"2026-11-03T09:30:00Z","tz":"Europe/Berlin"},'
    '"range_before":{"since":"2026-10-29T14:30:00Z","until":"2026-11-01T00:00:00Z","tz":"Europe/Berlin"},'
    '"as_of":null}\n'
)


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (to_table(leaderboard_sheet(COMPARED), width=None, color=False), COMPARED_TABLE),
        (to_csv(leaderboard_sheet(COMPARED)).decode(), COMPARED_CSV),
        (to_json(leaderboard_sheet(COMPARED)).decode(), COMPARED_JSON),
    ],
    ids=["table", "csv", "json"],
)
def test_leaderboard_with_comparison(shown: str, expected: str) -> None:
    assert shown == expected


@pytest.mark.parametrize(
    ("values", "bars"),
    [
        ([], ""),
        ([0, None, Decimal(0)], "···"),
        ([1, 2, 4, 8], "▁▂▄█"),
        ([Decimal("0.000000000001"), Decimal(10**15), Decimal("6E+14")], "▁█▅"),  # little is not nothing
    ],
)
def test_sparkline_has_a_bar_for_each_number(values: list[int | Decimal | None], bars: str) -> None:
    assert sparkline(values) == bars


def test_report_as_table() -> None:
    assert to_table(usage_sheet(PLAIN), width=None, color=False) == TABLE


def test_report_as_json() -> None:
    assert to_json(usage_sheet(PLAIN)).decode() == JSON


def test_report_as_csv() -> None:
    assert to_csv(usage_sheet(PLAIN)).decode() == CSV


def test_report_as_ndjson() -> None:
    assert to_ndjson(leaderboard_sheet(BOARD)).decode() == NDJSON


def test_report_as_markdown() -> None:
    assert to_markdown(leaderboard_sheet(BOARD)).decode() == MARKDOWN


def test_markdown_cells_are_escaped() -> None:
    sheet = usage_sheet(usage(("a|b", "<b>", "*x*"), ("new\nline", "_y_", "back\\slash")))
    text = to_markdown(sheet).decode()
    assert r"| a\|b | \<b\> | \*x\* |" in text
    assert r"| new\\nline | \_y\_ | back\\slash |" in text


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_csv_formulas_are_escaped_and_other_cells_round_trip(start: str) -> None:
    sheet = usage_sheet(usage((f"{start}cmd", 'quo"te', "com,ma"), ("line\r\nbreak", "", "ünï")))
    _, first, second = csv.reader(io.StringIO(to_csv(sheet).decode(), newline=""))
    assert first[1:4] == [f"'{start}cmd", 'quo"te', "com,ma"]
    assert second[1:4] == ["line\r\nbreak", "", "ünï"]


@pytest.mark.parametrize("width", [20, 40, 60, 80, 100, 120, 140, 200])
@pytest.mark.parametrize("name", ["ada", "a" * 300, "ö" * 90, "漢字" * 40, "e\u0301" * 60, "👩‍👩‍👧" * 20])
def test_table_fits_the_terminal(width: int, name: str) -> None:
    sheet = usage_sheet(usage((name, name, name), ("bob", "ops", "gpt-5")))
    lines = to_table(sheet, width=width, color=False).splitlines()
    rows = [replace(row, name=name, trend=range(31)) for row in COMPARED.rows]
    lines += to_table(leaderboard_sheet(replace(COMPARED, rows=rows)), width=width, color=False).splitlines()
    assert max(map(cell_len, lines)) <= width


def test_narrow_table_names_the_dropped_columns() -> None:
    text = to_table(usage_sheet(PLAIN), width=80, color=False)
    assert "Not shown for want of width: answer cache hits" in " ".join(text.split())
    assert "cost (USD)" in text


def test_csv_is_suggested_only_if_it_has_the_dropped_columns() -> None:
    """The trend is in formats for people only."""
    plain = to_table(usage_sheet(PLAIN), width=80, color=False)
    trends = to_table(leaderboard_sheet(COMPARED), width=70, color=False)
    assert "csv has everything" in " ".join(plain.split())
    assert "Not shown for want of width: trend\n" in trends


def test_names_are_not_truncated_without_a_terminal() -> None:
    name = "a" * 300
    assert name in to_table(usage_sheet(usage((name, "x", "y"), ("b", "c", "d"))), width=None, color=False)


def test_control_characters_in_names_are_escaped() -> None:
    sheet = usage_sheet(usage(("\x1b[2Jgone", "[red]x[/red]", "a\u202eb"), ("b\n", "c\r", "\ud800")))
    text = to_table(sheet, width=None, color=False)
    assert r"\x1b[2Jgone" in text
    assert "[red]x[/red]" in text
    assert r"a\u202eb" in text
    assert r"\ud800" in text
    assert "\x1b" not in text


def test_colour_is_used_only_on_a_terminal_without_no_color() -> None:
    assert "\x1b[" in to_table(usage_sheet(PLAIN), width=140, color=True)
    assert "\x1b[" not in to_table(usage_sheet(PLAIN), width=140, color=False)


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (Decimal("0.00001"), "money", "<0.0001"),  # little is not nothing
        (Decimal(0), "money", "0.0000"),
        (Decimal("1234567.00005"), "money", "1,234,567.0001"),
        (None, "money", "unknown"),
        (None, "milliseconds", ""),
        (1234567, "count", "1,234,567"),
        (1000, "rank", "1000"),
        (Decimal("0.04"), "percent", "<0.1%"),
        (Decimal("-12.345"), "change", "-12.3%"),
        (Decimal("1234.5"), "change", "+1,234.5%"),
        (Decimal(0), "change", "+0.0%"),
        ("1000", "text", "1000"),
    ],
)
def test_cells_are_formatted_for_people(value: object, kind: Kind, text: str) -> None:
    assert cell(Column(name="x", title="x", kind=kind), value) == text


def test_empty_sheet_has_columns() -> None:
    sheet = Sheet(columns=[Column(name="x", title="x")], rows=[], document={"rows": []})
    assert to_csv(sheet) == b"x\r\n"
    assert to_ndjson(sheet) == b""
    assert to_table(sheet, width=80, color=False).startswith("x\n")
