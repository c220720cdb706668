"""Asking an OpenAI-compatible chat server about many comparisons, with bounded concurrency and cost.

The `openai` package sends, waits and retries (429 with Retry-After, 5xx, cut connections, timeouts). Its
typed models are left out on purpose: checking a reply against them takes longer than the reply itself, and
would lose the raw text of a reply that doesn't fit.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import TYPE_CHECKING

from gisteval.errors import InvalidRun, MissingExtra
from gisteval.judging.access import NO_KEY
from gisteval.judging.budget import Budget, Pace
from gisteval.judging.definition import ChatDefinition, Judge, Price
from gisteval.judging.endpoint import Endpoint
from gisteval.judging.prompting import messages
from gisteval.judging.protocol import Comparison
from gisteval.judging.replies import Failure, Reply, Sink
from gisteval.records.json_object import JsonValue

if TYPE_CHECKING:
    from gisteval.judging.chat_request import Requester

MOST_FAILURES = 20
"""Failures in a row after which the server is given up."""


def ask_all(
    judge: Judge, endpoint: Endpoint, price: Price | None, comparisons: Iterator[Comparison], sink: Sink
) -> None:
    """Ask about every comparison, `endpoint.concurrency` at a time.

    Args:
        judge: The judge, with the parameters that it sends.
        endpoint: The server.
        price: What its model costs; None counts no cost.
        comparisons: What to ask about.
        sink: Gets each answer as soon as it is there. It keeps what it got if an error follows.

    Raises:
        GistevalError: The server can't be reached, refuses the key or does not know the model.
        ParameterRefused: The server refuses one of the judge's parameters.
        InvalidRun: The server has only failed for a while, or the limit of cost is reached.
    """
    try:
        import openai  # noqa: F401
    except ModuleNotFoundError as error:
        raise MissingExtra("openai", "judge") from error
    first = next(comparisons, None)
    if first is not None:
        _run_to_end(_Session(judge, endpoint, price, sink).run(chain([first], comparisons)))


def _run_to_end(session: Coroutine[None, None, None]) -> None:
    """Run in an event loop of its own, and in a thread of its own where a loop runs (in a notebook)."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(session)
    else:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(asyncio.run, session).result()


class _Session:
    """One judge asking one server."""

    def __init__(self, judge: Judge, endpoint: Endpoint, price: Price | None, sink: Sink) -> None:
        self.judge, self.endpoint, self.price, self.sink = judge, endpoint, price, sink
        self.budget, self.pace = Budget(endpoint.max_cost), Pace(endpoint.rate)

    async def run(self, comparisons: Iterator[Comparison]) -> None:
        from gisteval.judging.chat_request import Requester
        from gisteval.judging.transport import open_client

        key = self.endpoint.api_key() or NO_KEY
        async with open_client(self.endpoint, key) as client:
            requester = Requester(client, self.endpoint, self._fields(), self.judge.reply_schema)
            try:
                async with asyncio.TaskGroup() as group:
                    for _ in range(self.endpoint.workers):
                        group.create_task(self._work(requester, comparisons))
            except* Exception as errors:
                raise errors.exceptions[0] from errors
        if self.budget.is_exhausted:
            raise InvalidRun(
                f"stopped at ${self.budget.spent:.4f} of --max-cost {self.endpoint.max_cost} after "
                f"{requester.answered} replies, which are saved: the same command continues from here"
            )

    def _fields(self) -> dict[str, JsonValue]:
        """The fields of a request's body, without its messages."""
        definition = self.judge.definition
        assert isinstance(definition, ChatDefinition)
        fields: dict[str, JsonValue] = {"model": self.endpoint.model, **definition.parameters}
        if self.judge.reply_schema:
            schema = json.loads(self.judge.reply_schema)
            fields["response_format"] = {"type": "json_schema", "json_schema": schema}
        return fields

    async def _work(self, requester: Requester, comparisons: Iterator[Comparison]) -> None:
        """Take comparisons from the shared iterator until none is left, or no money for them."""
        for comparison in comparisons:
            conversation = messages(self.judge, comparison)
            most = self.price.cost(*requester.most_tokens(conversation)) if self.price else 0.0
            if not await self.budget.reserve(most):
                return
            await self.pace.turn()
            answer = await requester.ask(conversation)
            # Nothing may come between a paid reply and the sink that keeps it.
            self.budget.spent += self._cost(answer, most)
            self.sink(comparison, answer)
            await self.budget.settle(most)
            if requester.failed_in_a_row >= max(MOST_FAILURES, self.endpoint.workers):
                assert isinstance(answer, Failure)
                raise InvalidRun(
                    f"the last {requester.failed_in_a_row} requests to {self.endpoint.base_url} failed "
                    f"({answer.reason}): earlier answers are saved, run the same command once the "
                    "server works"
                )

    def _cost(self, answer: Reply | Failure, most: float) -> float:
        """Dollars that an answer cost; for a failure that may be billed, the most that it can have cost."""
        if isinstance(answer, Failure):
            return most if answer.billed else 0.0
        return self.price.cost(answer.prompt_tokens, answer.completion_tokens) if self.price else 0.0
