"""One request to a chat server: its reply, a failure with the reason, or an error that ends everything."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import openai

from gisteval.errors import GistevalError, one_line
from gisteval.judging.access import KeyRedactor
from gisteval.judging.endpoint import Endpoint
from gisteval.judging.parameters import ParameterRefused, refused_parameter
from gisteval.judging.prompting import Message
from gisteval.judging.replies import Failure, Reply
from gisteval.judging.usage import TokenCount, counted_tokens, most_tokens

MOST_REFUSALS = 3
"""Requests in a row that a server may call wrong, with none accepted, before the judge counts as wrong."""

LONGEST_FINISH_REASON = 40
"""Characters that are stored. Those in use have up to 14."""

LONGEST_ERROR = 10_000
"""Characters of a library's error in which a key is looked for."""


class Requester:
    """Sends one judge's requests to one server, and counts what comes back.

    Attributes:
        answered: Replies so far.
        failed_in_a_row: Failures since the last reply.
    """

    def __init__(
        self, client: openai.AsyncOpenAI, endpoint: Endpoint, fields: Mapping[str, Any], schema: str
    ) -> None:
        """Keep what all requests share.

        Args:
            client: The open client.
            endpoint: Where the requests go.
            fields: Fields of the request's body besides the messages.
            schema: The JSON schema of the reply, as text.
        """
        self._client, self._endpoint = client, endpoint
        self._fields, self._schema = fields, schema
        self._redact = KeyRedactor(endpoint.api_key())
        self.answered = 0
        self.failed_in_a_row = 0

    def most_tokens(self, conversation: list[Message]) -> TokenCount:
        """Return the most tokens that a request and its reply can take."""
        return most_tokens(self._fields, conversation, self._schema)

    async def ask(self, conversation: list[Message]) -> Reply | Failure:
        """Send one request, with its retries.

        Raises:
            GistevalError: No other request could do better: the server can't be reached, refuses the key,
                does not know the model, or redirects.
            ParameterRefused: The server refuses one of the parameters.
        """
        answer = await self._send(conversation)
        if isinstance(answer, Reply):
            self.answered += 1
            self.failed_in_a_row = 0
        else:
            self.failed_in_a_row += 1
        return answer

    async def _send(self, conversation: list[Message]) -> Reply | Failure:
        body = {**self._fields, "messages": conversation}
        try:
            text = await self._client.post("/chat/completions", cast_to=str, body=body)
        except openai.APIConnectionError as error:  # includes timeouts
            return self._connection_failure(error)
        except openai.APIStatusError as error:
            return self._status_failure(error)
        except openai.APIError as error:
            return Failure(self._quote(one_line(error, LONGEST_ERROR), 160))
        return self._reply_in(text, self.most_tokens(conversation))

    def _connection_failure(self, error: openai.APIConnectionError) -> Failure:
        cause = error.__cause__ or error
        quotation = self._quote(one_line(cause, LONGEST_ERROR), 160)
        # Compared by name: aiohttp's transport calls a refused connection a ConnectTimeout.
        if type(cause).__name__ in ("ConnectError", "ConnectTimeout") and not self.answered:
            raise GistevalError(
                f"no server answers at {self._endpoint.base_url} ({quotation}): start it, or check "
                "--base-url"
            ) from error
        if isinstance(error, openai.APITimeoutError):
            return Failure(f"no reply within {self._endpoint.timeout:g} s")
        return Failure(f"connection: {quotation}")

    def _status_failure(self, error: openai.APIStatusError) -> Failure:
        server, model = self._endpoint.base_url, self._endpoint.model
        if isinstance(error, openai.AuthenticationError | openai.PermissionDeniedError):
            raise GistevalError(self._key_problem(error.status_code)) from error
        response = error.response
        if isinstance(error, openai.NotFoundError):
            raise GistevalError(
                f"{server} does not know the model {model!r}, or serves no chat there "
                f"({self._quote(response.text)}): check --model and --base-url"
            ) from error
        if 300 <= error.status_code < 400:
            target = self._quote(response.headers.get("location", "nowhere"))
            raise GistevalError(
                f"{server} redirects to {target}, which gisteval does not follow: give that address as "
                "--base-url if it is the server you mean"
            ) from error
        reason = f"status {error.status_code}: {self._quote(response.text)}"
        if isinstance(error, openai.BadRequestError | openai.UnprocessableEntityError):
            self._check_refusal(error, reason)
        return Failure(reason)

    def _check_refusal(self, error: openai.APIStatusError, reason: str) -> None:
        """Raise an error if no request of this kind can succeed."""
        if self.answered:
            return
        name = refused_parameter(error.response.text, self._fields.keys() - {"model", "messages"})
        if name is not None:
            raise ParameterRefused(name, reason) from error
        if self.failed_in_a_row >= MOST_REFUSALS:
            raise GistevalError(
                f"{self._endpoint.base_url} refuses all requests ({reason}): check --model "
                f"{self._endpoint.model!r} and the judge's parameters (--judge-param name=value changes "
                "one, --judge-param name= leaves it out)"
            ) from error

    def _key_problem(self, status: int) -> str:
        server, variable = self._endpoint.base_url, self._endpoint.api_key_env
        if self._endpoint.api_key() is not None:
            return f"{server} refuses the key in {variable} ({status}): correct it"
        return (
            f"{server} refuses a request without a key ({status}): set {variable} and name it with "
            "--api-key-env; a key is only sent over https, or to this machine"
        )

    def _quote(self, text: str, longest: int = 200) -> str:
        """The start of a text, on one line and without the key."""
        return " ".join(self._redact(text)[: 2 * longest].split())[:longest]

    def _reply_in(self, text: str, upper_bound: TokenCount) -> Reply | Failure:
        """The reply in a server's response. A model's refusal is a reply too, but it makes no choice."""
        try:
            content = json.loads(text)
            first = content["choices"][0]
            message = first["message"]
            finish_reason = first.get("finish_reason")
            raw = message.get("content") or message.get("refusal") or ""
            if not isinstance(raw, str):
                raise TypeError("content is no text")
            tokens = counted_tokens(content.get("usage"), raw, upper_bound)
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            reason = f"the response is no chat completion ({one_line(error, 80)}): {self._quote(text)}"
            return Failure(self._redact(reason), billed=True)
        if isinstance(finish_reason, str):
            finish_reason = self._redact(finish_reason)[:LONGEST_FINISH_REASON]
        else:
            finish_reason = None
        return Reply(self._redact(raw), *tokens, finish_reason)
