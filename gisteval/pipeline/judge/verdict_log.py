"""Writing verdicts as they come."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from types import TracebackType
from typing import Self

from gisteval.errors import GistevalError
from gisteval.judging.cache import Reply, ReplyCache
from gisteval.judging.client import Failure
from gisteval.judging.definition import ChatDefinition
from gisteval.judging.parameters import ParameterRefused
from gisteval.judging.parsing import cut_short, read_reply, shortened
from gisteval.judging.protocol import Look
from gisteval.pipeline.judge.bench import Bench
from gisteval.records.lines import to_json
from gisteval.records.run_folder import RunFolder
from gisteval.records.schema import Verdict
from gisteval.records.store import RecordWriter

log = logging.getLogger(__name__)

PATIENCE = 0.25
"""Seconds to wait for another writer of the cache while replies are on their way."""

LAST_PATIENCE = 30.0
"""The same at the end, when nothing else waits."""

BATCH = 64
"""Verdicts that are written at a time, or what there is after a quarter of a second."""


class VerdictLog:
    """The only writer of verdicts: in small batches, each on disk before the next.

    The cache comes second and may fail: what it could not take is tried once more at the end, and then one
    warning says so.

    Nothing is written before the first reply: until then a server may refuse one of the judge's parameters,
    and all keys change with it.
    """

    def __init__(self, folder: RunFolder, bench: Bench) -> None:
        self.cache: ReplyCache | None = None
        self._folder, self._bench = folder, bench
        self._writers: dict[str, RecordWriter] = {}
        self._open = ExitStack()
        self._batch: list[Verdict] = []
        self._replies: list[tuple[str, Reply]] = []
        self._flushed = time.monotonic()
        self._replied = self._cache_waits = False

    def add(self, verdict: Verdict) -> None:
        """Take a verdict; it is written with the others of its batch."""
        self._batch.append(verdict)
        if self._replied and (len(self._batch) >= BATCH or time.monotonic() > self._flushed + 0.25):
            self.flush()

    def answered(self, look: Look, answer: Reply | Failure) -> None:
        """Take a fresh answer; a reply that makes a choice is remembered for other runs."""
        label = self._bench.label
        if isinstance(answer, Failure):
            self.add(look.verdict(label, "error", None, answer.reason))
            return
        self._replied = True
        price = self._bench.price
        cost = price.cost(answer.prompt_tokens, answer.completion_tokens) if price else 0.0
        verdict = self._read(look, answer, cost)
        if verdict.choice != "invalid" and self.cache is not None:
            self._replies.append((look.key, replace(answer, text=verdict.reply or "")))
        self.add(verdict)

    def remembered(self, look: Look, reply: Reply) -> bool:
        """Take a reply from the cache, which costs nothing now; False if it makes no choice after all."""
        verdict = self._read(look, reply, 0.0)
        if verdict.choice == "invalid":
            return False
        self._replied = True
        self.add(verdict)
        return True

    def _read(self, look: Look, reply: Reply, cost: float) -> Verdict:
        definition = self._bench.judge.definition
        text, ended = reply.text, reply.finish_reason
        if isinstance(definition, ChatDefinition):
            text = shortened(definition, text)
        choice = read_reply(definition, text, look.order, ended)
        reason = cut_short(definition, text, ended) if choice == "invalid" else None
        tokens = reply.prompt_tokens, reply.completion_tokens
        return look.verdict(self._bench.label, choice, text, reason, *tokens, cost, ended)

    def flush(self) -> None:
        """Write what has been taken."""
        by_system: dict[str, list[dict[str, object]]] = {}
        for verdict in self._batch:
            by_system.setdefault(verdict.system, []).append(to_json(verdict))
        for system, records in by_system.items():
            if system not in self._writers:
                path = self._folder.verdicts(self._bench.label, system)
                self._writers[system] = self._open.enter_context(RecordWriter(path))
            self._writers[system].write(records)
        self._batch.clear()
        if self.cache is not None and self._replies and not self._cache_waits:
            try:
                self.cache.put(self._replies, PATIENCE)
                self._replies.clear()
            except GistevalError:
                self._cache_waits = True
        self._flushed = time.monotonic()

    def known(self, keys: Sequence[str]) -> dict[str, Reply]:
        """What the cache knows of some keys. Nothing, after a warning, once it can't be read."""
        if self.cache is None:
            return {}
        try:
            return self.cache.get(keys)
        except GistevalError as error:
            self._give_up_cache(error)
            return {}

    def close_cache(self) -> None:
        """Store the replies that are not there yet; the cache is not used again."""
        if self._replied:
            self.flush()
        if self.cache is not None and self._replies:
            try:
                self.cache.put(self._replies, LAST_PATIENCE)
            except GistevalError as error:
                self._give_up_cache(error)
        self.cache = None

    def _give_up_cache(self, error: GistevalError) -> None:
        self.cache = None
        self._replies.clear()
        log.warning("%s (all replies are kept in verdicts/, other runs will ask for them again)", error)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if not isinstance(error, ParameterRefused) or self._replied:
                self.flush()
        finally:
            self._open.close()
