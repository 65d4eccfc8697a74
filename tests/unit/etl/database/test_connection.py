"""Connection errors are one sentence that contains no password."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest

from etl.database.connection import connect
from etl.errors import DatabaseError

MALFORMED = (
    "the database URL is not one that PostgreSQL understands: expected postgresql://user@host:port/database"
)


def test_unreachable_server_is_named_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError) as caught:
        connect(f"host={tmp_path} port=6543 dbname=relay user=ada password=hunter2")
    assert (
        str(caught.value)
        == f"PostgreSQL at {tmp_path}:6543/relay cannot be reached: no such file or directory"
    )


@pytest.mark.parametrize(
    "url",
    [
        "postgres//ada:hunter2@db/relay",  # no colon after the scheme
        "postgresql://ada:hunter2@[db/relay",  # half an IPv6 address
        "postgresql://ada:hunter2@db/relay?nonsense=1",  # an option that does not exist
        "hunter2",  # no URL at all
    ],
)
def test_malformed_url_error_does_not_contain_the_url(url: str) -> None:
    with pytest.raises(DatabaseError) as caught:
        connect(url)
    assert str(caught.value) == MALFORMED
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("parameters", "ending"),
    [
        ("sslmode=hunter2", "cannot be reached: invalid sslmode value"),
        ("connect_timeout=hunter2", "cannot be reached: bad value for connect_timeout"),
    ],
)
def test_invalid_option_is_named_without_its_value(tmp_path: Path, parameters: str, ending: str) -> None:
    with pytest.raises(DatabaseError) as caught:
        connect(f"host={tmp_path} dbname=relay {parameters}")
    assert str(caught.value).endswith(ending)
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))
