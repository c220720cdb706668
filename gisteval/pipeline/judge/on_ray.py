"""Judges that compute, spread over Ray workers.

This process builds the requests and takes the answers; the workers compute.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from typing import Any

from gisteval.executors.queue import Answers, Queue
from gisteval.executors.ray_cluster import RayOptions
from gisteval.executors.ray_pool import RayPool
from gisteval.judging.prompting import messages
from gisteval.judging.protocol import Comparison
from gisteval.judging.reference import reply_on
from gisteval.judging.replies import Failure, Reply, Sink
from gisteval.pipeline.judge.prepared import PreparedJudge

REFERENCE_BATCH = 256
"""Comparisons that the reference judge gets at a time. Each takes about a millisecond."""


class ReferenceJudge:
    """The reference judge in a worker."""

    def __call__(self, texts: list[tuple[str, str, str]]) -> list[Reply]:
        """Answer a batch of outputs a and b with their reference."""
        return [Reply(reply_on(ours, theirs, reference), 0, 0) for ours, theirs, reference in texts]


def ask_ray(prepared: PreparedJudge, comparisons: Iterator[Comparison], sink: Sink) -> None:
    """Ask about every comparison; the sink gets each answer.

    A comparison that fails on every worker that tries it is answered by a Failure.
    """
    first = next(comparisons, None)
    if first is None:
        return  # so that no cluster is started for nothing
    options = prepared.options
    make: Callable[[], Callable[[list[Any]], list[Any]]] = ReferenceJudge
    batch_size = REFERENCE_BATCH
    request: Callable[[Comparison], Any] = _texts
    if prepared.judge.definition.kind == "local":
        from gisteval.pipeline.judge.local import local_judge

        make, batch_size = local_judge(prepared), options.batch_size
        request = partial(messages, prepared.judge)

    queue = Queue(
        chain([first], comparisons),
        batch_size,
        request,
        sink,
        lambda comparison, reason: sink(comparison, Failure(reason)),
    )
    pool = RayPool[None](
        RayOptions(options.ray_address, options.num_workers, prepared.gpus), partial(Answers, make)
    )
    for _ in pool.run(queue):
        pass


def _texts(comparison: Comparison) -> tuple[str, str, str]:
    return comparison.ours, comparison.theirs, comparison.example.output
