"""What reports make of a source's sums: order, ranks, totals; with a source written by hand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.rollup.columns import MEASURES
from relayctl.errors import InputError
from relayctl.reports import json_documents as documents
from relayctl.reports import reports
from relayctl.reports.measures import Measures, exact_sum
from relayctl.reports.query import DIMENSIONS, Answer, Latencies, Records, ReportQuery, ResultRow
from relayctl.reports.ranking import MOST_SLICES, Value, percent, slices
from relayctl.reports.time_range import Period, zone_named

AS_OF = datetime(2026, 11, 3, tzinfo=UTC)
PERIOD = Period(
    since=datetime(2026, 11, 1, tzinfo=UTC), until=datetime(2026, 11, 3, tzinfo=UTC), zone=zone_named("UTC")
)


@dataclass(frozen=True, kw_only=True)
class FixedSource:
    """Gives the same rows for any query."""

    rows: Sequence[ResultRow]

    def answer(self, query: ReportQuery) -> Answer:
        return Answer(rows=self.rows, as_of=AS_OF)

    def latencies(self, query: ReportQuery) -> Latencies:
        return Latencies(rows=[])

    @contextmanager
    def opened(self, query: ReportQuery) -> Iterator[Records]:
        yield self


def used(requests: int, cost: str | None, *, tokens: int = 0, latency: str = "0") -> Measures:
    return Measures.from_row(
        dict.fromkeys((one.name for one in MEASURES), 0)
        | {
            "requests": requests,
            "prompt_tokens": tokens,
            "total_tokens": tokens,
            "cost_usd": cost,
            "unpriced_requests": requests if cost is None else 0,
            "latency_ms": latency,
        }
    )


def row(*names: str, bucket: int = 0, measures: Measures | None = None) -> ResultRow:
    group = dict(zip(DIMENSIONS, names, strict=False))
    return ResultRow(bucket=bucket, group=group, measures=measures or used(1, "1"))


def test_usage_rows_are_sorted_by_time_and_then_by_name() -> None:
    rows = [row("b", bucket=1), row("a", bucket=1), row("Z", bucket=1), row("z", bucket=0)]
    report = reports.usage_report(FixedSource(rows=rows), PERIOD, group_by=["team"])
    assert [(row.bucket, *row.names) for row in report.rows] == [
        ("2026-11-01", "z"),
        ("2026-11-02", "Z"),
        ("2026-11-02", "a"),
        ("2026-11-02", "b"),
    ]


@pytest.mark.parametrize(
    ("metric", "ranked"),
    [
        ("cost", ["dear", "a", "b", "unknown"]),  # a tie by name, an unknown cost last
        ("requests", ["unknown", "a", "b", "dear"]),
        ("tokens", ["b", "a", "dear", "unknown"]),
        ("latency", ["dear", "a", "b", "unknown"]),  # the average, not the sum
        ("errors", ["a", "b", "dear", "unknown"]),
    ],
)
def test_the_leaderboard_ranks_by_its_metric(metric: reports.Metric, ranked: list[str]) -> None:
    rows = [
        row("unknown", measures=used(9, None, latency="90")),
        row("b", measures=used(2, "1.5", tokens=7, latency="40")),
        row("a", measures=used(2, "1.5", latency="40")),
        row("dear", measures=used(1, "2", latency="30")),
    ]
    board = reports.leaderboard(FixedSource(rows=rows), PERIOD, metric=metric, dimension="model")
    assert [row.name for row in board.rows] == ranked
    assert [row.rank for row in board.rows] == [1, 2, 3, 4]


def test_the_totals_of_a_leaderboard_are_everybodys() -> None:
    rows = [row(name, measures=used(1, "0.1")) for name in "abc"]
    board = reports.leaderboard(FixedSource(rows=rows), PERIOD, metric="cost", limit=1)
    assert (len(board.rows), board.totals.requests, board.total_value) == (1, 3, Decimal("0.3"))


@pytest.mark.parametrize(
    ("value", "whole", "expected"),
    [
        (1, 3, Decimal("33.33")),
        (Decimal("0.000000000001"), Decimal("99999999999999999999"), Decimal("0.00")),
        (Decimal("2.5E-12"), Decimal("2E-11"), Decimal("12.50")),
        (1, 0, None),  # a part of nothing
        (None, 5, None),  # unknown
        (1, None, None),
    ],
)
def test_a_percentage_is_rounded_half_up_or_unknown(value: Value, whole: Value, expected: Decimal) -> None:
    assert percent(value, whole) == expected


PERIODS = st.builds(
    lambda since, length, tz: Period(since=since, until=since + length, zone=zone_named(tz)),
    st.datetimes(datetime(1950, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    st.timedeltas(timedelta(0), timedelta(days=9000)),
    st.sampled_from(["UTC", "Europe/Berlin", "Pacific/Apia"]),
)


@given(period=PERIODS)
def test_the_slices_of_a_trend_are_the_period(period: Period) -> None:
    cut = slices(period)
    assert len(cut) <= MOST_SLICES
    edges = [period.since, *(one.end for one in cut)]
    assert [one.start for one in cut] == edges[:-1]
    assert edges[-1] == period.until


@pytest.mark.parametrize("limit", [0, -1, 1001])
def test_a_limit_out_of_bounds_is_refused(limit: int) -> None:
    with pytest.raises(InputError, match="between 1 and 1000"):
        reports.leaderboard(FixedSource(rows=[]), PERIOD, limit=limit)


@pytest.mark.parametrize(
    ("latency", "requests", "average"),
    [("1", 3, "0.333"), ("0.003", 2, "0.002"), ("0.0015", 1, "0.002"), ("0.0025", 1, "0.003")],
)
def test_an_average_is_rounded_half_up(latency: str, requests: int, average: str) -> None:
    assert used(requests, None, latency=latency).avg_latency_ms == Decimal(average)


def test_sums_of_money_keep_every_digit_that_pythons_context_would_round() -> None:
    large, small = Decimal("123456789012345678901234567.5"), Decimal("0.000000000001")
    assert str(exact_sum([large, small])) == "123456789012345678901234567.500000000001"


def test_no_request_costs_zero_and_an_unpriced_one_an_unknown_sum() -> None:
    assert Measures.total([]).cost_usd == 0
    assert Measures.total([used(1, None)]).cost_usd is None
    assert Measures.total([used(1, None), used(1, "0.5")]).cost_usd == Decimal("0.5")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("0.000000000001"), b"0.000000000001"),  # no exponent
        (Decimal("1E+3"), b"1000"),
        (Decimal("12.500000000000"), b"12.5"),  # no trailing zeros
        (Decimal("0E-12"), b"0"),
        (Decimal("123456789012345678901234567.123456789012"), b"123456789012345678901234567.123456789012"),
        (None, b"null"),
    ],
)
def test_money_in_json_is_a_number_with_its_exact_digits(value: Decimal | None, text: bytes) -> None:
    assert documents.encode({"cost_usd": value}) == b'{"cost_usd":' + text + b"}"


def test_the_usage_document_is_the_one_of_the_contract() -> None:
    source = FixedSource(rows=[row("ada", "search", "gpt-5", measures=used(2, "0.5", latency="3"))])
    document = documents.encode(documents.usage_document(reports.usage_report(source, PERIOD)))
    measures = {
        "requests": 2,
        "errors": 0,
        "cache_hits": 0,
        "prompt_tokens": 0,
        "completion_tokens": 0,
        "total_tokens": 0,
        "cost_usd": 0.5,
        "unpriced_requests": 0,
        "avg_latency_ms": 1.5,
        "cache_read_tokens": 0,
        "cache_write_tokens": 0,
        "reasoning_tokens": 0,
    }
    names = {"day": "2026-11-01", "user_id": "ada", "team_id": "search", "model": "gpt-5"}
    assert list(msgspec.json.decode(document)["rows"][0]) == [*names, *measures]
    assert msgspec.json.decode(document) == {
        "rows": [names | measures],
        "totals": measures,
        "range": {"since": "2026-11-01T00:00:00Z", "until": "2026-11-03T00:00:00Z", "tz": "UTC"},
        "as_of": "2026-11-03T00:00:00Z",
    }
