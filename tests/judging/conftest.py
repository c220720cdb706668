"""Comparisons, and a judge's client that asks a server about them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gisteval.judging.client import ask_all
from gisteval.judging.definition import Price, load_judge
from gisteval.judging.endpoint import Endpoint
from gisteval.judging.protocol import Comparison, Matchup, comparisons
from gisteval.judging.replies import Failure, Reply
from gisteval.records.schema import Example

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
