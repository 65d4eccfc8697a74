"""Upstreams over TLS: which certificates are trusted, and how unreachable upstreams are reported."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trustme

from proxy.config.upstreams import Timeouts
from proxy.upstream.client import Client
from tests.support.wire import (
    CHUNKED,
    OK,
    Asking,
    Peer,
    Script,
    Wire,
    answering,
    becomes,
    on_every_loop,
    once,
    speaking,
)

UNREACHABLE = (502, "upstream_unreachable", False)
BIG = bytes(range(256)) * 10_000


@asynccontextmanager
async def asking_by_tls(
    certificate: trustme.LeafCert, *scripts: Script, host: str = "localhost"
) -> AsyncIterator[tuple[Wire, Asking, list[str | None]]]:
    """A provider with this certificate, a client of it, and the host names that the client asked for."""
    names: list[str | None] = []
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(context)
    context.sni_callback = lambda _, name, __: names.append(name)
    client = Client()
    async with speaking(*scripts, tls=context) as wire:
        url = wire.url.replace("127.0.0.1", host)
        try:
            yield wire, Asking(client, url, Timeouts(connect=20)), names
        finally:
            await client.close()


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """An authority that this process trusts by the standard variable."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    return authority


@on_every_loop
async def test_private_authority_is_trusted_by_ssl_cert_file(authority: trustme.CA) -> None:
    certificate = authority.issue_cert("localhost")
    async with asking_by_tls(certificate, answering(OK)) as (wire, up, names):
        for _ in range(3):
            assert await up.ask(body=BIG) == (200, b"hi")
        assert wire.connections == 1
        assert names == ["localhost"]
        assert wire.requests[0].partition(b"\r\n\r\n")[2] == BIG


@on_every_loop
async def test_large_answers_and_ends_are_the_same_over_tls(authority: trustme.CA) -> None:
    certificate = authority.issue_cert("localhost")
    large = CHUNKED + b"%x\r\n%b\r\n0\r\n\r\n" % (len(BIG), BIG)
    cut = CHUNKED + b"2\r\nhi\r\n"
    async with asking_by_tls(certificate, once(large), once(cut)) as (wire, up, _):
        assert await up.ask() == (200, BIG)
        await becomes(lambda: wire.open == 0)
        assert (await up.fault("ended before"))[1] == "upstream_broken"


@on_every_loop
async def test_certificate_of_another_authority_or_host_is_not_trusted(
    authority: trustme.CA,
) -> None:
    stranger = trustme.CA().issue_cert("localhost")
    async with asking_by_tls(stranger, answering(OK)) as (wire, up, _):
        assert await up.fault("certificate is not trusted") == UNREACHABLE
        assert wire.requests == []
    other = authority.issue_cert("elsewhere.example")
    async with asking_by_tls(other, answering(OK)) as (wire, up, _):
        assert await up.fault("certificate is not trusted.*localhost") == UNREACHABLE
        assert wire.requests == []


@on_every_loop
async def test_ip_address_is_checked_against_the_certificate(authority: trustme.CA) -> None:
    certificate = authority.issue_cert("127.0.0.1")
    async with asking_by_tls(certificate, answering(OK), host="127.0.0.1") as (_, up, names):
        assert await up.ask() == (200, b"hi")
        assert names == [None]


@on_every_loop
async def test_server_without_tls_is_unreachable() -> None:
    async def plain(peer: Peer) -> None:
        await peer.say(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await peer.until_gone()

    client = Client()
    async with speaking(plain) as wire:
        up = Asking(client, wire.url.replace("http", "https"), Timeouts(connect=20))
        assert await up.fault("does not speak TLS") == UNREACHABLE
        await client.close()


# (case, URL, what is said)
NOWHERE = [
    ("nobody listens", "http://127.0.0.1:1", "connection refused"),
    ("no such name", "http://relay-test.invalid", "no address"),
    ("what can be no name", f"http://{'a' * 70}.test", "no address"),
]


@pytest.mark.parametrize(("url", "says"), [row[1:] for row in NOWHERE], ids=[row[0] for row in NOWHERE])
@on_every_loop
async def test_unreachable_upstream_is_reported_with_the_reason(url: str, says: str) -> None:
    client = Client()
    assert (
        await Asking(client, url, Timeouts(connect=20)).fault(f"'up' cannot be reached: .*{says}")
        == UNREACHABLE
    )
    await client.close()
