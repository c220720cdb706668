"""The client against a server that doesn't keep to HTTP, to time or to size."""

from __future__ import annotations

import gzip
import json
import re
import resource
import socket
import threading
import time
from collections.abc import Callable, Iterator
from itertools import chain

import pytest

from gisteval.errors import GistevalError
from gisteval.judging.client import ask_all
from gisteval.judging.endpoint import Endpoint
from gisteval.judging.replies import Failure, Reply
from tests.judging.conftest import GOOD, JUDGE, some_comparisons

pytest.importorskip("openai", reason="the extra judge is not installed")
KEY = "sk-planted/0123456789"
USAGE = {"prompt_tokens": 100, "completion_tokens": 10}


def chat(content: str) -> bytes:
    return json.dumps({"choices": [{"message": {"content": content}}], "usage": USAGE}).encode()


def response(body: bytes, *headers: str, length: int | None = None, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body) if length is None else length}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class RawServer:
    """Answers every request with the pieces that `answer` gives, byte for byte, then closes."""

    def __init__(self) -> None:
        self.answer: Callable[[], Iterator[bytes]] = lambda: iter([response(chat(GOOD))])
        self.count = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/v1"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._respond, args=(connection,), daemon=True).start()

    def _respond(self, connection: socket.socket) -> None:
        with connection:
            try:
                head = b""
                while b"\r\n\r\n" not in head:
                    head += connection.recv(65536)
                head, _, body = head.partition(b"\r\n\r\n")
                found = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
                while found and len(body) < int(found[1]):
                    body += connection.recv(65536)
                self.count += 1
                for piece in self.answer():
                    connection.sendall(piece)
            except OSError:
                pass

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def server() -> Iterator[RawServer]:
    raw_server = RawServer()
    yield raw_server
    raw_server.close()


@pytest.fixture
def ask(server: RawServer, monkeypatch) -> Callable[..., list[Reply | Failure]]:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)

    def run(count: int = 1, timeout: float = 10.0) -> list[Reply | Failure]:
        endpoint = Endpoint(server.url, "m", "OPENAI_API_KEY", concurrency=1, timeout=timeout, retries=0)
        answers: list[Reply | Failure] = []
        ask_all(
            JUDGE,
            endpoint,
            None,
            iter(some_comparisons(count)),
            lambda _, answer: answers.append(answer),
        )
        return answers

    return run


def drip(text: bytes) -> Iterator[bytes]:
    for place in range(len(text)):
        yield text[place : place + 1]
        time.sleep(0.1)


@pytest.mark.parametrize("whole", [True, False], ids=["from the head on", "in the body"])
def test_the_timeout_is_of_the_whole_request(server, ask, whole: bool) -> None:
    text = response(chat(GOOD))
    head, end, body = text.partition(b"\r\n\r\n")
    server.answer = lambda: drip(text) if whole else chain([head + end], drip(body))
    start = time.perf_counter()
    assert ask(timeout=0.7) == [Failure("no reply within 0.7 s")]
    assert time.perf_counter() - start < 3.0


def test_waiting_for_a_free_connection_is_no_part_of_the_timeout(server, ask) -> None:
    def slow() -> Iterator[bytes]:
        time.sleep(0.3)
        yield response(chat(GOOD), "Connection: close")

    server.answer = slow
    assert ask(5, timeout=0.6) == [Reply(GOOD, 100, 10)] * 5


def _gigabyte() -> Iterator[bytes]:
    yield response(b"", length=2**30)
    for _ in range(2**10):
        yield b" " * 2**20


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_a_response_is_bounded(server, ask, packed: bool) -> None:
    bomb = gzip.compress(gzip.compress(b" " * 2**28, 9), 9)
    server.answer = lambda: (
        iter([response(bomb, "Content-Encoding: gzip, gzip")]) if packed else _gigabyte()
    )
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    (failure,) = ask()
    assert isinstance(failure, Failure) and "more than 16 MiB" in failure.reason
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kB


@pytest.mark.parametrize(
    "raw",
    [
        response(chat(GOOD), length=20),
        response(chat(GOOD), length=-5),
        response(chat(GOOD), length=100_000),
        b"HTTP/1.1 200 OK\r\n" + b"X: %s\r\n" % (b"a" * 8000) * 2000 + b"\r\n",
        b"\x00\x01\x02 not http\r\n\r\n",
        b"",
        response(b"\x1f\x8b broken", "Content-Encoding: gzip"),
        b"HTTP/1.1 204 No Content\r\n\r\n",
        response(b"[" * 200_000),
    ],
    ids=["short", "negative", "long", "headers", "garbage", "nothing", "no gzip", "204", "deep"],
)
def test_what_is_no_sound_http_is_a_failure(server, ask, raw: bytes) -> None:
    server.answer = lambda: iter([raw])
    try:
        answers = ask(2)
    except GistevalError as error:  # nothing at all, at once: no server is there
        assert "no server answers" in str(error)
    else:
        assert [type(answer) for answer in answers] == [Failure, Failure], answers
        assert all("\n" not in answer.reason and len(answer.reason) < 400 for answer in answers)


@pytest.mark.parametrize("charset", ["rot13", "punycode", "no-such", "utf-8", "'utf-16'"])
def test_a_charset_that_is_none_loses_no_reply(server, ask, charset: str) -> None:
    body = chat(GOOD).decode().encode("utf-16" if "16" in charset else "utf-8")
    server.answer = lambda: iter([response(body, f"Content-Type: application/json; charset={charset}")])
    assert ask() == [Reply(GOOD, 100, 10)]


def test_a_redirect_is_refused(server, ask) -> None:
    other = RawServer()
    for status in ("301 Moved", "302 Found", "307 Temporary", "308 Permanent"):
        server.answer = lambda status=status: iter(
            [response(b"", f"Location: {other.url}/{KEY}", status=status)]
        )
        with pytest.raises(
            GistevalError, match=r"redirects to http://127.0.0.1:\d+/v1/\[key\], which gisteval"
        ):
            ask()
    assert other.count == 0
    other.close()


def test_a_key_that_comes_back_escaped_is_not_kept(server, ask) -> None:
    escaped = "".join(f"\\u{ord(letter):04x}" for letter in KEY)
    bodies = [
        chat(KEY),
        chat("@").replace(b"@", escaped.encode()),
        chat("@").replace(b"@", escaped.replace("\\", "\\\\").encode()),
        chat("@").replace(b"@", KEY.replace("/", "\\/").encode()),
        json.dumps({"choices": [{"message": {"content": ""}, "finish_reason": KEY}]}).encode(),
    ]
    for body in bodies:
        server.answer = lambda body=body: iter([response(body)])
        assert re.findall(r"\[key\]", repr(ask())) == ["[key]"], body
    for body in (escaped.encode(), KEY.encode(), b"x" * 195 + KEY.encode()):
        server.answer = lambda body=body: iter([response(body, status="500 Error")])
        (failure,) = ask()
        assert isinstance(failure, Failure) and "sk-" not in failure.reason and "\\u" not in failure.reason
