"""Both ledgers keep the same promises: nothing is sent by two, and what the dead leave is found."""

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
    """Opens the ledger of a project, as one more process does."""
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


def inherited(heir: Ledger) -> list[SentSpan]:
    """What it takes over, as soon as PostgreSQL has noticed that the dead one's connection has ended."""
    limit = time.monotonic() + 30
    while not (found := heir.claim_uncertain()):
        assert time.monotonic() < limit, "nothing is inherited"
        time.sleep(0.01)
    return found


def test_what_one_has_claimed_another_cannot(opened: Opening) -> None:
    one, other = opened(), opened()
    assert one.claim(PENDING[:4]) == dict(zip(IDS[:4], STARTS[:4], strict=True))
    assert [*other.claim(PENDING)] == IDS[4:]
    assert one.states([*IDS, "req_unknown"]) == dict.fromkeys(IDS, "inflight")
    assert opened("another project").states(IDS) == {}


def test_the_same_request_twice_in_a_batch_is_claimed_once(opened: Opening) -> None:
    assert [*opened().claim([PENDING[0], PENDING[0]])] == [IDS[0]]


def test_only_what_is_planned_can_be_claimed_again_and_keeps_its_start(opened: Opening) -> None:
    ledger = opened()
    ledger.claim(PENDING)
    ledger.complete(IDS[:2], "accepted")
    ledger.release(IDS[2:4])
    ledger.complete(IDS[4:5], "rejected", "Langfuse answered 400")
    later = [PendingRecord(one, None) for one in RECORDS]
    assert ledger.claim(later) == dict(zip(IDS[2:4], STARTS[2:4], strict=True))
    assert ledger.rejections(9) == [Rejection(IDS[4], STARTS[4], "Langfuse answered 400")]


def test_only_the_dead_are_inherited(opened: Opening) -> None:
    living, dead, heir = opened(), opened(), opened()
    living.claim(PENDING[:2])
    dead.claim(PENDING[2:])
    assert heir.claim_uncertain() == []
    dead.close()
    assert sorted(inherited(heir)) == [SentSpan(*pair) for pair in zip(IDS[2:], STARTS[2:], strict=True)]
    assert opened().claim_uncertain() == []
    # What is not his any more the living one cannot settle.
    living.complete(IDS, "accepted")
    assert heir.states(IDS[2:]) == dict.fromkeys(IDS[2:], "inflight")
    heir.release(IDS[2:])
    assert [*living.claim(PENDING)] == IDS[2:]


def test_counts_say_up_to_when_everything_is_verified(opened: Opening) -> None:
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


def test_what_was_taken_is_told_in_order_and_within_its_time(opened: Opening) -> None:
    ledger = opened()
    ledger.claim([*reversed(PENDING)])
    ledger.complete(IDS[:5], "accepted")
    taken = [sent for page in ledger.accepted_pages(STARTS[1], STARTS[5], 0) for sent in page]
    assert [*ledger.accepted_pages(0, STARTS[5], 60)] == []
    assert taken == [SentSpan(*pair) for pair in zip(IDS[1:5], STARTS[1:5], strict=True)]


def test_a_segment_is_read_again_while_something_of_it_is_planned(opened: Opening) -> None:
    ledger = opened()
    names = ["usage-1.jsonl", "usage-2.jsonl"]
    ledger.complete_segments(names)
    ledger.complete_segments(names)
    assert ledger.completed_segments([*names, "usage-3.jsonl"]) == set(names)
    ledger.claim(PENDING)
    ledger.release(IDS)
    assert ledger.completed_segments(names) == {"usage-2.jsonl"}


def test_a_ledger_that_cannot_be_used_is_one_sentence(tmp_path: Path, database_url: str) -> None:
    (tmp_path / "file").write_text("no database at all, but long enough to be looked at as one")
    with pytest.raises(EtlError, match=r"the ledger .*file cannot be used: .*--ledger"):
        SqliteLedger(tmp_path / "file", "u", "p")
    with pytest.raises(EtlError, match="relayctl etl migrate"):
        PostgresLedger.open(database_url, "u", "p")
