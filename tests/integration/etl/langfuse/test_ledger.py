"""Both ledgers keep the same promises: nothing is sent by two, and what the dead leave is found."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from etl.errors import EtlError
from etl.langfuse.ledger import Item, Ledger, Refusal, Sent
from etl.langfuse.postgres_ledger import PostgresLedger
from etl.langfuse.span import moment, started_ms
from etl.langfuse.sqlite_ledger import LocalLedger
from tests.support.langfuse.export import spread

Opening = Callable[..., Ledger]
RECORDS = spread(6)
IDS = [one.request_id for one in RECORDS]
ITEMS = [Item(one, "usage-1.jsonl") for one in RECORDS]
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
            ledgers.append(LocalLedger(tmp_path / "ledger.sqlite", "https://langfuse.test", project))
        return ledgers[-1]

    yield open_
    for ledger in ledgers:
        ledger.close()


def inherited(heir: Ledger) -> list[Sent]:
    """What it takes over, as soon as PostgreSQL has noticed that the dead one's connection has ended."""
    limit = time.monotonic() + 30
    while not (found := heir.adopt()):
        assert time.monotonic() < limit, "nothing is inherited"
        time.sleep(0.01)
    return found


def test_what_one_has_claimed_another_cannot(opened: Opening) -> None:
    one, other = opened(), opened()
    assert one.claim(ITEMS[:4]) == dict(zip(IDS[:4], STARTS[:4], strict=True))
    assert [*other.claim(ITEMS)] == IDS[4:]
    assert one.states([*IDS, "req_unknown"]) == dict.fromkeys(IDS, "inflight")
    assert opened("another project").states(IDS) == {}


def test_the_same_request_twice_in_a_batch_is_claimed_once(opened: Opening) -> None:
    assert [*opened().claim([ITEMS[0], ITEMS[0]])] == [IDS[0]]


def test_only_what_is_planned_can_be_claimed_again_and_keeps_its_start(opened: Opening) -> None:
    ledger = opened()
    ledger.claim(ITEMS)
    ledger.settle(IDS[:2], "accepted")
    ledger.settle(IDS[2:4], "planned")
    ledger.settle(IDS[4:5], "rejected", "Langfuse answered 400")
    later = [Item(one, None) for one in RECORDS]
    assert ledger.claim(later) == dict(zip(IDS[2:4], STARTS[2:4], strict=True))
    assert ledger.rejects(9) == [Refusal(IDS[4], STARTS[4], "Langfuse answered 400")]


def test_only_the_dead_are_inherited(opened: Opening) -> None:
    living, dead, heir = opened(), opened(), opened()
    living.claim(ITEMS[:2])
    dead.claim(ITEMS[2:])
    assert heir.adopt() == []
    dead.close()
    assert sorted(inherited(heir)) == [Sent(*pair) for pair in zip(IDS[2:], STARTS[2:], strict=True)]
    assert opened().adopt() == []
    # What is not his any more the living one cannot settle.
    living.settle(IDS, "accepted")
    assert heir.states(IDS[2:]) == dict.fromkeys(IDS[2:], "inflight")
    heir.settle(IDS[2:], "planned")
    assert [*living.claim(ITEMS)] == IDS[2:]


def test_counts_say_up_to_when_everything_is_verified(opened: Opening) -> None:
    ledger = opened()
    assert ledger.counts().verified_until is None
    ledger.claim(ITEMS)
    ledger.settle(IDS[:5], "accepted")
    ledger.settle(IDS[5:], "planned")
    quiet = ledger.counts().quiet_seconds
    assert quiet is not None
    assert quiet >= 0
    ledger.verify(STARTS[0], STARTS[3])
    counts = ledger.counts()
    assert (counts.planned, counts.inflight, counts.accepted, counts.verified) == (1, 0, 2, 3)
    assert counts.verified_until == moment(STARTS[2] + 1)
    ledger.lose(IDS[:1], 60)
    assert ledger.states(IDS[:1]) == {IDS[0]: "verified"}
    ledger.lose(IDS[:1], 0)
    assert ledger.counts().verified_until == moment(STARTS[0])


def test_what_was_taken_is_told_in_order_and_within_its_time(opened: Opening) -> None:
    ledger = opened()
    ledger.claim([*reversed(ITEMS)])
    ledger.settle(IDS[:5], "accepted")
    taken = [sent for page in ledger.taken(STARTS[1], STARTS[5], 0) for sent in page]
    assert [*ledger.taken(0, STARTS[5], 60)] == []
    assert taken == [Sent(*pair) for pair in zip(IDS[1:5], STARTS[1:5], strict=True)]


def test_a_segment_is_read_again_while_something_of_it_is_planned(opened: Opening) -> None:
    ledger = opened()
    names = ["usage-1.jsonl", "usage-2.jsonl"]
    ledger.finish(names)
    ledger.finish(names)
    assert ledger.finished([*names, "usage-3.jsonl"]) == set(names)
    ledger.claim(ITEMS)
    ledger.settle(IDS, "planned")
    assert ledger.finished(names) == {"usage-2.jsonl"}


def test_a_ledger_that_cannot_be_used_is_one_sentence(tmp_path: Path, database_url: str) -> None:
    (tmp_path / "file").write_text("no database at all, but long enough to be looked at as one")
    with pytest.raises(EtlError, match=r"the ledger .*file cannot be used: .*--ledger"):
        LocalLedger(tmp_path / "file", "u", "p")
    with pytest.raises(EtlError, match="relayctl etl migrate"):
        PostgresLedger.open(database_url, "u", "p")
