"""A compressed answer is decompressed the same whatever the cuts, in pieces that stay small."""

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


def decoded(encoding: str, *pieces: bytes) -> list[bytes]:
    """What comes out, piece by piece, of a body in these pieces."""
    decoder, out = Decoder(encoding), []
    for piece in pieces:
        decoder.feed(piece)
        while piece := decoder.take():
            out.append(piece)
    decoder.finish()
    return out


@given(st.sampled_from(CODINGS), st.binary(max_size=400), st.integers(1, 40))
@UNTIMED
def test_it_is_always_what_was_compressed(
    coding: tuple[str, Callable[[bytes], bytes]], data: bytes, size: int
) -> None:
    encoding, compress = coding
    wire = compress(data)
    assert b"".join(decoded(encoding, *(wire[at : at + size] for at in range(0, len(wire), size)))) == data


@pytest.mark.parametrize(("encoding", "compress"), CODINGS)
def test_an_answer_that_swells_comes_in_small_pieces(
    encoding: str, compress: Callable[[bytes], bytes]
) -> None:
    data = bytes(50 * MAX_CHUNK_BYTES + 7)
    pieces = decoded(encoding, compress(data))
    assert b"".join(pieces) == data
    assert max(map(len, pieces)) <= MAX_CHUNK_BYTES


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_no_body_at_all_is_whole(encoding: str) -> None:
    assert decoded(encoding) == []


@pytest.mark.parametrize(("encoding", "compress"), CODINGS[:2] + CODINGS[4:])
def test_a_body_that_is_cut_off_is_broken(encoding: str, compress: Callable[[bytes], bytes]) -> None:
    wire = compress(b"some text that is long enough")
    for end in range(1, len(wire)):
        with pytest.raises(BrokenError):
            decoded(encoding, wire[:end])


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_damaged_body_is_broken(encoding: str) -> None:
    with pytest.raises(BrokenError, match="damaged"):
        decoded(encoding, b"\x07plain text that was never compressed")


def test_thousands_of_empty_members_are_no_deep_recursion() -> None:
    assert decoded("gzip", gzip.compress(b"") * 5000 + gzip.compress(b"x")) == [b"x"]


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "compress", "unheard-of"])
def test_an_encoding_that_cannot_be_undone_is_said_so(encoding: str) -> None:
    with pytest.raises(BrokenError, match="in a way that Relay did not ask for"):
        Decoder(encoding)
