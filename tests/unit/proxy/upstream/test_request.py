"""A request is sent as given, and no value in it can add a line or a request."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from proxy.upstream.request import UnsendableError, prepare_request
from tests.support.arbitrary import UNTIMED

URL = "http://127.0.0.1:8080/v1/x"
LINES = st.text("aX:/? \r\n\0é\udcff", max_size=5)
PARTS = st.text("aX-", min_size=1, max_size=5) | LINES | st.text(max_size=9)

# (case, method, URL, headers, body, the head that is sent)
HEADS: list[tuple[str, str, str, list[tuple[str, str]], bytes, bytes]] = [
    ("a POST", "POST", "https://openai.test/v1/chat", [("Accept", "*/*")], b"{}",
     b"POST /v1/chat HTTP/1.1\r\nHost: openai.test\r\nAccept: */*\r\nContent-Length: 2\r\n\r\n"),
    ("a POST of nothing", "POST", URL, [], b"",
     b"POST /v1/x HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nContent-Length: 0\r\n\r\n"),
    ("a GET", "GET", URL, [], b"", b"GET /v1/x HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n"),
    ("a GET with a body", "GET", URL, [], b"x",
     b"GET /v1/x HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nContent-Length: 1\r\n\r\n"),
    ("no path", "GET", "http://h", [], b"", b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"),
    ("what is escaped stays so", "GET", "http://h/a%2Fb/%7e?q=%20+&r=a/b", [], b"",
     b"GET /a%2Fb/%7e?q=%20+&r=a/b HTTP/1.1\r\nHost: h\r\n\r\n"),
    ("the port of the scheme", "GET", "https://h:443/", [], b"", b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"),
    ("an IPv6 address", "GET", "http://[::1]:81/", [], b"", b"GET / HTTP/1.1\r\nHost: [::1]:81\r\n\r\n"),
    ("a host in another script", "GET", "http://bücher.example/", [], b"",
     b"GET / HTTP/1.1\r\nHost: xn--bcher-kva.example\r\n\r\n"),
    ("a login in the URL", "GET", "http://a:b%40c@h/", [], b"",
     b"GET / HTTP/1.1\r\nHost: h\r\nAuthorization: Basic YTpiQGM=\r\n\r\n"),
    ("a login and a key", "GET", "http://a:b@h/", [("authorization", "Bearer k")], b"",
     b"GET / HTTP/1.1\r\nHost: h\r\nauthorization: Bearer k\r\n\r\n"),
    ("a header twice", "GET", "http://h/", [("X", "1"), ("x", "2")], b"",
     b"GET / HTTP/1.1\r\nHost: h\r\nX: 1\r\nx: 2\r\n\r\n"),
    ("framing of its own", "POST", "http://h/", [
        ("content-length", "9"), ("Transfer-Encoding", "chunked"), ("Host", "evil"), ("Connection", "close"),
     ], b"x", b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n"),
    ("bytes that are no UTF-8", "GET", "http://h/\udcff", [("X", "é\udcfe")], b"",
     b"GET /\xff HTTP/1.1\r\nHost: h\r\nX: \xc3\xa9\xfe\r\n\r\n"),
]  # fmt: skip


@pytest.mark.parametrize("row", HEADS, ids=[row[0] for row in HEADS])
def test_head_of_a_request(row: tuple[str, str, str, list[tuple[str, str]], bytes, bytes]) -> None:
    _, method, url, headers, body, head = row
    request = prepare_request(method, url, CIMultiDict(headers), body)
    assert (request.head, request.body, request.method) == (head, body, method)


# (case, method, URL, header)
UNSENDABLE: list[tuple[str, str, str, tuple[str, str]]] = [
    ("CRLF in a value", "POST", URL, ("X", "secret\r\nY: 1")),
    ("LF in a value", "POST", URL, ("X", "secret\nY: 1")),
    ("CR in a value", "POST", URL, ("X", "secret\rY: 1")),
    ("a value that ends with LF, as a key read from a file may", "POST", URL, ("Authorization", "secret\n")),
    ("NUL in a value", "POST", URL, ("X", "secret\0")),
    ("half a character in a value", "POST", URL, ("X", "secret\ud800")),
    ("CRLF in a name", "POST", URL, ("secret: 1\r\nY", "1")),
    ("a colon in a name", "POST", URL, ("secret: Y", "1")),
    ("a space in a name", "POST", URL, ("secret ", "1")),
    ("no name", "POST", URL, ("", "secret")),
    ("CRLF in the path", "GET", f"{URL} HTTP/1.1\r\nX: secret", ("X", "1")),
    ("a space in the path", "GET", f"{URL} secret", ("X", "1")),
    ("a space in the method", "GET /secret", URL, ("X", "1")),
    ("no method", "", URL, ("X", "secret")),
    ("no host", "GET", "http:///secret", ("X", "1")),
    ("another scheme", "GET", "ftp://secret/", ("X", "1")),
    ("no scheme", "GET", "secret", ("X", "1")),
    ("a port that is none", "GET", "http://secret:99999/", ("X", "1")),
]


@pytest.mark.parametrize("row", UNSENDABLE, ids=[row[0] for row in UNSENDABLE])
def test_unsendable_request_is_refused_without_a_quote(row: tuple[str, str, str, tuple[str, str]]) -> None:
    _, method, url, header = row
    with pytest.raises(UnsendableError) as refused:
        prepare_request(method, url, CIMultiDict([header]), b"")
    assert "secret" not in str(refused.value)


@given(PARTS, PARTS, PARTS, PARTS)
@UNTIMED
def test_head_has_exactly_the_lines_given(name: str, value: str, path: str, method: str) -> None:
    try:
        head = prepare_request(method, f"http://h/{path}", CIMultiDict([(name, value)]), b"x").head
    except UnsendableError:
        return
    lines = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
    own = name.lower() in {"host", "connection", "content-length", "transfer-encoding", "upgrade"}
    assert len(lines) == (3 if own else 4)
    assert head.count(b"\n") == head.count(b"\r") == len(lines) + 1
    assert lines[0].count(b" ") == 2


def test_origins_differ_by_scheme_host_and_port_and_hide_the_login() -> None:
    urls = ["http://h/a", "http://H:80/b", "https://h/", "http://h:81/", "http://i/", "http://a:secret@h/"]
    origins = [prepare_request("GET", url, {}, b"").origin for url in urls]
    assert [origin.key for origin in origins] == [
        "http://h", "http://h", "https://h", "http://h:81", "http://i", "http://h",
    ]  # fmt: skip
    assert "secret" not in repr(origins[-1])
    assert "YTpz" not in repr(origins[-1])
