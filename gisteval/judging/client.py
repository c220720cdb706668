"""An OpenAI-compatible chat server: one bounded stream of questions, every failure told apart.

The `openai` package sends, waits and retries (429 with Retry-After, 5xx, cut connections, timeouts). Its
typed models are left out on purpose: checking each reply against them takes longer than the reply itself,
and would lose the raw text of one that doesn't fit.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from gisteval.errors import GistevalError, InvalidRun, MissingExtra, one_line
from gisteval.judging.access import NO_KEY, Cutter, Named, key_for
from gisteval.judging.cache import Reply
from gisteval.judging.definition import ChatDefinition, Judge, Price
from gisteval.judging.parameters import ParameterRefused, refused_parameter
from gisteval.judging.prompting import Message, messages
from gisteval.judging.protocol import Look
from gisteval.judging.usage import counted_tokens, most_tokens

if TYPE_CHECKING:
    import openai

FEWEST_FAILURES = 20
"""Failures in a row after which a server is taken to be gone."""


FEWEST_REFUSALS = 3
"""Requests in a row that a server calls wrong, with none right, before the judge counts as wrong for it."""


LONGEST_REASON = 40
"""Characters of a finish_reason that are kept; those in use have up to 14."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where and how fast to ask. rate: requests a minute at most; timeout in seconds, of one whole try.

    named: what of server and key the user named.
    """

    base_url: str
    model: str
    api_key_env: str
    concurrency: int = 8
    rate: float | None = None
    timeout: float = 60.0
    retries: int = 4
    max_cost: float | None = None
    named: Named = field(default_factory=Named)

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.base_url)
        except ValueError as error:
            raise GistevalError(f"the server's URL can't be read ({error}): check --base-url") from error
        if parts.username or parts.password or parts.query:
            raise GistevalError(
                "the server's URL holds a user, password or query, and would be kept in the manifest: give "
                "the key in an environment variable, by --api-key-env"
            )
        try:
            sound = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1)
        except ValueError:
            sound = False
        if not sound:
            raise GistevalError(f"--base-url must be like http://host:8000/v1, not {self.base_url!r}")

    @property
    def workers(self) -> int:
        """Questions under way: one is made ready, or its answer read, while another is at the server."""
        return 2 * self.concurrency


@dataclass(frozen=True, slots=True)
class Failure:
    """A look without a reply, and why. billed: the server says that it answered, so it may charge."""

    reason: str
    billed: bool = False


Sink = Callable[[Look, Reply | Failure], None]


def api_key(endpoint: Endpoint) -> str | None:
    """The key that the endpoint's server gets, if any. Raises GistevalError as `key_for` does."""
    return key_for(endpoint.base_url, endpoint.api_key_env, endpoint.named)


def ask_all(
    judge: Judge, endpoint: Endpoint, price: Price | None, looks: Iterator[Look], sink: Sink
) -> None:
    """Ask about every look, `concurrency` at a time; the sink gets each answer as it comes.

    Raises GistevalError if the server can't be reached, refuses the key or doesn't know the model,
    ParameterRefused if it takes no request with one of the judge's parameters, and InvalidRun once it has
    only failed for a while, or `max_cost` is reached. What the sink has got stays.
    """
    try:
        import openai  # noqa: F401
    except ModuleNotFoundError as error:
        raise MissingExtra("openai", "judge") from error
    first = next(looks, None)
    if first is not None:
        _run_to_end(_Conversation(judge, endpoint, price, sink).run(chain([first], looks)))


def _run_to_end(conversation: Coroutine[None, None, None]) -> None:
    """In a loop of its own; a notebook has one running already, so there in a thread of its own, too."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(conversation)
    else:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(asyncio.run, conversation).result()


@dataclass
class _Conversation:
    judge: Judge
    endpoint: Endpoint
    price: Price | None
    sink: Sink
    spent: float = 0.0
    reserved: float = 0.0
    under_way: int = 0
    answered: int = 0
    failed_in_a_row: int = 0
    out_of_money: bool = False
    settled: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def run(self, looks: Iterator[Look]) -> None:
        definition = self.judge.definition
        assert isinstance(definition, ChatDefinition)
        self.body = {"model": self.endpoint.model, **definition.parameters}
        if self.judge.reply_schema:
            schema = json.loads(self.judge.reply_schema)
            self.body["response_format"] = {"type": "json_schema", "json_schema": schema}
        self.pause = _Pace(self.endpoint.rate)
        from gisteval.judging.transport import open_client

        key = api_key(self.endpoint)
        self.cut = Cutter(key)
        async with open_client(self.endpoint, key or NO_KEY) as client:
            try:
                async with asyncio.TaskGroup() as group:
                    for _ in range(self.endpoint.workers):
                        group.create_task(self._work(client, looks))
            except* GistevalError as errors:
                raise errors.exceptions[0] from errors
        if self.out_of_money:
            raise InvalidRun(
                f"stopped at ${self.spent:.4f} of --max-cost {self.endpoint.max_cost} after "
                f"{self.answered} replies, all kept: the same command goes on from here"
            )

    async def _work(self, client: openai.AsyncOpenAI, looks: Iterator[Look]) -> None:
        """Take looks from the shared iterator until there are none, or no money for them."""
        for look in looks:
            talk = messages(self.judge, look)
            most = most_tokens(self.body, talk, self.judge.reply_schema)
            reserve = self.price.cost(*most) if self.price else 0.0
            if not await self._afford(reserve):
                return
            await self.pause.turn()
            answer = await self._ask(client, talk)
            # Nothing may come between a paid reply and the sink that keeps it.
            self._count(answer, reserve)
            self.sink(look, answer)
            await self._settle(reserve)
            if self.failed_in_a_row >= max(FEWEST_FAILURES, self.endpoint.workers):
                assert isinstance(answer, Failure)
                raise InvalidRun(
                    f"the last {self.failed_in_a_row} requests to {self.endpoint.base_url} failed "
                    f"({answer.reason}): what was answered is kept, run the same command once it works"
                )

    def _count(self, answer: Reply | Failure, most: float) -> None:
        """Take an answer into the sums. most: what its request can have cost."""
        if isinstance(answer, Failure):
            self.failed_in_a_row += 1
            self.spent += most if answer.billed else 0.0
            return
        self.answered += 1
        self.failed_in_a_row = 0
        if self.price:
            self.spent += self.price.cost(answer.prompt_tokens, answer.completion_tokens)

    async def _afford(self, most: float) -> bool:
        """Reserve the most that a request can cost, waiting for others to settle; False if it can't be."""
        limit = self.endpoint.max_cost
        if limit is None:
            return True
        async with self.settled:
            while not self.out_of_money and self.spent + self.reserved + most > limit:
                if not self.under_way:
                    self.out_of_money = True
                    self.settled.notify_all()
                    break
                await self.settled.wait()
            if not self.out_of_money:
                self.reserved += most
                self.under_way += 1
            return not self.out_of_money

    async def _settle(self, most: float) -> None:
        if self.endpoint.max_cost is not None:
            async with self.settled:
                self.under_way -= 1
                self.reserved = self.reserved - most if self.under_way else 0.0
                self.settled.notify_all()

    async def _ask(self, client: openai.AsyncOpenAI, talk: list[Message]) -> Reply | Failure:
        """One request with its retries. Raises GistevalError where no other request can do better."""
        import openai

        server, model = self.endpoint.base_url, self.endpoint.model

        def quoted(response: str) -> str:
            return _start_of(self.cut(response))

        try:
            text = await client.post("/chat/completions", cast_to=str, body={**self.body, "messages": talk})
        except (openai.AuthenticationError, openai.PermissionDeniedError) as error:
            raise GistevalError(self._refused(error.status_code)) from error
        except openai.NotFoundError as error:
            raise GistevalError(
                f"{server} does not know the model {model!r}, or has no chat there "
                f"({quoted(error.response.text)}): check --model, --base-url"
            ) from error
        except openai.APIConnectionError as error:  # a timeout is one, too
            cause = error.__cause__ or error
            said = _start_of(self.cut(one_line(cause, 10_000)), 160)
            # Told apart by name: aiohttp's transport calls a refused connection a ConnectTimeout.
            if type(cause).__name__ in ("ConnectError", "ConnectTimeout") and not self.answered:
                raise GistevalError(
                    f"no server answers at {server} ({said}): start it, or check --base-url"
                ) from error
            if isinstance(error, openai.APITimeoutError):
                return Failure(f"no reply within {self.endpoint.timeout:g} s")
            return Failure(f"connection: {said}")
        except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
            reason = f"status {error.status_code}: {quoted(error.response.text)}"
            name = refused_parameter(error.response.text, self.body.keys() - {"model", "messages"})
            if name is not None and not self.answered:
                raise ParameterRefused(name, reason) from error
            if not self.answered and self.failed_in_a_row >= FEWEST_REFUSALS:
                raise GistevalError(
                    f"{server} takes none of the requests ({reason}): check --model {model!r} and the "
                    "judge's parameters, which --judge-param name=value changes and name= leaves out"
                ) from error
            return Failure(reason)
        except openai.APIStatusError as error:
            if 300 <= error.status_code < 400:
                place = quoted(error.response.headers.get("location", "nowhere"))
                raise GistevalError(
                    f"{server} redirects to {place}, which is not followed: give --base-url if that is the "
                    "server you mean"
                ) from error
            return Failure(f"status {error.status_code}: {quoted(error.response.text)}")
        except openai.APIError as error:
            return Failure(_start_of(self.cut(one_line(error, 10_000)), 160))
        return _reply(text, most_tokens(self.body, talk, self.judge.reply_schema), self.cut)

    def _refused(self, status: int) -> str:
        server, variable = self.endpoint.base_url, self.endpoint.api_key_env
        if api_key(self.endpoint) is not None:
            return f"{server} refuses the key in {variable} ({status}): mend it"
        return (
            f"{server} refuses the key in {variable} ({status}; none was sent): set it, and name it by "
            "--api-key-env; a key goes over https, or to this machine"
        )


def _reply(text: str, most: tuple[int, int], cut: Cutter) -> Reply | Failure:
    """The answer in a server's response; a refusal is a reply too, one that nobody can read a choice in.

    most: tokens that it can have taken; cut: takes the key out, once the response has been parsed.
    """
    try:
        content = json.loads(text)
        first = content["choices"][0]
        message = first["message"]
        ended = first.get("finish_reason")
        raw = message.get("content") or message.get("refusal") or ""
        if not isinstance(raw, str):
            raise TypeError("content is no text")
        tokens = counted_tokens(content.get("usage"), raw, most)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        found = f"the response is no chat completion ({one_line(error, 80)}): {_start_of(cut(text))}"
        return Failure(cut(found), billed=True)
    return Reply(cut(raw), *tokens, cut(ended)[:LONGEST_REASON] if isinstance(ended, str) else None)


def _start_of(text: str, longest: int = 200) -> str:
    """The start of a text, in one line."""
    return " ".join(text[: 2 * longest].split())[:longest]


class _Pace:
    """At most so many turns a minute, evenly spaced."""

    def __init__(self, per_minute: float | None) -> None:
        self._gap = 60.0 / per_minute if per_minute else 0.0
        self._next = 0.0

    async def turn(self) -> None:
        if self._gap:
            now = asyncio.get_running_loop().time()
            self._next = max(now, self._next + self._gap)
            await asyncio.sleep(self._next - now)
