"""The page of a report in a real browser: nothing is loaded or breaks, the numbers are those of `usage`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from relayctl import cli
from relayctl import exit_codes as exits
from tests.support.report_data import record, write_segment

CHROMIUM = Path("/usr/bin/chromium")
PERIOD = ("--since", "2026-10-01", "--until", "2026-10-08", "--tz", "Europe/Berlin")
HOSTILE = (
    "</script><script>document.title='taken'</script>",
    "<img src=x onerror=document.title='taken'>",
    "\" onmouseover=document.title='taken' \"",
    "{{7*7}} & \u2028 \\u003c <!--",
    "漢字" * 120,
)
BUDGETS = """\
budgets:
  - {name: "<b>bold</b>", team: search, period: month, usd: 10}
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    assert CHROMIUM.exists(), "Chromium is missing: apt-get install chromium fonts-dejavu-core"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    directory = tmp_path / "logs"
    directory.mkdir()
    plain = [
        record(n, user_id=f"user {n % 12}", team_id=f"team {n % 3}", cost_usd=Decimal("0.123456789012") * n)
        for n in range(1, 120)
    ]
    hostile = [
        record(
            200 + n,
            created_at=record(n + 1).created_at,
            user_id=name,
            team_id=name,
            model=name,
            cost_usd=None,
        )
        for n, name in enumerate(HOSTILE)
    ]
    write_segment(directory, [*plain, *hostile, record(300, created_at=record(3).created_at, status=502)])
    monkeypatch.setenv("RELAY_LOG_DIR", str(directory))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("RELAY_DATABASE_URL", raising=False)
    return directory


@pytest.fixture
def report(logs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    budgets = tmp_path / "budgets.yaml"
    budgets.write_text(BUDGETS)
    path = tmp_path / "report.html"
    assert cli.run(["report", "--out", str(path), "--budgets", str(budgets), *PERIOD]) == exits.DONE
    assert capsys.readouterr() == ("", f"wrote {path}\n")
    return path


@pytest.fixture
def opened(browser: Browser, report: Path) -> Iterator[Page]:
    """The page, after which nothing may have been asked for or complained about."""
    heard: list[str] = []
    page = browser.new_page()
    page.on("console", lambda message: heard.append(message.text))
    page.on("pageerror", lambda error: heard.append(str(error)))
    page.on("request", lambda request: heard.append(request.url))
    page.goto(report.as_uri())
    yield page
    page.close()
    assert heard == [report.as_uri()]


def test_the_numbers_on_the_page_are_those_of_usage(opened: Page, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        cli.run(["usage", "--granularity", "total", "--group-by", "model", *PERIOD, "-o", "json"])
        == exits.DONE
    )
    document = json.loads(capsys.readouterr().out, parse_float=Decimal)
    for name, value in document["totals"].items():
        assert Decimal(opened.get_attribute(f"#total-{name}", "data-value") or "") == value, name
    cli.run(["usage", "--group-by", "team", *PERIOD, "-o", "json"])
    rows = json.loads(capsys.readouterr().out, parse_float=Decimal)["rows"]
    cells = opened.eval_on_selector_all(
        "#cost-teams-numbers tbody td", "cells => cells.map(cell => cell.dataset.value || '0')"
    )
    assert sum(map(Decimal, cells)) == sum(row["cost_usd"] or 0 for row in rows)


def test_every_chart_is_drawn_and_has_a_table(opened: Page) -> None:
    drawn = opened.eval_on_selector_all(
        "canvas", "all => all.map(one => Boolean(Chart.getChart(one)) && one.width > 0)"
    )
    assert drawn == [True] * 6
    assert opened.locator("section:has(canvas) table").count() == 6


def test_a_hostile_name_is_only_text(opened: Page) -> None:
    assert opened.title().startswith("Relay: 2026-10-01 00:00 to 2026-10-08 00:00 (Europe/Berlin)")
    shown = opened.inner_text("body")
    for name in HOSTILE[:3]:
        assert name in shown
    assert "<b>bold</b>" in shown
    assert opened.locator("img").count() == 0
    assert "5 of 125 requests (4.0%) have no known price" in shown


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1200])
def test_nothing_sticks_out_and_the_charts_follow_the_colours(opened: Page, scheme: str, width: int) -> None:
    opened.set_viewport_size({"width": width, "height": 800})
    opened.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    # The charts follow the window a moment later; an element that never fits ends the wait.
    fits = "width => document.documentElement.scrollWidth <= width"
    opened.wait_for_function(fits, arg=width, timeout=5000)
    ink, legend = opened.evaluate(
        "[getComputedStyle(document.body).color, Chart.getChart('rates').options.plugins.legend.labels.color]"
    )
    assert [int(part, 16) for part in re.findall("..", legend[1:])] == [
        int(part) for part in re.findall(r"\d+", ink)
    ]


def test_it_prints(opened: Page) -> None:
    opened.emulate_media(media="print")
    assert opened.locator("canvas").count() == 6
    assert opened.pdf(format="A4").startswith(b"%PDF")


def test_in_print_tables_are_side_by_side_and_end_once(opened: Page) -> None:
    opened.emulate_media(media="print")
    first, second = (opened.locator(".boards > div").nth(at).bounding_box() for at in (0, 1))
    assert first
    assert second
    assert first["y"] == second["y"]
    assert first["x"] + first["width"] < second["x"]
    # A footer would be repeated at the end of each page that its table is on.
    assert opened.locator("tfoot").first.evaluate("it => getComputedStyle(it).display") == "table-row-group"
    # An element that overflows its box causes empty pages.
    assert opened.locator(".chart").first.evaluate("it => getComputedStyle(it).overflow") == "hidden"


def test_a_file_that_cannot_be_written_is_one_sentence(
    logs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "nowhere" / "report.html"
    assert cli.run(["report", "--out", str(place), *PERIOD]) == exits.FAILED
    assert capsys.readouterr().err == f"relayctl: {place} cannot be written: No such file or directory\n"
