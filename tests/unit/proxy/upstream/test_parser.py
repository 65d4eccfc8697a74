"""An upstream's answer is parsed by the rules of HTTP, alike at any cuts, or refused."""

from __future__ import annotations

import itertools
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proxy.upstream.parser import MAX_HEAD_BYTES, AnswerParser, BrokenError, Message
from tests.support.arbitrary import UNTIMED

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"

TOO_LONG = 2 * MAX_HEAD_BYTES + 100


def read(*parts: bytes, method: str = "POST") -> tuple[Message, bytes]:
    """The answer in these parts, and its body."""
    message, parser, body = Message(method), AnswerParser(), b""
    parser.expect(message)
    for part in parts:
        parser.feed(part)
        body += message.take()
    return message, body


# (case, what the upstream sends, status, body, whether it ended, whether the connection can be kept)
ANSWERS: list[tuple[str, bytes, int, bytes, bool, bool]] = [
    ("by length", OK + b"Content-Length: 5\r\n\r\nhello", 200, b"hello", True, True),
    ("of no length", OK + b"Content-Length: 0\r\n\r\n", 200, b"", True, True),
    ("not whole yet", OK + b"Content-Length: 6\r\n\r\nhello", 200, b"hello", False, True),
    ("no reason", b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nxx", 200, b"xx", True, True),
    ("to be closed",
     OK + b"Connection: a, Close\r\nContent-Length: 2\r\n\r\nxx", 200, b"xx", True, False),
    ("until the connection ends", OK + b"\r\nxx", 200, b"xx", False, False),
    ("HTTP/1.0", b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nxx", 200, b"xx", True, False),
    ("HTTP/1.0 that is kept",
     b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nxx", 200, b"xx", True, True),
    ("HTTP/1.0 until the end",
     b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\nxx", 200, b"xx", False, False),
    ("chunks", CHUNKED + b"5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n", 200, b"hello!", True, True),
    ("chunks without their end", CHUNKED + b"5\r\nhello\r\n0\r\n", 200, b"hello", False, True),
    ("chunk extensions", CHUNKED + b'5;a=b;c="d;e"\r\nhello\r\n0;f\r\n\r\n', 200, b"hello", True, True),
    ("a padded chunk size", CHUNKED + b"5  \r\nhello\r\n0\r\n\r\n", 200, b"hello", True, True),
    ("chunk sizes in capitals", CHUNKED + b"00A\r\n0123456789\r\n0\r\n\r\n", 200, b"0123456789", True, True),
    ("trailers", CHUNKED + b"1\r\nx\r\n0\r\nX: 9\r\nT:\r\n\r\n", 200, b"x", True, True),
    ("204 with a length", b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", 204, b"", True, True),
    ("304 with a length", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", 304, b"", True, True),
    ("304 of chunks",
     b"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n", 304, b"", True, True),
    ("100 first",
     b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", 200, b"x", True, True),
    ("103, 103, 199 first", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nContent-Length: 3\r\n\r\n" * 2
     + b"HTTP/1.1 199 ?\r\n\r\nHTTP/1.1 429 Too Many\r\nContent-Length: 1\r\n\r\nx", 429, b"x", True, True),
    ("a line end after it", OK + b"Content-Length: 1\r\n\r\nx\r\n", 200, b"x", True, True),
    ("an upgrade that is only offered",
     OK + b"Connection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 1\r\n\r\nx", 200, b"x", True, True),
    ("a line end in front", b"\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", 200, b"x", True, True),
]  # fmt: skip


@pytest.mark.parametrize("row", ANSWERS, ids=[row[0] for row in ANSWERS])
def test_answer_is_parsed_alike_at_any_cuts(row: tuple[str, bytes, int, bytes, bool, bool]) -> None:
    _, wire, *expected = row
    cuts = [[wire], [wire[at : at + 1] for at in range(len(wire))]]
    cuts += [[wire[:at], wire[at:]] for at in range(1, len(wire))]
    heads = set()
    for parts in cuts:
        message, body = read(*parts)
        assert [message.status, body, message.ended, message.keep_alive] == expected, parts
        heads.add(tuple(message.headers.items()))
    assert len(heads) == 1


BAD: list[tuple[str, bytes]] = [
    ("another protocol", b"SSH-2.0-OpenSSH_9.2\r\n"),
    ("TLS", b"\x16\x03\x01\x02\x00"),
    ("a request", b"GET / HTTP/1.1\r\n\r\n"),
    ("HTTP/1.2", b"HTTP/1.2 200 OK\r\nContent-Length: 0\r\n\r\n"),
    ("a status of two digits", b"HTTP/1.1 99 OK\r\nContent-Length: 0\r\n\r\n"),
    ("a status of four", b"HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n"),
    ("status 000 with a body", b"HTTP/1.1 000 OK\r\nContent-Length: 2\r\n\r\nxx"),
    ("a 1xx with a body", b"HTTP/1.1 199 ?\r\nContent-Length: 2\r\n\r\nxxHTTP/1.1 200 OK\r\n\r\n"),
    ("length and chunks", OK + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"),
    ("chunks and length", OK + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"),
    ("two lengths", OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n"),
    ("a list of lengths", OK + b"Content-Length: 5, 5\r\n\r\n"),
    ("a length with a sign", OK + b"Content-Length: +5\r\n\r\n"),
    ("a length past counting", OK + b"Content-Length: 99999999999999999999\r\n\r\n"),
    ("an empty length", OK + b"Content-Length:\r\n\r\n"),
    ("gzip in transfer", OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    ("chunks inside gzip", OK + b"Transfer-Encoding: chunked, gzip\r\n\r\n"),
    ("an unknown transfer encoding", OK + b"Transfer-Encoding: xchunked\r\n\r\n"),
    ("a space before the colon", OK + b"X : a\r\n\r\n"),
    ("a folded header", OK + b"X: a\r\n b\r\n\r\n"),
    ("a NUL in a header", OK + b"X: a\0b\r\n\r\n"),
    ("bare line feeds", b"HTTP/1.1 200 OK\nContent-Length: 0\n\n"),
    ("a chunk size that is none", CHUNKED + b"z\r\n"),
    ("a length in the trailers", CHUNKED + b"0\r\nContent-Length: 9\r\n\r\n"),
    ("a negative chunk size", CHUNKED + b"-1\r\n"),
    ("a chunk size past counting", CHUNKED + b"fffffffffffffffff\r\n"),
    ("a chunk longer than its size", CHUNKED + b"1\r\nxy\r\n0\r\n\r\n"),
    ("a chunk line ended by LF", CHUNKED + b"1\nx\r\n"),
    ("101", b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"),
    ("101 to nothing", b"HTTP/1.1 101 Switching\r\n\r\n"),
    ("a head without end", OK + b"X: y\r\n" * TOO_LONG),
    ("a header without end", OK + b"X: " + b"y" * TOO_LONG),
    ("a head too long", OK + b"X: " + b"y" * TOO_LONG + b"\r\nContent-Length: 0\r\n\r\n"),
    ("a reason without end", b"HTTP/1.1 200 " + b"y" * TOO_LONG),
    ("1xx without end", b"HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n" * 6000),
    ("a chunk extension without end", CHUNKED + b"1;" + b"y" * TOO_LONG),
    ("trailers without end", CHUNKED + b"0\r\n" + b"X: y\r\n" * TOO_LONG),
]  # fmt: skip


@pytest.mark.parametrize("wire", [row[1] for row in BAD], ids=[row[0] for row in BAD])
@pytest.mark.parametrize("size", [1, 7, 4096, 1 << 20])
def test_invalid_answer_is_refused_at_any_cuts(wire: bytes, size: int) -> None:
    if len(wire) > 300:
        size = max(size, 97)
    with pytest.raises(BrokenError) as refused:
        read(*(wire[at : at + size] for at in range(0, len(wire), size)))
    assert "yyyy" not in str(refused.value)


@given(st.binary(max_size=300), st.sampled_from([b"", OK, CHUNKED]), st.integers(1, 9))
@example(b"HTTP/1.1 100 \r\n\r\nHTTP/1.1 100 \r\n\r\n", b"", 1)
@UNTIMED
def test_arbitrary_bytes_are_parsed_or_refused(noise: bytes, start: bytes, size: int) -> None:
    wire = start + noise
    with suppress(BrokenError):
        read(*(wire[at : at + size] for at in range(0, len(wire), size)))


NAMES = st.text("aZ-", min_size=1, max_size=6)
VALUES = st.text("!~aé:; ", max_size=8).map(str.strip)


@given(
    st.lists(st.binary(min_size=1, max_size=40), max_size=6),
    st.lists(st.tuples(NAMES, VALUES)),
    st.lists(st.integers(0, 600), max_size=8),
    st.booleans(),
)  # fmt: skip
@UNTIMED
def test_body_and_headers_arrive_as_sent(
    chunks: list[bytes], headers: list[tuple[str, str]], cuts: list[int], by_length: bool
) -> None:
    framing = {"content-length", "transfer-encoding", "connection", "upgrade"}
    headers = [(f"X-{name}", value) for name, value in headers if name.lower() not in framing]
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    if by_length:
        frame, body = f"Content-Length: {sum(map(len, chunks))}\r\n", b"".join(chunks)
    else:
        frame = "Transfer-Encoding: chunked\r\n"
        body = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
    wire = f"HTTP/1.1 200 OK\r\n{lines}{frame}\r\n".encode() + body
    borders = [0, *sorted(min(cut, len(wire)) for cut in cuts), len(wire)]
    message, got = read(*(wire[start:end] for start, end in itertools.pairwise(borders) if start < end))
    assert (message.status, got, message.ended, message.keep_alive) == (200, b"".join(chunks), True, True)
    assert list(message.headers.items())[:-1] == headers


def test_body_ends_with_the_connection_only_without_a_length() -> None:
    cases = [
        (b"\r\n", True),
        (b"Content-Length: 3\r\n\r\n", False),
        (b"Transfer-Encoding: chunked\r\n\r\n", False),
    ]
    for rest, expected in cases:
        assert read(OK + rest)[0].until_close is expected
    assert not read(OK)[0].until_close


def test_header_bytes_that_are_not_utf_8_survive() -> None:
    message, _ = read(OK + b"X: \xff\xc3\xa9  \t\r\nContent-Length: 0\r\n\r\n")
    assert message.headers["x"] == "\udcffé"


# (the framing of the head, a body that some servers send all the same)
HEADS = [
    (b"Content-Length: 5", b"hello"),
    (b"Transfer-Encoding: chunked", b"5\r\nhello\r\n"),
    (b"X: y", b"hello"),
]


@pytest.mark.parametrize(("frame", "sent"), HEADS)
def test_answer_to_head_has_no_body_and_ends_the_connection(frame: bytes, sent: bytes) -> None:
    for parts in ([OK + frame + b"\r\n\r\n"], [OK + frame + b"\r\n\r\n", sent]):
        message, body = read(*parts, method="HEAD")
        assert (message.status, body, message.ended, message.keep_alive) == (200, b"", True, False)


def test_bytes_after_the_end_of_an_answer_are_refused() -> None:
    message, parser = Message("POST"), AnswerParser()
    parser.expect(message)
    with pytest.raises(BrokenError, match="bytes follow the end"):
        parser.feed(OK + b"Content-Length: 1\r\n\r\nxHTTP/1.1 200 OK\r\n")
    assert (message.take(), message.ended) == (b"x", True)


def test_one_parser_fills_many_messages() -> None:
    parser, messages, unheard = AnswerParser(), [], []
    for number in range(3):
        messages.append(message := Message("POST"))
        parser.expect(message)
        unheard.append(parser.has_input)
        parser.feed(OK + b"X: %d\r\nTransfer-Encod" % number)
        assert parser.has_input
        parser.feed(b"ing: chunked\r\n\r\n1\r\n%d\r\n0\r\nT: 1\r\nT: 2\r\n\r\n" % number)
    parsed = [(message.headers["X"], message.take()) for message in messages]
    assert parsed == [("0", b"0"), ("1", b"1"), ("2", b"2")]
    assert [list(message.headers) for message in messages] == [["X", "Transfer-Encoding"]] * 3
    assert unheard == [False] * 3
