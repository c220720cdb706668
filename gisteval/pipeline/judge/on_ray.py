"""Judges that compute, spread over Ray workers: this process makes the requests and takes the answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from typing import Any

from gisteval.executors.queue import Answers, Queue
from gisteval.executors.ray_cluster import RayOptions
from gisteval.executors.ray_pool import RayPool
from gisteval.judging.cache import Reply
from gisteval.judging.client import Failure, Sink
from gisteval.judging.prompting import messages
from gisteval.judging.protocol import Look
from gisteval.judging.reference import reply_on
from gisteval.pipeline.judge.bench import Bench

REFERENCE_BATCH = 256
"""Looks of the reference judge at a time: each takes about a millisecond."""


class ReferenceJudge:
    """The reference judge in a worker."""

    def __call__(self, texts: list[tuple[str, str, str]]) -> list[Reply]:
        """Answers to outputs a and b with their reference."""
        return [Reply(reply_on(*found), 0, 0) for found in texts]


def ask_ray(bench: Bench, looks: Iterator[Look], sink: Sink) -> None:
    """Ask about every look; one that fails wherever it is asked is a Failure."""
    first = next(looks, None)
    if first is None:
        return  # no cluster is started for nothing
    looks = chain([first], looks)
    options = bench.options
    make: Callable[[], Callable[[list[Any]], list[Any]]] = ReferenceJudge
    size = REFERENCE_BATCH
    request: Callable[[Look], Any] = _texts
    if bench.judge.definition.kind == "local":
        from gisteval.pipeline.judge.local import local_judge

        make, size = local_judge(bench), options.batch_size

        def request(look: Look) -> Any:
            return messages(bench.judge, look)

    queue = Queue(looks, size, request, sink, lambda look, reason: sink(look, Failure(reason)))
    pool = RayPool[None](
        RayOptions(options.ray_address, options.num_workers, bench.gpus), partial(Answers, make)
    )
    for _ in pool.run(queue):
        pass


def _texts(look: Look) -> tuple[str, str, str]:
    return look.ours, look.theirs, look.example.output
