"""The executor of a Ray cluster: workers answer shards of all systems, this process takes their records."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from functools import partial

from gisteval.executors.ray_pool import RayOptions, RayPool, import_ray
from gisteval.executors.schedule import Schedule
from gisteval.executors.work import Event, Portion, Settings, Work
from gisteval.executors.worker import GenerationWorker


class RayExecutor:
    """Any number of workers, whose number may change meanwhile."""

    def __init__(self, options: RayOptions) -> None:
        """Raises MissingExtra if ray is not installed."""
        import_ray(options)
        self._options = options
        self._pool: RayPool[Event] | None = None

    def facts(self) -> dict[str, object]:
        """For the manifest. workers: asked for (None: as many as fit); most: at a time; lost: died."""
        options, pool = self._options, self._pool
        facts: dict[str, object] = {
            "name": "ray",
            "workers": options.workers,
            "gpus_per_worker": options.gpus,
        }
        return facts if pool is None else {**facts, "most": pool.most, "lost": pool.lost}

    def run(self, works: Sequence[Work], settings: Settings) -> Generator[Event, None, None]:
        """Raises InvalidRun at the end if the logits of an example were no numbers."""
        if not works:
            return
        self._pool = RayPool(self._options, partial(GenerationWorker, settings))
        damaged: Portion | None = None
        with closing(self._pool.run(Schedule(works))) as events:
            for event in events:
                yield event
                if isinstance(event, Portion) and damaged is None and event.not_finite:
                    damaged = event
        if damaged is not None:
            damaged.check_finite()
