"""Limits of a single key: issued with it, stored with its hash, and validated."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner

from proxy.errors import KeysError
from proxy.request import keys
from proxy.request.keys import KeyLimits
from relayctl.commands.keys import command


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "relay.yaml"
    path.write_text(f"keys: {{file: {tmp_path / 'keys.yaml'}}}")
    return path


def issue(config: Path, *options: str) -> tuple[int, str]:
    """Return exit code and stderr of `relayctl keys issue`."""
    arguments = ["issue", "--config", str(config), "--user", "ada", "--team", "engines", *options]
    result = CliRunner().invoke(command, arguments)
    return result.exit_code, result.stderr


def test_key_is_issued_with_its_limits(config: Path, tmp_path: Path) -> None:
    options = ["--rpm", "5", "--tpm", "1000", "--concurrency", "2", "--tokens-per-day", "5000000000"]
    assert issue(config, *options, "--usd-per-day", "2.50")[0] == 0
    assert issue(config)[0] == 0
    limited, free = keys.read(tmp_path / "keys.yaml").keys
    assert (limited.rpm, limited.tpm, limited.concurrency) == (5, 1000, 2)
    assert (limited.tokens_per_day, limited.usd_per_day) == (5_000_000_000, Decimal("2.50"))
    assert (free.rpm, free.tpm, free.concurrency, free.tokens_per_day, free.usd_per_day) == (None,) * 5


OPTIONS = [
    ("--rpm", "0", "0 is not in the range"),
    ("--usd-per-day", "much", "'much' is not an amount such as 2.50"),
    ("--usd-per-day", "0", "0 is not above 0 and at most 1000000"),
    ("--usd-per-day", "NaN", "NaN is not above 0 and at most 1000000"),
]


@pytest.mark.parametrize(("option", "value", "message"), OPTIONS)
def test_invalid_limit_option_is_wrong_usage(config: Path, option: str, value: str, message: str) -> None:
    code, stderr = issue(config, option, value)
    assert code == 2
    assert message in stderr


LINES = [
    ("rpm: 0", "Expected `int` >= 1 - at `$.keys[0].rpm`"),
    ("tpm: many", "Expected `int | null`, got `str` - at `$.keys[0].tpm`"),
    ("usd_per_day: '-1'", "usd_per_day is not above 0 and at most 1000000"),
]


@pytest.mark.parametrize(("line", "message"), LINES)
def test_invalid_limit_in_the_file_is_reported(tmp_path: Path, line: str, message: str) -> None:
    file = tmp_path / "keys.yaml"
    keys.issue(file, user="ada", team="engines", limits=KeyLimits(rpm=5))
    name = line.partition(":")[0]
    text = file.read_text().replace(f"  {name}: 5\n", "").replace(f"  {name}: null\n", "")
    file.write_text(text.replace("  user: ada\n", f"  user: ada\n  {line}\n"))
    with pytest.raises(KeysError) as caught:
        keys.read(file)
    assert message in str(caught.value)
