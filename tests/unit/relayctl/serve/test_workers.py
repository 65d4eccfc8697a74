"""Restart delays of workers, and the listening sockets."""

from __future__ import annotations

import errno
import gc
import os
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import RelayError
from relayctl.serve import listening, workers

DELAYS = [(1, 0.0), (2, 0.5), (3, 1.0), (4, 2.0), (7, 16.0), (8, 30.0), (10_000, 30.0)]


@pytest.mark.parametrize(("deaths", "seconds"), DELAYS)
def test_restart_delay_grows_with_repeated_deaths(deaths: int, seconds: float) -> None:
    assert workers.delay(deaths) == seconds


@given(deaths=st.integers(1, 10**9))
def test_restart_delay_is_monotonic_and_at_most_half_a_minute(deaths: int) -> None:
    assert 0 <= workers.delay(deaths) <= workers.delay(deaths + 1) <= 30


def test_failed_fork_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    monkeypatch.setattr(workers, "Process", refused)
    supervisor = workers.Supervisor(2, print, on_ready=print, on_exit=print, stop_timeout=1000)
    with pytest.raises(workers.WorkerError) as caught:
        supervisor.run()
    gc.unfreeze()
    assert str(caught.value) == "worker 1 cannot be started: Resource temporarily unavailable"


def test_workers_share_a_port_reserved_from_other_services() -> None:
    reserved = listening.reserve("127.0.0.1", 0)
    mine, theirs = listening.bind_same(reserved), listening.bind_same(reserved)
    try:
        assert len({each.getsockname() for each in (*reserved, *mine, *theirs)}) == 1
        port = reserved[0].getsockname()[1]
        mine[0].listen()
        for take in (listening.bind, listening.reserve):
            with pytest.raises(RelayError) as caught:
                take("127.0.0.1", port)
            message = f"cannot listen on 127.0.0.1:{port}: address already in use; set server.port"
            assert str(caught.value) == message
    finally:
        listening.close([*reserved, *mine, *theirs])


def test_unavailable_address_is_one_sentence() -> None:
    with pytest.raises(RelayError, match=r"^cannot listen on 192\.0\.2\.1:0: .*; set server\.host$"):
        listening.bind("192.0.2.1", 0)


def test_all_addresses_of_a_host_use_the_same_chosen_port() -> None:
    bound = listening.bind("localhost", 0)
    try:
        assert len({each.getsockname()[1] for each in bound}) == 1
        host, port = bound[0].getsockname()[:2]
        shown = f"[{host}]" if bound[0].family == socket.AF_INET6 else host
        assert listening.url(bound, tls=True) == f"https://{shown}:{port}"
    finally:
        listening.close(bound)
