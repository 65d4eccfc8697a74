"""The TLS certificate of the proxy: validated before use and reloaded when the files change."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Final

from proxy.config.server import Tls
from proxy.errors import RelayError

_Version = tuple[tuple[int, int, int], ...]
_MISMATCH: Final = "KEY_VALUES_MISMATCH"


def _context() -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.set_alpn_protocols(["http/1.1"])
    return context


def _version(files: Tls) -> _Version:
    """Modification time, inode and size of both files, to detect a change. Raises `RelayError`."""
    return tuple(
        _file_version(path, setting)
        for path, setting in ((files.certificate, "certificate"), (files.key, "key"))
    )


def _file_version(path: Path, setting: str) -> tuple[int, int, int]:
    try:
        with path.open("rb") as file:
            file.read(1)
        status = path.stat()
    except OSError as error:
        raise RelayError(f"{path} cannot be read: {error.strerror}; set server.tls.{setting}") from error
    return status.st_mtime_ns, status.st_ino, status.st_size


def _load(context: ssl.SSLContext, files: Tls) -> None:
    def passphrase() -> str:
        raise RelayError(f"the key in {files.key} has a passphrase; give server.tls.key one without")

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(files.certificate)
    except OSError as error:
        raise RelayError(
            f"{files.certificate} holds no certificate in PEM form; set server.tls.certificate"
        ) from error
    try:
        context.load_cert_chain(files.certificate, files.key, password=passphrase)
    except OSError as error:
        if isinstance(error, ssl.SSLError) and error.reason == _MISMATCH:
            raise RelayError(
                f"the key in {files.key} does not belong to the certificate in {files.certificate}; "
                "set server.tls.key"
            ) from error
        raise RelayError(f"{files.key} holds no private key in PEM form; set server.tls.key") from error


class Certificate:
    """A certificate with its key, loaded into the SSL context of new connections."""

    def __init__(self, files: Tls) -> None:
        self.context = _context()
        self._files = files
        self._version: _Version = ()
        self.refresh()

    def refresh(self) -> bool:
        """Reloads changed files and returns whether it did. Raises `RelayError` and keeps the loaded ones."""
        version = _version(self._files)
        if version == self._version:
            return False
        _load(
            _context(), self._files
        )  # validate in a new context, so that an error leaves the current one intact
        _load(self.context, self._files)
        self._version = version
        return True
