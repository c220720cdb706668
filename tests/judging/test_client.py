"""The chat client against a real HTTP server that can fail in every way a server can."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from gisteval.errors import GistevalError, InvalidRun
from gisteval.judging.client import ask_all
from gisteval.judging.definition import Price, load_judge
from gisteval.judging.endpoint import Endpoint
from gisteval.judging.protocol import Comparison, Matchup, comparisons
from gisteval.judging.replies import Failure, Reply
from gisteval.records.schema import Example

pytest.importorskip("openai", reason="the extra judge is not installed")
JUDGE = load_judge("openai")
GOOD = '{"reason": "", "choice": "A"}'


def some_comparisons(count: int) -> list[Comparison]:
    examples_in_order = [Example(str(n), "t", "s", f"say {n}", "", f"ref {n}") for n in range(count)]
    examples = {example.content_id: example for example in examples_in_order}
    ours = {pair: f"ours {example.id}" for pair, example in examples.items()}
    theirs = {pair: f"theirs {example.id}" for pair, example in examples.items()}
    return list(comparisons(Matchup("t", "s", "a", "b", examples, ours, theirs), "j", "seeded", 0))


@pytest.fixture
def ask(chat_server, monkeypatch) -> Callable[..., list[Reply | Failure]]:
    """Asks the server: ask(count, price=None, timeout=..., ...) -> the answers, in the order they came."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)

    def run(count: int, price: Price | None = None, **changes: object) -> list[Reply | Failure]:
        settings = {"concurrency": 4, "retries": 0, "timeout": 5.0, **changes}
        endpoint = Endpoint(chat_server.url, "m", "OPENAI_API_KEY", **settings)
        answers: list[Reply | Failure] = []
        run.answers = answers
        ask_all(
            JUDGE,
            endpoint,
            price,
            iter(some_comparisons(count)),
            lambda comparison, answer: answers.append(answer),
        )
        return answers

    return run


def test_what_is_sent_and_what_comes_back(chat_server, ask) -> None:
    assert ask(9) == [Reply(GOOD, 100, 10)] * 9
    body = chat_server.requests[0]
    assert body["model"] == "m" and body["temperature"] == 0
    assert body["response_format"]["json_schema"]["schema"]["required"] == ["reason", "choice"]
    assert [message["role"] for message in body["messages"]] == ["system", "user"]


def test_concurrency_is_bounded(chat_server, ask) -> None:
    chat_server.answer = lambda number, body: {"reply": GOOD, "wait": 0.03}
    ask(24, concurrency=3)
    assert chat_server.busiest == 3


def test_the_rate_is_bounded(chat_server, ask) -> None:
    start = time.perf_counter()
    ask(7, rate=1200.0)
    assert time.perf_counter() - start >= 6 * 0.05


def test_a_busy_server_is_asked_again_after_the_time_it_names(chat_server, ask) -> None:
    busy = {"status": 429, "headers": {"retry-after": "0.2"}, "body": b"{}"}
    chat_server.answer = lambda number, body: busy if number == 0 else GOOD
    start = time.perf_counter()
    assert ask(1, retries=1) == [Reply(GOOD, 100, 10)]
    assert time.perf_counter() - start >= 0.2
    assert len(chat_server.requests) == 2


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
    "body",
    [
        {"choices": [{"message": {"content": GOOD}}]},
        {
            "choices": [{"message": {"content": GOOD}}],
            "usage": {"prompt_tokens": -9, "completion_tokens": -9},
        },
        {"choices": []},
    ],
    ids=["no usage", "negative usage", "no answer"],
)
def test_the_cost_stays_below_its_limit_whatever_the_server_says_of_it(
    chat_server, ask, body: dict
) -> None:
    chat_server.answer = lambda number, request: {"body": json.dumps(body).encode()}
    price, limit = Price(input=1.0, output=1.0), 0.01
    with pytest.raises(InvalidRun, match=r"--max-cost 0\.01"):
        ask(500, price, max_cost=limit)
    sent = sum(
        len(message["content"].encode()) for body in chat_server.requests for message in body["messages"]
    )
    assert 0 < price.cost(sent, 400 * len(chat_server.requests)) <= limit


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


def test_a_server_that_only_fails_is_given_up(chat_server, ask) -> None:
    chat_server.answer = lambda number, body: GOOD if number < 5 else {"status": 500, "body": b"{}"}
    with pytest.raises(InvalidRun, match=r"the last 20 requests to .* failed \(status 500"):
        ask(200)
    assert sum(isinstance(answer, Reply) for answer in ask.answers) == 5
    assert len(chat_server.requests) < 40


def test_an_unreachable_server_is_named(chat_server, ask) -> None:
    chat_server.close()
    with pytest.raises(GistevalError, match=r"no server answers at http://127.0.0.1"):
        ask(5)


def test_the_cost_stays_below_its_limit_and_says_where_it_stopped(chat_server, ask) -> None:
    price = Price(input=1.0, output=10.0)  # 200 millionths of a dollar a reply
    with pytest.raises(InvalidRun, match=r"--max-cost 0\.02.*the same command continues from here"):
        ask(500, price, max_cost=0.02, concurrency=8)
    spent = price.cost(100, 10) * len(ask.answers)
    assert 0.01 < spent <= 0.02
    assert len(ask.answers) == len(chat_server.requests)


def test_a_limit_that_is_not_reached_changes_nothing(ask) -> None:
    assert len(ask(20, Price(input=1.0, output=10.0), max_cost=5.0)) == 20


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


def test_a_server_elsewhere_needs_a_key(monkeypatch) -> None:
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    endpoint = Endpoint("https://judge.invalid/v1", "m", "NO_SUCH_KEY")
    with pytest.raises(GistevalError, match=r"no API key for https://judge.invalid/v1: set NO_SUCH_KEY"):
        ask_all(JUDGE, endpoint, None, iter(some_comparisons(1)), lambda comparison, answer: None)
    for url in ("http://127.0.0.1:bad/v1", "127.0.0.1:8000", "ftp://host/v1", "http://", ""):
        with pytest.raises(GistevalError, match="--base-url must be like http://host:8000/v1"):
            replace(endpoint, base_url=url)
