"""The demo's final output: the chart, the counts, the program name; its directories."""

from __future__ import annotations

import sys
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from relayctl.demo.services import fresh_directory
from relayctl.demo.summary import answered, bars, program_name
from relayctl.errors import RelayctlError

NOW = datetime(2026, 11, 23, 9, 5, 7, tzinfo=UTC)


def test_bars_are_proportional_and_the_largest_fills_the_width() -> None:
    rows = [("Mon", Decimal(4), "4"), ("Tue", Decimal(2), "2"), ("Wed", Decimal(0), "0")]
    assert bars(rows, width=16) == ["Mon  4  ████████", "Tue  2  ████", "Wed  0"]


def test_bars_use_eighths_and_show_small_amounts() -> None:
    rows = [("a", Decimal(16), ""), ("b", Decimal(1), ""), ("c", Decimal("0.001"), "")]
    assert [line[5:] for line in bars(rows, width=7)] == ["██", "▏", "▏"]


def test_bars_in_ascii() -> None:
    assert bars([("a", Decimal(2), "x"), ("b", Decimal(1), "y")], width=10, ascii_only=True) == [
        "a  x  ####",
        "b  y  ##",
    ]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], []),
        ([("a", Decimal(0), "0 USD")], ["a  0 USD"]),  # nothing spent
        (
            [("a-very-long-label", Decimal(1), "1 USD")],
            ["a-very-long-label  1 USD  █"],
        ),  # no space for the bar
    ],
)
def test_bars_of_edge_cases(rows: list[tuple[str, Decimal, str]], expected: list[str]) -> None:
    assert bars(rows, width=10) == expected


def test_answers_are_counted_by_status() -> None:
    statuses = Counter({429: 2, 200: 1234})
    assert answered(statuses) == "1,236 requests answered: 1,234 with 200, 2 with 429"
    assert answered(Counter({200: 1})) == "1 request answered: 1 with 200"


def test_program_on_the_path_is_called_by_its_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "relayctl"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert program_name(str(program)) == "relayctl"
    monkeypatch.setenv("PATH", "/nowhere")
    assert program_name(str(program)) == str(program)
    monkeypatch.chdir(tmp_path)
    assert program_name(str(program)) == "./relayctl"


def test_other_program_of_the_same_name_is_not_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("ours", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "relayctl").write_text("#!/bin/sh\n")
        (tmp_path / name / "relayctl").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "other"))
    monkeypatch.chdir(tmp_path)
    assert program_name(str(tmp_path / "ours" / "relayctl")) == "ours/relayctl"


def test_each_run_has_its_own_directory(tmp_path: Path) -> None:
    made = [fresh_directory(tmp_path / "var" / "demo", NOW) for _ in range(3)]
    assert [path.name for path in made] == [
        "20261123T090507Z",
        "20261123T090507Z-2",
        "20261123T090507Z-3",
    ]
    assert all(path.is_dir() for path in made)


def test_file_in_place_of_the_directory_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "demo").write_text("")
    with pytest.raises(RelayctlError, match=r"demo is not a directory: choose another place with --dir$"):
        fresh_directory(tmp_path / "demo", NOW)
    with pytest.raises(RelayctlError, match=r"cannot be made \(Not a directory\): choose another place"):
        fresh_directory(tmp_path / "demo" / "below", NOW)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_unwritable_parent_directory_is_one_sentence() -> None:
    with pytest.raises(RelayctlError, match=r"^/proc/20261123T090507Z cannot be made \(.+\): choose another"):
        fresh_directory(Path("/proc"), NOW)
