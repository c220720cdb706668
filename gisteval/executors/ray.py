"""The executor of a Ray cluster, whose workers answer batches and send their records to this process."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from functools import partial

from gisteval.executors.ray_cluster import RayOptions, import_ray
from gisteval.executors.ray_pool import RayPool
from gisteval.executors.schedule import Schedule
from gisteval.executors.work import Event, Portion, Settings, SystemWork
from gisteval.executors.worker import GenerationWorker


class RayExecutor:
    """Does the work on any number of Ray workers, which may change during the run."""

    def __init__(self, options: RayOptions) -> None:
        """Prepare an executor.

        Raises:
            MissingExtra: ray is not installed.
        """
        import_ray(options)
        self._options = options
        self._pool: RayPool[Event] | None = None

    def facts(self) -> dict[str, object]:
        """Return what the manifest says about the executor.

        Returns:
            `workers` is the number asked for (None means as many as fit). After a run, `most` is the
            largest number at one time and `lost` the number that died.
        """
        options, pool = self._options, self._pool
        facts: dict[str, object] = {
            "name": "ray",
            "workers": options.workers,
            "gpus_per_worker": options.gpus,
        }
        return facts if pool is None else {**facts, "most": pool.most, "lost": pool.lost}

    def run(self, works: Sequence[SystemWork], settings: Settings) -> Generator[Event, None, None]:
        """Do the work of all systems.

        Raises:
            InvalidRun: The logits of an example were not finite. It is raised after all other work.
        """
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
