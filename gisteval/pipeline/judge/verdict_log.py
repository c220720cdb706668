"""Writing verdicts as the answers come in."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from types import TracebackType
from typing import Self

from gisteval.errors import GistevalError
from gisteval.judging.cache import ReplyCache
from gisteval.judging.definition import ChatDefinition
from gisteval.judging.parameters import ParameterRefused
from gisteval.judging.parsing import interpret, shortened
from gisteval.judging.protocol import Comparison
from gisteval.judging.replies import Failure, Reply
from gisteval.pipeline.judge.prepared import PreparedJudge
from gisteval.records.lines import to_json
from gisteval.records.run_folder import RunFolder
from gisteval.records.schema import Verdict
from gisteval.records.store import RecordWriter

log = logging.getLogger(__name__)

PATIENCE = 0.25
"""Seconds to wait for another process that writes the cache, while replies are arriving."""

LAST_PATIENCE = 30.0
"""Seconds to wait for it at the end, when nothing else is waiting."""

BATCH = 64
"""Verdicts that are written at a time, unless FLUSH_SECONDS pass first."""

FLUSH_SECONDS = 0.25
"""Seconds between two writes, at most."""


class VerdictLog:
    """The only writer of verdicts. It writes small batches, each on disk before the next.

    Replies go to the cache after their verdicts. If the cache can't take them, the log tries once more at
    the end, and then warns once.

    Nothing is written before the first reply: until then the server may refuse one of the judge's
    parameters, which changes all keys.

    Attributes:
        cache: The cache of replies; None for judges without one, and once it has failed.
    """

    def __init__(self, folder: RunFolder, prepared: PreparedJudge) -> None:
        """Start without verdicts; files are opened when the first one is written."""
        self.cache: ReplyCache | None = None
        self._folder, self._prepared = folder, prepared
        self._writers: dict[str, RecordWriter] = {}
        self._open = ExitStack()
        self._batch: list[Verdict] = []
        self._replies: list[tuple[str, Reply]] = []
        self._flushed = time.monotonic()
        self._has_reply = self._is_cache_busy = False

    def add(self, verdict: Verdict) -> None:
        """Take a verdict. It is written with the others of its batch."""
        self._batch.append(verdict)
        if self._has_reply and (
            len(self._batch) >= BATCH or time.monotonic() > self._flushed + FLUSH_SECONDS
        ):
            self.flush()

    def answered(self, comparison: Comparison, answer: Reply | Failure) -> None:
        """Take a new answer. A reply that makes a choice is cached for other runs."""
        label = self._prepared.label
        if isinstance(answer, Failure):
            self.add(comparison.verdict(label, "error", None, answer.reason))
            return
        self._has_reply = True
        price = self._prepared.price
        cost = price.cost(answer.prompt_tokens, answer.completion_tokens) if price else 0.0
        verdict = self._read(comparison, answer, cost)
        if verdict.choice != "invalid" and self.cache is not None:
            self._replies.append((comparison.key, replace(answer, text=verdict.reply or "")))
        self.add(verdict)

    def remembered(self, comparison: Comparison, reply: Reply) -> bool:
        """Take a reply from the cache, which costs nothing now.

        Returns:
            False if the reply makes no choice, so that the judge must be asked.
        """
        verdict = self._read(comparison, reply, 0.0)
        if verdict.choice == "invalid":
            return False
        self._has_reply = True
        self.add(verdict)
        return True

    def _read(self, comparison: Comparison, reply: Reply, cost: float) -> Verdict:
        definition = self._prepared.judge.definition
        text, finish_reason = reply.text, reply.finish_reason
        if isinstance(definition, ChatDefinition):
            text = shortened(definition, text)
        choice, error = interpret(definition, text, comparison.order, finish_reason)
        return comparison.verdict(
            self._prepared.label,
            choice,
            text,
            error,
            reply.prompt_tokens,
            reply.completion_tokens,
            cost,
            finish_reason,
        )

    def flush(self) -> None:
        """Write all verdicts that were taken."""
        by_system: dict[str, list[dict[str, object]]] = {}
        for verdict in self._batch:
            by_system.setdefault(verdict.system, []).append(to_json(verdict))
        for system, records in by_system.items():
            if system not in self._writers:
                path = self._folder.verdicts(self._prepared.label, system)
                self._writers[system] = self._open.enter_context(RecordWriter(path))
            self._writers[system].write(records)
        self._batch.clear()
        if self.cache is not None and self._replies and not self._is_cache_busy:
            try:
                self.cache.put(self._replies, PATIENCE)
                self._replies.clear()
            except GistevalError:
                self._is_cache_busy = True
        self._flushed = time.monotonic()

    def known(self, keys: Sequence[str]) -> dict[str, Reply]:
        """Return the cached replies by key; after one warning, none once the cache can't be read."""
        if self.cache is None:
            return {}
        try:
            return self.cache.get(keys)
        except GistevalError as error:
            self._give_up_cache(error)
            return {}

    def close_cache(self) -> None:
        """Store the replies that are not in the cache yet, and stop using it."""
        if self._has_reply:
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
        log.warning("%s (verdicts/ holds all replies, but other runs will ask for them again)", error)

    def __enter__(self) -> Self:
        """Return the open object."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Write what is left, unless a parameter was refused before the first reply; then close."""
        try:
            if not isinstance(error, ParameterRefused) or self._has_reply:
                self.flush()
        finally:
            self._open.close()
