"""Many requests to a real HTTP server: concurrency, rate, cost, and a server that fails throughout."""

from __future__ import annotations

import json
import time

import pytest

from gisteval.errors import GistevalError, InvalidRun
from gisteval.judging.client import ask_all
from gisteval.judging.definition import Price
from gisteval.judging.endpoint import Endpoint
from gisteval.judging.replies import Reply
from tests.judging.conftest import GOOD, JUDGE, some_comparisons

pytest.importorskip("openai", reason="the extra judge is not installed")


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


def test_a_server_that_only_fails_is_given_up(chat_server, ask) -> None:
    chat_server.answer = lambda number, body: GOOD if number < 5 else {"status": 500, "body": b"{}"}
    with pytest.raises(InvalidRun, match=r"the last 20 requests to .* failed \(status 500"):
        ask(200)
    assert sum(isinstance(answer, Reply) for answer in ask.answers) == 5
    assert len(chat_server.requests) < 40


def test_the_cost_stays_below_its_limit_and_says_where_it_stopped(chat_server, ask) -> None:
    price = Price(input=1.0, output=10.0)  # 200 millionths of a dollar a reply
    with pytest.raises(InvalidRun, match=r"--max-cost 0\.02.*the same command continues from here"):
        ask(500, price, max_cost=0.02, concurrency=8)
    spent = price.cost(100, 10) * len(ask.answers)
    assert 0.01 < spent <= 0.02
    assert len(ask.answers) == len(chat_server.requests)


def test_a_limit_that_is_not_reached_changes_nothing(ask) -> None:
    assert len(ask(20, Price(input=1.0, output=10.0), max_cost=5.0)) == 20


def test_a_server_elsewhere_needs_a_key(monkeypatch) -> None:
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    endpoint = Endpoint("https://judge.invalid/v1", "m", "NO_SUCH_KEY")
    with pytest.raises(GistevalError, match=r"no API key for https://judge.invalid/v1: set NO_SUCH_KEY"):
        ask_all(JUDGE, endpoint, None, iter(some_comparisons(1)), lambda comparison, answer: None)
