"""A compressed answer is decompressed alike at any cuts, in small chunks."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.upstream.decoding import MAX_CHUNK_BYTES, Decoder
from proxy.upstream.parser import BrokenError
from tests.support.arbitrary import UNTIMED


def bare_deflate(data: bytes) -> bytes:
    """Deflate without zlib's head and sum, as some servers send it."""
    deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return deflate.compress(data) + deflate.flush()


def two_members(data: bytes) -> bytes:
    """A gzip file of several parts."""
    half = len(data) // 2
    return gzip.compress(data[:half]) + gzip.compress(b"") + gzip.compress(data[half:])


CODINGS: list[tuple[str, Callable[[bytes], bytes]]] = [
    ("gzip", gzip.compress),
    ("x-gzip", gzip.compress),
    ("gzip", two_members),
    ("gzip", lambda data: gzip.compress(data) + b"\0" * 40),  # padded
    ("deflate", zlib.compress),
    ("deflate", bare_deflate),
]


def decoded(encoding: str, *fragments: bytes) -> list[bytes]:
    """What comes out, fragment by fragment, of a body in these fragments."""
    decoder, out = Decoder(encoding), []
    for fragment in fragments:
        decoder.feed(fragment)
        while fragment := decoder.take():
            out.append(fragment)
    decoder.finish()
    return out


@given(st.sampled_from(CODINGS), st.binary(max_size=400), st.integers(1, 40))
@UNTIMED
def test_decoded_body_is_what_was_compressed(
    coding: tuple[str, Callable[[bytes], bytes]], data: bytes, size: int
) -> None:
    encoding, compress = coding
    wire = compress(data)
    assert b"".join(decoded(encoding, *(wire[at : at + size] for at in range(0, len(wire), size)))) == data


@pytest.mark.parametrize(("encoding", "compress"), CODINGS)
def test_compression_bomb_comes_in_small_chunks(encoding: str, compress: Callable[[bytes], bytes]) -> None:
    data = bytes(50 * MAX_CHUNK_BYTES + 7)
    fragments = decoded(encoding, compress(data))
    assert b"".join(fragments) == data
    assert max(map(len, fragments)) <= MAX_CHUNK_BYTES


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_empty_body_is_complete(encoding: str) -> None:
    assert decoded(encoding) == []


@pytest.mark.parametrize(("encoding", "compress"), CODINGS[:2] + CODINGS[4:])
def test_truncated_body_is_broken(encoding: str, compress: Callable[[bytes], bytes]) -> None:
    wire = compress(b"some text that is long enough")
    for end in range(1, len(wire)):
        with pytest.raises(BrokenError):
            decoded(encoding, wire[:end])


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_corrupt_body_is_broken(encoding: str) -> None:
    with pytest.raises(BrokenError, match="damaged"):
        decoded(encoding, b"\x07plain text that was never compressed")


def test_thousands_of_empty_members_do_not_recurse() -> None:
    assert decoded("gzip", gzip.compress(b"") * 5000 + gzip.compress(b"x")) == [b"x"]


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "compress", "unheard-of"])
def test_unsupported_encoding_is_reported(encoding: str) -> None:
    with pytest.raises(BrokenError, match="in a way that Relay did not ask for"):
        Decoder(encoding)
