"""One request to a real HTTP server that can fail in every way a server can."""

from __future__ import annotations

import json
import re

import pytest

from gisteval.errors import GistevalError
from gisteval.judging.replies import Failure, Reply
from tests.judging.conftest import GOOD

pytest.importorskip("openai", reason="the extra judge is not installed")


def test_what_is_sent_and_what_comes_back(chat_server, ask) -> None:
    assert ask(9) == [Reply(GOOD, 100, 10)] * 9
    body = chat_server.requests[0]
    assert body["model"] == "m" and body["temperature"] == 0
    assert body["response_format"]["json_schema"]["schema"]["required"] == ["reason", "choice"]
    assert [message["role"] for message in body["messages"]] == ["system", "user"]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"status": 500, "body": b'{"error": {"message": "on fire"}}'}, "status 500: .*on fire"),
        ({"status": 429, "body": b"{}"}, "status 429"),
        ({"status": 400, "body": b'{"error": {"message": "bad field"}}'}, "status 400: .*bad field"),
        ({"wait": 1.0, "reply": GOOD}, "no reply within 0.3 s"),
        ({"cut": 30, "reply": GOOD}, "connection: "),
        ({"body": b'{"choices": [{"mess'}, 'no chat completion .*: {"choices"'),
        ({"body": b"<html>proxy error</html>"}, "no chat completion .*: <html>proxy"),
        ({"body": b"[]"}, "no chat completion"),
        ({"body": b'{"choices": []}'}, "no chat completion"),
        ({"body": b'{"choices": [{"message": {"content": 3}}]}'}, "no chat completion"),
        ({"body": b"\xff\xfe\x00"}, "no chat completion"),
    ],
)
def test_a_fault_is_a_failure_with_its_reason(chat_server, ask, fault: dict, reason: str) -> None:
    chat_server.answer = lambda number, body: fault if number == 1 else GOOD
    answers = ask(3, concurrency=1, timeout=0.3)
    assert [type(answer) for answer in answers] == [Reply, Failure, Reply]
    assert re.search(reason, answers[1].reason), answers[1].reason
    assert "\n" not in answers[1].reason and len(answers[1].reason) < 400


def test_odd_replies_are_replies(chat_server, ask) -> None:
    messages = [
        {"content": None, "refusal": "I can't judge this."},
        {"content": "no JSON at all"},
        {"content": None},
        {"content": "x" * 10_000_000},
    ]
    chat_server.answer = lambda number, body: {"message": messages[number]}
    texts = [answer.text for answer in ask(4, concurrency=1)]
    assert texts[:3] == ["I can't judge this.", "no JSON at all", ""]
    assert len(texts[3]) == 10_000_000


UNBELIEVABLE = [
    None,
    [1, 2],
    {},
    *(
        {"prompt_tokens": count, "completion_tokens": count}
        for count in (0, -(10**9), 2**70, 10**400, True, 10.0, "100", float("nan"))
    ),
]


@pytest.mark.parametrize("usage", UNBELIEVABLE, ids=lambda usage: repr(usage)[:40])
def test_usage_that_is_unbelievable_is_counted_here(chat_server, ask, usage: object) -> None:
    content = {"choices": [{"message": {"content": "A"}}], "usage": usage}
    chat_server.answer = lambda number, body: {"body": json.dumps(content).encode()}
    (reply,) = ask(1)
    sent = sum(len(message["content"].encode()) for message in chat_server.requests[0]["messages"])
    assert reply.text == "A"
    assert sent < reply.prompt_tokens < sent + 1000
    assert reply.completion_tokens == 400  # the judge's own limit


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (401, r"refuses a request without a key \(401\): set OPENAI_API_KEY"),
        (403, r"refuses a request without a key \(403\)"),
        (404, "does not know the model 'm'"),
    ],
)
def test_what_no_retry_can_help_stops_at_once(chat_server, ask, status: int, message: str) -> None:
    chat_server.answer = lambda number, body: GOOD if number < 3 else {"status": status, "body": b"{}"}
    with pytest.raises(GistevalError, match=message):
        ask(50, concurrency=1)
    assert ask.answers == [Reply(GOOD, 100, 10)] * 3
    assert len(chat_server.requests) <= 5  # the next one was ready


def test_requests_that_are_all_called_wrong_name_the_model(chat_server, ask) -> None:
    body = b'{"detail": "Server is pinned to X; requested m."}'
    chat_server.answer = lambda number, request: {"status": 400, "body": body}
    with pytest.raises(GistevalError, match=r"refuses all requests \(status 400: .*pinned.*--model 'm'"):
        ask(50, concurrency=1)
    assert len(chat_server.requests) <= 5  # the next one was ready


def test_an_unreachable_server_is_named(chat_server, ask) -> None:
    chat_server.close()
    with pytest.raises(GistevalError, match=r"no server answers at http://127.0.0.1"):
        ask(5)


def test_a_key_that_the_server_sends_back_is_not_kept(chat_server, ask, monkeypatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret-key")
    plans = [
        {"status": 500, "body": b'{"error": {"message": "key sk-very-secret-key is odd"}}'},
        {"body": b"sk-very-secret-key"},
        {"reply": "your key is sk-very-secret-key"},
    ]
    chat_server.answer = lambda number, body: plans[number]
    answers = ask(3, concurrency=1)
    assert chat_server.keys == ["Bearer sk-very-secret-key"] * 3
    assert "sk-very" not in repr(answers) and repr(answers).count("[key]") == 3
