"""Both ledgers: no request is sent by two processes, and requests of dead processes are taken over."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from etl.errors import EtlError
from etl.langfuse.ledger import Ledger, PendingRecord, Rejection, SentSpan
from etl.langfuse.postgres_ledger import PostgresLedger
from etl.langfuse.span import from_milliseconds, started_ms
from etl.langfuse.sqlite_ledger import SqliteLedger
from tests.support.langfuse.export import spread

Opening = Callable[..., Ledger]
RECORDS = spread(6)
IDS = [one.request_id for one in RECORDS]
PENDING = [PendingRecord(one, "usage-1.jsonl") for one in RECORDS]
STARTS = [started_ms(one.created_at) for one in RECORDS]


@pytest.fixture(params=["postgres", "sqlite"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opening]:
    """Opens the ledger of a project like another process."""
    url = request.getfixturevalue("migrated_url") if request.param == "postgres" else ""
    ledgers: list[Ledger] = []

    def open_(project: str = "p") -> Ledger:
        if url:
            ledgers.append(PostgresLedger.open(url, "https://langfuse.test", project))
        else:
            ledgers.append(SqliteLedger(tmp_path / "ledger.sqlite", "https://langfuse.test", project))
        return ledgers[-1]

    yield open_
    for ledger in ledgers:
        ledger.close()


def taken_over(successor: Ledger) -> list[SentSpan]:
    """Waits until PostgreSQL has noticed the closed connection, and returns what the ledger took over."""
    limit = time.monotonic() + 30
    while not (found := successor.claim_uncertain()):
        assert time.monotonic() < limit, "nothing was taken over"
        time.sleep(0.01)
    return found


def test_claimed_request_cannot_be_claimed_by_another(opened: Opening) -> None:
    one, other = opened(), opened()
    assert one.claim(PENDING[:4]) == dict(zip(IDS[:4], STARTS[:4], strict=True))
    assert [*other.claim(PENDING)] == IDS[4:]
    assert one.states([*IDS, "req_unknown"]) == dict.fromkeys(IDS, "inflight")
    assert opened("another project").states(IDS) == {}


def test_duplicate_in_a_batch_is_claimed_once(opened: Opening) -> None:
    assert [*opened().claim([PENDING[0], PENDING[0]])] == [IDS[0]]


def test_only_planned_requests_are_claimed_again_with_their_start(opened: Opening) -> None:
    ledger = opened()
    ledger.claim(PENDING)
    ledger.complete(IDS[:2], "accepted")
    ledger.release(IDS[2:4])
    ledger.complete(IDS[4:5], "rejected", "Langfuse answered 400")
    later = [PendingRecord(one, None) for one in RECORDS]
    assert ledger.claim(later) == dict(zip(IDS[2:4], STARTS[2:4], strict=True))
    assert ledger.rejections(9) == [Rejection(IDS[4], STARTS[4], "Langfuse answered 400")]


def test_only_requests_of_dead_processes_are_taken_over(opened: Opening) -> None:
    living, dead, successor = opened(), opened(), opened()
    living.claim(PENDING[:2])
    dead.claim(PENDING[2:])
    assert successor.claim_uncertain() == []
    dead.close()
    assert sorted(taken_over(successor)) == [
        SentSpan(*pair) for pair in zip(IDS[2:], STARTS[2:], strict=True)
    ]
    assert opened().claim_uncertain() == []
    # The live process cannot complete requests that another process has claimed.
    living.complete(IDS, "accepted")
    assert successor.states(IDS[2:]) == dict.fromkeys(IDS[2:], "inflight")
    successor.release(IDS[2:])
    assert [*living.claim(PENDING)] == IDS[2:]


def test_counts_contain_the_verified_time(opened: Opening) -> None:
    ledger = opened()
    assert ledger.counts().verified_until is None
    ledger.claim(PENDING)
    ledger.complete(IDS[:5], "accepted")
    ledger.release(IDS[5:])
    quiet = ledger.counts().quiet_seconds
    assert quiet is not None
    assert quiet >= 0
    ledger.mark_verified(STARTS[0], STARTS[3])
    counts = ledger.counts()
    assert (counts.planned, counts.inflight, counts.accepted, counts.verified) == (1, 0, 2, 3)
    assert counts.verified_until == from_milliseconds(STARTS[2] + 1)
    ledger.plan_resend(IDS[:1], 60)
    assert ledger.states(IDS[:1]) == {IDS[0]: "verified"}
    ledger.plan_resend(IDS[:1], 0)
    assert ledger.counts().verified_until == from_milliseconds(STARTS[0])


def test_accepted_requests_are_paged_in_order(opened: Opening) -> None:
    ledger = opened()
    ledger.claim([*reversed(PENDING)])
    ledger.complete(IDS[:5], "accepted")
    taken = [sent for page in ledger.accepted_pages(STARTS[1], STARTS[5], 0) for sent in page]
    assert [*ledger.accepted_pages(0, STARTS[5], 60)] == []
    assert taken == [SentSpan(*pair) for pair in zip(IDS[1:5], STARTS[1:5], strict=True)]


def test_segment_with_planned_requests_is_not_complete(opened: Opening) -> None:
    ledger = opened()
    names = ["usage-1.jsonl", "usage-2.jsonl"]
    ledger.complete_segments(names)
    ledger.complete_segments(names)
    assert ledger.completed_segments([*names, "usage-3.jsonl"]) == set(names)
    ledger.claim(PENDING)
    ledger.release(IDS)
    assert ledger.completed_segments(names) == {"usage-2.jsonl"}


def test_unusable_ledger_is_an_etl_error(tmp_path: Path, database_url: str) -> None:
    (tmp_path / "file").write_text("no database at all, but long enough to be looked at as one")
    with pytest.raises(EtlError, match=r"the ledger .*file cannot be used: .*--ledger"):
        SqliteLedger(tmp_path / "file", "u", "p")
    with pytest.raises(EtlError, match="relayctl etl migrate"):
        PostgresLedger.open(database_url, "u", "p")
