"""Usage logs: requests with their times and token counts, in our own columns or in providers' fields.

OpenAI counts the tokens that it read from its cache within the input. Anthropic counts them apart, and
likewise those that it wrote to its cache. The prompt that requests share is as long as the log says, else
as the most tokens of it that the provider's cache ever held.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from gisteval.errors import GistevalError, counted
from gisteval.files.tables import read_table

MOST_TOKENS = 10**9
"""Of one request. A larger count is wrong."""

BYTES_PER_TOKEN = 4
"""By which a prompt's text is counted where nothing else says its length: a rough value for English."""

TIME = ("time", "timestamp", "created_at", "created", "start_time", "starting_at")
PROMPT = ("prompt", "prompt_id", "prompt_cache_key", "system_prompt")
SHARED = ("shared_tokens",)
INPUT = ("input_tokens", "prompt_tokens", "uncached_input_tokens")
OUTPUT = ("output_tokens", "completion_tokens")
READ_WITHIN = ("cached_tokens", "input_cached_tokens")
READ_APART = ("cache_read_input_tokens",)
WRITTEN_APART = ("cache_creation_input_tokens",)
WRITTEN_PARTS = ("ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens")


@dataclass(frozen=True, slots=True)
class Request:
    """One request of a log.

    Attributes:
        time: Seconds since 1970, UTC.
        prompt: The id of the prompt that it shares with others.
        model: The model's name.
        shared: Tokens of that prompt.
        own: Tokens of the rest of its input.
        output: Tokens of its output.
    """

    time: float
    prompt: str
    model: str
    shared: int
    own: int
    output: int


@dataclass(frozen=True, slots=True)
class Usage:
    """A log's requests in order of time, and what a reader must know of how they were read."""

    requests: tuple[Request, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Row:
    """A row before the length of its shared prompt is settled."""

    where: str
    time: float
    prompt: str
    model: str
    total: int
    output: int
    shared: int | None
    cached: int
    estimate: int


def read_usage(file: Path, shared_tokens: int | None = None, model: str | None = None) -> Usage:
    """Read a log (JSON Lines, JSON, CSV or Parquet, a row a request).

    Args:
        file: The log.
        shared_tokens: Length of the shared prompt where no column says it.
        model: The model of all requests; None takes each row's own.

    Raises:
        GistevalError: A row lacks a field, or holds something else than it should.
    """
    rows = [_row(flat(row), f"{file}, row {n}", model) for n, row in enumerate(read_table(file), 1)]
    if not rows:
        raise GistevalError(f"{file} holds no request: give a log with a row for each")
    held: dict[str, int] = {}
    for row in rows:
        held[row.prompt] = max(held.get(row.prompt, 0), row.cached)
    notes: dict[str, int] = {}
    requests = []
    for row in rows:
        shared, note = _shared(row, shared_tokens, held[row.prompt])
        if note:
            notes[note] = notes.get(note, 0) + 1
        requests.append(Request(row.time, row.prompt, row.model, shared, row.total - shared, row.output))
    requests.sort(key=lambda request: request.time)
    said = [f"{note} ({counted(count, 'request')})" for note, count in notes.items()]
    return Usage(tuple(requests), tuple(said))


def _shared(row: _Row, given: int | None, held: int) -> tuple[int, str]:
    """Tokens of the shared prompt, and what is to be said of where they are from."""
    if row.shared is not None:
        if row.shared > row.total:
            raise GistevalError(
                f"{row.where}: shared_tokens is {row.shared}, more than all {row.total} input tokens: "
                "the input counts them as well"
            )
        return row.shared, ""
    if given is not None:
        return min(given, row.total), ""
    if held:
        note = "the shared prompt is taken to be as long as the most that the provider's cache held of it"
        return min(held, row.total), note
    if row.estimate:
        note = f"the shared prompt's length is estimated at {BYTES_PER_TOKEN} bytes of text a token"
        return min(row.estimate, row.total), note
    raise GistevalError(
        f"{row.where}: nothing says how long the shared prompt is: add a column shared_tokens, or give "
        "--shared-tokens"
    )


def flat(row: Mapping[str, object]) -> dict[str, object]:
    """A row's values by their own names, those inside of `usage` and the like among them."""
    found: dict[str, object] = {}
    for name, value in _leaves(row):
        if value is not None and value != "":
            found.setdefault(name.rpartition(".")[2].strip().lower(), value)
    return found


def _leaves(row: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    nested = []
    for name, value in row.items():
        if isinstance(value, dict):
            nested.append(value)
        else:
            yield name, value
    for inner in nested:
        yield from _leaves(inner)


def _row(row: Mapping[str, object], where: str, model: str | None) -> _Row:
    if _count(row, ("num_model_requests",), where, default=1) > 1:
        raise GistevalError(
            f"{where} sums up several requests: a cache's hits follow from the time of each, so export "
            "the requests one by one"
        )
    total, cached = _input(row, where)
    prompt = str(_value(row, PROMPT, where))
    is_text = any(letter.isspace() for letter in prompt)
    return _Row(
        where,
        _time(_value(row, TIME, where), where),
        hashlib.sha256(prompt.encode("utf-8", "replace")).hexdigest()[:16] if is_text else prompt,
        model or str(_value(row, ("model",), where)),
        total,
        _count(row, OUTPUT, where),
        _count(row, SHARED, where) if any(name in row for name in SHARED) else None,
        cached,
        math.ceil(len(prompt.encode("utf-8", "replace")) / BYTES_PER_TOKEN) if is_text else 0,
    )


def _input(row: Mapping[str, object], where: str) -> tuple[int, int]:
    """All input tokens, and how many of them a provider's cache held."""
    fresh = _count(row, INPUT, where)
    read = _count(row, READ_APART, where, default=0)
    written = _count(row, WRITTEN_APART, where, default=0)
    written = written or sum(_count(row, (part,), where, default=0) for part in WRITTEN_PARTS)
    apart = read + written
    return fresh + apart, apart or _count(row, READ_WITHIN, where, default=0)


def _value(row: Mapping[str, object], names: Sequence[str], where: str) -> object:
    for name in names:
        if name in row:
            return row[name]
    raise GistevalError(f"{where} has no field {names[0]} (nor {', '.join(names[1:]) or 'another name'})")


def _count(row: Mapping[str, object], names: Sequence[str], where: str, default: int | None = None) -> int:
    if default is not None and not any(name in row for name in names):
        return default
    value = _value(row, names, where)
    try:
        count = float(str(value))
    except ValueError:
        count = math.nan
    if isinstance(value, bool) or not (0 <= count <= MOST_TOKENS and count == int(count)):
        raise GistevalError(f"{where}: {names[0]} is {value!r:.40}, not a whole number of tokens")
    return int(count)


def _time(value: object, where: str) -> float:
    """Seconds since 1970 of a number of seconds, or of an ISO 8601 time (UTC where it names no zone)."""
    text = str(value).strip()
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
        try:
            moment = datetime.fromisoformat(text)
            seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            pass
    try:
        datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        raise GistevalError(
            f"{where}: time is {text!r:.40}: write it like 2026-11-28T09:30:00Z, or as seconds since 1970"
        ) from None
    return seconds
