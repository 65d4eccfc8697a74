"""Undoes the compression of an answer that came compressed although plain bytes were asked for.

In pieces of bounded size: an answer that swells a thousandfold never stands in memory whole.
"""

from __future__ import annotations

import zlib
from typing import Final

from proxy.upstream.parser import BrokenError

MAX_PIECE_BYTES: Final = 262_144
_GZIP: Final = zlib.MAX_WBITS | 16


class Decoder:
    """One compressed body: `feed` what arrives, `take` until nothing comes, `finish` at its end."""

    def __init__(self, encoding: str) -> None:
        """Raises `BrokenError` for an encoding other than gzip and deflate."""
        if encoding not in {"gzip", "x-gzip", "deflate"}:
            raise BrokenError("it is compressed in a way that Relay did not ask for and cannot read")
        self._gzip = encoding != "deflate"
        self._inflate = zlib.decompressobj(_GZIP)
        self._rest = b""
        self._begun = False

    def feed(self, data: bytes) -> None:
        """Adds what has arrived (never nothing)."""
        if not self._begun and not self._gzip:  # "deflate" is zlib's format, but some servers send it bare
            bare = data[0] & 0x0F != zlib.DEFLATED
            self._inflate = zlib.decompressobj(-zlib.MAX_WBITS if bare else zlib.MAX_WBITS)
        self._begun = True
        self._rest += data

    def take(self) -> bytes:
        """The next decoded piece, empty when more must be fed. Raises `BrokenError`."""
        while not self._inflate.eof or self._another_member():
            try:
                piece = self._inflate.decompress(self._rest, MAX_PIECE_BYTES)
            except zlib.error as error:
                raise BrokenError("its compressed body is damaged") from error
            self._rest = self._inflate.unconsumed_tail or self._inflate.unused_data
            if piece or not self._inflate.eof:
                return piece
        return b""

    def finish(self) -> None:
        """The body has ended. Raises `BrokenError` when it was cut off before."""
        if self._begun and not self._inflate.eof:
            raise BrokenError("its compressed body ended too early")

    def _another_member(self) -> bool:
        """Whether another gzip member follows; anything else is padding, and dropped."""
        if not self._gzip or not self._rest.startswith(b"\x1f"):
            self._rest = b""
            return False
        self._inflate = zlib.decompressobj(_GZIP)
        return True
