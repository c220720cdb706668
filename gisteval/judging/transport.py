"""The HTTP client of a judge's server: bounded in seconds and bytes, and it follows no redirect."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from copy import copy
from typing import TYPE_CHECKING, Any

import httpx2
import openai

if TYPE_CHECKING:
    from gisteval.judging.endpoint import Endpoint

MOST_BYTES = 16 * 2**20
"""Of one response, unpacked. A verdict takes a few hundred."""

_UNICODE = re.compile(r"charset=[\"']?(utf-(?:8|(?:16|32)(?:-[lb]e)?))\b", re.IGNORECASE)

_CONNECTING = 0.9
"""Share of the deadline in which a connection must stand, so that one that never does is told apart."""


def open_client(endpoint: Endpoint, key: str) -> openai.AsyncOpenAI:
    """A client whose every try ends within the endpoint's timeout, whatever the server does."""
    # The libraries log every request at INFO, headers and all.
    for name in ("openai", "httpx", "httpx2", "httpcore2"):
        logging.getLogger(name).setLevel(logging.WARNING)
    limits = copy(openai.DEFAULT_CONNECTION_LIMITS)
    limits.max_connections = endpoint.concurrency
    try:  # half the time a request of the plain transport
        transport: httpx2.AsyncClient = _bounded(openai.DefaultAioHttpClient, endpoint, limits)
    except RuntimeError:  # aiohttp is not there
        transport = _bounded(openai.DefaultAsyncHttpxClient, endpoint, limits)
    return openai.AsyncOpenAI(
        base_url=endpoint.base_url,
        api_key=key,
        timeout=openai.Timeout(endpoint.timeout, connect=_CONNECTING * endpoint.timeout, pool=None),
        max_retries=endpoint.retries,
        http_client=transport,
    )


def _bounded(
    plain: type[httpx2.AsyncClient], endpoint: Endpoint, limits: httpx2.Limits
) -> httpx2.AsyncClient:
    # Connections are given out here: the wait for one is no part of a request's time.
    free = asyncio.Semaphore(endpoint.concurrency)

    class Bounded(plain):  # type: ignore[misc, valid-type]
        """Reads a response whole, within its bounds, before anybody else sees it."""

        async def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
            options.update(stream=True, follow_redirects=False)
            async with free, _deadline(endpoint.timeout, request):
                response = await super().send(request, **options)
                try:
                    body = await _body(response)
                finally:
                    await response.aclose()
            return _plain_response(response, body)

    client: httpx2.AsyncClient = Bounded(limits=limits)
    return client


@asynccontextmanager
async def _deadline(seconds: float, request: httpx2.Request) -> AsyncIterator[None]:
    """Ends what takes longer. Errors of other libraries become httpx2's, which openai knows how to take."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        raise httpx2.ReadTimeout(f"not done within {seconds:g} s", request=request) from error
    except (httpx2.HTTPError, openai.OpenAIError):
        raise
    except Exception as error:
        # Of the transport below: a status line, header or length that is none of HTTP's.
        raise httpx2.RemoteProtocolError(f"no sound HTTP: {error}", request=request) from error


async def _body(response: httpx2.Response) -> bytes:
    """The unpacked body; read in pieces, so that a small one that unpacks to gigabytes ends early too."""
    pieces, size = [], 0
    async for piece in response.aiter_bytes():
        size += len(piece)
        if size > MOST_BYTES:
            message = f"the response has more than {MOST_BYTES // 2**20} MiB"
            raise openai.APIError(message, request=response.request, body=None)
        pieces.append(piece)
    return b"".join(pieces)


def _plain_response(response: httpx2.Response, body: bytes) -> httpx2.Response:
    """The same response with its body unpacked and in UTF-8: what is unreadable in it is replaced.

    Only encodings of Unicode are heeded, since others that Python knows are no encodings of text.
    """
    kept = ("retry-after", "retry-after-ms", "x-should-retry", "location")
    headers = {name: response.headers[name] for name in kept if name in response.headers}
    headers["content-type"] = "application/json; charset=utf-8"
    named = _UNICODE.search(response.headers.get("content-type", "")[:200])
    content = body.decode(named[1] if named else "utf-8", "replace").encode()
    return httpx2.Response(response.status_code, headers=headers, content=content, request=response.request)
