"""The HTTP client of a judge's server. It is bounded in time and size, and follows no redirect."""

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
"""Bytes of one response, unpacked. A verdict takes a few hundred."""

_UNICODE = re.compile(r"charset=[\"']?(utf-(?:8|(?:16|32)(?:-[lb]e)?))\b", re.IGNORECASE)

_CONNECT_SHARE = 0.9
"""The share of the deadline within which a connection must be made, so that failing to connect is seen."""


def open_client(endpoint: Endpoint, key: str) -> openai.AsyncOpenAI:
    """Open a client whose every attempt ends within the endpoint's timeout, whatever the server does."""
    # The libraries log every request at INFO, headers and all.
    for name in ("openai", "httpx", "httpx2", "httpcore2"):
        logging.getLogger(name).setLevel(logging.WARNING)
    limits = copy(openai.DEFAULT_CONNECTION_LIMITS)
    limits.max_connections = endpoint.concurrency
    try:  # takes half as long per request as the plain transport
        transport: httpx2.AsyncClient = _bounded(openai.DefaultAioHttpClient, endpoint, limits)
    except RuntimeError:  # aiohttp is not installed
        transport = _bounded(openai.DefaultAsyncHttpxClient, endpoint, limits)
    return openai.AsyncOpenAI(
        base_url=endpoint.base_url,
        api_key=key,
        timeout=openai.Timeout(endpoint.timeout, connect=_CONNECT_SHARE * endpoint.timeout, pool=None),
        max_retries=endpoint.retries,
        http_client=transport,
    )


def _bounded(
    plain: type[httpx2.AsyncClient], endpoint: Endpoint, limits: httpx2.Limits
) -> httpx2.AsyncClient:
    # Waiting for a free connection happens here, so that it does not count towards the timeout.
    free = asyncio.Semaphore(endpoint.concurrency)

    class Bounded(plain):  # type: ignore[misc, valid-type]
        """Reads a whole response, within the bounds, before anything else sees it."""

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
    """Stop what takes longer. Errors of other libraries become httpx2's, which openai can handle."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        raise httpx2.ReadTimeout(f"not done within {seconds:g} s", request=request) from error
    except (httpx2.HTTPError, openai.OpenAIError):
        raise
    except Exception as error:
        # The transport below met a status line, header or length that is not valid HTTP.
        raise httpx2.RemoteProtocolError(f"not valid HTTP: {error}", request=request) from error


async def _body(response: httpx2.Response) -> bytes:
    """Read the unpacked body in pieces, so that a small one that unpacks to gigabytes ends early too."""
    pieces, size = [], 0
    async for piece in response.aiter_bytes():
        size += len(piece)
        if size > MOST_BYTES:
            message = f"the response has more than {MOST_BYTES // 2**20} MiB"
            raise openai.APIError(message, request=response.request, body=None)
        pieces.append(piece)
    return b"".join(pieces)


def _plain_response(response: httpx2.Response, body: bytes) -> httpx2.Response:
    """Return the response with its body unpacked and in UTF-8; unreadable bytes are replaced.

    Only Unicode encodings are obeyed, since some that Python knows are no encodings of text.
    """
    names = ("retry-after", "retry-after-ms", "x-should-retry", "location")
    found = {name: response.headers[name] for name in names if name in response.headers}
    # A new response takes ASCII alone, which is all that these headers need.
    headers = {name: value for name, value in found.items() if value.isascii()}
    headers["content-type"] = "application/json; charset=utf-8"
    charset = _UNICODE.search(response.headers.get("content-type", "")[:200])
    content = body.decode(charset[1] if charset else "utf-8", "replace").encode()
    return httpx2.Response(response.status_code, headers=headers, content=content, request=response.request)
