"""Decompresses answers of upstreams that ignore `Accept-Encoding: identity`.

The output comes in chunks of bounded size, so that a compression bomb never fills the memory.
"""

from __future__ import annotations

import zlib
from typing import Final

from proxy.upstream.parser import BrokenError

MAX_CHUNK_BYTES: Final = 262_144
_GZIP: Final = zlib.MAX_WBITS | 16


class Decoder:
    """One compressed body: `feed` what arrives, `take` until it is empty, `finish` at the end."""

    def __init__(self, encoding: str) -> None:
        """Raises `BrokenError` for an encoding other than gzip and deflate."""
        if encoding not in {"gzip", "x-gzip", "deflate"}:
            raise BrokenError("it is compressed in a way that Relay did not ask for and cannot read")
        self._gzip = encoding != "deflate"
        self._inflate = zlib.decompressobj(_GZIP)
        self._rest = b""
        self._begun = False

    def feed(self, data: bytes) -> None:
        """Adds received bytes, at least one."""
        if (
            not self._begun and not self._gzip
        ):  # "deflate" is zlib's format, but some servers send raw deflate
            raw = data[0] & 0x0F != zlib.DEFLATED
            self._inflate = zlib.decompressobj(-zlib.MAX_WBITS if raw else zlib.MAX_WBITS)
        self._begun = True
        self._rest += data

    def take(self) -> bytes:
        """The next decoded chunk, empty when more must be fed. Raises `BrokenError`."""
        while not self._inflate.eof or self._starts_member():
            try:
                chunk = self._inflate.decompress(self._rest, MAX_CHUNK_BYTES)
            except zlib.error as error:
                raise BrokenError("its compressed body is damaged") from error
            self._rest = self._inflate.unconsumed_tail or self._inflate.unused_data
            if chunk or not self._inflate.eof:
                return chunk
        return b""

    def finish(self) -> None:
        """Ends the body. Raises `BrokenError` when it was cut off."""
        if self._begun and not self._inflate.eof:
            raise BrokenError("its compressed body ended too early")

    def _starts_member(self) -> bool:
        """Whether another gzip member follows; anything else is padding and is dropped."""
        if not self._gzip or not self._rest.startswith(b"\x1f"):
            self._rest = b""
            return False
        self._inflate = zlib.decompressobj(_GZIP)
        return True
