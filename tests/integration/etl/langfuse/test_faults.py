"""Whatever happens between Relay and Langfuse, each record is there once at the end."""

from __future__ import annotations

from pathlib import Path

import pytest

from etl.errors import LangfuseError, LangfuseRefusedError
from etl.langfuse import export as langfuse
from etl.langfuse import sender as langfuse_send
from etl.langfuse.verification import verify
from tests.support.langfuse.export import LAG, expected, held, settings, spread, write
from tests.support.langfuse.server import langfuse_server
from tests.support.langfuse.state import Behaviour, Fault

RECORDS = spread(600)


@pytest.mark.parametrize("fault", [*Fault], ids=lambda fault: fault.name)
def test_each_fault_leaves_every_record_there_once(tmp_path: Path, fault: Fault) -> None:
    write(tmp_path / "logs", RECORDS)
    with langfuse_server(Behaviour(lag=LAG / 2, drop=0.05)) as server:
        asked = settings(server, tmp_path)
        server.will(fault)
        langfuse.backfill(asked)
        found = verify(asked, repair=True)
        assert held(server.summary()) == expected(RECORDS)
        assert found.agrees
        assert bool(found.lost_count) == (fault is Fault.DROP)
        assert found.resent == found.lost_count
        assert langfuse.status(asked).counts.verified == len(RECORDS)


def test_a_request_too_slow_for_us_is_read_back_and_not_repeated(tmp_path: Path) -> None:
    write(tmp_path / "logs", RECORDS)
    with langfuse_server(Behaviour(slow_posts=1.4)) as server:
        server.will(Fault.SLOW)
        langfuse.backfill(settings(server, tmp_path, timeout=1))
        assert held(server.summary()) == expected(RECORDS)
        assert server.posts == 2


def test_the_one_bad_span_stands_alone_in_the_rejects(tmp_path: Path) -> None:
    bad = spread(2, start=377, user_id="poison")
    good = [one for one in RECORDS if one.request_id not in {two.request_id for two in bad}]
    write(tmp_path / "logs", sorted(good + bad, key=lambda one: one.created_at))
    with langfuse_server() as server:
        asked = settings(server, tmp_path)
        result = langfuse.backfill(asked)
        assert (result.accepted, result.rejected) == (len(good), 2)
        assert held(server.summary()) == expected(good)
        rejects = langfuse.status(asked).rejections
        assert {one.request_id for one in rejects} == {one.request_id for one in bad}
        assert all("Langfuse answered 400: Invalid spans: span" in one.reason for one in rejects)
        assert verify(asked).agrees
        assert langfuse.backfill(asked).accepted == 0


def test_a_body_too_large_for_a_proxy_between_is_divided(tmp_path: Path) -> None:
    write(tmp_path / "logs", RECORDS)
    with langfuse_server(Behaviour(max_body=100_000)) as server:
        assert langfuse.backfill(settings(server, tmp_path)).accepted == len(RECORDS)
        assert held(server.summary()) == expected(RECORDS)


def test_a_server_that_refuses_everything_rejects_nothing(tmp_path: Path) -> None:
    write(tmp_path / "logs", spread(40))
    with langfuse_server(Behaviour(max_body=10)) as server:
        asked = settings(server, tmp_path)
        with pytest.raises(LangfuseRefusedError, match=r"refuses every span: Langfuse answered 413: Body"):
            langfuse.backfill(asked)
        server.behaviour.max_body = 10**9
        assert langfuse.status(asked).counts.rejected == 0
        assert langfuse.backfill(asked).accepted == 40


def test_a_server_that_fails_for_long_ends_the_run_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(langfuse_send, "_ATTEMPTS", 2)
    write(tmp_path / "logs", RECORDS)
    with langfuse_server() as server:
        asked = settings(server, tmp_path)
        server.will(Fault.ERROR_BEFORE, Fault.ERROR_BEFORE)
        with pytest.raises(LangfuseError, match="answered 500; the rest was not sent, run again"):
            langfuse.backfill(asked)
        status = langfuse.status(asked)
        assert (status.waiting, status.counts.planned) == (len(RECORDS), 500)
        langfuse.backfill(asked)
        assert held(server.summary()) == expected(RECORDS)


def test_retry_after_is_waited_for(tmp_path: Path) -> None:
    write(tmp_path / "logs", spread(10))
    with langfuse_server(Behaviour(retry_after=1)) as server:
        server.will(Fault.LIMIT, Fault.LIMIT)
        assert langfuse.backfill(settings(server, tmp_path)).accepted == 10
        assert server.met["LIMIT"] == 2
        assert server.posts == 3


def test_requests_hold_at_most_500_spans_and_3_megabytes(tmp_path: Path) -> None:
    write(tmp_path / "logs", spread(600, model="m" * 500, user_id="u" * 500, provider="p" * 400))
    with langfuse_server() as server:
        assert langfuse.backfill(settings(server, tmp_path)).accepted == 600
        spans, size = server.largest
        assert spans <= 500
        assert size < 3_100_000
