"""Writing verdicts as they come."""

from __future__ import annotations

import time
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

from gisteval.judging.cache import Reply, ReplyCache
from gisteval.judging.client import Failure
from gisteval.judging.definition import ChatDefinition
from gisteval.judging.parsing import read_reply
from gisteval.judging.protocol import Look
from gisteval.pipeline.bench import Bench
from gisteval.run_folder import RunFolder
from gisteval.schema import Verdict, to_json
from gisteval.store import RecordWriter

BATCH = 64
"""Verdicts that are written at a time, or what there is after a quarter of a second."""


class VerdictLog:
    """The only writer of verdicts: in small batches, each on disk before the next."""

    def __init__(self, folder: RunFolder, bench: Bench) -> None:
        self.cache: ReplyCache | None = None
        self._folder, self._bench = folder, bench
        self._writers: dict[str, RecordWriter] = {}
        self._open = ExitStack()
        self._batch: list[Verdict] = []
        self._replies: list[tuple[str, Reply]] = []
        self._flushed = time.monotonic()

    def add(self, verdict: Verdict) -> None:
        """Take a verdict; it is written with the others of its batch."""
        self._batch.append(verdict)
        if len(self._batch) >= BATCH or time.monotonic() > self._flushed + 0.25:
            self.flush()

    def answered(self, look: Look, answer: Reply | Failure) -> None:
        """Take a fresh answer; a reply that can be read is remembered for other runs."""
        label = self._bench.label
        if isinstance(answer, Failure):
            self.add(look.verdict(label, "error", None, answer.reason))
            return
        price = self._bench.price
        cost = price.cost(answer.prompt_tokens, answer.completion_tokens) if price else 0.0
        verdict = self._read(look, answer, cost)
        if verdict.choice != "invalid" and self.cache is not None:
            self._replies.append((look.key, Reply(verdict.reply or "", *_tokens(answer))))
        self.add(verdict)

    def remembered(self, look: Look, reply: Reply) -> None:
        """Take a reply from the cache: it costs nothing now."""
        self.add(self._read(look, reply, 0.0))

    def _read(self, look: Look, reply: Reply, cost: float) -> Verdict:
        definition = self._bench.judge.definition
        text = reply.text
        if isinstance(definition, ChatDefinition):
            text = text[: definition.max_reply]
        choice = read_reply(definition, text, look.order)
        return look.verdict(self._bench.label, choice, text, None, *_tokens(reply), cost)

    def flush(self) -> None:
        """Write what has been taken."""
        by_system: dict[str, list[dict[str, Any]]] = {}
        for verdict in self._batch:
            by_system.setdefault(verdict.system, []).append(to_json(verdict))
        for system, records in by_system.items():
            if system not in self._writers:
                path = self._folder.verdicts(self._bench.label, system)
                self._writers[system] = self._open.enter_context(RecordWriter(path))
            self._writers[system].write(records)
        self._batch.clear()
        if self.cache is not None and self._replies:
            self.cache.put(self._replies)
        self._replies.clear()
        self._flushed = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.flush()
        finally:
            self._open.close()


def _tokens(reply: Reply) -> tuple[int, int]:
    return reply.prompt_tokens, reply.completion_tokens
