"""The certificate of `server.tls`: errors of one sentence, and reloading."""

from __future__ import annotations

import shutil
import ssl
from pathlib import Path

import pytest
import trustme

from proxy.config.server import Tls
from proxy.errors import RelayError
from relayctl.serve.certificate import Certificate

AUTHORITY = trustme.CA(key_type=trustme.KeyType.RSA)


def issue(directory: Path, name: str) -> None:
    """Writes `<name>.pem`, the certificate with its chain, and `<name>.key`."""
    made = AUTHORITY.issue_cert("127.0.0.1", common_name=name)
    directory.joinpath(f"{name}.pem").write_bytes(b"".join(pem.bytes() for pem in made.cert_chain_pems))
    made.private_key_pem.write_to_path(directory / f"{name}.key")


@pytest.fixture(scope="module")
def pems(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two certificates, `a` and `b`, with their keys, and invalid files."""
    directory = tmp_path_factory.mktemp("pems")
    issue(directory, "a")
    issue(directory, "b")
    (directory / "empty").touch()
    (directory / "words").write_text("hello")
    (directory / "sealed.key").write_text(
        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,"
        "0123456789ABCDEF0123456789ABCDEF\n\n" + "A" * 64 + "\n-----END RSA PRIVATE KEY-----\n"
    )
    return directory


# certificate, key, message; {dir} is their directory
UNUSABLE = [
    ("none", "a.key", "{dir}/none cannot be read: No such file or directory; set server.tls.certificate"),
    ("a.pem", "none", "{dir}/none cannot be read: No such file or directory; set server.tls.key"),
    ("a.pem", ".", "{dir} cannot be read: Is a directory; set server.tls.key"),
    ("words", "a.key", "{dir}/words holds no certificate in PEM form; set server.tls.certificate"),
    ("empty", "a.key", "{dir}/empty holds no certificate in PEM form; set server.tls.certificate"),
    ("a.key", "a.key", "{dir}/a.key holds no certificate in PEM form; set server.tls.certificate"),
    ("a.pem", "words", "{dir}/words holds no private key in PEM form; set server.tls.key"),
    ("a.pem", "a.pem", "{dir}/a.pem holds no private key in PEM form; set server.tls.key"),
    ("a.pem", "sealed.key", "the key in {dir}/sealed.key has a passphrase; give server.tls.key one without"),
    ("a.pem", "b.key",
     "the key in {dir}/b.key does not belong to the certificate in {dir}/a.pem; set server.tls.key"),
]  # fmt: skip


@pytest.mark.parametrize(("certificate", "key", "message"), UNUSABLE)
def test_unusable_certificate_is_one_sentence(pems: Path, certificate: str, key: str, message: str) -> None:
    with pytest.raises(RelayError) as caught:
        Certificate(Tls(certificate=pems / certificate, key=pems / key))
    assert str(caught.value) == message.format(dir=pems)


def test_renewed_certificate_is_used_once_both_files_match(pems: Path, tmp_path: Path) -> None:
    certificate, key = tmp_path / "tls.pem", tmp_path / "tls.key"
    shutil.copy(pems / "a.pem", certificate)
    shutil.copy(pems / "a.key", key)
    served = Certificate(Tls(certificate=certificate, key=key))
    assert not served.refresh()
    assert name_of(served) == "a"
    shutil.copy(pems / "b.pem", certificate)
    with pytest.raises(RelayError, match="does not belong to"):
        served.refresh()
    assert name_of(served) == "a"
    shutil.copy(pems / "b.key", key)
    assert served.refresh()
    assert name_of(served) == "b"


def name_of(certificate: Certificate) -> str:
    """The common name of the served certificate, from an in-memory handshake that selects HTTP/1.1."""
    trusting = ssl.create_default_context()
    AUTHORITY.configure_trust(trusting)
    trusting.set_alpn_protocols(["h2", "http/1.1"])
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = certificate.context.wrap_bio(to_server, to_client, server_side=True)
    client = trusting.wrap_bio(to_client, to_server, server_hostname="127.0.0.1")
    for side in (client, server, client, server):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    assert client.selected_alpn_protocol() == "http/1.1"
    subject = client.getpeercert()
    assert subject is not None
    return dict(pair for row in subject["subject"] for pair in row)["commonName"]  # type: ignore[misc]
